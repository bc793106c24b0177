package store_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// TestRequests: kept, replaced, expired, dropped once; whatever the text.
func TestRequests(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		id := hash("id")
		for _, doc := range []string{`{}`, "{\"state\":\"a\x00b\xff\"}", `{"state":"` + string(make([]byte, 40_000)) + `"}`, `{"state":"` + "\U0001F600" + `"}`} {
			if err := f.KeepRequest(t.Context(), "pending", id, []byte(doc), f.clock().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := f.Request(t.Context(), "pending", id); err != nil || string(got) != `{"state":"`+"\U0001F600"+`"}` {
			t.Errorf("got %q, %v", got, err)
		}
		_, err := f.Request(t.Context(), "pushed", id)
		wantErr(t, "another kind", err, oauth.ErrNotFound)
		f.advance(time.Minute)
		_, err = f.Request(t.Context(), "pending", id)
		wantErr(t, "expired", err, oauth.ErrNotFound)
		wantErr(t, "drop an expired one", f.DropRequest(t.Context(), "pending", id), oauth.ErrNotFound)
		if err := f.KeepRequest(t.Context(), "logout", id, []byte(`{}`), f.clock().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "drop", f.DropRequest(t.Context(), "logout", id), nil)
		wantErr(t, "drop again", f.DropRequest(t.Context(), "logout", id), oauth.ErrNotFound)
	})
}

// TestPurgeOAuth: what may still be asked for stays, and a used code as long as its session may have tokens.
func TestPurgeOAuth(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		s := f.begin(t, f.addUser(t, "ani").Subject)
		rows := func(table string) (n int) {
			t.Helper()
			db := f.raw(t)
			defer db.Close()
			if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		purge := func(want, requests, codes, devices, logouts int) {
			t.Helper()
			n, err := f.PurgeOAuth(t.Context(), f.clock(), 2)
			if err != nil || n != want {
				t.Errorf("purged %d, %v; want %d", n, err, want)
			}
			if r, c, d, l := rows("requests"), rows("codes"), rows("devices"), rows("logouts"); r != requests || c != codes || d != devices || l != logouts {
				t.Errorf("left %d requests, %d codes, %d devices, %d logouts; want %d, %d, %d, %d", r, c, d, l, requests, codes, devices, logouts)
			}
		}
		for _, name := range []string{"a", "b", "c"} {
			if err := f.KeepRequest(t.Context(), "pending", hash(name), []byte(`{}`), f.clock().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		f.addCode(t, s) // is not used
		f.addDevice(t, "BBBBBBBB")
		alive, ended := f.addCode(t, s), f.addCode(t, s, func(c *oauth.Code) { c.ClientID = "mail" })
		b := must(f.redeem(t, ended.hash))
		f.end(t, b.Session.ID, false)
		b = must(f.redeem(t, alive.hash))
		purge(0, 3, 3, 1, 1)
		f.advance(time.Minute + time.Millisecond)
		purge(2, 1, 2, 1, 1)
		purge(1, 0, 2, 1, 1)
		f.advance(2 * time.Hour)
		purge(2, 0, 1, 0, 1)
		f.advance(48 * time.Hour)
		purge(1, 0, 1, 0, 0)
		_, err := f.redeem(t, alive.hash)
		wantErr(t, "used two days ago", err, oauth.ErrCodeReused)
		if row := f.row(t, b.Session.ID); row.EndReason != session.CodeReused {
			t.Errorf("got %+v", row)
		}
		f.advance(idle + time.Hour)
		purge(1, 0, 0, 0, 0)
	})
}

// TestPurgeKeepsGrants: a grant of which nothing is left but that its client wants to hear of the logout stays as long as the sign-in,
// and one with a place in a status list as long as its access tokens.
// checklist 165, 166
func TestPurgeKeepsGrants(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		s := f.begin(t, f.addUser(t, "ani").Subject)
		short := func(g *session.Session) {
			g.Parent, g.IdleExpiresAt, g.ExpiresAt = s.ID, f.clock().Add(time.Minute), f.clock().Add(time.Minute)
		}
		notified := f.begin(t, "ani", short, func(g *session.Session) { g.ClientID, g.Notify = "web", true })
		plain := f.begin(t, "ani", short)
		listed := f.begin(t, "ani", short, func(g *session.Session) { g.Status = revocation.Place{List: 1, Bit: 2} })
		left := func(want ...session.ID) {
			t.Helper()
			if _, err := f.PurgeSessions(t.Context(), f.clock(), 100); err != nil {
				t.Fatal(err)
			}
			for _, g := range []session.Session{notified, plain, listed} {
				_, err := f.Session(t.Context(), g.ID)
				kept := false
				for _, id := range want {
					kept = kept || id == g.ID
				}
				if kept != (err == nil) {
					t.Errorf("%s: kept %t, want %t", g.ClientID, err == nil, kept)
				}
			}
		}
		f.advance(time.Minute + time.Millisecond)
		left(notified.ID, listed.ID)
		f.advance(f.AccessLifetime() + 2*time.Minute)
		left(notified.ID)
		f.end(t, s.ID, true)
		if told := f.told(t); told["web"] != s.ID {
			t.Errorf("told %v", told)
		}
		f.advance(time.Millisecond)
		left()
	})
}

