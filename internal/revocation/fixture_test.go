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

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/store"
)

// list is a List that shows what it holds.
type list struct {
	mu      sync.Mutex
	entries map[string]guard.RevocationEntry
	touched int
	stale   bool
	resets  int
	pruned  int
	onReset func() // called after a Reset
	onTouch func() // called before a Touch
	onAdd   func(handle string)
}

func (l *list) Add(es ...guard.RevocationEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range es {
		l.entries[e.Handle] = e
		if l.onAdd != nil {
			l.onAdd(e.Handle)
		}
	}
}

func (l *list) Reset(es []guard.RevocationEntry) {
	l.mu.Lock()
	clear(l.entries)
	l.resets++
	l.mu.Unlock()
	l.Add(es...)
	if l.onReset != nil {
		l.onReset()
	}
}

func (l *list) Touch() {
	if l.onTouch != nil {
		l.onTouch()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched++
	l.stale = false
}

func (l *list) Distrust() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stale = true
}

func (l *list) isStale() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stale
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
	if err := execute(w.t.Context(), w.path, statement); err != nil {
		w.t.Fatal(err)
	}
}

// execute runs a statement beside the store.
func execute(ctx context.Context, path, statement string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
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
