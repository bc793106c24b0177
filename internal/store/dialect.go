package store

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/sandi-auth/sandi/internal/problem"
)

//go:embed migrations
var migrations embed.FS

// dialect is where the databases differ: everything else is one text of SQL
// with ? for its arguments.
type dialect interface {
	// name is the folder of its migrations.
	name() string
	goose() goose.Dialect

	// rebind writes the ? of a query as the driver wants them.
	rebind(query string) string
	// forUpdate, at the end of a SELECT from one table, locks its rows until the transaction ends; it
	// waits for whoever holds them, and sees what that one made of them.
	forUpdate() string
	// skipLocked is forUpdate that leaves out the rows that others hold.
	skipLocked() string
	// returning, at the end of an INSERT, answers with the column that numbered the
	// row; it is empty where the driver tells by itself.
	returning(column string) string
	// replacing, after the VALUES of an INSERT, overwrites these columns of the row with the same key.
	replacing(key string, columns ...string) string
	// skipLists has the numbers of status lists begin behind its argument.
	skipLists() string
	// clock is the database's clock in Unix milliseconds, empty where that is this process's.
	clock() string
	// hasTable counts the tables of a name.
	hasTable() string

	// taken says that a row with this key exists already.
	taken(err error) bool
	// conflict says that a transaction lost against another, was undone, and may do better when it is made again.
	conflict(err error) bool
	// broken says that the connection is lost, and with it what was not committed.
	broken(err error) bool
	// refused says that the database is away, or refuses work which it may accept later.
	refused(err error) bool
	// fault says what failed, and makes problem.Unavailable of what is refused.
	fault(what string, err error) error
	// takeLock answers 1 where this connection has the lock under which
	// one process after the other migrates; empty where each step takes the file's own.
	takeLock() string
}

// onConflict is replacing for SQLite and PostgreSQL.
func onConflict(key string, columns []string) string {
	set := make([]string, len(columns))
	for i, c := range columns {
		set[i] = c + " = excluded." + c
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ")
}

// insertList is skipLists for SQLite and MariaDB, which number behind the highest that there ever was.
const insertList = `INSERT INTO status_lists (id, expires_at, taken) VALUES (?, 0, 0)`

// schemaFiles are the migrations of the schema, or of the demo application's.
func schemaFiles(d dialect, demo bool) (fs.FS, error) {
	if demo {
		return fs.Sub(migrations, "migrations/demo/"+d.name())
	}
	return fs.Sub(migrations, "migrations/"+d.name())
}

// fault is every dialect's.
func fault(d dialect, what string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", what, err)
	if d.refused(err) {
		p := problem.Wrap(problem.Unavailable, "temporarily_unavailable", err)
		p.RetryAfter = time.Second
		return p
	}
	return err
}
