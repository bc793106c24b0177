package guard

import (
	"bytes"
	"fmt"
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

// checkSecrets refuses HMAC keys whose secret is on the list, and those whose own tokens would not
// be verified. Other keys always have a kid, and no secret that could be guessed.
func checkSecrets(keys *jwt.KeySet) error {
	for i, k := range keys.All() {
		name := "IssuerConfig.Key"
		if i > 0 {
			name = fmt.Sprintf("IssuerConfig.Previous[%d]", i-1)
		}
		if k.PublicKey() != nil {
			continue
		}
		if isKnown(k, keys) {
			return fmt.Errorf(`%s is a secret that everybody knows: make one with "openssl rand -base64 48" or jwt.GenerateKey`, name)
		}
		if err := verifies(k, keys); k.CanSign() && err != nil {
			return fmt.Errorf("%s signs what is not verified: give every key a kid, and key_ops that allow verify: %w", name, err)
		}
	}
	return nil
}

// verifies says why what k signs does not verify.
func verifies(k *jwt.Key, keys *jwt.KeySet) error {
	token, err := jwt.SignPayload(k, "", []byte("{}"))
	if err == nil {
		_, _, err = jwt.VerifySignature(keys, token)
	}
	return err
}

// isKnown finds out whether what a secret of the list signs under the name of k passes for signed by
// k, which does not show its secret and may be for verifying alone.
func isKnown(k *jwt.Key, keys *jwt.KeySet) bool {
	least := map[jwt.Algorithm]int{jwt.HS256: 32, jwt.HS384: 48, jwt.HS512: 64}[k.Algorithm()]
	passes := func(secret []byte) bool {
		guess, err := jwt.NewKey(k.Algorithm(), k.ID(), secret)
		return err == nil && verifies(guess, keys) == nil // an error: too short
	}
	return slices.ContainsFunc(knownSecrets, func(s string) bool {
		once := []byte(s)
		whole := bytes.Repeat(once, (least+len(s)-1)/len(s)) // up to length, and cut to it
		return slices.ContainsFunc([][]byte{once, whole, whole[:least]}, passes)
	})
}
