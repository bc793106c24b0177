package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// fixture is a store of its own, on a clock that the test sets.
type fixture struct {
	*store.DB
	url  string
	path string // of the file, where it is one
	past int64  // the last event that is forgotten

	mu      sync.Mutex // guards what is below
	now     time.Time
	revoked []revocation.Entry // what the hook was handed
}

// databases are what the store runs on, each with what makes the URL of an empty one.
var databases = []struct {
	name  string
	empty func(testing.TB) string
}{
	{"SQLite", copied},
	{"PostgreSQL", testdb.Postgres},
	{"MariaDB", testdb.MariaDB},
}

// migrated is the file of an empty store. It is made once: to migrate takes a fifth of a second under the race detector.
var migrated = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "sandi-migrated")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "data", "sandi.db")
	db, err := store.Open(context.Background(), store.Config{URL: "sqlite:" + path})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// copied is the URL of an empty store with a history of its own.
func copied(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "data", "sandi.db")
	file, err := migrated()
	err = errors.Join(err, os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, file, 0o600))
	if err != nil {
		tb.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	execute(tb, db, `UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'epoch'`)
	return "sqlite:" + path
}

// forEach runs a test on every database.
func forEach(t *testing.T, test func(t *testing.T, newFixture func(testing.TB) *fixture)) {
	t.Helper()
	t.Parallel()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			test(t, func(tb testing.TB) *fixture { return open(tb, d.empty(tb)) })
		})
	}
}

// onServers runs a test on those that nodes share.
func onServers(t *testing.T, test func(t *testing.T, newFixture func(testing.TB) *fixture)) {
	t.Helper()
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		if !strings.HasSuffix(t.Name(), "/SQLite") {
			test(t, newFixture)
		}
	})
}

// newFixture is on a file.
func newFixture(tb testing.TB) *fixture { return open(tb, databases[0].empty(tb)) }

func open(tb testing.TB, url string) *fixture {
	tb.Helper()
	f := &fixture{url: url, path: strings.TrimPrefix(url, "sqlite:"), now: start}
	f.reopen(tb)
	tb.Cleanup(func() {
		if err := f.Close(); err != nil {
			tb.Error(err)
		}
	})
	return f
}

// config opens the fixture's store.
func (f *fixture) config() store.Config {
	// Fewer connections than in service: to open one takes its time under the race detector.
	return store.Config{URL: f.url, MaxConns: 8, Now: f.clock, Revoked: func(es []revocation.Entry) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.revoked = append(f.revoked, es...)
	}}
}

func (f *fixture) reopen(tb testing.TB) {
	tb.Helper()
	if f.DB != nil {
		if err := f.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	var err error
	if f.DB, err = store.Open(tb.Context(), f.config()); err != nil {
		tb.Fatal(err)
	}
}

// another opens the store once more, as another process does.
func (f *fixture) another(tb testing.TB) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), f.config())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

// raw is a connection of the test's own, for what the store does not offer.
func (f *fixture) raw(tb testing.TB, statements ...string) *sql.DB {
	tb.Helper()
	url := f.url
	if url == "" {
		url = "sqlite:" + f.path
	}
	db, err := store.Raw(url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	execute(tb, db, statements...)
	return db
}

func execute(tb testing.TB, db *sql.DB, statements ...string) {
	tb.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(tb.Context(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) advance(d time.Duration) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
	return f.now
}

// takeRevoked is what the hook was handed since the last call.
func (f *fixture) takeRevoked() []revocation.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	es := f.revoked
	f.revoked = nil
	return es
}

func (f *fixture) addUser(tb testing.TB, name string, roles ...string) account.User {
	tb.Helper()
	u := account.User{
		Subject: name, Username: name, PasswordHash: "$argon2id$1", CredentialVersion: 1, Roles: roles,
		CreatedAt: f.clock(), PasswordChangedAt: f.clock(),
	}
	if err := f.CreateUser(tb.Context(), u, audit.Event{Action: audit.UserCreated, Subject: name}); err != nil {
		tb.Fatal(err)
	}
	return u
}

// secretHash is of the secret that all sessions of these tests have.
var secretHash = sha256.Sum256([]byte("secret"))

const (
	idle     = 14 * 24 * time.Hour
	absolute = 30 * 24 * time.Hour
	window   = 10 * time.Second
)

// newSession is a session of the user, not yet begun.
func (f *fixture) newSession(subject string) session.Session {
	now := f.clock()
	return session.Session{
		ID: session.NewID(), Subject: subject, ClientID: "app", JKT: "thumb", SecretHash: secretHash, CredentialVersion: 1,
		Transport: "bearer", Scope: "read write", AuthTime: now, AMR: []string{"pwd", "otp"}, ACR: "2",
		UserAgent: "curl/8", Address: "192.0.2.7",
		CreatedAt: now, LastUsedAt: now, IdleExpiresAt: now.Add(idle), ExpiresAt: now.Add(absolute),
	}
}

// begin begins a session, changed as asked.
func (f *fixture) begin(tb testing.TB, subject string, change ...func(*session.Session)) session.Session {
	tb.Helper()
	s := f.newSession(subject)
	for _, c := range change {
		c(&s)
	}
	if _, err := f.BeginSession(tb.Context(), s, session.ID{}, 100, audit.Event{Action: audit.SessionBegun}); err != nil {
		tb.Fatal(err)
	}
	return s
}

// presented is the token of a generation, by who holds it rightfully.
func presented(s session.Session, generation uint32) session.Presented {
	return session.Presented{ID: s.ID, Generation: generation, SecretHash: s.SecretHash, ClientID: s.ClientID, JKT: s.JKT}
}

func limits() session.Limits { return session.Limits{RetryWindow: window, Idle: idle, Rotate: true} }

func (f *fixture) rotate(tb testing.TB, p session.Presented, l session.Limits) session.Rotation {
	tb.Helper()
	r, err := f.RotateSession(tb.Context(), p, l,
		audit.Event{Action: audit.RefreshReused}, audit.Event{Action: audit.RolledForward})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func (f *fixture) row(tb testing.TB, id session.ID) session.Session {
	tb.Helper()
	s, err := f.Session(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func (f *fixture) events(tb testing.TB) []audit.Event {
	tb.Helper()
	es, err := f.Events(tb.Context(), f.past, 10_000)
	if err != nil {
		tb.Fatal(err)
	}
	return es
}

// forget has events begin here: all that tests before this one left in the same store would be read again and again.
func (f *fixture) forget(tb testing.TB) {
	tb.Helper()
	if es := f.events(tb); len(es) > 0 {
		f.past = es[len(es)-1].Seq
	}
}

func (f *fixture) disable(tb testing.TB, subject string, disabled bool) {
	tb.Helper()
	action := audit.UserEnabled
	if disabled {
		action = audit.UserDisabled
	}
	if err := f.SetDisabled(tb.Context(), subject, disabled, audit.Event{Action: action, Subject: subject}); err != nil {
		tb.Fatal(err)
	}
}

func (f *fixture) changePassword(tb testing.TB, c account.PasswordChange) {
	tb.Helper()
	if err := f.ChangePassword(tb.Context(), c, audit.Event{Action: audit.PasswordChanged, Subject: c.Subject}); err != nil {
		tb.Fatal(err)
	}
}
