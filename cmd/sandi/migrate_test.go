package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMigrateUnknown: what a newer version did to the schema is shown, and nothing is done on top of it.
func TestMigrateUnknown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sandi.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sandiOK(t, "", "migrate", "up", "--data", dir)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO schema_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := sandi(t, "", "migrate", "status", "--data", dir)
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); code != exitFault || stderr != "" || !strings.HasPrefix(lines[len(lines)-1], "999 ") ||
		!strings.Contains(lines[len(lines)-1], " unknown ") {
		t.Errorf("status: exit code %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := sandi(t, "", "migrate", "up", "--data", dir); code != exitFault || !strings.Contains(stderr, "schema 999 is newer than this binary") {
		t.Errorf("up: exit code %d\n%s", code, stderr)
	}
}
