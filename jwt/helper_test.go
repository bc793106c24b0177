package jwt_test

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
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

// now is what the clock says in every test here.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// sharedRSA is one RSA key for all tests: making one takes a tenth of a second or more.
var sharedRSA = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// newKey makes a key that signs; those for RSA share their material.
func newKey(tb testing.TB, alg jwt.Algorithm) *jwt.Key {
	tb.Helper()
	var k *jwt.Key
	var err error
	if alg[0] == 'R' || alg[0] == 'P' {
		k, err = jwt.NewKey(alg, "", rsaKey(tb))
	} else {
		k, err = jwt.GenerateKey(alg)
	}
	if err != nil {
		tb.Fatalf("generate %s key: %v", alg, err)
	}
	return k
}

func rsaKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	key, err := sharedRSA()
	if err != nil {
		tb.Fatalf("generate RSA key: %v", err)
	}
	return key
}

// secretKey is the HS256 key k1.
func secretKey(tb testing.TB) *jwt.Key {
	tb.Helper()
	k, err := jwt.NewKey(jwt.HS256, "k1", []byte(secret))
	if err != nil {
		tb.Fatalf("new key: %v", err)
	}
	return k
}

func newKeySet(tb testing.TB, keys ...*jwt.Key) *jwt.KeySet {
	tb.Helper()
	s, err := jwt.NewKeySet(keys...)
	if err != nil {
		tb.Fatalf("new key set: %v", err)
	}
	return s
}

// newVerifier makes a verifier for the keys, changed by change where that is not nil.
func newVerifier(tb testing.TB, keys jwt.Keys, change func(*jwt.Config)) *jwt.Verifier {
	tb.Helper()
	c := jwt.Config{
		Keys:     keys,
		Issuer:   issuer,
		Audience: []string{audience},
		Types:    []string{"at+jwt"},
		Now:      func() time.Time { return now },
	}
	if change != nil {
		change(&c)
	}
	v, err := jwt.NewVerifier(c)
	if err != nil {
		tb.Fatalf("new verifier: %v", err)
	}
	return v
}

func signPayload(tb testing.TB, k *jwt.Key, typ, payload string) string {
	tb.Helper()
	token, err := jwt.SignPayload(k, typ, []byte(payload))
	if err != nil {
		tb.Fatalf("sign: %v", err)
	}
	return token
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge makes an HS256 token of k1's by hand, with any header and payload at all.
func forge(header, payload string) string { return forgeParts(b64(header), b64(payload)) }

// forgeParts is forge for parts that are already encoded, or meant to look so.
func forgeParts(header, payload string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s", header, payload)
	return header + "." + payload + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// claimsWith are claims that the verifier of newVerifier accepts, with more members put in.
func claimsWith(members ...string) string {
	list := append([]string{
		`"iss":"` + issuer + `"`, `"aud":"` + audience + `"`, `"sub":"user1"`,
		fmt.Sprintf(`"exp":%d`, now.Add(time.Minute).Unix()),
	}, members...)
	return "{" + strings.Join(list, ",") + "}"
}

// claimsUntil are such claims that expire at exp.
func claimsUntil(exp time.Time) string {
	return fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":%d}`, issuer, audience, exp.Unix())
}

const goodHeader = `{"alg":"HS256","kid":"k1","typ":"at+jwt"}`

// vectors reads a file of test vectors, which stand beside the project and not in it.
func vectors(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "shared", "vectors", name))
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("test vectors are not here: %v", err)
	}
	if err != nil {
		t.Fatalf("read test vectors: %v", err)
	}
	return data
}
