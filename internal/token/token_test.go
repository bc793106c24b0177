package token_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/jwt"
)

var update = flag.Bool("update", false, "write the golden files anew")

var at = time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.UTC)

// fixture is a minter on a clock that stands still, and the verifier of an
// outside resource server.
type fixture struct {
	now      time.Time
	minter   *token.Minter
	verifier *jwt.Verifier
}

func newFixture(t *testing.T, audience ...string) *fixture {
	t.Helper()
	k, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwt.NewKeySet(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{now: at}
	now := func() time.Time { return f.now }
	f.minter, err = token.New(token.Config{
		Issuer: "https://hq.example", Audience: audience, Lifetime: 15 * time.Minute,
		Signer: func() *jwt.Key { return k }, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.verifier, err = jwt.NewVerifier(jwt.Config{
		Keys: set, Issuer: "https://hq.example", Audience: audience[:1], Types: []string{"at+jwt"}, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) mint(t *testing.T, a token.Access) *jwt.Claims {
	t.Helper()
	signed, life, err := f.minter.Access(a)
	if err != nil {
		t.Fatal(err)
	}
	if life != 15*time.Minute {
		t.Errorf("expires in %v, want 15m", life)
	}
	c, err := f.verifier.Verify(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checklist 85, secure-defaults 5b
func TestClaims(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		audience []string
		access   token.Access
	}{
		"login": {[]string{"https://hq.example"}, token.Access{
			Subject: "user1", Session: "AAECAwQFBgcICQoLDA0ODw", Roles: []string{"field-operative", "manager"},
			AuthTime: at, Fresh: true, AMR: []string{"pwd"}, At: at,
		}},
		"refresh": {[]string{"https://hq.example", "products"}, token.Access{
			Subject: "budi@contoh.id", Session: "AAECAwQFBgcICQoLDA0ODw", AuthTime: at.Add(-time.Hour), AMR: []string{"pwd"}, At: at,
		}},
		"everything": {[]string{"products"}, token.Access{
			Subject: "\"密碼\\<&>\u2028", ClientID: "sdc_app", Session: "AAECAwQFBgcICQoLDA0ODw", Scope: "products:read orders",
			Roles: []string{"manager"}, AuthTime: at, AMR: []string{"pwd", "otp"}, ACR: "urn:sandi:2", CSRF: "c2FuZGk",
			JKT: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", At: at,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newFixture(t, tt.audience...).mint(t, tt.access)
			if c.Type() != "at+jwt" || c.Subject() != tt.access.Subject || len(c.ID()) != 22 {
				t.Errorf("typ %q, sub %q, jti %q", c.Type(), c.Subject(), c.ID())
			}
			golden(t, filepath.Join("testdata", name+".json"), c)
		})
	}
}

// golden compares all claims but the random jti with a file.
func golden(t *testing.T, path string, c *jwt.Claims) {
	t.Helper()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.Replace(raw, []byte(c.ID()), []byte("JTI"), 1)
	var got bytes.Buffer
	if err := json.Indent(&got, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestIDsDiffer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "a")
	seen := map[string]bool{}
	for range 100 {
		id := f.mint(t, token.Access{Subject: "user1", At: at}).ID()
		if seen[id] {
			t.Fatalf("jti %s twice", id)
		}
		seen[id] = true
	}
}

// A token is signed at most 5 s after its transaction, and exp counts from there.
func TestLate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		late, life time.Duration
		err        error
	}{
		{0, 15 * time.Minute, nil},
		{900 * time.Millisecond, 15 * time.Minute, nil},
		{5 * time.Second, 15*time.Minute - 5*time.Second, nil},
		{5*time.Second + 1, 0, token.ErrLate},
		{-5 * time.Second, 15 * time.Minute, nil},
		{-5*time.Second - 1, 0, token.ErrLate},
	}
	for _, tt := range tests {
		f := newFixture(t, "a")
		f.now = at.Add(tt.late)
		signed, life, err := f.minter.Access(token.Access{Subject: "user1", At: at})
		if !errors.Is(err, tt.err) || life != tt.life || (signed == "") != (tt.err != nil) {
			t.Errorf("%v late: %q, %v, %v; want %v, %v", tt.late, signed, life, err, tt.life, tt.err)
		}
		if err != nil || tt.late < 0 {
			continue
		}
		c, err := f.verifier.Verify(t.Context(), signed)
		if err != nil {
			t.Fatal(err)
		}
		if want := at.Truncate(time.Second).Add(15 * time.Minute); !c.ExpiresAt().Equal(want) {
			t.Errorf("%v late: exp %v, want %v", tt.late, c.ExpiresAt(), want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*token.Config){
		"no issuer":   func(c *token.Config) { c.Issuer = "" },
		"no audience": func(c *token.Config) { c.Audience = nil },
		"no lifetime": func(c *token.Config) { c.Lifetime = 0 },
		"for ever":    func(c *token.Config) { c.Lifetime = -1 },
		"half second": func(c *token.Config) { c.Lifetime = 1500 * time.Millisecond },
	} {
		c := token.Config{
			Issuer: "https://hq.example", Audience: []string{"a"}, Lifetime: time.Minute,
			Signer: func() *jwt.Key { return nil }, Now: time.Now,
		}
		change(&c)
		if _, err := token.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func BenchmarkAccess(b *testing.B) {
	k, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		b.Fatal(err)
	}
	m, err := token.New(token.Config{
		Issuer: "https://hq.example", Audience: []string{"a"}, Lifetime: time.Minute, Signer: func() *jwt.Key { return k }, Now: time.Now,
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := m.Access(token.Access{Subject: "user1", At: time.Now()}); err != nil {
			b.Fatal(err)
		}
	}
}
