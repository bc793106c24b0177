package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
)

// TestLogouts: whoever ends a sign-in, those of its clients are told that want to be, once each; an end that is the client's own, or that
// the user has nothing to do with, is told to nobody.
// checklist 165
func TestLogouts(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		drop := func() {
			t.Helper()
			for _, l := range must(f.DueLogouts(t.Context(), 100)) {
				if err := f.LogoutDone(t.Context(), l.ID); err != nil {
					t.Error(err)
				}
			}
		}
		end := func(id session.ID, whole bool, reason string) {
			t.Helper()
			if err := f.EndSession(t.Context(), id, "", whole, reason, audit.Event{Action: audit.SessionEnded}); err != nil {
				t.Error(err)
			}
		}
		for name, c := range map[string]struct {
			do   func(signIn, grant session.Session)
			told bool
		}{
			"logout":              {func(s, _ session.Session) { end(s.ID, true, session.LoggedOut) }, true},
			"logout by the grant": {func(_, g session.Session) { end(g.ID, true, session.LoggedOut) }, true},
			"grant by the user":   {func(_, g session.Session) { end(g.ID, false, session.LoggedOut) }, true},
			"by the client":       {func(_, g session.Session) { end(g.ID, false, session.RevokedByClient) }, false},
			"ended twice": {func(s, g session.Session) {
				end(g.ID, false, session.RevokedByClient)
				end(s.ID, true, session.LoggedOut)
			}, false},
			"grant's token reused": {func(_, g session.Session) {
				f.rotate(t, presented(g, 0), limits())
				f.advance(time.Minute)
				f.rotate(t, presented(g, 0), limits())
			}, false},
			"sign-in's token reused": {func(s, _ session.Session) {
				f.rotate(t, presented(s, 0), limits())
				f.advance(time.Minute)
				f.rotate(t, presented(s, 0), limits())
			}, true},
			"password changed": {func(s, _ session.Session) {
				f.changePassword(t, account.PasswordChange{Subject: s.Subject, Hash: "x", Force: true})
			}, true},
			"password changed in the same browser": {func(s, _ session.Session) {
				f.changePassword(t, account.PasswordChange{Subject: s.Subject, Hash: "x", Force: true, Keep: s.ID.String()})
			}, false},
			"disabled": {func(s, _ session.Session) { f.disable(t, s.Subject, true) }, true},
			"replaced": {func(s, _ session.Session) {
				if _, err := f.BeginSession(t.Context(), f.newSession(s.Subject), s.ID, 0, audit.Event{}); err != nil {
					t.Error(err)
				}
			}, true},
			"expired grant": {func(s, g session.Session) {
				f.raw(t, `UPDATE sessions SET idle_expires_at = created_at WHERE parent_id IS NOT NULL`).Close()
				end(s.ID, true, session.LoggedOut)
			}, true},
		} {
			signIn := f.begin(t, f.addUser(t, name).Subject)
			grant := f.redeemed(t, signIn)
			f.redeemed(t, signIn, func(c *oauth.Code) { c.ClientID = "web" }) // a second grant of the same client
			quiet := f.begin(t, name, func(s *session.Session) { s.Parent, s.ClientID = signIn.ID, "quiet" })
			if name == "ended twice" {
				for _, g := range must(f.SessionsOf(t.Context(), name, f.clock())) {
					if g.ID != grant.ID && g.ID != quiet.ID && g.ID != signIn.ID {
						end(g.ID, false, session.RevokedByClient)
					}
				}
			}
			c.do(signIn, grant)
			want := map[string]session.ID{}
			if c.told {
				want["web"] = signIn.ID
			}
			if diff := cmp.Diff(want, f.told(t)); diff != "" {
				t.Errorf("%s: told (-want +got):\n%s", name, diff)
			}
			drop()
		}
	})
}

// A client with many due hides no other's.
func TestDueLogoutsByTurns(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		subject := f.addUser(t, "ani").Subject
		for _, client := range []string{"shop", "shop", "shop", "mail"} {
			s := f.begin(t, subject)
			f.redeemed(t, s, func(c *oauth.Code) { c.ClientID = client })
			f.end(t, s.ID, true)
			f.advance(time.Second)
		}
		var got []string
		for _, l := range must(f.DueLogouts(t.Context(), 3)) {
			got = append(got, l.ClientID)
		}
		if diff := cmp.Diff([]string{"shop", "mail", "shop"}, got); diff != "" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
	})
}

// TestDueLogouts: one that failed is due later, and one that was delivered is not.
func TestDueLogouts(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		s := f.begin(t, f.addUser(t, "ani").Subject)
		f.redeemed(t, s)
		f.redeemed(t, s, func(c *oauth.Code) { c.ClientID = "mail" })
		ended := f.clock()
		f.end(t, s.ID, true)
		due := must(f.DueLogouts(t.Context(), 1))
		if len(due) != 1 {
			t.Fatalf("got %v, want one", due)
		}
		first := due[0]
		if err := f.LogoutFailed(t.Context(), first.ID, f.clock().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		due = must(f.DueLogouts(t.Context(), 10))
		if len(due) != 1 || due[0].ID == first.ID {
			t.Fatalf("got %+v, want the other", due)
		}
		for range 2 {
			if err := f.LogoutDone(t.Context(), due[0].ID); err != nil {
				t.Error(err)
			}
		}
		f.advance(time.Minute)
		first.Tries = 1
		if diff := cmp.Diff([]oauth.Logout{first}, must(f.DueLogouts(t.Context(), 10))); diff != "" || !first.EndedAt.Equal(ended) || first.Subject != "ani" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
	})
}
