package store_test

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
)

// TestBootstrapOnlyForTheFirst: a secret that was printed before somebody else made the first administrator makes no
// second one, also after the first is disabled.
func TestBootstrapOnlyForTheFirst(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		hash := sha256.Sum256([]byte("bootstrap"))
		if err := f.PutBootstrap(t.Context(), hash, start.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		redeem := func(name string) error {
			u := account.User{Subject: name, Username: name, PasswordHash: "x", Roles: []string{account.AdminRole}, CreatedAt: start, PasswordChangedAt: start}
			return f.Bootstrap(t.Context(), hash, u, audit.Event{Action: audit.UserCreated})
		}
		f.addUser(t, "ani", account.AdminRole)
		if err := redeem("mallory"); !errors.Is(err, account.ErrBootstrap) {
			t.Errorf("beside an administrator: got %v, want ErrBootstrap", err)
		}
		f.disable(t, "ani", true)
		if err := redeem("mallory"); !errors.Is(err, account.ErrBootstrap) {
			t.Errorf("after the administrator was disabled: got %v, want ErrBootstrap", err)
		}
		if err := f.PutBootstrap(t.Context(), hash, start.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		f.addUser(t, "budi")
		f.disable(t, "budi", true) // no administrator, and no matter
		if err := redeem("citra"); err != nil {
			t.Errorf("with none that is enabled: got %v", err)
		}
	})
}
