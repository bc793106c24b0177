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

	sqlite3 "modernc.org/sqlite/lib"
)

// oldStore is the store that is to be replaced, which nobody else has open.
type oldStore struct {
	path, aside string
	made        bool // by us, to have something to lock
	empty       bool
	pool        *sql.DB
	conn        *sql.Conn // holds the lock; nil where SQLite cannot read the file, so that no server has it open

	// What is known of it, as far as it can be read.
	keys     []string // of the signing keys, by id; nil where they are not known
	lifetime time.Duration
}

// lockOld locks the store at path, or makes a file there to lock.
func lockOld(ctx context.Context, path string, now time.Time) (*oldStore, error) {
	o := &oldStore{path: path, aside: path + ".before-restore-" + now.UTC().Format("20060102T150405.000Z")}
	err := o.lock(ctx)
	if err == nil {
		return o, nil
	}
	_ = o.close(err) // the reason is told
	if code := primaryCode(err); code == sqlite3.SQLITE_NOTADB || code == sqlite3.SQLITE_CORRUPT {
		return o, nil
	}
	return nil, nameFault(err, path)
}

// lock takes SQLite's exclusive lock, which it gives to nobody while a server or a command has the file open, and keeps it.
func (o *oldStore) lock(ctx context.Context) (err error) {
	if err := makeFile(o.path); err == nil {
		o.made = true
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if o.pool, err = sql.Open("sqlite", fileURI(o.path, url.Values{"_pragma": {"busy_timeout(500)", "synchronous(EXTRA)"}})); err != nil {
		return err
	}
	if o.conn, err = o.pool.Conn(ctx); err != nil {
		return err
	}
	// To leave the write-ahead log is to be alone, and carries it into the file.
	for _, statement := range []string{`PRAGMA locking_mode = EXCLUSIVE`, `PRAGMA journal_mode = DELETE`, `BEGIN EXCLUSIVE`, `COMMIT`} {
		if _, err := o.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	whose, err := tablesOf(ctx, o.conn)
	switch {
	case err != nil:
		return err
	case whose == foreign:
		return &OpenError{Path: o.path, Reason: "is a SQLite database of another program", hint: "name another file by store.url, or another folder by data"}
	}
	o.empty = whose == none
	o.readFacts(ctx)
	return nil
}

// readFacts is best-effort: what a damaged store does not tell is not known.
func (o *oldStore) readFacts(ctx context.Context) {
	var ms int64
	if o.conn.QueryRowContext(ctx, `SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?`, metaAccessLifetime).Scan(&ms) == nil {
		o.lifetime = time.Duration(ms) * time.Millisecond
	}
	rows, err := o.conn.QueryContext(ctx, `SELECT kid FROM "keys"`)
	if err != nil {
		return
	}
	defer rows.Close()
	keys := []string{}
	for rows.Next() {
		var kid string
		if rows.Scan(&kid) != nil {
			return
		}
		keys = append(keys, kid)
	}
	if rows.Err() == nil {
		o.keys = keys
	}
}

// replace puts the database in file in the old one's place, and says where that one is kept.
func (o *oldStore) replace(ctx context.Context, file string, p Progress) (kept string, err error) {
	if o.conn == nil {
		return o.aside, o.swap(file)
	}
	if !o.empty {
		kept = o.aside
		if err := makeFile(kept); err != nil {
			return "", fmt.Errorf("keep old store: %w", err)
		}
		if err := copyPages(ctx, o.conn, "keep the old store", kept, false, p); err != nil {
			return "", errors.Join(nameFault(err, kept), removeFiles(kept))
		}
		if err := errors.Join(syncPath(kept), syncPath(filepath.Dir(kept))); err != nil {
			return "", err
		}
	}
	return kept, nameFault(copyPages(ctx, o.conn, "restore", file, true, p), o.path)
}

// swap puts file in the place of one that SQLite cannot read. There is a file under the old name at every instant: without
// one a server would begin an empty store.
func (o *oldStore) swap(file string) error {
	if err := os.Link(o.path, o.aside); err != nil {
		return fmt.Errorf("keep old store: %w", err)
	}
	for _, suffix := range besides[1:] { // those of the old one are not the new one's
		if err := os.Rename(o.path+suffix, o.aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep old store: %w", err)
		}
	}
	return errors.Join(syncPath(file), os.Rename(file, o.path), syncPath(filepath.Dir(o.path)))
}

// close lets go of the store, and removes the file that was made for one that did not come.
func (o *oldStore) close(failed error) error {
	var errs []error
	if o.conn != nil {
		errs = append(errs, o.conn.Close())
	}
	if o.pool != nil {
		errs = append(errs, o.pool.Close())
	}
	if failed != nil && o.made {
		errs = append(errs, removeFiles(o.path))
	}
	o.conn, o.pool, o.made = nil, nil, false
	return errors.Join(errs...)
}

// makeFile makes an empty file, mode 0600, or fails with fs.ErrExist.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
