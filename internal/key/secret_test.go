package key_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/jwt"
)

// long repeats s until it is long enough for every algorithm.
func long(s string) string { return strings.Repeat(s, 64/len(s)+1) }

// secure-defaults 2c
func TestCheckSecretRefuses(t *testing.T) {
	t.Parallel()
	secrets := []string{
		// those of the seed documents
		"kunci_rahasia_anda", "super-secret", "this-should-be-change", "top_secret_mission_code",
		"hashed_password1", "hashed_password2", "TopSecret123", "password1",
		// those of tutorials
		"secret", "your-256-bit-secret", "changeme", "jwt-secret", "my_secret_key", "shhhhh", "Change This!", "s3cret",
		"0123456789abcdef", "1234567890", "a", "ab", "qwertyuiopasdfghjklzxcvbnm", "correct horse battery staple",
	}
	for _, s := range secrets {
		for how, padded := range map[string]string{
			"repeated": long(s), "with zeros": s + strings.Repeat("0", 64), "with spaces": s + strings.Repeat(" ", 64),
			"with NULs": s + strings.Repeat("\x00", 64), "upper case": strings.ToUpper(long(s)), "counted": s + "12345678901234567890123456789012345678901234567890",
		} {
			if err := key.CheckSecret(jwt.HS256, []byte(padded)); err == nil {
				t.Errorf("%q %s: accepted", s, how)
			} else if strings.Contains(err.Error(), padded) {
				t.Errorf("%q %s: the error quotes it: %v", s, how, err)
			}
		}
	}
	for name, s := range map[string]string{
		"zeros": string(make([]byte, 64)), "counting up": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
		"two kinds": strings.Repeat("abba", 16) + "a", "in a sentence": "this-is-a-very-long-secret-key-for-your-jwt-app-change-me",
	} {
		if err := key.CheckSecret(jwt.HS256, []byte(s)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// secure-defaults 2a
func TestCheckSecretLength(t *testing.T) {
	t.Parallel()
	random := make([]byte, 64)
	rand.Read(random)
	for alg, least := range map[jwt.Algorithm]int{jwt.HS256: 32, jwt.HS384: 48, jwt.HS512: 64} {
		if err := key.CheckSecret(alg, random[:least]); err != nil {
			t.Errorf("%s with %d bytes: %v", alg, least, err)
		}
		err := key.CheckSecret(alg, random[:least-1])
		r, ok := errors.AsType[*key.Refusal](err)
		if !ok || !strings.Contains(err.Error(), "too short") || !strings.Contains(r.Hint(), "openssl rand -base64") {
			t.Errorf("%s with %d bytes: %v, want a refusal with a hint", alg, least-1, err)
		}
	}
	if err := key.CheckSecret(jwt.ES256, random); err == nil {
		t.Error("ES256 takes a secret")
	}
}

func TestCheckSecretAcceptsRandom(t *testing.T) {
	t.Parallel()
	b := make([]byte, 48)
	for range 2000 {
		rand.Read(b)
		for _, s := range []string{
			string(b[:32]), hex.EncodeToString(b[:16]), hex.EncodeToString(b[:32]),
			base64.StdEncoding.EncodeToString(b[:24]), base64.StdEncoding.EncodeToString(b), key.NewSecret(),
		} {
			if err := key.CheckSecret(jwt.HS256, []byte(s)); err != nil {
				t.Fatalf("%q: %v", s, err)
			}
		}
	}
}
