package jwt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// exampleKey is the private key that the examples share (RFC 7515 A.3). Yours is made by GenerateKey and kept
// where nobody reads it.
const exampleKey = `{"kty":"EC","crv":"P-256","kid":"2026-11","use":"sig","alg":"ES256",` +
	`"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",` +
	`"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`

// AccessToken are the claims that the examples sign.
type AccessToken struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Expires  int64    `json:"exp"` // NumericDate
	Roles    []string `json:"roles,omitempty"`
}

func exampleToken(key *jwt.Key, lifetime time.Duration) string {
	token, err := jwt.Sign(key, "at+jwt", AccessToken{
		Issuer:   "https://id.example.com",
		Subject:  "user1",
		Audience: "https://api.example.com",
		Expires:  time.Now().Add(lifetime).Unix(),
		Roles:    []string{"manager"},
	})
	if err != nil {
		log.Fatal(err)
	}
	return token
}

func ExampleSign() {
	key, err := jwt.ParseKey([]byte(exampleKey))
	if err != nil {
		log.Fatal(err)
	}
	token, err := jwt.Sign(key, "at+jwt", map[string]any{"sub": "user1", "exp": 1795262400})
	if err != nil {
		log.Fatal(err)
	}
	header, claims, err := jwt.DecodeUnverified(token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%s\n", header, claims)
	// Output:
	// {"alg":"ES256","kid":"2026-11","typ":"at+jwt"}
	// {"exp":1795262400,"sub":"user1"}
}

func ExampleVerifier_Verify() {
	key, err := jwt.ParseKey([]byte(exampleKey))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := jwt.NewVerifier(jwt.Config{
		Keys:     keys,
		Issuer:   "https://id.example.com",
		Audience: []string{"https://api.example.com"},
		Types:    []string{"at+jwt"},
	})
	if err != nil {
		log.Fatal(err)
	}

	claims, err := verifier.Verify(context.Background(), exampleToken(key, 15*time.Minute))
	fmt.Println(claims.Subject(), claims.Strings("roles"), err)

	claims, err = verifier.Verify(context.Background(), exampleToken(key, -time.Minute))
	fmt.Println(claims == nil, errors.Is(err, jwt.ErrExpired))
	// Output:
	// user1 [manager] <nil>
	// true true
}

func ExampleParseKeySet() {
	keys, err := jwt.ParseKeySet([]byte(`{"keys":[
		{"kty":"EC","crv":"P-256","kid":"2026-11","use":"sig","alg":"ES256",
		 "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
		{"kty":"OKP","crv":"X25519","kid":"for-encryption","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}
	]}`))
	if err != nil {
		log.Fatal(err)
	}
	key, ok := keys.Key("2026-11")
	fmt.Println(keys.Len(), ok, key.Algorithm())
	for _, reason := range keys.Ignored() {
		fmt.Println("ignored:", reason)
	}
	// Output:
	// 1 true ES256
	// ignored: jwt: key is unusable: JWK: names no algorithm that is known here
}

func ExampleGenerateKey() {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Algorithm(), key.CanSign(), key.ID() == key.Thumbprint())
	// Output: ES256 true true
}

func ExampleNewKey() {
	_, err := jwt.NewKey(jwt.HS256, "", []byte("super-secret"))
	fmt.Println(err)
	// Output: jwt: key is too weak: secret has 12 bytes, the algorithm needs 32
}

func ExampleKeySet_MarshalJSON() {
	key, err := jwt.ParseKey([]byte(exampleKey))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key)
	if err != nil {
		log.Fatal(err)
	}
	jwks, err := json.Marshal(keys) // for /.well-known/jwks.json: the private half stays here
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(jwks))
	// Output:
	// {"keys":[{"use":"sig","alg":"ES256","kid":"2026-11","crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}
}

