package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// backUp makes a backup of the fixture's store in a folder of its own.
func (f *fixture) backUp(tb testing.TB) string {
	tb.Helper()
	to := filepath.Join(tb.TempDir(), "backup.db")
	if _, err := store.Backup(tb.Context(), store.BackupConfig{URL: "sqlite:" + f.path, To: to}); err != nil {
		tb.Fatal(err)
	}
	return to
}

// value is the one value that a query of a file finds.
func value[T any](tb testing.TB, path, query string) (v T) {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(tb.Context(), query).Scan(&v); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return v
}

// TestBackupWhileWriting: what 32 writers do meanwhile is in the copy whole or not at all.
func TestBackupWhileWriting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var stop atomic.Bool
	var writers, ready sync.WaitGroup
	ready.Add(32)
	for i := range 32 {
		writers.Go(func() {
			for n := 0; n == 0 || !stop.Load(); n++ {
				u := account.User{Subject: fmt.Sprintf("user%d-%d", i, n), CredentialVersion: 1, CreatedAt: f.clock(), PasswordChangedAt: f.clock()}
				if err := f.CreateUser(t.Context(), u, audit.Event{Action: audit.UserCreated, Subject: u.Subject}); err != nil {
					t.Error(err)
				}
				if _, err := f.BeginSession(t.Context(), f.newSession(u.Subject), session.ID{}, 100, audit.Event{Action: audit.SessionBegun}); err != nil {
					t.Error(err)
				}
				if n == 0 {
					ready.Done()
				}
			}
		})
	}
	ready.Wait()
	to := filepath.Join(t.TempDir(), "backup.db")
	s, err := store.Backup(t.Context(), store.BackupConfig{URL: "sqlite:" + f.path, To: to})
	stop.Store(true)
	writers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if s.Users < 32 || s.Sessions < 32 || s.Sessions > s.Users || !s.LastEvent.Equal(start) || s.Path != to {
		t.Errorf("got %+v", s)
	}
	for query, want := range map[string]int{
		`SELECT COUNT(*) FROM sessions s LEFT JOIN users u ON u.subject = s.subject WHERE u.subject IS NULL`: 0,
		`SELECT COUNT(*) - MAX(seq) FROM audit`:                       0,
		`SELECT COUNT(*) FROM audit WHERE action = 'user.created'`:    s.Users,
		`SELECT COUNT(*) FROM audit WHERE action = 'session.begun'`:   s.Sessions,
		`SELECT COUNT(*) FROM pragma_integrity_check WHERE 1 = 1`:     1,
		`SELECT COUNT(*) FROM pragma_foreign_key_check('sessions')`:   0,
		`SELECT COUNT(*) FROM meta WHERE name = 'epoch'`:              1,
		`SELECT COUNT(*) FROM sessions WHERE length(secret_hash)= 32`: s.Sessions,
	} {
		if got := value[int](t, to, query); got != want {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(to), "*"))
	hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(to), ".sandi*"))
	if info, e := os.Stat(to); err != nil || e != nil || len(files) != 1 || len(hidden) != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("got files %v %v of mode %v, want one of mode 0600", files, hidden, info.Mode())
	}
	if n := s.Users; n == value[int](t, f.path, `SELECT COUNT(*) FROM users`) {
		t.Logf("no writer wrote during the backup of %d users", n)
	}
}

// TestBackupIsRefused: nothing is replaced unasked, and nothing is made of what is no store.
func TestBackupIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE recipes (name TEXT)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	ours := "sqlite:" + f.path
	taken := file("taken", "mine")
	dangling, link := filepath.Join(dir, "dangling"), filepath.Join(dir, "link")
	if err := errors.Join(os.Symlink(filepath.Join(dir, "nowhere"), dangling), os.Symlink(taken, link)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, url, to, want string
		replace             bool
	}{
		{"taken", ours, taken, "file already exists", false},
		{"itself", ours, f.path, "no place for a backup", true},
		{"dangling link", ours, dangling, "no place for a backup", false},
		{"dangling link, by force", ours, dangling, "no place for a backup", true},
		{"link, by force", ours, link, "no place for a backup", true},
		{"folder", ours, dir, "no place for a backup", true},
		{"no folder", ours, filepath.Join(dir, "none", "b.db"), "no such file", false},
		{"missing", "sqlite:" + filepath.Join(dir, "none.db"), filepath.Join(dir, "b.db"), "no such file", false},
		{"empty", "sqlite:" + file("empty", ""), filepath.Join(dir, "b.db"), "not a store of Sandi", false},
		{"text", "sqlite:" + file("text", strings.Repeat("not a database", 100)), filepath.Join(dir, "b.db"), "damaged or not a database", false},
		{"foreign", "sqlite:" + foreign, filepath.Join(dir, "b.db"), "not a store of Sandi", false},
		{"PostgreSQL", "postgres://sandi:secret@db/sandi", filepath.Join(dir, "b.db"), "of PostgreSQL: this command copies the embedded store alone", false},
		{"MariaDB", "mysql://sandi:secret@db/sandi", filepath.Join(dir, "b.db"), "of MariaDB", false},
		{"unknown", "redis://secret@db", filepath.Join(dir, "b.db"), "not a store URL", false},
	} {
		_, err := store.Backup(t.Context(), store.BackupConfig{URL: tt.url, To: tt.to, Replace: tt.replace})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "b.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a backup was made: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".sandi*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := store.Backup(t.Context(), store.BackupConfig{URL: ours, To: taken, Replace: true}); err != nil {
		t.Errorf("replace: %v", err)
	}
}
