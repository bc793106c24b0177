package interop_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

const (
	issuer   = "https://id.example.com"
	audience = "https://api.example.com"
	secret   = "a secret of thirty-two bytes ..." // of the HS256 key k1
)

var allAlgorithms = []jwt.Algorithm{
	jwt.HS256, jwt.HS384, jwt.HS512, jwt.RS256, jwt.RS384, jwt.RS512, jwt.PS256, jwt.PS384, jwt.PS512,
	jwt.ES256, jwt.ES384, jwt.ES512, jwt.EdDSA,
}

// now is what the clock of every library here says.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// One RSA key per size serves all tests: making one takes a tenth of a second or more.
var (
	rsa2048 = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	rsa1024 = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 1024) })
)

// must is for what cannot fail unless the test itself is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newKey makes a key that signs; those for RSA share their material.
func newKey(alg jwt.Algorithm) *jwt.Key {
	if alg[0] == 'R' || alg[0] == 'P' {
		material := must(rsa2048())
		return must(jwt.NewKey(alg, "key of "+string(alg), material))
	}
	return must(jwt.GenerateKey(alg))
}

// document is one key the way its files have it, which is all that two libraries share.
type document struct {
	alg, kid string
	secret   []byte // HMAC alone, which has no PEM
	jwk, pem []byte
}

// private is the document to sign with.
func private(k *jwt.Key) document {
	d := document{alg: string(k.Algorithm()), kid: k.ID(), jwk: must(k.PrivateJWK())}
	if k.PublicKey() != nil {
		d.pem = must(k.PrivatePEM())
		return d
	}
	var jwk struct{ K string }
	if err := json.Unmarshal(d.jwk, &jwk); err != nil {
		panic(err)
	}
	d.secret = must(base64.RawURLEncoding.DecodeString(jwk.K))
	return d
}

// public is the document to verify with: for HMAC the same one.
func public(k *jwt.Key) document {
	if k.PublicKey() == nil {
		return private(k)
	}
	return document{alg: string(k.Algorithm()), kid: k.ID(), jwk: must(json.Marshal(k)), pem: must(k.PEM())}
}

func newVerifier(keys ...*jwt.Key) *jwt.Verifier {
	return must(jwt.NewVerifier(jwt.Config{
		Keys:     must(jwt.NewKeySet(keys...)),
		Issuer:   issuer,
		Audience: []string{audience},
		Types:    []string{"at+jwt"},
		Now:      clock,
	}))
}

// parsed is a JSON object with its numbers as they are spelt.
func parsed(tb testing.TB, text string) (members map[string]any) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		tb.Fatalf("decode %q: %v", text, err)
	}
	return members
}

func sameClaims(tb testing.TB, got, want string) {
	tb.Helper()
	if !reflect.DeepEqual(parsed(tb, got), parsed(tb, want)) {
		tb.Errorf("got claims %s, want %s", got, want)
	}
}

// claimsWith are claims that every verifier here accepts, with more members put in.
func claimsWith(members ...string) string {
	list := append([]string{
		`"iss":"` + issuer + `"`, `"aud":["` + audience + `","https://other.example.com"]`, `"sub":"user1"`,
		fmt.Sprintf(`"exp":%d,"nbf":%[2]d,"iat":%[2]d`, now.Add(time.Minute).Unix(), now.Unix()),
	}, members...)
	return "{" + strings.Join(list, ",") + "}"
}

const goodHeader = `{"alg":"HS256","kid":"k1","typ":"at+jwt"}`

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge makes an HS256 token of k1's by hand, with any header and payload at all.
func forge(header, payload string) string {
	return sealed(b64(header)+"."+b64(payload), []byte(secret))
}

// sealed puts an HS256 signature behind whatever it is given.
func sealed(input string, secret []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// secretKey is the HS256 key k1.
func secretKey() *jwt.Key {
	return must(jwt.NewKey(jwt.HS256, "k1", []byte(secret)))
}

// missing skips a test for want of something outside of this module, which the build machine has.
func missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("%s is missing", what)
	}
	tb.Skipf("%s is missing", what)
}
