package guard

import (
	"bytes"
	"errors"
	"slices"

	"github.com/sandi-auth/sandi/jwt"
)

// knownSecrets stand in tutorials, documentation and the key generators' examples, long enough for
// an HMAC key; others are repeated up to length, as people do who are told that theirs is too short.
var knownSecrets = []string{
	"a-string-secret-at-least-256-bits-long",
	"a-valid-string-secret-that-is-at-least-384-bits-long",
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
	"your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret",
	"kunci_rahasia_anda", "super-secret", "this-should-be-change", "top_secret_mission_code", "topsecret",
	"changeme", "change-me", "change_me", "secret", "secret-key", "secret_key", "your-secret-key", "your_secret_key", "password",
	"rahasia", "kunci_rahasia", "jwt-secret", "jwt_secret", "jwt-secret-string", "my-secret-key", "mysecretkey",
	"0123456789abcdef", "0123456789", "1234567890", "abcdefghijklmnopqrstuvwxyz", "\x00", "0", "1", "a", "x", "\xff",
}

var errKnownSecret = errors.New(`IssuerConfig.Key is a secret that everybody knows: make one with "openssl rand -base64 48" or jwt.GenerateKey`)

// refuseKnown refuses an HMAC key whose secret is on the list. A Key does not show its secret, so
// the key signs something and those of the list try to verify it.
func refuseKnown(k *jwt.Key) error {
	least, ok := map[jwt.Algorithm]int{jwt.HS256: 32, jwt.HS384: 48, jwt.HS512: 64}[k.Algorithm()]
	if !ok {
		return nil
	}
	signed, err := jwt.SignPayload(k, "", []byte("{}"))
	if err != nil {
		return err
	}
	tried := func(secret []byte) bool {
		guess, err := jwt.NewKey(k.Algorithm(), k.ID(), secret)
		if err != nil {
			return false // too short
		}
		set, err := jwt.NewKeySet(guess)
		if err != nil {
			return false
		}
		_, _, err = jwt.VerifySignature(set, signed)
		return err == nil
	}
	for _, s := range knownSecrets {
		once := []byte(s)
		whole := bytes.Repeat(once, (least+len(s)-1)/len(s)) // up to length, and cut to it
		if slices.ContainsFunc([][]byte{once, whole, whole[:least]}, tried) {
			return errKnownSecret
		}
	}
	return nil
}
