package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/store"
)

// TestMigrations: they are listed before and after they are applied, and applied once.
func TestMigrations(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		applied := must(f.Migrations(t.Context()))
		for i, m := range applied {
			if m.Name == "" || m.AppliedAt.IsZero() || i > 0 && m.Version <= applied[i-1].Version {
				t.Errorf("got %+v", m)
			}
		}
		if last := applied[len(applied)-1]; last.Version < 4 {
			t.Errorf("the last is %+v", last)
		}
		again, err := store.Migrate(t.Context(), f.config())
		if err != nil || len(again) > 0 {
			t.Errorf("again: got %v, %v", again, err)
		}
		if !f.Shared() {
			none := store.Config{URL: f.url + ".none", NoMigrate: true}
			if e, ok := errors.AsType[*store.OpenError](second(store.Open(t.Context(), none))); !ok || !strings.Contains(e.Error(), "there is no store") {
				t.Errorf("a file that is not there: got %v", e)
			}
			return
		}
		c := store.Config{URL: emptyURL(t), NoMigrate: true}
		db := must(store.Open(t.Context(), c))
		defer db.Close()
		for _, m := range must(db.Migrations(t.Context())) {
			if !m.AppliedAt.IsZero() {
				t.Errorf("in an empty database: got %+v", m)
			}
		}
		if done, err := store.Migrate(t.Context(), c); err != nil || len(done) != len(applied) || done[0].AppliedAt.IsZero() {
			t.Errorf("got %v, %v; want all", done, err)
		}
	})
}

// TestNewerSchema: a binary works with a schema that is newer by one, unless that says otherwise.
func TestNewerSchema(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		all := must(f.Migrations(t.Context()))
		known := all[len(all)-1].Version
		add := func(version int64) {
			f.raw(t, fmt.Sprintf(`INSERT INTO schema_version (version_id, is_applied) VALUES (%d, TRUE)`, version)).Close()
		}
		check := func(name string, refused bool) {
			t.Helper()
			db, err := store.Open(t.Context(), f.config())
			if err == nil {
				db.Close()
			}
			e, ok := errors.AsType[*store.OpenError](err)
			if ok != refused || err != nil && !ok || ok && (!strings.Contains(e.Error(), "newer than this binary") || e.Hint() == "") {
				t.Errorf("%s: got %v, want refused: %t", name, err, refused)
			}
		}
		add(known + 1)
		check("newer by one", false)
		if last := must(f.Migrations(t.Context())); last[len(last)-1].Version != known+1 || last[len(last)-1].Name != "" {
			t.Errorf("got %+v", last)
		}
		f.raw(t, fmt.Sprintf(`INSERT INTO meta (name, value) VALUES ('oldest_schema', '%d')`, known+1)).Close()
		check("newer by one, and another", true)
		f.raw(t, `DELETE FROM meta WHERE name = 'oldest_schema'`).Close()
		add(known + 2)
		check("newer by two", true)
	})
}

// TestInterruptedMigration: MariaDB keeps the statements before an interruption; the next process goes on behind them.
func TestInterruptedMigration(t *testing.T) {
	t.Parallel()
	f := open(t, databases[2].empty(t))
	epoch := must(f.Revocations(t.Context(), 0, 1)).Epoch
	f.raw(t, `DROP TABLE leases`, `DROP TRIGGER audit_no_delete`, `DELETE FROM schema_version WHERE version_id > 0`).Close()
	f.reopen(t)
	if held, err := f.Lease(t.Context(), "purge", "a", 0); err != nil || !held {
		t.Errorf("got %t, %v", held, err)
	}
	if got := must(f.Revocations(t.Context(), 0, 1)).Epoch; got != epoch {
		t.Errorf("the epoch was %s and is %s", epoch, got)
	}
}

// TestForeignDatabase: the tables of another program are not touched.
func TestForeignDatabase(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := &fixture{url: emptyURL(t)}
		f.raw(t, `CREATE TABLE users (id INTEGER PRIMARY KEY)`).Close()
		_, err := store.Open(t.Context(), f.config())
		if e, ok := errors.AsType[*store.OpenError](err); !ok || !strings.Contains(e.Error(), "another program") {
			t.Errorf("got %v, want an OpenError", err)
		}
	})
}

// TestMigrateKilledAtItsBeginning: a process that was killed after it had made the table of versions, empty, stops nobody.
func TestMigrateKilledAtItsBeginning(t *testing.T) {
	onServers(t, func(t *testing.T, _ func(testing.TB) *fixture) {
		f := &fixture{url: emptyURL(t), now: start}
		f.raw(t, `CREATE TABLE schema_version (id SERIAL PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL, tstamp TIMESTAMP NULL DEFAULT NOW())`)
		f.reopen(t)
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
}
