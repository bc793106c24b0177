package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/store"
)

// altered is a copy of a file that a statement has changed.
func altered(t *testing.T, whole []byte, statement string) string {
	t.Helper()
	f := &fixture{path: filepath.Join(t.TempDir(), "altered.db")}
	if err := os.WriteFile(f.path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.raw(t, statement).Close(); err != nil {
		t.Fatal(err)
	}
	return f.path
}

const endless = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n`

// TestForeignSchema: what somebody else put into a store neither comes back with it nor runs.
func TestForeignSchema(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.addUser(t, "ani")
	whole, err := os.ReadFile(f.backUp(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	const foreign = "is not what Sandi makes"
	for _, tt := range []struct{ name, statement, want string }{
		{"trigger that drops revocations", `CREATE TRIGGER t BEFORE INSERT ON revocations BEGIN SELECT RAISE(IGNORE); END`, `the trigger "t" ` + foreign},
		{"trigger that never ends", `CREATE TRIGGER t BEFORE UPDATE ON meta BEGIN SELECT (` + endless + `); END`, `the trigger "t" ` + foreign},
		{"view", `CREATE VIEW v AS ` + endless, `the view "v" ` + foreign},
		{"table", `CREATE TABLE recipes (name TEXT)`, `the table "recipes" ` + foreign},
		{"index", `CREATE UNIQUE INDEX i ON revocations (kind)`, `the index "i" ` + foreign},
		{"column", `ALTER TABLE users ADD COLUMN c TEXT`, `the table "users" ` + foreign},
		{"no trigger", `DROP TRIGGER audit_no_delete`, `the trigger "audit_no_delete" is missing`},
		{"no index", `DROP INDEX sessions_idle`, `the index "sessions_idle" is missing`},
		{"same name", `DROP TRIGGER audit_no_delete; CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT 1; END`, `the trigger "audit_no_delete" ` + foreign},
		{"versions that never end", `DROP TABLE schema_version; CREATE VIEW schema_version AS ` + endless, "is not a store of Sandi"},
		{"versions of others", `ALTER TABLE schema_version ADD COLUMN c AS (length(zeroblob(1000000000)))`, `the table "schema_version" ` + foreign},
		{"older version", `DELETE FROM schema_version WHERE version_id > 2`, foreign},
		{"demo without its table", `CREATE TABLE demo_schema_version (version_id INTEGER)`, `the table "demo_schema_version" ` + foreign},
	} {
		path := altered(t, whole, tt.statement)
		_, err := store.Inspect(t.Context(), path)
		if e, ok := errors.AsType[*store.OpenError](err); !ok || !strings.Contains(e.Error(), tt.want) || e.Path != path || e.Hint() == "" {
			t.Errorf("%s: inspect: got %v, want %q", tt.name, err, tt.want)
		}
		if _, err := store.Restore(t.Context(), store.RestoreConfig{URL: "sqlite:" + f.path, From: path}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: restore: got %v, want %q", tt.name, err, tt.want)
		}
		to := filepath.Join(t.TempDir(), "backup.db")
		if _, err := store.Backup(t.Context(), store.BackupConfig{URL: "sqlite:" + path, To: to}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: backup: got %v, want %q", tt.name, err, tt.want)
		}
	}
	f.reopen(t)
	checkFolder(t, filepath.Dir(f.path), "")
}

// TestOwnSchema: statistics and the demo application's tables are no fault, and neither is an older version.
func TestOwnSchema(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.MigrateDemo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.raw(t, `ANALYZE`).Close(); err != nil {
		t.Fatal(err)
	}
	from := f.backUp(t)
	f.restore(t, store.RestoreConfig{From: from})
	if n := value[int](t, from, `SELECT COUNT(*) FROM products`); n == 0 {
		t.Error("the demo application's products are not in the backup")
	}
	// What the last step brought is taken away again.
	whole, err := os.ReadFile(newFixture(t).backUp(t))
	if err != nil {
		t.Fatal(err)
	}
	older := altered(t, whole, `DROP TABLE sockets; DROP TABLE channels; DELETE FROM schema_version WHERE version_id = 6;
		DROP INDEX sessions_status; DROP INDEX sessions_parent;
		CREATE INDEX sessions_parent ON sessions (parent_id) WHERE parent_id IS NOT NULL;
		ALTER TABLE sessions DROP COLUMN notify; ALTER TABLE sessions DROP COLUMN status_bit;
		ALTER TABLE sessions DROP COLUMN status_list; ALTER TABLE sessions DROP COLUMN details; ALTER TABLE sessions DROP COLUMN audience;
		DROP TABLE clients; DROP TABLE requests; DROP TABLE codes; DROP TABLE devices; DROP TABLE consents; DROP TABLE logouts;
		DROP TABLE status_lists; DROP TABLE status_bits; DROP TABLE factors; DROP TABLE recovery_codes;
		DELETE FROM schema_version WHERE version_id = 5`)
	if s, err := store.Inspect(t.Context(), older); err != nil || s.Schema != 4 {
		t.Errorf("older schema: %+v, %v", s, err)
	}
	f.advance(time.Minute) // the old store is kept under the time's name
	f.restore(t, store.RestoreConfig{From: older})
}

// TestInspectEnds: a check ends with its context, and nothing has changed.
func TestInspectEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	from := f.backUp(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	if _, err := store.Inspect(ctx, from); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("inspect: got %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Restore(ctx, store.RestoreConfig{URL: "sqlite:" + f.path, From: from}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("restore: got %v", err)
	}
	f.reopen(t)
}
