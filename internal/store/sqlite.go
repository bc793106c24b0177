package store

import (
	"errors"
	"net/url"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// embedded is SQLite: a file, one writer, and no network.
type embedded struct{}

func (embedded) name() string { return "sqlite" }

func (embedded) goose() goose.Dialect { return goose.DialectSQLite3 }

// dsn names the file at path. Writers wait for the lock of another process for
// 5 s, the limit of every transaction.
func (embedded) dsn(path string, readOnly bool) string {
	q := url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"journal_size_limit(16777216)",
	}}
	if readOnly {
		q["_pragma"] = []string{"busy_timeout(5000)", "query_only(1)"}
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

func (embedded) rebind(query string) string { return query }

// forUpdate is nothing: a transaction holds the write lock from its start (BEGIN
// IMMEDIATE), so that what it reads cannot change before it writes.
func (embedded) forUpdate() string { return "" }

func (embedded) skipLocked() string { return "" }

func (embedded) returning(string) string { return "" }

func (embedded) replacing(key string, columns ...string) string {
	return onConflict(key, columns)
}

func (embedded) skipLists() string { return insertList }

func (embedded) clock() string { return "" }

func (embedded) hasTable() string {
	return `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = ?`
}

func (embedded) taken(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}

func (embedded) conflict(error) bool { return false } // its writer waits for the lock instead

func (embedded) broken(error) bool { return false }

func (d embedded) refused(err error) bool {
	switch d.code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return true
	}
	return false
}

func (d embedded) fault(what string, err error) error { return fault(d, what, err) }

func (embedded) takeLock() string { return "" }

// busy says that another holds a lock that was wanted.
func (d embedded) busy(err error) bool {
	code := d.code(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// code is SQLite's primary result code, 0 for an error that is not its own.
func (embedded) code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
