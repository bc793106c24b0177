package store_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// TestRedeemCodeOnce: of 50 redemptions at once, on two nodes, one succeeds, and because of the others its session has ended.
// checklist 54, 55
// secure-defaults 7b
func TestRedeemCodeOnce(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		signIn := f.begin(t, f.addUser(t, "ani").Subject)
		nodes := []*store.DB{f.DB, f.another(t)}
		code := f.addCode(t, signIn)
		f.takeRevoked()
		var begun, reused atomic.Int64
		var id atomic.Value
		together(50, func(i int) {
			s := f.grant(code.Code)
			redeem := func() (session.Begun, error) {
				b, _, err := nodes[i%2].RedeemCode(t.Context(), code.hash, func(oauth.Code) (session.Session, error) { return s, nil },
					audit.Event{Action: audit.SessionBegun}, audit.Event{Action: audit.CodeReused})
				return b, err
			}
			b, err := redeem()
			for errors.Is(err, problem.Unavailable) { // 50 at once may be too many for the database, not for the rule
				b, err = redeem()
			}
			switch {
			case err == nil:
				begun.Add(1)
				id.Store(b.Session.ID)
			case errors.Is(err, oauth.ErrCodeReused):
				reused.Add(1)
			default:
				t.Errorf("got %v", err)
			}
		})
		if begun.Load() != 1 || reused.Load() != 49 {
			t.Fatalf("%d succeeded and %d were reuse, want 1 and 49", begun.Load(), reused.Load())
		}
		f.checkEnded(t, session.CodeReused, f.clock(), id.Load().(session.ID))
		if row := f.row(t, signIn.ID); !row.EndedAt.IsZero() {
			t.Error("the sign-in has ended too")
		}
		if n := f.has(t, audit.CodeReused); n != 1 {
			t.Errorf("%d events of reuse, want 1", n)
		}
		if told := f.told(t); len(told) != 0 {
			t.Errorf("told %v: who may have been robbed is not told that the user logged out", told)
		}
	})
}

// TestRedeemCode: the session is what the check made of the code, with all its columns, also after a refresh; a check that refuses uses
// nothing up, and ends nothing.
// checklist 49, 56
func TestRedeemCode(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		signIn := f.begin(t, f.addUser(t, "ani", "manager").Subject)
		code := f.addCode(t, signIn, func(c *oauth.Code) { c.ACR, c.JKT, c.RedirectSent = "2", "thumb", true })
		refusal := problem.New(problem.Invalid, "invalid_grant")
		refuse := func(c oauth.Code) (session.Session, error) {
			if diff := cmp.Diff(code.Code, c); diff != "" {
				t.Errorf("code (-want +got):\n%s", diff)
			}
			return session.Session{}, refusal
		}
		refused := func() {
			t.Helper()
			if _, _, err := f.RedeemCode(t.Context(), code.hash, refuse, audit.Event{}, audit.Event{}); !errors.Is(err, refusal) {
				t.Errorf("got %v, want the check's own error", err)
			}
		}
		refused()
		b, err := f.redeem(t, code.hash)
		if err != nil || !slices.Equal(b.User.Roles, []string{"manager"}) {
			t.Fatalf("got %+v, %v", b.User, err)
		}
		refused()
		if diff := cmp.Diff(b.Session, f.row(t, b.Session.ID)); diff != "" {
			t.Errorf("row (-answer +row):\n%s", diff)
		}
		for generation := range uint32(3) { // on a server the last ones are of what is remembered
			r := f.rotate(t, presented(b.Session, generation), session.Limits{Idle: idle, Rotate: true})
			if r.Step != session.StepRotated || !slices.Equal(r.Session.Audience, code.Resources) || r.Session.Details != b.Session.Details ||
				r.Session.Status != b.Session.Status || !r.Session.Notify {
				t.Errorf("refreshed: got step %d, %+v", r.Step, r.Session)
			}
			r.Session.Audience[0] = "overwritten by the caller"
		}
		_, err = f.redeem(t, code.hash)
		wantErr(t, "again", err, oauth.ErrCodeReused)
		_, err = f.redeem(t, code.hash)
		wantErr(t, "and again", err, oauth.ErrCodeReused)
		if row := f.row(t, b.Session.ID); row.EndReason != session.CodeReused {
			t.Errorf("got %+v", row)
		}
	})
}

