package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// Snapshot is what a copy of an embedded store holds.
type Snapshot struct {
	Path      string
	Size      int64  // bytes
	Schema    int64  // the version of its schema
	Master    string // fingerprint of the master key that it needs; empty where it has never known one
	Users     int
	Sessions  int       // that have not ended
	LastEvent time.Time // in its audit log: what came later is not in it; zero where there is none
}

// Progress is told of a copy: which one, and how many of its pages are done. It is called by one
// goroutine, at least once for each copy.
type Progress func(what string, done, total int)

// BackupConfig is what Backup needs. URL and To are required.
type BackupConfig struct {
	URL     string // store.url, of an embedded store
	To      string // the file to make, mode 0600
	Replace bool   // a file that is there; else it is fs.ErrExist
	// Progress; nil means nobody wants to know.
	Progress Progress
}

// Backup copies the embedded store as it is at one instant, also while servers write to it, and neither changes nor
// blocks it. The copy gets its name when it is whole, checked and on the disk. A fault that an operator can mend is an *OpenError.
func Backup(ctx context.Context, c BackupConfig) (_ Snapshot, err error) {
	path, err := EmbeddedPath(c.URL)
	if err != nil {
		return Snapshot{}, err
	}
	if err := c.checkTarget(path); err != nil {
		return Snapshot{}, err
	}
	f, err := os.CreateTemp(filepath.Dir(c.To), ".sandi-backup-*") // mode 0600
	if err != nil {
		return Snapshot{}, fmt.Errorf("back up store: %w", err)
	}
	temporary := f.Name()
	defer func() { err = errors.Join(err, removeFiles(temporary)) }()
	if err := f.Close(); err != nil {
		return Snapshot{}, fmt.Errorf("back up store: %w", err)
	}
	if err := copyStore(ctx, path, url.Values{"_pragma": {"busy_timeout(5000)", "query_only(1)"}}, temporary, c.Progress); err != nil {
		return Snapshot{}, nameFault(err, path)
	}
	s, err := Inspect(ctx, temporary)
	if err != nil {
		return Snapshot{}, nameFault(err, path)
	}
	if err := c.checkTarget(path); err != nil { // somebody may have made it meanwhile
		return Snapshot{}, err
	}
	s.Path = c.To
	return s, errors.Join(syncPath(temporary), os.Rename(temporary, c.To), syncPath(filepath.Dir(c.To)))
}

// checkTarget refuses to replace the store itself, or a file that nobody said is to be replaced.
func (c BackupConfig) checkTarget(path string) error {
	store, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("back up store: %w", err)
	}
	to, err := os.Lstat(c.To) // a link is not followed, and not replaced
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("back up store: %w", err)
	case os.SameFile(store, to) || !to.Mode().IsRegular():
		return &OpenError{Path: c.To, Reason: "is no place for a backup", hint: "name another file with --out"}
	case !c.Replace:
		return fmt.Errorf("back up store: %w", &fs.PathError{Op: "create", Path: c.To, Err: fs.ErrExist})
	}
	return nil
}

// Inspect checks a copy of a store from its first page to its last, and says what it holds. It leaves nothing
// beside the file. One that is damaged, of another program or not whole is an *OpenError.
func Inspect(ctx context.Context, path string) (s Snapshot, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, fmt.Errorf("read backup: %w", err)
	}
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 || !info.Mode().IsRegular() {
		return s, &OpenError{
			Path: path, Reason: "is a database in use, or a part of one: its write-ahead log lies beside it",
			hint: "make a whole copy with: sandi backup",
		}
	}
	pool, err := sql.Open("sqlite", fileURI(path, readAlone()))
	if err != nil {
		return s, fmt.Errorf("read backup: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	s = Snapshot{Path: path, Size: info.Size()}
	return s, nameFault(s.read(ctx, pool), path)
}

func (s *Snapshot) read(ctx context.Context, pool *sql.DB) error {
	switch whose, err := tablesOf(ctx, pool); {
	case err != nil:
		return err
	case whose != ours:
		return notOurs(s.Path)
	}
	if err := checkSchema(ctx, pool, s.Path); err != nil { // first: the check of the pages computes what the schema says
		return err
	}
	var sound string
	if err := pool.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&sound); err != nil {
		return err
	}
	if sound != "ok" {
		return damagedCopy(s.Path, errors.New(sound))
	}
	var last int64
	err := pool.QueryRowContext(ctx, `SELECT (SELECT MAX(version_id) FROM schema_version), (SELECT COUNT(*) FROM users),
		(SELECT COUNT(*) FROM sessions WHERE ended_at = 0), COALESCE((SELECT at FROM audit ORDER BY seq DESC LIMIT 1), 0),
		COALESCE((SELECT value FROM meta WHERE name = ?), '')`, metaMaster).Scan(&s.Schema, &s.Users, &s.Sessions, &last, &s.Master)
	s.LastEvent = fromMillis(last)
	return err
}
