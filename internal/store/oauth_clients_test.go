package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// TestClients: one is kept as it was given, changed by who has read it last, and listed by its id.
func TestClients(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		c := newClient("web")
		c.Name = "caf\u00e9 \x00\u2028 <&>" // JSON keeps what a column of text cannot
		if err := f.AddClient(t.Context(), c, audit.Event{Action: audit.ClientAdded}); err != nil {
			t.Fatal(err)
		}
		c.Version = 1
		if diff := cmp.Diff(c, must(other.Client(t.Context(), "web"))); diff != "" {
			t.Errorf("client (-want +got):\n%s", diff)
		}
		c.Name = "Shop"
		if err := other.ChangeClient(t.Context(), c, audit.Event{Action: audit.ClientChanged}); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "change of what another changed", f.ChangeClient(t.Context(), c, audit.Event{}), oauth.ErrChanged)
		wantErr(t, "change of none", f.ChangeClient(t.Context(), newClient("none"), audit.Event{}), oauth.ErrNoClient)
		f.addClient(t, "Mail")
		all := must(f.Clients(t.Context()))
		if len(all) != 2 || all[0].ID != "Mail" || all[1].Name != "Shop" || all[1].Version != 2 {
			t.Errorf("got %+v", all)
		}
		for _, id := range []string{"WEB", "we", "web ", "", "a\x00b", "\xff", "web'--"} {
			_, err := f.Client(t.Context(), id)
			wantErr(t, fmt.Sprintf("client %q", id), err, oauth.ErrNoClient)
			wantErr(t, fmt.Sprintf("remove %q", id), f.RemoveClient(t.Context(), id, audit.Event{}), oauth.ErrNoClient)
		}
		if a, c := f.has(t, audit.ClientAdded), f.has(t, audit.ClientChanged); a != 2 || c != 1 {
			t.Errorf("%d and %d events, want 2 and 1", a, c)
		}
	})
}

// TestClientLifetime: the store knows of tokens as long as a client's before there can be one, so that revocations outlive them.
func TestClientLifetime(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		c := newClient("web")
		c.Access = time.Hour
		if err := f.AddClient(t.Context(), c, audit.Event{}); err != nil || f.AccessLifetime() != time.Hour {
			t.Errorf("got %v, %v; want 1 h", f.AccessLifetime(), err)
		}
		c.Version, c.Access = 1, 2*time.Hour
		if err := f.ChangeClient(t.Context(), c, audit.Event{}); err != nil || f.AccessLifetime() != 2*time.Hour {
			t.Errorf("got %v, %v; want 2 h", f.AccessLifetime(), err)
		}
		c.Version, c.Access = 2, 0
		if err := f.ChangeClient(t.Context(), c, audit.Event{}); err != nil || f.AccessLifetime() != 2*time.Hour {
			t.Errorf("got %v, %v; want 2 h for ever", f.AccessLifetime(), err)
		}
		c.Access = 3 * time.Hour
		wantErr(t, "taken", f.AddClient(t.Context(), c, audit.Event{}), oauth.ErrClientTaken)
		f.addUser(t, "ani")
		other.SetDisabled(t.Context(), "ani", true, audit.Event{}) // by a process that has heard nothing
		for _, e := range f.takeRevoked() {
			if life := e.ExpiresAt.Sub(f.clock()); life < 2*time.Hour || life >= 3*time.Hour {
				t.Errorf("a revocation is kept for %v", life)
			}
		}
	})
}

// TestClientOrUser: no name is a client's and a user's, in whatever order they come, at once too.
// checklist 59
func TestClientOrUser(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		reserving := f.config()
		reserving.ReservedSubjects = func(id string) bool { return id == "configured" }
		other := must(store.Open(t.Context(), reserving))
		defer other.Close()
		f.addClient(t, "web")
		user := func(db *store.DB, name string) error {
			return db.CreateUser(t.Context(), account.User{Subject: name, Username: name, CredentialVersion: 1}, audit.Event{})
		}
		imported := func(db *store.DB, names ...string) error {
			var users []account.User
			for _, n := range names {
				users = append(users, account.User{Subject: n, Username: n, CredentialVersion: 1})
			}
			_, err := db.ImportUsers(t.Context(), users, audit.Event{})
			return err
		}
		secret := hash("bootstrap")
		if err := f.PutBootstrap(t.Context(), secret, f.clock().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"web", session.Browser, "configured"} {
			wantErr(t, name, user(other, name), account.ErrTaken)
			wantErr(t, name, imported(other, "ani", name, "budi"), account.ErrTaken)
			u := account.User{Subject: name, Username: name, CredentialVersion: 1}
			wantErr(t, name, other.Bootstrap(t.Context(), secret, u, audit.Event{}), account.ErrTaken)
			wantErr(t, name, other.AddClient(t.Context(), newClient(name), audit.Event{}), oauth.ErrClientTaken)
			if _, err := f.User(t.Context(), name); !errors.Is(err, account.ErrNotFound) {
				t.Errorf("there is a user %q: %v", name, err)
			}
		}
		f.addUser(t, "dewi")
		wantErr(t, "a user's name", f.AddClient(t.Context(), newClient("dewi"), audit.Event{}), oauth.ErrClientTaken)
		for i := range 10 {
			name := fmt.Sprint("both", i)
			errs := make([]error, 4)
			together(len(errs), func(i int) {
				db := []*store.DB{f.DB, other}[i%2]
				try := []func() error{
					func() error { return db.AddClient(t.Context(), newClient(name), audit.Event{}) },
					func() error { return user(db, name) },
					func() error { return imported(db, "other"+name, name) },
					func() error { return db.AddClient(t.Context(), newClient(name), audit.Event{}) },
				}[i]
				for errs[i] = try(); errors.Is(errs[i], problem.Unavailable); errs[i] = try() {
				}
			})
			_, noUser := f.User(t.Context(), name)
			_, noClient := f.Client(t.Context(), name)
			if (noUser == nil) == (noClient == nil) {
				t.Errorf("user: %v; client: %v; want one of them, of %v", noUser, noClient, errs)
			}
		}
	})
}

