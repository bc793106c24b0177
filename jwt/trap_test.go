package jwt_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

// What other libraries accept and this one must not. Each token here has a genuine signature or
// differs from such a one in nothing but its spelling.

// TestOneSpelling respells a good token in every way that decodes to the same bytes elsewhere: the
// standard library's decoder skips CR and LF even when it is strict, and others ignore the unused
// bits of the last character.
// ASVS 9.1.1, checklist 113
func TestOneSpelling(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	// Payload lengths of all three remainders, so that some part has unused bits in each.
	for _, pad := range []string{"", "x", "xx"} {
		good := forge(goodHeader, claimsWith(`"pad":"`+pad+`"`))
		if _, err := v.Verify(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		for at := range len(good) + 1 {
			for _, add := range []string{"\n", "\r", "\r\n", " ", "\t", "=", ".", "\x00", "+", "%0A"} {
				token := good[:at] + add + good[at:]
				if claims, err := v.Verify(t.Context(), token); err == nil || claims != nil {
					t.Errorf("%q put in at %d of %d: got claims %v, error %v", add, at, len(good), claims, err)
				}
			}
		}
		// Every other last character of every part, signed again where that part is signed.
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="
		parts := strings.Split(good, ".")
		for i := range parts {
			for _, c := range alphabet {
				changed := append([]string{}, parts...)
				if changed[i] = parts[i][:len(parts[i])-1] + string(c); changed[i] == parts[i] {
					continue
				}
				token := strings.Join(changed, ".")
				_, errTampered := v.Verify(t.Context(), token)
				if errTampered == nil {
					t.Errorf("part %d ending in %q was accepted", i, c)
				}
				if b, err := base64.RawURLEncoding.DecodeString(changed[i]); i < 2 && err == nil && string(b) == decode(t, parts[i]) {
					if _, err := v.Verify(t.Context(), forgeParts(changed[0], changed[1])); !errors.Is(err, jwt.ErrMalformed) {
						t.Errorf("part %d with unused bits in %q: got %v, want %v", i, c, err, jwt.ErrMalformed)
					}
				}
			}
		}
	}
}

func decode(t *testing.T, s string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestNoCaseFolding: encoding/json fills a field named exp from a member named EXP.
// checklist 114, 120
func TestNoCaseFolding(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	past := now.Unix() - 3600
	for _, folded := range []string{
		`"EXP":4102444800`, `"Exp":4102444800`, `"AUD":"` + audience + `"`, `"ISS":"` + issuer + `"`, `"\u0045XP":4102444800`,
		`"iſs":"` + issuer + `"`, // U+017F folds to s
	} {
		payload := fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":%d,%s}`, issuer, audience, past, folded)
		if _, err := v.Verify(t.Context(), forge(goodHeader, payload)); !errors.Is(err, jwt.ErrExpired) {
			t.Errorf("%s: got %v, want %v", folded, err, jwt.ErrExpired)
		}
	}
	payload := fmt.Sprintf(`{"iss":%q,"aud":"https://other.example.com","AUD":%q,"exp":4102444800}`, issuer, audience)
	if _, err := v.Verify(t.Context(), forge(goodHeader, payload)); !errors.Is(err, jwt.ErrAudience) {
		t.Errorf("got %v, want %v", err, jwt.ErrAudience)
	}
	claims, err := v.Verify(t.Context(), forge(goodHeader, claimsWith(`"SUB":"admin"`, `"Role":"admin"`)))
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject() != "user1" || claims.Has("role") || claims.String("role") != "" {
		t.Errorf("got subject %q, role %q", claims.Subject(), claims.String("role"))
	}
	// The header too: "ALG" is not alg.
	if _, err := v.Verify(t.Context(), forge(`{"ALG":"HS256","kid":"k1","typ":"at+jwt"}`, claimsWith())); !errors.Is(err, jwt.ErrMalformed) {
		t.Errorf("got %v, want %v", err, jwt.ErrMalformed)
	}
}

// TestCritical: others ignore a crit that they do not know.
// checklist 115
func TestCritical(t *testing.T) {
	t.Parallel()
	keys := newKeySet(t, secretKey(t))
	tests := []struct {
		name       string
		header     string // members after alg, kid and typ
		understood []string
		want       error
	}{
		{"unknown", `"crit":["exp2"],"exp2":1`, nil, jwt.ErrCritical},
		{"understood", `"crit":["exp2"],"exp2":1`, []string{"exp2"}, nil},
		{"understood, escaped", `"crit":["\u0065xp2"],"exp2":1`, []string{"exp2"}, nil},
		{"one of two", `"crit":["exp2","exp3"],"exp2":1,"exp3":1`, []string{"exp2"}, jwt.ErrCritical},
		{"not there", `"crit":["exp2"]`, []string{"exp2"}, jwt.ErrCritical},
		{"twice", `"crit":["exp2","exp2"],"exp2":1`, []string{"exp2"}, jwt.ErrCritical},
		{"empty", `"crit":[]`, nil, jwt.ErrCritical},
		{"null", `"crit":null`, nil, jwt.ErrCritical},
		{"string", `"crit":"exp2","exp2":1`, []string{"exp2"}, jwt.ErrCritical},
		{"object", `"crit":{"exp2":1},"exp2":1`, []string{"exp2"}, jwt.ErrCritical},
		{"number in it", `"crit":["exp2",1],"exp2":1`, []string{"exp2"}, jwt.ErrCritical},
		{"registered", `"crit":["alg"]`, nil, jwt.ErrCritical},
		{"itself", `"crit":["crit"]`, nil, jwt.ErrCritical},
		{"b64", `"crit":["b64"],"b64":false`, nil, jwt.ErrCritical},
		{"b64, true", `"crit":["b64"],"b64":true`, nil, jwt.ErrCritical},
		{"b64 without crit", `"b64":false`, nil, jwt.ErrCritical},
		{"unknown but not critical", `"exp2":1`, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, keys, func(c *jwt.Config) { c.Critical = tt.understood })
			token := forge(`{"alg":"HS256","kid":"k1","typ":"at+jwt",`+tt.header+`}`, claimsWith())
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	for _, name := range []string{"alg", "b64", "exp", ""} {
		_, err := jwt.NewVerifier(jwt.Config{Keys: keys, Issuer: issuer, Audience: []string{audience}, Types: []string{"JWT"}, Critical: []string{name}})
		if registered := name == "alg" || name == "b64"; (err != nil) != registered {
			t.Errorf("Critical %q: got %v", name, err)
		}
	}
}

// TestWeakRSA: 1024-bit keys verify elsewhere.
// ASVS 9.1.2, secure-defaults 2b, checklist 121
func TestWeakRSA(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, material := range []any{key, &key.PublicKey, signerOf{key}} {
		if _, err := jwt.NewKey(jwt.RS256, "", material); !errors.Is(err, jwt.ErrWeakKey) {
			t.Errorf("%T: got %v, want %v", material, err, jwt.ErrWeakKey)
		}
	}
}

// TestSaltLength: other libraries take PS256 with any salt.
// checklist 121
func TestSaltLength(t *testing.T) {
	t.Parallel()
	key := rsaKey(t)
	k, err := jwt.NewKey(jwt.PS256, "k1", &key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	input := b64(`{"alg":"PS256","kid":"k1"}`) + "." + b64(`{}`)
	digest := sha256.Sum256([]byte(input))
	for _, salt := range []int{rsa.PSSSaltLengthAuto, 1, 20, 31, 32, 33, 64} { // auto: as long as fits
		sig, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = jwt.VerifySignature(newKeySet(t, k), input+"."+base64.RawURLEncoding.EncodeToString(sig))
		if (err == nil) != (salt == 32) {
			t.Errorf("salt of %d bytes: got %v", salt, err)
		}
	}
}

// TestAlgorithmConfusion signs with what everybody has: nothing, or the public key as a secret.
// ASVS 9.1.2, secure-defaults 3d, checklist 86, 111, 112
func TestAlgorithmConfusion(t *testing.T) {
	t.Parallel()
	k := newKey(t, jwt.RS256)
	pem, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jwt.NewKey(jwt.HS256, "k1", pem); !errors.Is(err, jwt.ErrKey) {
		t.Errorf("public key as a secret: got %v, want %v", err, jwt.ErrKey)
	}
	jwk, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	v := newVerifier(t, newKeySet(t, k.Public()), nil)
	payload := b64(claimsWith())
	for _, secret := range [][]byte{jwk, []byte(b64(string(pem)))} {
		mac, err := jwt.NewKey(jwt.HS256, k.ID(), secret)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), signPayload(t, mac, "at+jwt", claimsWith())); !errors.Is(err, jwt.ErrAlgorithm) {
			t.Errorf("got %v, want %v", err, jwt.ErrAlgorithm)
		}
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "rs256", "HS256 ", "RS256\u0000"} {
		for _, kid := range []string{`"kid":"` + k.ID() + `",`, ""} {
			header, _ := json.Marshal(alg)
			token := b64(`{`+kid+`"alg":`+string(header)+`,"typ":"at+jwt"}`) + "." + payload + "."
			if _, err := v.Verify(t.Context(), token); !errors.Is(err, jwt.ErrAlgorithm) {
				t.Errorf("alg %q: got %v, want %v", alg, err, jwt.ErrAlgorithm)
			}
		}
	}
	// The key is the right one and so is the signature, but for another algorithm of the same key.
	other, err := jwt.NewKey(jwt.PS256, k.ID(), k.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	v = newVerifier(t, newKeySet(t, other), nil)
	if _, err := v.Verify(t.Context(), signPayload(t, k, "at+jwt", claimsWith())); !errors.Is(err, jwt.ErrAlgorithm) {
		t.Errorf("got %v, want %v", err, jwt.ErrAlgorithm)
	}
}

// TestEmbeddedKeys: a token cannot bring its own key.
// ASVS 9.1.3, checklist 117
func TestEmbeddedKeys(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, newKeySet(t, newKey(t, jwt.ES256).Public()), nil)
	attacker := newKey(t, jwt.ES256)
	jwk, err := json.Marshal(attacker)
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{
		`"jwk":` + string(jwk), `"jku":"https://attacker.example/jwks"`, `"x5u":"https://attacker.example/x"`, `"x5c":["AAAA"]`,
	} {
		input := b64(`{"alg":"ES256","typ":"at+jwt",`+member+`}`) + "." + b64(claimsWith())
		signed := signPayload(t, attacker, "at+jwt", claimsWith()) // any signature of the attacker's
		token := input + signed[strings.LastIndexByte(signed, '.'):]
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, jwt.ErrSignature) {
			t.Errorf("%s: got %v, want %v", member, err, jwt.ErrSignature)
		}
	}
}
