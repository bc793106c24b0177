package session_test

import (
	"bytes"
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is set by the test that uses it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// fixture is a service on a store of its own with the user ani.
type fixture struct {
	*session.Service
	db      *store.DB
	path    string
	clock   *clock
	mu      sync.Mutex
	revoked []revocation.Entry // what the hook was handed
}

var macKey = session.MACKey{ID: [4]byte{1, 2, 3, 4}, Key: bytes.Repeat([]byte{7}, 32), CSRF: bytes.Repeat([]byte{9}, 32)}

func newFixture(tb testing.TB, change func(*session.Config), storeChange ...func(*store.Config)) *fixture {
	tb.Helper()
	f := &fixture{clock: newClock(), path: filepath.Join(tb.TempDir(), "sandi.db")}
	sc := store.Config{
		URL: "sqlite:" + f.path, Now: f.clock.Now,
		Revoked: func(es []revocation.Entry) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.revoked = append(f.revoked, es...)
		},
	}
	for _, change := range storeChange {
		change(&sc)
	}
	var err error
	if f.db, err = store.Open(tb.Context(), sc); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := f.db.Close(); err != nil {
			tb.Error(err)
		}
	})
	c := session.Config{
		Store: f.db, MACKeys: []session.MACKey{macKey},
		Limits:   session.Limits{RetryWindow: 10 * time.Second, Idle: 14 * 24 * time.Hour, Rotate: true},
		Absolute: 30 * 24 * time.Hour, Now: f.clock.Now,
	}
	if change != nil {
		change(&c)
	}
	if f.Service, err = session.New(c); err != nil {
		tb.Fatal(err)
	}
	f.addUser(tb, "ani", "manager", "user")
	return f
}

func (f *fixture) addUser(tb testing.TB, name string, roles ...string) account.User {
	tb.Helper()
	u := account.User{Subject: name, Username: name, PasswordHash: "$argon2id$", CredentialVersion: 1, Roles: roles, CreatedAt: f.clock.Now()}
	if err := f.db.CreateUser(tb.Context(), u, audit.Event{Action: audit.UserCreated, Subject: name}); err != nil {
		tb.Fatal(err)
	}
	return u
}

// begin logs a user in.
func (f *fixture) begin(tb testing.TB, name string) (session.Session, session.Refresh) {
	tb.Helper()
	u, err := f.db.User(tb.Context(), name)
	if err != nil {
		tb.Fatal(err)
	}
	s, r, _, err := f.Begin(tb.Context(), session.Login{User: u, Transport: "bearer", AMR: []string{"pwd"}}, audit.From{Address: "192.0.2.7"})
	if err != nil {
		tb.Fatal(err)
	}
	return s, r
}

// refresh redeems a token of the first-party API.
func (f *fixture) refresh(ctx context.Context, r session.Refresh) (session.Result, error) {
	return f.Rotate(ctx, r.Reveal(), "", "", audit.From{Address: "192.0.2.7"})
}

// events are the actions of the audit log, oldest first.
func (f *fixture) events(tb testing.TB) (actions []audit.Action) {
	tb.Helper()
	events, err := f.db.Events(tb.Context(), 0, 1000)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range events {
		actions = append(actions, e.Action)
	}
	return actions
}

func (f *fixture) revocations() []revocation.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]revocation.Entry(nil), f.revoked...)
}

// exec changes the store behind the service's back.
func (f *fixture) exec(tb testing.TB, statement string) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+f.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(tb.Context(), statement); err != nil {
		tb.Fatal(err)
	}
}
