package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// restore puts a backup in the place of the fixture's store, which is closed meanwhile.
func (f *fixture) restore(tb testing.TB, c store.RestoreConfig) store.Restored {
	tb.Helper()
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
	c.URL, c.Now = "sqlite:"+f.path, f.clock
	r, err := store.Restore(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	f.reopen(tb)
	return r
}

func (f *fixture) addKey(tb testing.TB, kid, newest string) {
	tb.Helper()
	r := key.Record{KID: kid, Algorithm: "ES256", Sealed: []byte{1}, CreatedAt: f.clock(), ActivateAt: f.advance(time.Second)}
	if added, err := f.AddKey(tb.Context(), r, newest, audit.Event{Action: audit.KeyCreated}); err != nil || !added {
		tb.Fatalf("add key: %v, %v", added, err)
	}
}

func (f *fixture) epoch(tb testing.TB) string {
	tb.Helper()
	p, err := f.Revocations(tb.Context(), 0, 1)
	if err != nil {
		tb.Fatal(err)
	}
	return p.Epoch
}

// TestRestore: the store is as it was, no session goes on, every token of before is revoked by its key, also by one that
// the backup does not know, a key that was dropped since does not come back, and the old store is kept.
func TestRestore(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.addUser(t, "ani")
	s := f.begin(t, "ani")
	f.addKey(t, "leaked", "")
	f.addKey(t, "first", "leaked")
	if err := f.PutBootstrap(t.Context(), [32]byte{1}, f.clock().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	before := f.epoch(t)
	from := f.backUp(t)
	f.addUser(t, "budi")
	f.begin(t, "budi")
	f.disable(t, "ani", true)
	f.addKey(t, "second", "first")
	if err := f.RemoveKey(t.Context(), "leaked"); err != nil {
		t.Fatal(err)
	}
	if err := f.RememberLifetime(t.Context(), 5*time.Hour); err != nil {
		t.Fatal(err)
	}
	now := f.advance(time.Minute)
	r := f.restore(t, store.RestoreConfig{From: from, Renewal: store.Renewal{Keys: []string{"shared"}, From: audit.From{Actor: "cli"}}})
	if !r.KeysCompared || r.Ended != 1 || r.Epoch == before || r.Epoch != f.epoch(t) || !r.RefusedUpTo.Equal(now.Truncate(time.Second)) {
		t.Errorf("got %+v, epoch %s before and %s now", r, before, f.epoch(t))
	}
	if got := f.row(t, s.ID); got.EndedAt.IsZero() || got.EndReason != "restored" {
		t.Errorf("the session has not ended: %+v", got)
	}
	if u, err := f.User(t.Context(), "ani"); err != nil || u.Disabled {
		t.Errorf("ani: %+v, %v, want enabled as in the backup", u, err)
	}
	page, err := f.Revocations(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var revoked []string
	for _, e := range page.Entries {
		revoked = append(revoked, string(e.Kind)+" "+e.Handle)
		want := now
		if e.Handle == "leaked" {
			want = time.Time{} // whoever has it can write any date
		}
		if e.Kind == revocation.Key && (!e.NotBefore.Equal(want) || e.ExpiresAt.Before(now.Add(5*time.Hour))) {
			t.Errorf("%+v: want a watermark of %v that outlives the longest token", e, want)
		}
	}
	slices.Sort(revoked)
	if want := []string{"key first", "key leaked", "key second", "key shared", "session " + s.ID.String()}; !slices.Equal(revoked, want) {
		t.Errorf("revoked: got %q, want %q", revoked, want)
	}
	if keys, err := f.Keys(t.Context()); err != nil || len(keys) != 1 || keys[0].KID != "first" {
		t.Errorf("keys: %v, %v, want the one alone that both stores have", keys, err)
	}
	last := f.events(t)[len(f.events(t))-1]
	if last.Action != audit.StoreRestored || last.From.Actor != "cli" {
		t.Errorf("last event: %+v", last)
	}
	if n := value[int](t, f.path, `SELECT COUNT(*) FROM bootstrap`); n != 0 {
		t.Error("a bootstrap secret lives again")
	}
	if n := value[int](t, r.Kept, `SELECT COUNT(*) FROM users WHERE subject = 'budi'`); n != 1 {
		t.Error("the old store is not what it was")
	}
	if info, err := os.Stat(r.Kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want mode 0600", info.Mode(), err)
	}
}

// TestRenew: a store that is open, as after a dump, ends more sessions than one transaction takes, or keeps them when told to.
func TestRenew(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		const users, each = 3, 40 // within the limit of sessions for one user
		for i := range users {
			name := fmt.Sprintf("user%d", i)
			f.addUser(t, name)
			for range each {
				f.begin(t, name)
			}
		}
		f.addKey(t, "first", "")
		kept, err := f.Renew(t.Context(), store.Renewal{KeepSessions: true})
		if got := f.takeRevoked(); err != nil || kept.Ended != 0 || len(got) != 1 || got[0].Kind != revocation.Key || got[0].Handle != "first" {
			t.Errorf("sessions kept: %+v, %v, revoked %v", kept, err, got)
		}
		ended, err := f.Renew(t.Context(), store.Renewal{Present: []string{}})
		if n, _ := f.CountSessions(t.Context(), f.clock()); err != nil || ended.Ended != users*each || n != 0 {
			t.Errorf("sessions ended: %+v, %v; %d are left", ended, err, n)
		}
		if keys, err := f.Keys(t.Context()); err != nil || len(keys) != 0 || ended.Epoch == kept.Epoch || f.epoch(t) != ended.Epoch {
			t.Errorf("keys %v, %v, epochs %s and %s", keys, err, kept.Epoch, ended.Epoch)
		}
	})
}

// TestRestoreKeepsSessions: a session that was refreshed once since is rolled forward, as after a failover.
func TestRestoreKeepsSessions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.addUser(t, "ani")
	once, twice := f.begin(t, "ani"), f.begin(t, "ani")
	from := f.backUp(t)
	f.advance(time.Minute)
	r := f.restore(t, store.RestoreConfig{From: from, Renewal: store.Renewal{KeepSessions: true}})
	if r.Ended != 0 {
		t.Errorf("%d sessions ended", r.Ended)
	}
	if got := f.rotate(t, presented(once, 1), limits()); got.Step != session.StepForward {
		t.Errorf("one generation ahead: got %v", got.Step)
	}
	if got := f.rotate(t, presented(twice, 2), limits()); got.Step != session.StepRefused {
		t.Errorf("two generations ahead: got %v", got.Step)
	}
}

