package jwt_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// TestMAC compares HMAC with prepared states to package hmac's, for keys shorter and longer than a
// block and headers that are recognised and not.
func TestMAC(t *testing.T) {
	t.Parallel()
	hashes := map[jwt.Algorithm]func() hash.Hash{jwt.HS256: sha256.New, jwt.HS384: sha512.New384, jwt.HS512: sha512.New}
	for alg, newHash := range hashes {
		for _, length := range []int{64, 65, 127, 128, 129, 300} {
			secret := []byte(strings.Repeat("k", length-1) + "!")
			k, err := jwt.NewKey(alg, strings.Repeat("i", min(length, 256)), secret)
			if err != nil {
				t.Fatal(err)
			}
			keys := newKeySet(t, k)
			for _, typ := range []string{"at+jwt", "JWT", "", "another"} {
				token := signPayload(t, k, typ, `{"a":"`+strings.Repeat("x", length)+`"}`)
				input, sig, _ := cutLast(token)
				mac := hmac.New(newHash, secret)
				mac.Write([]byte(input))
				if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); sig != want {
					t.Errorf("%s, key of %d bytes, typ %q: got %s, want %s", alg, length, typ, sig, want)
				}
				for range 2 {
					if _, _, err := jwt.VerifySignature(keys, token); err != nil {
						t.Errorf("%s, key of %d bytes, typ %q: %v", alg, length, typ, err)
					}
				}
			}
		}
	}
}

func cutLast(token string) (input, sig string, ok bool) {
	i := strings.LastIndexByte(token, '.')
	return token[:i], token[i+1:], i > 0
}

// TestDefaultClock: without Config.Now a token expires when the wall clock says so, to within what
// the clock may drift.
func TestDefaultClock(t *testing.T) {
	t.Parallel()
	keys := newKeySet(t, secretKey(t))
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier(t, keys, func(c *jwt.Config) { c.Now = nil })
		at := time.Now()
		token := signPayload(t, secretKey(t), "at+jwt", claimsUntil(at.Add(90*time.Second)))
		for _, step := range []struct {
			after time.Duration
			ok    bool
		}{{0, true}, {500 * time.Millisecond, true}, {89 * time.Second, true}, {499 * time.Millisecond, true}, {time.Millisecond, false}} {
			time.Sleep(step.after)
			if _, err := v.Verify(t.Context(), token); (err == nil) != step.ok {
				t.Errorf("after %v: got %v", time.Since(at), err)
			}
		}
	})
}
