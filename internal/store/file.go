package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"
)

// OpenError is a reason not to open a store that its operator can mend, in one line.
type OpenError struct {
	Path   string
	Reason string
	Cause  error // may be nil
	hint   string
}

// Error implements error.
func (e *OpenError) Error() string { return "open store " + e.Path + ": " + e.Reason }

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Cause }

// Hint says what to do about it.
func (e *OpenError) Hint() string { return e.hint }

// filePath is the path in the URL of an embedded store.
func filePath(url string) (string, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok || path == "" || strings.HasPrefix(path, ":") {
		return "", notURL(url)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("open store: %w", err)
	}
	return path, nil
}

// PrepareFolder makes the data folder, mode 0700, or checks the one that is there:
// whoever else can write to it can put other files in the place of the database and the keys.
// Readable is tolerated, because every file inside is 0600. The error is an *OpenError.
func PrepareFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return (&DB{path: dir}).describe(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return (&DB{path: dir}).describe(err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 && runtime.GOOS != "windows" { // which knows no such modes
		return &OpenError{Path: dir, Reason: fmt.Sprintf("others can write to this folder (mode %04o)", mode), hint: "chmod 700 " + dir}
	}
	return nil
}

// prepareFile makes the folder and the file, readable by their owner alone. A
// file that exists is not opened here: closing it would drop the locks that
// SQLite holds on it elsewhere in this process.
func (db *DB) prepareFile() error {
	if err := os.MkdirAll(filepath.Dir(db.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(db.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(db.path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &OpenError{Path: db.path, Reason: "not a regular file", hint: "name a file in a folder that this user may write"}
	}
	if info.Mode().Perm()&0o077 != 0 {
		db.log.Warn("store was readable by others; made private", "path", db.path, "mode", info.Mode().Perm().String())
		return os.Chmod(db.path, 0o600)
	}
	return nil
}

// checkedWhole is the size in bytes up to which a file is checked page by page
// at every start, which takes milliseconds; damage in a larger one is found when its
// page is read.
const checkedWhole = 4 << 20

// check finds out whether the file is a sound database.
func (db *DB) check(ctx context.Context) error {
	info, err := os.Stat(db.path)
	if err != nil {
		return err
	}
	pragma := "PRAGMA schema_version"
	if info.Size() <= checkedWhole {
		pragma = "PRAGMA quick_check(1)"
	}
	var answer string
	if err := db.writers.QueryRowContext(ctx, pragma).Scan(&answer); err != nil {
		return err
	}
	if info.Size() <= checkedWhole && answer != "ok" {
		return db.damaged(errors.New(answer))
	}
	return nil
}

func (db *DB) damaged(cause error) error {
	return &OpenError{
		Path: db.path, Reason: "file is damaged or not a database", Cause: cause,
		hint: "restore a backup, or move the file (with its -wal and -shm) away to start empty",
	}
}

// describe turns what an operator can mend into an *OpenError.
func (db *DB) describe(err error) error {
	if s, ok := db.dialect.(server); ok {
		return db.describeServer(s, err)
	}
	folder := filepath.Dir(db.path)
	fault := &OpenError{Path: db.path, Cause: err}
	_, ours := errors.AsType[*OpenError](err)
	switch code := (embedded{}).code(err); {
	case ours:
		return err
	case code == sqlite3.SQLITE_NOTADB || code == sqlite3.SQLITE_CORRUPT:
		return db.damaged(err)
	case (embedded{}).busy(err):
		fault.Reason, fault.hint = "locked by another process", "stop the other process, or wait until it is done"
	case code == sqlite3.SQLITE_FULL:
		fault.Reason, fault.hint = "disk is full", "make room on the disk of "+folder
	case code == sqlite3.SQLITE_CANTOPEN, code == sqlite3.SQLITE_READONLY, code == sqlite3.SQLITE_IOERR,
		code == sqlite3.SQLITE_PERM, errors.Is(err, fs.ErrPermission):
		fault.Reason, fault.hint = "cannot write there", "give this user write permission on "+folder+", or choose another folder"
	default:
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			fault.Reason, fault.hint = "cannot create it: "+e.Err.Error(), "choose a folder that this user may write"
			return fault
		}
		return fmt.Errorf("open store %s: %w", db.path, err)
	}
	return fault
}
