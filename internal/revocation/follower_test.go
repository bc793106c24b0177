package revocation_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ revocation.List = (*guard.RevocationList)(nil)

// list is a List that shows what it holds.
type list struct {
	mu      sync.Mutex
	entries map[string]guard.RevocationEntry
	touched int
	resets  int
	pruned  int
}

func (l *list) Add(es ...guard.RevocationEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range es {
		l.entries[e.Handle] = e
	}
}

func (l *list) Reset(es []guard.RevocationEntry) {
	l.mu.Lock()
	clear(l.entries)
	l.resets++
	l.mu.Unlock()
	l.Add(es...)
}

func (l *list) Touch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched++
}

func (l *list) Prune() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pruned++
	return 0
}

func (l *list) handles() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.entries))
}

func (l *list) touches() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.touched
}

// world is a store in which another process revokes, and a follower of it.
// It lives in a synctest bubble: its clock is the bubble's.
type world struct {
	t    *testing.T
	db   *store.DB
	path string
	list *list
	*revocation.Follower
	users int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "sandi.db"), list: &list{entries: map[string]guard.RevocationEntry{}}}
	var err error
	if w.db, err = store.Open(t.Context(), store.Config{URL: "sqlite:" + w.path}); err != nil {
		t.Fatal(err)
	}
	w.Follower = revocation.NewFollower(revocation.Config{Store: w.db, List: w.list})
	return w
}

// revoke disables a new user, which makes an entry of kind user.
func (w *world) revoke() string {
	w.t.Helper()
	w.users++
	name := fmt.Sprintf("user%04d", w.users)
	if err := w.db.CreateUser(w.t.Context(), account.User{Subject: name}, audit.Event{}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.db.SetDisabled(w.t.Context(), name, true, audit.Event{}); err != nil {
		w.t.Fatal(err)
	}
	return name
}

func (w *world) exec(statement string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+w.path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(w.t.Context(), statement); err != nil {
		w.t.Fatal(err)
	}
}

// run follows until the returned function is called.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
		if err := w.db.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) want(handles ...string) {
	w.t.Helper()
	if got := w.list.handles(); !slices.Equal(got, handles) {
		w.t.Errorf("the list holds %v, want %v", got, handles)
	}
}

// TestFollow: what was there is loaded, what comes is in the list one interval
// later, and every read keeps the list fresh.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a := w.revoke()
		if w.list.touches() != 0 {
			t.Error("the list was called fresh before it was loaded")
		}
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.want(a)
		now := time.Now().UTC().Truncate(time.Millisecond)
		want := guard.RevocationEntry{Kind: guard.RevokedUser, Handle: a, NotBefore: now, ExpiresAt: now.Add(17 * time.Minute)}
		if got := w.list.entries[a]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		defer w.run()()
		b := w.revoke()
		w.want(a)
		time.Sleep(250 * time.Millisecond)
		synctest.Wait()
		w.want(a, b)
		before := w.list.touches()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := w.list.touches() - before; got != 40 {
			t.Errorf("touched %d times in 10 s, want 40", got)
		}
	})
}

// TestLoadManyPages reads a feed longer than a page whole.
func TestLoadManyPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.db.Close()
		w.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
			INSERT INTO revocations (kind, handle, not_before, expires_at) SELECT 'session', 's' || i, 0, 1 FROM n`)
		if err := w.Load(t.Context()); err != nil || len(w.list.handles()) != 2500 || w.list.touches() != 1 {
			t.Errorf("got %d entries, touched %d times, %v", len(w.list.handles()), w.list.touches(), err)
		}
	})
}

// TestNewHistory: another epoch, or a head behind the cursor, replaces the list.
func TestNewHistory(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"epoch": `UPDATE meta SET value = 'restored' WHERE name = 'epoch'`,
		"head":  `UPDATE sqlite_sequence SET seq = 0 WHERE name = 'revocations'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.revoke()
				w.revoke()
				if err := w.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer w.run()()
				w.exec(`DELETE FROM revocations; ` + statement)
				time.Sleep(time.Second)
				synctest.Wait()
				w.want()
				c := w.revoke()
				time.Sleep(time.Second)
				synctest.Wait()
				w.want(c)
				if w.list.resets != 1 {
					t.Errorf("the list was reset %d times, want once", w.list.resets)
				}
			})
		})
	}
}

// TestUnreadableFeed: while the store does not answer the list is not called
// fresh, and afterwards nothing was missed.
// secure-defaults 23
func TestUnreadableFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		w.exec(`ALTER TABLE meta RENAME TO lost`)
		time.Sleep(time.Second)
		synctest.Wait()
		before := w.list.touches()
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := w.list.touches(); got != before {
			t.Errorf("touched %d times while the feed was away", got-before)
		}
		w.exec(`ALTER TABLE lost RENAME TO meta`)
		a := w.revoke()
		time.Sleep(time.Second)
		synctest.Wait()
		w.want(a)
		if w.list.touches() == before {
			t.Error("not touched after the feed was back")
		}
	})
}

// TestPurge clears expired rows away and keeps the others.
func TestPurge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
			INSERT INTO revocations (kind, handle, not_before, expires_at) SELECT 'session', 's' || i, 0, 1 FROM n`)
		w.revoke()
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		p, err := w.db.Revocations(t.Context(), 0, 2000)
		if err != nil || len(p.Entries) != 1 || p.Head != 1201 || w.list.pruned != 1 {
			t.Errorf("%d entries are left, head %d, pruned %d times, %v", len(p.Entries), p.Head, w.list.pruned, err)
		}
	})
}

// TestHook: with Apply as the store's hook, a logout counts on the spot, by a list
// that a guard asks.
func TestHook(t *testing.T) {
	t.Parallel()
	l := guard.NewRevocationList(guard.RevocationListConfig{})
	db, err := store.Open(t.Context(), store.Config{
		URL:     "sqlite:" + filepath.Join(t.TempDir(), "sandi.db"),
		Revoked: func(es []revocation.Entry) { revocation.Apply(l, es) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	s := session.Session{ID: session.NewID(), Subject: "ani", CreatedAt: now, IdleExpiresAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)}
	if err := db.CreateUser(t.Context(), account.User{Subject: "ani"}, audit.Event{}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.BeginSession(t.Context(), s, 0, audit.Event{}); err != nil {
		t.Fatal(err)
	}
	if err := db.EndSession(t.Context(), s.ID, "", true, session.LoggedOut, audit.Event{}); err != nil || l.Len() != 1 {
		t.Errorf("got %v, %d entries; want one as soon as the logout is answered", err, l.Len())
	}
	f := revocation.NewFollower(revocation.Config{Store: db, List: l})
	if err := f.Load(t.Context()); err != nil || l.Len() != 1 {
		t.Errorf("got %v, %d entries; reading it again adds none", err, l.Len())
	}
}