// TestCodeCountsNoMore: what happens between the code and its redemption.
func TestCodeCountsNoMore(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		for _, c := range []struct {
			name string
			do   func(s session.Session, code issued)
			want error
		}{
			{"unknown", func(_ session.Session, code issued) {
				f.raw(t, `DELETE FROM codes`).Close()
			}, oauth.ErrNotFound},
			{"expired", func(session.Session, issued) { f.advance(time.Minute) }, oauth.ErrNotFound},
			{"logged out", func(s session.Session, _ issued) { f.end(t, s.ID, true) }, oauth.ErrNotFound},
			{"consent removed", func(s session.Session, code issued) {
				f.allow(t, "ani", "web", "openid")
				if err := f.RemoveConsent(t.Context(), "ani", "web", audit.Event{Action: audit.ConsentRemoved}); err != nil {
					t.Error(err)
				}
			}, oauth.ErrNotFound},
			{"password changed", func(session.Session, issued) {
				f.changePassword(t, account.PasswordChange{Subject: "ani", Force: true, Hash: "x"})
			}, session.ErrUserGone},
			{"user disabled", func(session.Session, issued) { f.disable(t, "ani", true) }, session.ErrUserGone},
		} {
			version := must(f.User(t.Context(), "ani")).CredentialVersion
			s := f.begin(t, "ani", func(s *session.Session) { s.CredentialVersion = version })
			code := f.addCode(t, s)
			c.do(s, code)
			_, err := f.redeem(t, code.hash)
			wantErr(t, c.name, err, c.want)
		}
	})
}

// TestAddCode: the requests that a code comes from are spent with it, once, or there is no code.
// checklist 130
func TestAddCode(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		s := f.begin(t, f.addUser(t, "ani").Subject)
		pending, pushed := hash("pending"), hash("pushed")
		keep := func(kind string, id oauth.Hash) {
			t.Helper()
			if err := f.KeepRequest(t.Context(), kind, id, []byte(`{}`), f.clock().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		keep("pending", pending)
		lone := f.addCode(t, s)
		code := hash("code")
		err := f.AddCode(t.Context(), code, lone.Code, pending, pushed, nil, audit.Event{})
		wantErr(t, "pushed request is gone", err, oauth.ErrNotFound)
		if _, err := f.Request(t.Context(), "pending", pending); err != nil {
			t.Errorf("the pending request: %v", err)
		}
		_, err = f.redeem(t, code)
		wantErr(t, "no code was made", err, oauth.ErrNotFound)
		keep("pushed", pushed)
		var made atomic.Int64
		together(8, func(i int) {
			db := []*store.DB{f.DB, other}[i%2]
			err := db.AddCode(t.Context(), hash("code"+string(rune('0'+i))), lone.Code, pending, pushed, nil, audit.Event{})
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, oauth.ErrNotFound) {
				t.Errorf("got %v", err)
			}
		})
		if made.Load() != 1 {
			t.Errorf("%d codes were made of one request", made.Load())
		}
		for kind, id := range map[string]oauth.Hash{"pending": pending, "pushed": pushed} {
			_, err := f.Request(t.Context(), kind, id)
			wantErr(t, kind, err, oauth.ErrNotFound)
		}
		if n := f.has(t, ""); n > 0 {
			t.Errorf("%d events without an action", n)
		}
	})
}

// TestGrantsOfSignIn: a client has at most 10 alive grants from one sign-in; then its oldest ends, and no other client's.
func TestGrantsOfSignIn(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		s := f.begin(t, f.addUser(t, "ani").Subject)
		other := f.redeemed(t, s, func(c *oauth.Code) { c.ClientID = "mail" })
		var grants []session.Session
		for range 11 {
			f.advance(time.Second)
			grants = append(grants, f.redeemed(t, s))
		}
		f.checkEnded(t, session.TooMany, f.clock(), grants[0].ID)
		for _, g := range append(grants[1:], other, s) {
			if row := f.row(t, g.ID); !row.EndedAt.IsZero() {
				t.Errorf("grant of %s has ended", row.ClientID)
			}
		}
		if told := f.told(t); len(told) != 0 {
			t.Errorf("told %v, and the sign-in goes on", told)
		}
	})
}

// TestRedemptionRacesEnd: a grant of a code ends with its sign-in, however close they are.
func TestRedemptionRacesEnd(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		f.addUser(t, "ani")
		for range 10 {
			s := f.begin(t, "ani")
			code := f.addCode(t, s)
			var begun session.Begun
			together(2, func(i int) {
				var err error
				if i == 0 {
					begun, err = f.redeem(t, code.hash)
				} else {
					err = other.EndSession(t.Context(), s.ID, "", true, session.LoggedOut, audit.Event{})
				}
				if err != nil && !errors.Is(err, oauth.ErrNotFound) {
					t.Errorf("got %v", err)
				}
			})
			if id := begun.Session.ID; !id.IsZero() && f.row(t, id).EndedAt.IsZero() {
				t.Error("a grant outlives its sign-in")
			}
		}
	})
}
