package store_test

import (
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// TestProveSession: who proves themselves again keeps the session and its grants, under another secret, once; nobody else does.
// secure-defaults 9e
func TestProveSession(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "budi")
		s := f.begin(t, f.addUser(t, "ani").Subject)
		grant := f.redeemed(t, s)
		at := f.advance(time.Hour)
		next := f.newSession("ani")
		next.ID, next.AMR, next.ACR = s.ID, []string{"pwd", "otp", "mfa"}, "urn:sandi:mfa"
		prove := func(change func(*session.Session), old [32]byte) error {
			n := next
			change(&n)
			_, err := f.ProveSession(t.Context(), n, old, audit.Event{Action: audit.SessionProved})
			return err
		}
		same := func(*session.Session) {}
		wantErr(t, "another secret", prove(same, [32]byte{1}), session.ErrInvalidGrant)
		wantErr(t, "another user", prove(func(n *session.Session) { n.Subject = "budi" }, s.SecretHash), session.ErrInvalidGrant)
		wantErr(t, "another client", prove(func(n *session.Session) { n.ClientID = "web" }, s.SecretHash), session.ErrInvalidGrant)
		wantErr(t, "another password", prove(func(n *session.Session) { n.CredentialVersion++ }, s.SecretHash), session.ErrUserGone)

		errs := make([]error, 8)
		together(len(errs), func(i int) {
			errs[i] = prove(func(n *session.Session) { n.SecretHash[0] = byte(i) }, s.SecretHash)
		})
		proved := 0
		for _, err := range errs {
			if err == nil {
				proved++
			} else {
				wantErr(t, "a second time", err, session.ErrInvalidGrant)
			}
		}
		got := f.row(t, s.ID)
		if proved != 1 || got.SecretHash == s.SecretHash || !got.AuthTime.Equal(at) || got.ACR != next.ACR || len(got.AMR) != 3 ||
			!got.CreatedAt.Equal(s.CreatedAt) || !got.IdleExpiresAt.Equal(next.IdleExpiresAt) {
			t.Errorf("%d proved; row %+v", proved, got)
		}
		if g := f.row(t, grant.ID); !g.EndedAt.IsZero() || g.Parent != s.ID {
			t.Errorf("its grant ended: %+v", g)
		}
		if err := f.EndSession(t.Context(), s.ID, "ani", true, session.LoggedOut, audit.Event{Action: audit.SessionEnded}); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "ended", prove(same, got.SecretHash), session.ErrInvalidGrant)
	})
}

// TestProvedElsewhere: a node that remembers a session answers with the proof that its user has given at another one since.
func TestProvedElsewhere(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		s := f.begin(t, f.addUser(t, "ani").Subject)
		f.rotate(t, presented(s, 0), limits()) // and is remembered
		f.advance(time.Hour)
		next := f.newSession("ani")
		next.ID, next.SecretHash, next.AMR, next.ACR = s.ID, s.SecretHash, []string{"pwd", "otp", "mfa"}, "urn:sandi:mfa"
		if _, err := f.another(t).ProveSession(t.Context(), next, s.SecretHash, audit.Event{Action: audit.SessionProved}); err != nil {
			t.Fatal(err)
		}
		r := f.rotate(t, presented(next, 0), limits())
		if got := r.Session; r.Step != session.StepRotated || got.ACR != next.ACR || len(got.AMR) != 3 || !got.AuthTime.Equal(next.AuthTime) {
			t.Errorf("step %d: acr %q, amr %v of %v, want those of %v", r.Step, got.ACR, got.AMR, got.AuthTime, next.AuthTime)
		}
	})
}