func ExampleClaims_Decode() {
	key, err := jwt.GenerateKey(jwt.HS256)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key)
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := jwt.NewVerifier(jwt.Config{
		Keys: keys, Issuer: "https://id.example.com", Audience: []string{"https://api.example.com"}, Types: []string{"JWT"},
	})
	if err != nil {
		log.Fatal(err)
	}
	token, err := jwt.Sign(key, "JWT", map[string]any{
		"iss": "https://id.example.com", "aud": "https://api.example.com", "exp": time.Now().Add(time.Hour).Unix(),
		"address": map[string]string{"country": "ID"},
	})
	if err != nil {
		log.Fatal(err)
	}
	claims, err := verifier.Verify(context.Background(), token)
	if err != nil {
		log.Fatal(err)
	}
	var address struct {
		Country string `json:"country"`
	}
	fmt.Println(claims.Decode("address", &address), address.Country)
	fmt.Println(claims.Decode("phone", &address))
	// Output:
	// <nil> ID
	// jwt: no such claim
}

func ExampleVerifySignature() {
	key, err := jwt.GenerateKey(jwt.EdDSA)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	statement, err := jwt.SignPayload(key, "statement+jwt", []byte(`{"version":3}`))
	if err != nil {
		log.Fatal(err)
	}
	header, payload, err := jwt.VerifySignature(keys, statement)
	fmt.Println(header.Type, string(payload), err)
	// Output: statement+jwt {"version":3} <nil>
}

func ExampleCache() {
	key, err := jwt.GenerateKey(jwt.EdDSA)
	if err != nil {
		panic(err)
	}
	keys, _ := jwt.NewKeySet(key)
	v, err := jwt.NewVerifier(jwt.Config{
		Keys: keys, Issuer: "https://id.example.com", Audience: []string{"https://api.example.com"}, Types: []string{"at+jwt"},
	})
	if err != nil {
		panic(err)
	}
	token, _ := jwt.Sign(key, "at+jwt", map[string]any{
		"iss": "https://id.example.com", "aud": "https://api.example.com", "sub": "user1", "exp": time.Now().Add(time.Minute).Unix(),
	})
	subjects := jwt.NewCache(v, 1000, (*jwt.Claims).Subject)
	for range 2 { // the second time without a look at the signature
		subject, _, err := subjects.Verify(context.Background(), token)
		fmt.Println(*subject, err)
	}
	// Output:
	// user1 <nil>
	// user1 <nil>
}

func ExampleVerifier_VerifyInto() {
	key, err := jwt.GenerateKey(jwt.EdDSA)
	if err != nil {
		panic(err)
	}
	keys, _ := jwt.NewKeySet(key)
	v, err := jwt.NewVerifier(jwt.Config{
		Keys: keys, Issuer: "https://id.example.com", Audience: []string{"https://api.example.com"}, Types: []string{"at+jwt"},
	})
	if err != nil {
		panic(err)
	}
	var claims jwt.Claims // for one token after the other
	for _, name := range []string{"ani", "budi"} {
		token, _ := jwt.Sign(key, "at+jwt", map[string]any{
			"iss": "https://id.example.com", "aud": "https://api.example.com", "sub": name, "exp": time.Now().Add(time.Minute).Unix(),
		})
		if err := v.VerifyInto(context.Background(), token, &claims); err != nil {
			panic(err)
		}
		fmt.Println(claims.Subject())
	}
	// Output:
	// ani
	// budi
}

func ExampleParsePEM() {
	key, err := jwt.GenerateKey(jwt.EdDSA)
	if err != nil {
		log.Fatal(err)
	}
	file, err := key.PEM() // what other programs write, too: PUBLIC KEY
	if err != nil {
		log.Fatal(err)
	}
	public, err := jwt.ParsePEM("", "2026-11", file) // RSA keys need their algorithm named
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(public)
	// Output: jwt.Key(EdDSA "2026-11" public)
}

func ExampleParseKeyFor() {
	const shared = `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}` // RFC 7515 A.1
	key, err := jwt.ParseKeyFor(jwt.HS256, []byte(shared))                                                                      // which names no algorithm itself
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key)
	// Output: jwt.Key(HS256 "" private [redacted])
}

func ExampleParseKeySetFor() {
	const published = `{"keys":[{"kty":"RSA","kid":"2011-04-29","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7` +
		`aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnY` +
		`b9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}]}` // RFC 7638 section 3.1
	keys, err := jwt.ParseKeySetFor(jwt.RS256, []byte(published)) // some issuers leave alg out
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys)
	// Output: [jwt.Key(RS256 "2011-04-29" public)]
}