// TestRestoreOneTime: what was under way when a backup was made may have been used since, and places of status lists may have been given.
func TestRestoreOneTime(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		s := f.begin(t, f.addUser(t, "ani").Subject)
		unused, used := f.addCode(t, s), f.addCode(t, s)
		must(f.redeem(t, used.hash))
		d := f.addDevice(t, "BBBBBBBB")
		if err := f.KeepRequest(t.Context(), "pushed", hash("r"), []byte(`{}`), f.clock().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		expires := f.clock().Add(time.Hour)
		list, first, err := f.TakePlaces(t.Context(), expires, 10)
		if err != nil || first != 0 {
			t.Fatal(list, first, err)
		}
		must(f.Renew(t.Context(), store.Renewal{KeepSessions: true}))
		_, err = f.redeem(t, unused.hash)
		wantErr(t, "unused code", err, oauth.ErrNotFound)
		_, _, _, err = f.poll(t, f.DB, d)
		wantErr(t, "device", err, oauth.ErrNotFound)
		_, err = f.Request(t.Context(), "pushed", hash("r"))
		wantErr(t, "request", err, oauth.ErrNotFound)
		_, err = f.redeem(t, used.hash)
		wantErr(t, "used code", err, oauth.ErrCodeReused)
		next, _, err := f.TakePlaces(t.Context(), expires, 10)
		if err != nil || next < list+1_000_000 {
			t.Errorf("places of list %d, and afterwards of %d, %v", list, next, err)
		}
	})
}

// TestOAuthAway: while the database says nothing each method is problem.Unavailable.
func TestOAuthAway(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		place := must(url.Parse(f.url))
		proxy := testdb.StartProxy(t, place.Host)
		place.Host = proxy.Addr()
		c := f.config()
		c.URL = place.String()
		db := must(store.Open(t.Context(), c))
		defer db.Close()
		proxy.Blackhole(true)
		ctx, id, none := t.Context(), hash("id"), audit.Event{}
		begin := func(oauth.Code) (session.Session, error) { return session.Session{}, nil }
		calls := map[string]func() error{
			"Client":           func() error { _, err := db.Client(ctx, "web"); return err },
			"Clients":          func() error { _, err := db.Clients(ctx); return err },
			"AddClient":        func() error { return db.AddClient(ctx, newClient("web"), none) },
			"ChangeClient":     func() error { return db.ChangeClient(ctx, newClient("web"), none) },
			"RemoveClient":     func() error { return db.RemoveClient(ctx, "web", none) },
			"KeepRequest":      func() error { return db.KeepRequest(ctx, "pending", id, []byte(`{}`), f.clock()) },
			"Request":          func() error { _, err := db.Request(ctx, "pending", id); return err },
			"DropRequest":      func() error { return db.DropRequest(ctx, "pending", id) },
			"AddCode":          func() error { return db.AddCode(ctx, id, oauth.Code{}, id, id, nil, none) },
			"Code":             func() error { _, err := db.Code(ctx, id); return err },
			"RedeemCode":       func() error { _, _, err := db.RedeemCode(ctx, id, begin, none, none); return err },
			"AddDevice":        func() error { return db.AddDevice(ctx, id, id, oauth.Device{}) },
			"DeviceByUserCode": func() error { _, err := db.DeviceByUserCode(ctx, id); return err },
			"DecideDevice":     func() error { return db.DecideDevice(ctx, id, oauth.Device{State: oauth.DeviceDenied}, none) },
			"PollDevice":       func() error { _, _, _, err := f.poll(t, db, asked{device: id}); return err },
			"Consent":          func() error { _, err := db.Consent(ctx, "ani", "web"); return err },
			"Consents":         func() error { _, err := db.Consents(ctx, "ani"); return err },
			"RemoveConsent":    func() error { return db.RemoveConsent(ctx, "ani", "web", none) },
			"DueLogouts":       func() error { _, err := db.DueLogouts(ctx, 1); return err },
			"LogoutDone":       func() error { return db.LogoutDone(ctx, 1) },
			"LogoutFailed":     func() error { return db.LogoutFailed(ctx, 1, f.clock()) },
			"PurgeOAuth":       func() error { _, err := db.PurgeOAuth(ctx, f.clock(), 1); return err },
		}
		names := make([]string, 0, len(calls))
		for name := range calls {
			names = append(names, name)
		}
		together(len(names), func(i int) {
			if err := calls[names[i]](); !errors.Is(err, problem.Unavailable) {
				t.Errorf("%s: got %v, want problem.Unavailable", names[i], err)
			}
		})
	})
}
