package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// TestPersistence: what was committed is there after Close and Open.
func TestPersistence(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	user := f.addUser(t, "ani", "manager")
	s, gone := f.begin(t, "ani"), f.begin(t, "ani")
	f.rotate(t, presented(s, 0), limits())
	f.end(t, gone.ID, true)
	row, feed := f.row(t, s.ID), must(f.Revocations(t.Context(), 0, 10))
	f.reopen(t)
	if diff := cmp.Diff(user, must(f.User(t.Context(), "ani"))); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(row, f.row(t, s.ID)); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(feed, must(f.Revocations(t.Context(), 0, 10))); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
	if r := f.rotate(t, presented(s, 1), limits()); r.Step != session.StepSame {
		t.Errorf("got step %d, want the retry window to go on", r.Step)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestFilesArePrivate: file 0600 in a folder 0700, also where it was not.
// secure-defaults 1d
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.addUser(t, "ani")
	check := func() {
		t.Helper()
		if m := must(os.Stat(filepath.Dir(f.path))).Mode().Perm(); m != 0o700 {
			t.Errorf("folder is %v, want 0700", m)
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if m := must(os.Stat(f.path + suffix)).Mode().Perm(); m != 0o600 {
				t.Errorf("file %q is %v, want 0600", suffix, m)
			}
		}
	}
	check()
	if err := errors.Join(f.Close(), os.Chmod(f.path, 0o644)); err != nil {
		t.Fatal(err)
	}
	f.reopen(t)
	check()
}

// TestTwoProcesses: a second DB on the file, as the command line beside a server,
// sees and makes changes at once.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	other := must(store.Open(t.Context(), f.config()))
	defer other.Close()
	f.addUser(t, "ani")
	s := f.begin(t, "ani")
	if err := other.SetDisabled(t.Context(), "ani", true, audit.Event{Action: audit.UserDisabled}); err != nil {
		t.Fatal(err)
	}
	if r := f.rotate(t, presented(s, 0), limits()); r.Step != session.StepRefused {
		t.Errorf("got step %d for a user disabled elsewhere, want StepRefused", r.Step)
	}
	if p := must(f.Revocations(t.Context(), 0, 10)); len(p.Entries) != 2 {
		t.Errorf("got %d revocations, want the session's and the user's", len(p.Entries))
	}
	var wg sync.WaitGroup
	for _, db := range []*store.DB{f.DB, other} {
		for range 50 {
			wg.Go(func() {
				if err := db.Audit(t.Context(), audit.Event{Action: audit.LoginRefused}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if n := len(f.events(t)); n != 103 {
		t.Errorf("got %d events, want 103", n)
	}
}

// TestOpenAtOnce: any number may open a new file at the same moment.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "a folder, 100% #new?", "sandi.db")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			db, err := store.Open(t.Context(), store.Config{URL: url})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Ping(t.Context()), db.MigrateDemo(t.Context()), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestOpenErrors: each is one line that names the file, with a hint.
// secure-defaults 2h
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("this is no database\n", 500)
	for _, c := range []struct {
		name    string
		url     string // instead of the path
		prepare func(t *testing.T, path string)
		want    string
	}{
		{name: "no file in the URL", url: "sqlite:", want: "not a store URL"},
		{name: "in memory", url: "sqlite::memory:", want: "not a store URL"},
		{name: "another database", url: "oracle://db", want: "not a store URL"},
		{name: "folder under a file", prepare: func(t *testing.T, path string) { write(t, filepath.Dir(path), "x") }, want: "not a directory"},
		{name: "read-only file system", url: "sqlite:/proc/sandi/sandi.db", want: "cannot create it"},
		{name: "a folder", prepare: func(t *testing.T, path string) { os.MkdirAll(path, 0o700) }, want: "not a regular file"},
		{name: "not a database", prepare: func(t *testing.T, path string) { write(t, path, text) }, want: "damaged or not a database"},
		{name: "torn header", prepare: func(t *testing.T, path string) { write(t, path, "SQLite format 3\x00") }, want: "damaged or not a database"},
		{name: "torn file", prepare: func(t *testing.T, path string) {
			makeStore(t, path)
			if err := os.Truncate(path, 3*4096+100); err != nil {
				t.Fatal(err)
			}
		}, want: "damaged or not a database"},
		{name: "overwritten page", prepare: func(t *testing.T, path string) {
			makeStore(t, path)
			b := must(os.ReadFile(path))
			copy(b[4*4096:], text[:4096])
			write(t, path, string(b))
		}, want: "damaged or not a database"},
		{name: "another program's", prepare: func(t *testing.T, path string) {
			f := fixture{path: path}
			f.raw(t, `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)`).Close()
		}, want: "database of another program"},
		{name: "newer schema", prepare: func(t *testing.T, path string) {
			makeStore(t, path)
			f := fixture{path: path}
			f.raw(t, `INSERT INTO schema_version (version_id, is_applied) VALUES (999, 1)`).Close()
		}, want: "schema 999 is newer than this binary, which knows 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data", "sandi.db")
			if c.prepare != nil {
				if c.want != "not a directory" {
					os.Mkdir(filepath.Dir(path), 0o700)
				}
				c.prepare(t, path)
			}
			if c.url == "" {
				c.url = "sqlite:" + path
			}
			db, err := store.Open(t.Context(), store.Config{URL: c.url})
			if err == nil {
				db.Close()
				t.Fatal("it opened")
			}
			e, ok := errors.AsType[*store.OpenError](err)
			if !ok || !strings.Contains(e.Error(), c.want) || e.Hint() == "" {
				t.Errorf("got %#v, want an OpenError with %q and a hint", err, c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

// TestPrepareFolder: a folder that is made is private, one that others can write to is refused.
// secure-defaults 1d, 2h
func TestPrepareFolder(t *testing.T) {
	t.Parallel()
	made := filepath.Join(t.TempDir(), "new", "data")
	for range 2 {
		if err := store.PrepareFolder(made); err != nil {
			t.Fatal(err)
		}
	}
	if m := must(os.Stat(made)).Mode().Perm(); m != 0o700 {
		t.Errorf("folder is %v, want 0700", m)
	}
	for mode, refused := range map[os.FileMode]bool{0o700: false, 0o750: false, 0o755: false, 0o775: true, 0o702: true, 0o777: true} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		err := store.PrepareFolder(dir)
		if e, ok := errors.AsType[*store.OpenError](err); ok != refused || ok && e.Hint() != "chmod 700 "+dir || !ok && err != nil {
			t.Errorf("mode %04o: got %v", mode, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	for _, dir := range []string{file, filepath.Join(file, "data"), "/proc/sandi"} {
		if e, ok := errors.AsType[*store.OpenError](store.PrepareFolder(dir)); !ok || e.Hint() == "" {
			t.Errorf("%s: got %v, want an OpenError with a hint", dir, e)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func makeStore(t *testing.T, path string) {
	t.Helper()
	db := must(store.Open(t.Context(), store.Config{URL: "sqlite:" + path}))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
