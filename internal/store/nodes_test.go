package store_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// TestOneSuccessor: however many nodes are asked at once to refresh a token, there is one new generation, and all
// answer with it.
// secure-defaults 6d
func TestOneSuccessor(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		s := f.begin(t, f.addUser(t, "ani", "manager").Subject)
		nodes := []*store.DB{f.DB, f.another(t)}
		steps := make([]session.Step, 100)
		together(len(steps), func(i int) {
			r, err := nodes[i%2].RotateSession(t.Context(), presented(s, 0), limits(), audit.Event{}, audit.Event{})
			for errors.Is(err, problem.Unavailable) { // a hundred at once may be too many for the database, not for the rule
				r, err = nodes[i%2].RotateSession(t.Context(), presented(s, 0), limits(), audit.Event{}, audit.Event{})
			}
			if err != nil || r.Session.Generation != 1 || !slices.Equal(r.User.Roles, []string{"manager"}) {
				t.Errorf("got generation %d of %+v, %v; want 1", r.Session.Generation, r.User, err)
			}
			steps[i] = r.Step
		})
		slices.Sort(steps)
		want := append([]session.Step{session.StepRotated}, slices.Repeat([]session.Step{session.StepRetry}, len(steps)-1)...)
		if diff := cmp.Diff(want, steps); diff != "" || f.row(t, s.ID).Generation != 1 {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
}

// together calls do n times at once.
func together(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// TestLoginRacesPasswordChange: a session that began under the old password has ended, or has never begun.
func TestLoginRacesPasswordChange(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		for range 10 {
			ani := f.addUser(t, session.NewID().String()).Subject
			s, kept := f.newSession(ani), f.begin(t, ani)
			together(3, func(i int) {
				switch i {
				case 0:
					_, err := f.BeginSession(t.Context(), s, session.ID{}, 100, audit.Event{})
					if err != nil && !errors.Is(err, session.ErrUserGone) {
						t.Errorf("login: %v", err)
					}
				case 1:
					c := account.PasswordChange{Subject: ani, ExpectVersion: 1, Hash: "x", Keep: kept.ID.String()}
					if err := other.ChangePassword(t.Context(), c, audit.Event{}); err != nil {
						t.Errorf("password change: %v", err)
					}
				case 2:
					r, err := other.RotateSession(t.Context(), presented(kept, 0), limits(), audit.Event{}, audit.Event{})
					if err != nil || r.Step != session.StepRotated {
						t.Errorf("refresh of the kept session: step %d, %v", r.Step, err)
					}
				}
			})
			if row, err := f.Session(t.Context(), s.ID); err == nil && row.EndedAt.IsZero() {
				t.Error("a session of the old password is alive")
			}
			if row := f.row(t, kept.ID); row.CredentialVersion != 2 || !row.EndedAt.IsZero() || row.Generation != 1 {
				t.Errorf("kept session: %+v", row)
			}
		}
	})
}

// TestEndRacesGrant: no grant outlives its sign-in, and each that began has its revocation.
func TestEndRacesGrant(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		ani := f.addUser(t, "ani").Subject
		for range 10 {
			root := f.begin(t, ani)
			grant := f.newSession(ani)
			grant.Parent = root.ID
			together(3, func(i int) {
				if i == 0 {
					_, err := f.BeginSession(t.Context(), grant, session.ID{}, 100, audit.Event{})
					if err != nil && !errors.Is(err, session.ErrNotFound) {
						t.Errorf("grant: %v", err)
					}
					return
				}
				if err := other.EndSession(t.Context(), root.ID, ani, true, session.LoggedOut, audit.Event{}); err != nil {
					t.Errorf("end: %v", err)
				}
			})
			want := []session.ID{root.ID}
			if _, err := f.Session(t.Context(), grant.ID); err == nil {
				want = append(want, grant.ID)
			}
			f.checkEnded(t, session.LoggedOut, f.clock(), want...)
		}
	})
}

// TestOpenAtOnceOnServer: ten processes may open an empty database at the same moment.
func TestOpenAtOnceOnServer(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		empty := emptyURL(t)
		f.url = empty
		together(10, func(int) {
			db, err := store.Open(t.Context(), f.config())
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Ping(t.Context()), db.MigrateDemo(t.Context()), db.Close()); err != nil {
				t.Error(err)
			}
		})
	})
}

// emptyURL is of the database that the test's name says.
func emptyURL(t *testing.T) string {
	for _, d := range databases {
		if strings.HasSuffix(t.Name(), "/"+d.name) {
			return d.empty(t)
		}
	}
	panic("store: " + t.Name())
}