// TestRestoreIsRefused: nothing has changed where the store is in use, or the file is none of ours.
func TestRestoreIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.addUser(t, "ani")
	from := f.backUp(t)
	epoch := f.epoch(t)
	whole, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	variant := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	torn := slices.Clone(whole)
	clear(torn[len(torn)/2:])
	inUse := variant("inuse.db", whole)
	if err := os.WriteFile(inUse+"-wal", []byte("log"), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := &fixture{path: variant("newer.db", whole)}
	newer.raw(t, `INSERT INTO schema_version (version_id, is_applied) VALUES (999, 1)`)
	for _, tt := range []struct{ name, from, want string }{
		{"in use", from, f.path + ": a server or another command has it open"},
		{"itself", f.path, "is the store itself"},
		{"missing", from + "x", "no such file"},
		{"cut off", variant("cut.db", whole[:len(whole)-4096]), "damaged"},
		{"torn", variant("torn.db", torn), "damaged"},
		{"text", variant("text", []byte(strings.Repeat("not a database", 100))), "damaged"},
		{"beside its log", inUse, "write-ahead log"},
	} {
		if tt.name == "missing" {
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		_, err := store.Restore(t.Context(), store.RestoreConfig{URL: "sqlite:" + f.path, From: tt.from, Now: f.clock})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	_, err = store.Restore(t.Context(), store.RestoreConfig{URL: "sqlite:" + f.path, From: newer.path, Now: f.clock})
	if e, ok := errors.AsType[*store.OpenError](err); !ok || e.Path != newer.path || !strings.Contains(e.Reason, "newer than this binary") {
		t.Errorf("newer schema: got %v", err)
	}
	f.reopen(t)
	if got := f.epoch(t); got != epoch {
		t.Errorf("epoch: got %s, want %s", got, epoch)
	}
	checkFolder(t, filepath.Dir(f.path), "")
}

// checkFolder wants the store in dir alone, and, where one was replaced, what was kept of it.
func checkFolder(tb testing.TB, dir, kept string) {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); name != "sandi.db" && name != "sandi.db-wal" && name != "sandi.db-shm" && name != filepath.Base(kept) {
			tb.Errorf("left behind: %s", name)
		}
	}
}

// TestRestoreOverDamage: a store that nothing can be read from is replaced too, and kept.
func TestRestoreOverDamage(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{"text": []byte(strings.Repeat("not a database", 1000)), "empty": {}, "missing": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.addUser(t, "ani")
			from := f.backUp(t)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(f.path); err != nil {
				t.Fatal(err)
			}
			if content != nil {
				if err := os.WriteFile(f.path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := f.restore(t, store.RestoreConfig{From: from})
			if u, err := f.User(t.Context(), "ani"); err != nil || u.Subject != "ani" {
				t.Errorf("%+v, %v", u, err)
			}
			if r.KeysCompared || (r.Kept != "") != (len(content) > 0) {
				t.Errorf("kept %q, keys compared %v", r.Kept, r.KeysCompared)
			}
			if r.Kept != "" {
				if got, err := os.ReadFile(r.Kept); err != nil || string(got) != string(content) {
					t.Errorf("kept %d bytes, %v, want the damaged file", len(got), err)
				}
			}
			checkFolder(t, filepath.Dir(f.path), r.Kept)
		})
	}
}
