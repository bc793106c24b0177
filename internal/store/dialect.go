package store

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sandi-auth/sandi/internal/problem"
)

//go:embed migrations
var migrations embed.FS

// dialect is where the databases differ: everything else is one text of SQL
// with ? for its arguments.
type dialect struct{}

func (dialect) driver() string { return "sqlite" }

func (dialect) goose() goose.Dialect { return goose.DialectSQLite3 }

// migrations are the schema's, or the demo application's.
func (dialect) migrations(demo bool) (fs.FS, error) {
	if demo {
		return fs.Sub(migrations, "migrations/demo/sqlite")
	}
	return fs.Sub(migrations, "migrations/sqlite")
}

// dsn names the file at path. Writers wait for the lock of another process for
// 5 s, the limit of every transaction.
func (dialect) dsn(path string, readOnly bool) string {
	q := url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"journal_size_limit(16777216)",
	}}
	if readOnly {
		q["_pragma"] = []string{"busy_timeout(5000)", "query_only(1)"}
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// begin opens a transaction that holds the write lock from its start, so that
// what it reads cannot change before it writes.
func (dialect) begin() string { return "BEGIN IMMEDIATE" }

// forUpdate locks the rows of a SELECT until the transaction ends; behind
// begin's lock there is nothing left to lock.
func (dialect) forUpdate() string { return "" }

// head is an expression for the highest revocations.seq ever assigned.
func (dialect) head() string {
	return "COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'revocations'), 0)"
}

// taken says that a row with this key exists already.
func (dialect) taken(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}

// fault says what failed, and makes problem.Unavailable of a database that
// refuses work which it may accept later.
func (d dialect) fault(what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	switch d.code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		p := problem.Wrap(problem.Unavailable, "temporarily_unavailable", err)
		p.RetryAfter = time.Second
		return p
	}
	return err
}

// busy says that another holds a lock that was wanted.
func (d dialect) busy(err error) bool {
	code := d.code(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// code is SQLite's primary result code, 0 for an error that is not its own.
func (dialect) code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
