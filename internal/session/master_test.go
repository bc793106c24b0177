package session_test

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
)

// TestMasterChange: a session lives on through a change of the master key, its CSRF value too. A node
// without the key that counts refuses nothing for good: it says that it cannot tell.
// secure-defaults 18c
func TestMasterChange(t *testing.T) {
	t.Parallel()
	var current atomic.Int32
	later := session.MACKey{ID: [4]byte{9}, Key: bytes.Repeat([]byte{1}, 32), CSRF: bytes.Repeat([]byte{2}, 32)}
	f := newFixture(t, func(c *session.Config) {
		c.MACKeys, c.Current, c.Limits.RetryWindow = []session.MACKey{macKey, later}, func() int { return int(current.Load()) }, 0
	})
	only := func(k session.MACKey, current int) *session.Service {
		s, err := session.New(session.Config{
			Store: f.db, MACKeys: []session.MACKey{k}, Current: func() int { return current },
			Limits: session.Limits{Idle: 1e12, Rotate: true}, Absolute: 1e12, Now: f.clock.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	u, err := f.db.User(t.Context(), "ani")
	if err != nil {
		t.Fatal(err)
	}
	s, before, _, err := f.Begin(t.Context(), session.Login{User: u}, audit.From{})
	if err != nil {
		t.Fatal(err)
	}
	csrf := f.CSRF(s.ID)

	current.Store(1)
	r, err := f.Rotate(t.Context(), before.Reveal(), "", "", audit.From{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := only(later, 0).Open(r.Refresh.Reveal()); err != nil {
		t.Errorf("the successor is not of the new key: %v", err)
	}
	if now := f.CSRF(s.ID); now == csrf || !f.IsCSRF(s.ID, csrf) || !f.IsCSRF(s.ID, now) || f.IsCSRF(session.NewID(), csrf) || f.IsCSRF(s.ID, "") {
		t.Errorf("CSRF values: %q before, %q after", csrf, now)
	}
	away := only(macKey, -1)
	if _, err := away.Open(r.Refresh.Reveal()); !errors.Is(err, problem.Unavailable) {
		t.Errorf("token of a key that is not known here: %v, want Unavailable", err)
	}
	if _, err := away.Rotate(t.Context(), before.Reveal(), "", "", audit.From{}); !errors.Is(err, problem.Unavailable) {
		t.Errorf("refresh without a key to sign: %v, want Unavailable", err)
	}
	if _, _, _, err := away.Begin(t.Context(), session.Login{User: u}, audit.From{}); !errors.Is(err, problem.Unavailable) {
		t.Errorf("login without a key to sign: %v, want Unavailable", err)
	}
	if _, err := only(macKey, 0).Open(r.Refresh.Reveal()); !errors.Is(err, session.ErrInvalidGrant) {
		t.Errorf("where the key is known: %v, want ErrInvalidGrant", err)
	}
}
