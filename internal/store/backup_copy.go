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
	"runtime"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Whose tables a database has.
const (
	none = iota
	ours
	foreign
)

func tablesOf(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (whose int, err error) {
	var all, known int
	err = q.QueryRowContext(ctx, `SELECT COUNT(*), COUNT(CASE WHEN name IN ('schema_version', 'meta', 'sessions') THEN 1 END)
		FROM sqlite_schema WHERE type = 'table'`).Scan(&all, &known)
	switch {
	case all == 0:
		return none, err
	case known == 3:
		return ours, err
	}
	return foreign, err
}

// copyStore copies the database at from, opened with parameters, into the file at to, as one file that needs no other.
func copyStore(ctx context.Context, from string, parameters url.Values, to string, p Progress) (err error) {
	pool, err := sql.Open("sqlite", fileURI(from, parameters))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	// What is read within one transaction is of one instant, however often others write meanwhile.
	if _, err := conn.ExecContext(ctx, `BEGIN`); err != nil {
		return err
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`) }() // it has changed nothing
	if _, err := tablesOf(ctx, conn); err != nil {
		return err
	}
	if err := copyPages(ctx, conn, "copy", to, false, p); err != nil {
		return err
	}
	return singleFile(ctx, to)
}

// pageGroup is how many pages are copied between two looks at the context: 1 MiB.
const pageGroup = 256

// copyPages copies the database behind conn into the file at path; with back, the file into the database.
// The one that is written holds all of it afterwards, or, where this fails, what it held before.
func copyPages(ctx context.Context, conn *sql.Conn, what, path string, back bool, p Progress) error {
	return conn.Raw(func(driver any) (err error) {
		c, ok := driver.(interface {
			NewBackup(to string) (*sqlite.Backup, error)
			NewRestore(from string) (*sqlite.Backup, error)
		})
		if !ok {
			panic(fmt.Sprintf("store: %T copies no pages", driver))
		}
		begin := c.NewBackup
		if back {
			begin = c.NewRestore
		}
		b, err := begin(fileURI(path, nil))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.Finish()) }()
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			if more, err = b.Step(pageGroup); err != nil {
				return err
			}
			if p != nil {
				p(what, b.PageCount()-b.Remaining(), b.PageCount())
			}
		}
		return nil
	})
}

// singleFile makes a database need no log beside it, so that it can be moved and read where nothing can be written.
func singleFile(ctx context.Context, path string) error {
	pool, err := sql.Open("sqlite", fileURI(path, nil))
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, `PRAGMA journal_mode = DELETE`)
	return errors.Join(err, pool.Close())
}

// readAlone are the parameters of a file that nobody writes to: nothing is made beside it, and it may lie where nothing can be
// written.
func readAlone() url.Values { return url.Values{"mode": {"ro"}, "immutable": {"1"}} }

func fileURI(path string, parameters url.Values) string {
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: parameters.Encode()}).String()
}

// EmbeddedPath is the absolute path of the file behind store.url. For other databases, which have better tools of
// their own, it is an *OpenError that names them.
func EmbeddedPath(storeURL string) (string, error) {
	scheme, path, _ := strings.Cut(storeURL, ":")
	switch scheme {
	case "postgres", "postgresql":
		return "", serverStore("PostgreSQL", "pg_dump --format=custom", "pg_restore")
	case "mysql":
		return "", serverStore("MariaDB or MySQL", "mariadb-dump --single-transaction --hex-blob", "mariadb")
	case "sqlite":
		return filepath.Abs(path)
	}
	return "", &OpenError{Path: scheme, Reason: "not a store URL", hint: "write sqlite: and the path of a file"}
}

func serverStore(name, dump, load string) error {
	return &OpenError{
		Path: "of " + name, Reason: "this command copies the embedded store alone",
		hint: "back it up with: " + dump + "; load that with: " + load + ", and then run: sandi restore --after-dump",
	}
}

// nameFault makes an *OpenError about path of what SQLite says of a file.
func nameFault(err error, path string) error {
	if e, ok := errors.AsType[*OpenError](err); ok {
		e.Path = path
		return err
	}
	switch primaryCode(err) {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return damagedCopy(path, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return inUse(path, err)
	case sqlite3.SQLITE_FULL:
		return &OpenError{Path: path, Reason: "disk is full", Cause: err, hint: "make room, or choose another disk"}
	}
	return err
}

// primaryCode is SQLite's primary result code, 0 for an error that is not its own.
func primaryCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

func damagedCopy(path string, cause error) error {
	return &OpenError{Path: path, Reason: "file is damaged or not a database", Cause: cause, hint: "use another backup"}
}

func notOurs(path string) error {
	return &OpenError{Path: path, Reason: "is not a store of Sandi", hint: "name a file that 'sandi backup' made"}
}

func inUse(path string, cause error) error {
	return &OpenError{Path: path, Reason: "a server or another command has it open", Cause: cause, hint: "stop it first"}
}

// removeFiles removes a database and what SQLite may have left beside it.
func removeFiles(path string) error {
	var errs []error
	for _, suffix := range besides {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// besides are the endings of the files that make up a database.
var besides = [...]string{"", "-wal", "-shm", "-journal"}

// syncPath has a file, or the names in a folder, survive a loss of power.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	err = f.Sync()
	if info, statErr := f.Stat(); statErr == nil && info.IsDir() && runtime.GOOS == "windows" {
		err = nil // which has no such call
	}
	return errors.Join(err, f.Close())
}
