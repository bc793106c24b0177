package guard_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// secretKey is an HMAC key for these operations only, for all where there are none.
func secretKey(t *testing.T, alg jwt.Algorithm, kid, secret string, ops ...string) *jwt.Key {
	t.Helper()
	key, err := jwt.NewKey(alg, kid, []byte(secret))
	if len(ops) > 0 {
		jwk := fmt.Sprintf(`{"kty":"oct","alg":%q,"kid":%q,"k":%q,"key_ops":[%q]}`, alg, kid, base64.RawURLEncoding.EncodeToString([]byte(secret)), ops[0])
		key, err = jwt.ParseKey([]byte(jwk))
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A secret that everybody knows is refused wherever it stands: what it signs would be accepted.
// secure-defaults 2c
func TestKnownSecrets(t *testing.T) {
	t.Parallel()
	const known = "a-string-secret-at-least-256-bits-long"
	repeated := strings.Repeat("kunci_rahasia_anda", 4)
	for name, key := range map[string]*jwt.Key{
		"jwt.io's":           secretKey(t, jwt.HS256, "k", known),
		"jwt.io's for HS512": secretKey(t, jwt.HS512, "k", "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long"),
		"without kid":        secretKey(t, jwt.HS256, "", known),
		"a seed's, repeated": secretKey(t, jwt.HS256, "k", repeated[:36]),
		"a seed's, cut":      secretKey(t, jwt.HS256, "k", repeated[:32]),
		"zeros":              secretKey(t, jwt.HS384, "k", strings.Repeat("\x00", 48)),
		"verifies only":      secretKey(t, jwt.HS256, "k", known, "verify"),
	} {
		for _, place := range []string{"Key", "Previous[1]"} {
			if place == "Key" && !key.CanSign() {
				continue
			}
			c := issuerConfig(t)
			if c.Previous = []*jwt.Key{signingKey(t, jwt.HS256), key}; place == "Key" {
				c.Key, c.Previous = key, nil
			}
			if _, err := guard.NewIssuer(c); err == nil || !strings.Contains(err.Error(), "IssuerConfig."+place+" is a secret that everybody knows") {
				t.Errorf("%s as %s: %v", name, place, err)
			}
		}
	}
}

// Whatever an Issuer signs its own guard accepts, and what the previous key has signed: keys of
// which that is not so are refused.
func TestIssuerKeysVerify(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("0f3c-58aa.", 4)
	none, named := secretKey(t, jwt.HS256, "", secret), signingKey(t, jwt.HS256)
	for name, keys := range map[string][2]*jwt.Key{
		"previous without kid":   {named, none},
		"new without kid":        {none, named},
		"previous verifies only": {named, secretKey(t, jwt.HS256, "old", secret, "verify")},
	} {
		c := issuerConfig(t)
		c.Key, c.Previous = keys[0], keys[1:]
		iss, err := guard.NewIssuer(c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g := guardOf(t, iss)
		for _, key := range keys {
			if !key.CanSign() {
				continue
			}
			by := newIssuer(t, func(c *guard.IssuerConfig) { c.Key = key })
			if _, err := g.Check(get(must(t)(by.Access(guard.Grant{Subject: "user1"})))); err != nil {
				t.Errorf("%s: token of %v: %v", name, key, err)
			}
		}
	}
	c := issuerConfig(t)
	c.Key = secretKey(t, jwt.HS256, "k", secret, "sign")
	if _, err := guard.NewIssuer(c); err == nil || !strings.Contains(err.Error(), "key_ops") || !strings.Contains(err.Error(), "give every key a kid") {
		t.Errorf("key that only signs: %v", err)
	}
}
