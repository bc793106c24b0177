package store

import (
	"testing"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/session"
)

// TestMemoryIsBounded: the latest session is always remembered, at most so many others, and no hash of a password.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	for n := range 3 * maxKnown {
		id := session.NewID()
		m.remember(known{session: session.Session{ID: id}, user: account.User{PasswordHash: "$argon2id$1"}})
		if k := m.find(id); k == nil || k.user.PasswordHash != "" {
			t.Fatalf("got %+v", k)
		}
		if len(m.sessions) != min(n+1, maxKnown) {
			t.Fatalf("%d sessions after %d, want at most %d", len(m.sessions), n+1, maxKnown)
		}
	}
}