// TestRemoveClient: what it had is ended and revoked, and what others have is not; its id can be given again, and counts anew.
func TestRemoveClient(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addClient(t, "web")
		f.addClient(t, "mail")
		ani := f.begin(t, f.addUser(t, "ani").Subject)
		var ended []session.ID
		for i := range 130 { // more than end in one transaction
			name := f.addUser(t, fmt.Sprint("user", i)).Subject
			ended = append(ended, f.begin(t, name, func(s *session.Session) { s.ClientID = "web" }).ID)
		}
		ended = append(ended, f.redeemed(t, ani).ID)
		mail := f.redeemed(t, ani, func(c *oauth.Code) { c.ClientID = "mail" })
		f.allow(t, "ani", "web", "read")
		f.allow(t, "ani", "mail", "read")
		code, kept := f.addCode(t, ani), f.addCode(t, ani, func(c *oauth.Code) { c.ClientID = "mail" })
		d := f.addDevice(t, "WDJBMJHT")
		f.takeRevoked()
		if err := f.RemoveClient(t.Context(), "web", audit.Event{Action: audit.ClientRemoved}); err != nil {
			t.Fatal(err)
		}
		revoked := f.takeRevoked()
		if e := revoked[0]; e.Kind != revocation.Client || e.Handle != "web" || e.NotBefore.Before(f.clock()) || len(revoked) != 1+len(ended) {
			t.Errorf("got %d revocations, the first %+v", len(revoked), e)
		}
		for _, id := range ended {
			if row := f.row(t, id); row.EndReason != session.ClientRemoved {
				t.Errorf("got %+v", row)
			}
		}
		_, err := f.Client(t.Context(), "web")
		wantErr(t, "client", err, oauth.ErrNoClient)
		_, err = f.redeem(t, code.hash)
		wantErr(t, "its code", err, oauth.ErrNotFound)
		_, err = f.DeviceByUserCode(t.Context(), d.user)
		wantErr(t, "its device", err, oauth.ErrNotFound)
		if cs := must(f.Consents(t.Context(), "ani")); len(cs) != 1 || cs[0].ClientID != "mail" {
			t.Errorf("got %+v", cs)
		}
		if _, err := f.redeem(t, kept.hash); err != nil || !f.row(t, ani.ID).EndedAt.IsZero() || !f.row(t, mail.ID).EndedAt.IsZero() {
			t.Errorf("another client's: %v", err)
		}
		if told := f.told(t); len(told) > 0 {
			t.Errorf("told %v", told)
		}
		wantErr(t, "again", f.RemoveClient(t.Context(), "web", audit.Event{}), oauth.ErrNoClient)
		f.addClient(t, "web")
	})
}

// TestRemovalInterrupted: the sessions of a client whose removal was cut off end before its id is given again.
func TestRemovalInterrupted(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		for name, finish := range map[string]func(id string) error{
			"again":         func(id string) error { return f.RemoveClient(t.Context(), id, audit.Event{}) },
			"by the next":   func(id string) error { return f.AddClient(t.Context(), newClient(id), audit.Event{}) },
			"next and user": func(id string) error { return f.CreateUser(t.Context(), account.User{Subject: id}, audit.Event{}) },
		} {
			f.addClient(t, name)
			s := f.begin(t, "ani", func(s *session.Session) { s.ClientID = name })
			f.raw(t, `UPDATE clients SET document = '' WHERE id = '`+name+`'`).Close()
			_, err := f.Client(t.Context(), name)
			wantErr(t, name, err, oauth.ErrNoClient)
			err = finish(name)
			if name == "next and user" {
				wantErr(t, name, err, account.ErrTaken)
				err = errors.Join(f.RemoveClient(t.Context(), name, audit.Event{}), finish(name))
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if row := f.row(t, s.ID); row.EndReason != session.ClientRemoved {
				t.Errorf("%s: got %+v", name, row)
			}
		}
	})
}
