package revocation_test

import (
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var _ revocation.List = (*guard.RevocationList)(nil)

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
		w.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
			INSERT INTO revocations (kind, handle, not_before, expires_at) SELECT 'session', 's' || i, 0, 1 FROM n`)
		if err := w.Load(t.Context()); err != nil || len(w.list.handles()) != 40000 || w.list.touches() != 1 {
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

// TestRevokedWhileReloading: what is revoked while a new history is loaded is in the list before the list is called fresh, and
// from the moment that it is known to be of another history until then it says nothing.
// secure-defaults 23d
func TestRevokedWhileReloading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.revoke()
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		var late string
		w.list.onReset = func() {
			late = w.revoke()
			if !w.list.isStale() {
				t.Error("the list counts while it is loaded")
			}
		}
		w.list.onTouch = func() {
			if late != "" && !slices.Contains(w.list.handles(), late) {
				t.Error("the list was called fresh without what was revoked meanwhile")
			}
		}
		defer w.run()()
		w.exec(`UPDATE meta SET value = 'restored' WHERE name = 'epoch'`)
		time.Sleep(time.Second)
		synctest.Wait()
		if late == "" || w.list.isStale() {
			t.Errorf("reset: %t, stale: %t", late != "", w.list.isStale())
		}
	})
}

// TestUnreadableFeed: while the store does not answer the list is not called
// fresh, and afterwards nothing was missed.
// secure-defaults 23d
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

// TestUnknownKind: what a newer version wrote is not taken for nothing, neither at the end of the feed, where the list is as
// it was, nor in a new history, where it says nothing: it is not called fresh until the entry is gone.
// secure-defaults 23c, 23d
func TestUnknownKind(t *testing.T) {
	t.Parallel()
	const unknown = `INSERT INTO revocations (kind, handle, not_before, expires_at) VALUES ('galaxy', 'h', 0, 1)`
	for name, change := range map[string]string{
		"news":    unknown,
		"history": `DELETE FROM revocations; UPDATE meta SET value = 'restored' WHERE name = 'epoch'; ` + unknown,
		"handle":  `INSERT INTO revocations (kind, handle, not_before, expires_at) VALUES ('user', '', 0, 1)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				a := w.revoke()
				if err := w.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer w.run()()
				w.exec(change)
				w.revoke()
				time.Sleep(time.Second)
				synctest.Wait()
				before := w.list.touches()
				time.Sleep(30 * time.Second)
				synctest.Wait()
				if name == "history" != w.list.isStale() {
					t.Errorf("stale: %t", w.list.isStale())
				} else if name != "history" {
					w.want(a)
				}
				if got := w.list.touches(); got != before {
					t.Errorf("touched %d times", got-before)
				}
				w.exec(`DELETE FROM revocations WHERE kind = 'galaxy' OR handle = ''`)
				time.Sleep(time.Second)
				synctest.Wait()
				if w.list.touches() == before {
					t.Error("not touched after the entry was gone")
				}
			})
		})
	}
}

// TestKinds: what a store can hold is what a list knows, under the same names.
func TestKinds(t *testing.T) {
	t.Parallel()
	kinds := map[revocation.Kind]guard.RevocationKind{
		revocation.Session: guard.RevokedSession, revocation.Token: guard.RevokedToken, revocation.User: guard.RevokedUser,
		revocation.Client: guard.RevokedClient, revocation.Roles: guard.RevokedRoles, revocation.Key: guard.RevokedKey,
	}
	l := guard.NewRevocationList(guard.RevocationListConfig{})
	for kind, want := range kinds {
		if err := revocation.Apply(l, []revocation.Entry{{Kind: kind, Handle: "h"}}); err != nil || string(kind) != string(want) {
			t.Errorf("%s is %s in a list: %v", kind, want, err)
		}
	}
	if l.Len() != len(kinds) {
		t.Errorf("%d entries of %d kinds", l.Len(), len(kinds))
	}
}

// TestPrune: what has expired is dropped from the list once a minute.
func TestPrune(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if w.list.pruned != 1 {
			t.Errorf("pruned %d times in a minute", w.list.pruned)
		}
	})
}

// TestHook: with Apply as the store's hook, a logout counts on the spot, by a list
// that a guard asks.
func TestHook(t *testing.T) {
	t.Parallel()
	l := guard.NewRevocationList(guard.RevocationListConfig{})
	db, err := store.Open(t.Context(), store.Config{
		URL: "sqlite:" + filepath.Join(t.TempDir(), "sandi.db"),
		Revoked: func(es []revocation.Entry) {
			if err := revocation.Apply(l, es); err != nil {
				t.Error(err)
			}
		},
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
	if _, err := db.BeginSession(t.Context(), s, session.ID{}, 0, audit.Event{}); err != nil {
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
