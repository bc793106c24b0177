package store_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// allow remembers a consent, as the page for it does.
func (f *fixture) allow(tb testing.TB, subject, client string, scope ...string) {
	tb.Helper()
	if err := allow(tb, f.DB, f, subject, client, scope...); err != nil {
		tb.Fatal(err)
	}
}

func allow(tb testing.TB, db *store.DB, f *fixture, subject, client string, scope ...string) error {
	c := oauth.Code{ClientID: client, Subject: subject, ExpiresAt: f.clock()}
	consent := oauth.Consent{Subject: subject, ClientID: client, Scope: scope, Resources: []string{"https://api.example"}}
	return db.AddCode(tb.Context(), hash(session.NewID().String()), c, oauth.Hash{}, oauth.Hash{}, &consent, audit.Event{Action: audit.ConsentGiven})
}

// TestConsents: what is allowed is added to what was, also at once; what is taken back ends the client's sessions, which it is told, and
// nobody else's.
func TestConsents(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		nodes := []*store.DB{f.DB, f.another(t)}
		ani, budi := f.begin(t, f.addUser(t, "ani").Subject), f.begin(t, f.addUser(t, "budi").Subject)
		_, err := f.Consent(t.Context(), "ani", "web")
		wantErr(t, "before", err, oauth.ErrNotFound)
		scopes := []string{"write", "openid", "read", "read"}
		together(len(scopes), func(i int) {
			if err := allow(t, nodes[i%2], f, "ani", "web", scopes[i]); err != nil {
				t.Error(err)
			}
		})
		f.allow(t, "ani", "mail", "read")
		f.allow(t, "budi", "web", "read")
		want := oauth.Consent{
			Subject: "ani", ClientID: "web", Scope: []string{"openid", "read", "write"}, GrantedAt: f.clock(),
			Resources: []string{"https://api.example"},
		}
		if diff := cmp.Diff(want, must(f.Consent(t.Context(), "ani", "web"))); diff != "" {
			t.Errorf("consent (-want +got):\n%s", diff)
		}
		web, device := f.redeemed(t, ani), f.begin(t, "ani", func(s *session.Session) { s.ClientID = "web" })
		kept := []session.Session{
			ani, budi, f.redeemed(t, budi),
			f.redeemed(t, ani, func(c *oauth.Code) { c.ClientID = "mail" }),
		}
		f.takeRevoked()
		if err := f.RemoveConsent(t.Context(), "ani", "web", audit.Event{Action: audit.ConsentRemoved}); err != nil {
			t.Fatal(err)
		}
		f.checkEnded(t, session.ConsentRemoved, f.clock(), web.ID, device.ID)
		for _, s := range kept {
			if !f.row(t, s.ID).EndedAt.IsZero() {
				t.Errorf("a session of %s with %q has ended", s.Subject, s.ClientID)
			}
		}
		if diff := cmp.Diff(map[string]session.ID{"web": ani.ID}, f.told(t)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		wantErr(t, "again", f.RemoveConsent(t.Context(), "ani", "web", audit.Event{}), oauth.ErrNotFound)
		if left := must(f.Consents(t.Context(), "ani")); len(left) != 1 || left[0].ClientID != "mail" {
			t.Errorf("got %+v", left)
		}
		for _, odd := range []string{"a\x00b", "\xff", ""} { // text that some databases refuse
			_, err := f.Consent(t.Context(), odd, odd)
			wantErr(t, "odd text", errors.Join(err, f.RemoveConsent(t.Context(), odd, odd, audit.Event{})), oauth.ErrNotFound)
			if got, err := f.Consents(t.Context(), odd); err != nil || len(got) > 0 {
				t.Errorf("got %v, %v", got, err)
			}
		}
	})
}
