package key_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/jwt"
)

// secure-defaults 3b
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ring(t)
	for _, alg := range []jwt.Algorithm{jwt.EdDSA, jwt.PS256, jwt.RS256, jwt.ES256} {
		r := b.ring(t, func(c *key.Config) { c.Algorithm = alg })
		b.clock.advance(ready)
		if got := r.Signer().Algorithm(); got != alg {
			t.Errorf("signs with %s, want %s after a change of configuration", got, alg)
		}
		if _, err := verifier(t, b.ring(t, func(c *key.Config) { c.Algorithm = alg }), b.clock.now).
			Verify(t.Context(), sign(t, r, b.clock.now())); err != nil {
			t.Errorf("%s after a restart: %v", alg, err)
		}
	}
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.HS512, jwt.ES512, "none"} {
		_, err := key.NewRing(key.Config{Store: b.db, Masters: key.NewMasters(b.master), AccessLifetime: access, Now: b.clock.now, Algorithm: alg})
		if r, ok := errors.AsType[*key.Refusal](err); !ok || r.Hint() == "" {
			t.Errorf("%s without a secret file: %v, want a refusal with a hint", alg, err)
		}
	}
}

// secure-defaults 2a, 2c, 2d, 2h, 3c
func TestSharedSecret(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file := func(content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	with := func(path string) func(*key.Config) {
		return func(c *key.Config) { c.Algorithm, c.SecretFile = jwt.HS256, path }
	}
	secret := key.NewSecret()
	r := b.ring(t, with(file(secret+"\n", 0o600)))
	refresh(t, r)
	token := sign(t, r, b.clock.now())
	if _, err := verifier(t, r, b.clock.now).Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	foreign, err := jwt.NewKey(jwt.HS256, r.Signer().ID(), []byte(secret)) // as a Flask service holds it
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwt.NewKeySet(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier(t, set, b.clock.now).Verify(t.Context(), token); err != nil {
		t.Errorf("with the file's text as the secret: %v", err)
	}
	if published, err := json.Marshal(r.KeySet()); err != nil || string(published) != `{"keys":[]}` {
		t.Errorf("published set: %s, %v", published, err)
	}
	if _, err := r.Rotate(t.Context(), audit.From{}); err == nil {
		t.Error("HS256 rotated")
	}
	if records, err := b.db.Keys(t.Context()); err != nil || len(records) != 0 {
		t.Errorf("store has %v, %v", records, err)
	}
	for name, path := range map[string]string{
		"of a seed": file(strings.Repeat("super-secret", 4), 0o600), "short": file("x8$kP2", 0o600), "readable": file(secret, 0o644),
	} {
		cfg := key.Config{Store: b.db, Masters: key.NewMasters(b.master), AccessLifetime: access, Now: b.clock.now}
		with(path)(&cfg)
		_, err := key.NewRing(cfg)
		if refusal, ok := errors.AsType[*key.Refusal](err); !ok || refusal.Hint() == "" {
			t.Errorf("%s: %v, want a refusal with a hint", name, err)
		}
	}
}