// TestLease: one has it until its time is over, and may renew it or give it back.
func TestLease(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		take := func(db *store.DB, holder string, d time.Duration, want bool) {
			t.Helper()
			if held, err := db.Lease(t.Context(), "purge", holder, d); err != nil || held != want {
				t.Errorf("%s: got %t, %v; want %t", holder, held, err, want)
			}
		}
		take(f.DB, "a", time.Hour, true)
		take(other, "b", time.Hour, false)
		take(f.DB, "a", time.Hour, true)
		take(f.DB, "a", 0, true)
		take(other, "b", time.Hour, true)
		take(f.DB, "a", time.Hour, false)
		if held, err := f.Lease(t.Context(), "seal", "a", time.Hour); err != nil || !held {
			t.Errorf("another lease: got %t, %v", held, err)
		}
		var mu sync.Mutex
		holders := 0
		together(10, func(i int) {
			held, err := []*store.DB{f.DB, other}[i%2].Lease(t.Context(), "new", string(rune('a'+i)), time.Hour)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if held {
				holders++
			}
		})
		if holders != 1 {
			t.Errorf("%d have a lease at once, want 1", holders)
		}
	})
}

// TestNow: a server's clock is its own, here this machine's; a file has none but the process's.
func TestNow(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		before := time.Now()
		got, err := f.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !f.Shared() {
			if !got.Equal(f.clock()) {
				t.Errorf("got %v, want the DB's clock", got)
			}
			return
		}
		if got.Before(before.Add(-time.Minute)) || got.After(time.Now().Add(time.Minute)) {
			t.Errorf("got %v, want about %v", got, before)
		}
	})
}

// TestServerErrors: each is one line with a hint, and without the password.
func TestServerErrors(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		right := emptyURL(t)
		for _, c := range []struct {
			name   string
			change func(*url.URL)
			want   string
		}{
			{"wrong password", func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "open-sesame") }, "refuses this user or password"},
			{"unknown user", func(u *url.URL) { u.User = url.UserPassword("nobody", "open-sesame") }, "refuses this user or password"},
			{"unknown database", func(u *url.URL) { u.Path = "/nowhere" }, "there is no such database"},
			{"no database", func(u *url.URL) { u.Path = "/" }, "names no database"},
			{"nobody listens", func(u *url.URL) { u.Host = "127.0.0.1:1" }, "cannot be reached"},
			{"unknown parameter", func(u *url.URL) { u.RawQuery = "tls=perhaps&sslmode=perhaps" }, "the URL is wrong"},
			{"password as a parameter", func(u *url.URL) { u.RawQuery = "password=open-sesame" }, "the URL is wrong"},
		} {
			u := must(url.Parse(right))
			c.change(u)
			db, err := store.Open(t.Context(), store.Config{URL: u.String()})
			if err == nil {
				db.Close()
				t.Errorf("%s: it opened", c.name)
				continue
			}
			e, ok := errors.AsType[*store.OpenError](err)
			if !ok || !strings.Contains(err.Error(), c.want) || e.Hint() == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got %v, want one line with %q, and a hint", c.name, err, c.want)
			}
			if password, _ := u.User.Password(); strings.Contains(err.Error()+e.Hint(), password) || strings.Contains(err.Error(), "open-sesame") {
				t.Errorf("%s: the password stands in %q", c.name, err)
			}
		}
		u := must(url.Parse(right))
		password, _ := u.User.Password()
		u.User = url.UserPassword(u.User.Username(), "open-sesame")
		db, err := store.Open(t.Context(), store.Config{URL: u.String(), Password: password})
		if err != nil {
			t.Fatalf("the password beside the URL: %v", err)
		}
		db.Close()
	})
}

// TestAway: a database that refuses, or says nothing, is problem.Unavailable, and is used again when it is back.
func TestAway(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		direct := must(url.Parse(emptyURL(t)))
		proxy := testdb.StartProxy(t, direct.Host)
		direct.Host = proxy.Addr()
		f := open(t, direct.String())
		s := f.begin(t, f.addUser(t, "ani").Subject)
		away := func(name string) {
			t.Helper()
			_, rotate := f.RotateSession(t.Context(), presented(s, 0), limits(), audit.Event{}, audit.Event{})
			for what, err := range map[string]error{
				"read": f.Ping(t.Context()), "rotation": rotate, "change": f.Audit(t.Context(), audit.Event{}),
			} {
				if p := problem.From(err); p.Kind != problem.Unavailable || p.RetryAfter != time.Second {
					t.Errorf("%s, %s: got %v, want problem.Unavailable", name, what, err)
				}
			}
		}
		back := func(name string) {
			t.Helper()
			for range 3 { // more than one connection may have died
				if err := errors.Join(f.Ping(t.Context()), f.Audit(t.Context(), audit.Event{})); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		proxy.Refuse(true)
		proxy.Reset()
		away("refused")
		proxy.Refuse(false)
		back("after it refused")
		proxy.Reset()
		back("after a reset")
		proxy.Blackhole(true)
		away("silent")
		proxy.Blackhole(false)
		proxy.Reset()
		back("after it was silent")
		if r := f.rotate(t, presented(s, 0), limits()); r.Session.Generation != 1 {
			t.Errorf("got step %d, generation %d", r.Step, r.Session.Generation)
		}
	})
}
