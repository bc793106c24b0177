package store

import "testing"

// TestPragmas proves what durability and integrity rest on: every commit is
// synced, references are enforced, and readers cannot write.
func TestPragmas(t *testing.T) {
	t.Parallel()
	db := openTest(t, Config{})
	read := func(q querier, pragma string) (value string) {
		t.Helper()
		if err := one(t.Context(), q, []any{&value}, "PRAGMA "+pragma); err != nil {
			t.Errorf("%s: %v", pragma, err)
		}
		return value
	}
	err := db.write(t.Context(), "read pragmas", func(tx *tx) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
			if got := read(tx, pragma); got != want {
				t.Errorf("writer: %s is %s, want %s", pragma, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "query_only": "1", "busy_timeout": "5000"} {
		if got := read(db.readers, pragma); got != want {
			t.Errorf("readers: %s is %s, want %s", pragma, got, want)
		}
	}
	if _, err := db.readers.ExecContext(t.Context(), `DELETE FROM users`); err == nil {
		t.Error("a reader can write")
	}
}
