package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
)

// secure-defaults 1b, 1c, ASVS 6.3.2: there is no default account; the first administrator comes from a secret of one hour.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if has, err := b.HasAdmin(t.Context()); err != nil || has {
		t.Fatalf("HasAdmin = %v, %v", has, err)
	}
	redeem := func(secret, username, password string) string {
		_, err := b.RedeemBootstrap(t.Context(), secret, username, password, at("192.0.2.1"))
		return code(err)
	}
	const invalid = "invalid_credentials bootstrap_invalid"
	first, _, err := b.NewBootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, expires, err := b.NewBootstrap(t.Context())
	if err != nil || len(second) < 27 || !expires.Equal(b.clock.now().Add(time.Hour)) {
		t.Fatalf("NewBootstrap = %q, %v, %v", second, expires, err)
	}
	b.register(t, "budi")
	steps := []struct{ name, secret, username, password, want string }{
		{"replaced", first, "admin", good, invalid},
		{"no secret", "", "admin", good, invalid},
		{"weak password", second, "admin", "password1", "weak_password password_guessable"},
		{"taken name", second, "budi", good, "username_taken"},
		{"good", second, "Admin", good, ""},
		{"spent", second, "admin2", good, invalid},
	}
	for _, s := range steps {
		if got := redeem(s.secret, s.username, s.password); got != s.want {
			t.Errorf("%s: %q, want %q", s.name, got, s.want)
		}
	}
	if u, err := b.User(t.Context(), "admin"); err != nil || cmp.Diff([]string{account.AdminRole}, u.Roles) != "" {
		t.Errorf("administrator %+v, %v", u, err)
	}
	if has, err := b.HasAdmin(t.Context()); err != nil || !has {
		t.Errorf("HasAdmin = %v, %v", has, err)
	}
	late, _, err := b.NewBootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Hour)
	if got := redeem(late, "admin3", good); got != invalid {
		t.Errorf("after an hour: %q", got)
	}
}

// secure-defaults 13c
func TestBootstrapIsThrottled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	secret, _, err := b.NewBootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	try := func(secret string) string {
		_, err := b.RedeemBootstrap(t.Context(), secret, "admin", good, at("192.0.2.1"))
		return code(err)
	}
	for range 5 {
		try("sdb_" + strings.Repeat("A", 27))
	}
	if got := try(secret); got != "too_many_attempts" {
		t.Errorf("after five wrong secrets: %q", got)
	}
	if _, err := b.RedeemBootstrap(t.Context(), secret, "admin", good, at("192.0.2.2")); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

// Logins without a name, or with an impossible one, do not count against the secret.
func TestBootstrapIsThrottledByItself(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	secret, _, err := b.NewBootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 6 {
		b.login(t.Context(), "no name", "wrong", "192.0.2.1")
	}
	if _, err := b.RedeemBootstrap(t.Context(), secret, "admin", good, at("192.0.2.1")); err != nil {
		t.Errorf("after logins without a name: %v", err)
	}
}
