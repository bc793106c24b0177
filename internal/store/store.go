package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/revocation"
)

// ErrClosed is the answer of a DB after Close.
var ErrClosed = errors.New("store is closed")

// Config is what Open needs. Only URL is required.
type Config struct {
	// URL is store.url: "sqlite:" and the path of a file, which is created 0600 where it is missing, its folder
	// 0700; "postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full"; or "mysql://USER@HOST:PORT/DATABASE?tls=true"
	// for MariaDB and MySQL. The last two name a database that exists.
	URL string
	// Password is the database user's, and goes before one in the URL.
	Password string
	// MaxConns is the most connections to a database server. Zero means 20.
	MaxConns int
	// NoMigrate opens the store with the schema that it has: for looking at its Migrations, not for work.
	NoMigrate bool
	// AccessLifetime is the longest life of an access token: a revocation is kept
	// that long and a little more. The store remembers the longest it was ever
	// opened with, so that a command line that does not know a server's
	// configuration revokes for long enough. Zero means 15 minutes.
	AccessLifetime time.Duration
	// Revoked is handed the revocations of a transaction after its commit and
	// before any of its callers is answered. It must not call the DB, and on a shared store it is
	// called by many goroutines at once. May be nil.
	Revoked func([]revocation.Entry)
	// ReservedSubjects says whether an id is that of a client in the configuration: no user and no client in the store gets
	// it. Nil means that there are none.
	ReservedSubjects func(id string) bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger; nil means none.
	Logger *slog.Logger
	// Unbatched commits every change by itself. It is there to be measured against.
	Unbatched bool
}

// DB is the store. It implements the Store interfaces of account, session, key,
// revocation, oauth and demo. Its methods may be called from many goroutines. What
// fails because the database is busy, full or away is problem.Unavailable.
type DB struct {
	dialect        dialect
	path           string // of the file; of a server the URL, without user and password
	log            *slog.Logger
	now            func() time.Time
	reserved       func(string) bool
	outage         outage
	ahead          atomic.Int64 // of this machine's clock, the database's, in milliseconds
	accessLifetime atomic.Int64 // a time.Duration, the longest known to this DB
	callers        callers
	memory         memory // of sessions, on a database server
	writer         changer
	readers        *pool
	writers        *sql.DB // of SQLite: one connection, which the writer holds; else the same as readers
}

// changer makes changes, each of them whole or not at all.
type changer interface {
	write(ctx context.Context, do func(*tx) error) error
	close() error
}

// Open opens the store at c.URL, creating it where there is none, and brings
// its schema up to date. A fault that an operator can mend is an *OpenError.
func Open(ctx context.Context, c Config) (*DB, error) {
	db, _, err := open(ctx, c)
	return db, err
}

func open(ctx context.Context, c Config) (*DB, []Migration, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.ReservedSubjects == nil {
		c.ReservedSubjects = func(string) bool { return false }
	}
	c.AccessLifetime = cmp.Or(c.AccessLifetime, 15*time.Minute)
	c.MaxConns = cmp.Or(c.MaxConns, 20)
	connect := (*DB).connectFile
	if !strings.HasPrefix(c.URL, "sqlite:") {
		connect = (*DB).connectServer
	}
	for begun := time.Now(); ; {
		db := &DB{log: c.Logger, now: c.Now, reserved: c.ReservedSubjects}
		applied, err := db.open(ctx, c, connect)
		if err == nil {
			return db, applied, nil
		}
		_ = db.Close() // of what there is; the reason is told
		// To change a new file's journal mode takes a lock that SQLite does not wait for: another process may be
		// opening it too, and is done soon.
		if !(embedded{}).busy(err) || time.Since(begun) >= maxWait {
			return nil, nil, db.describe(err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, nil, db.describe(err)
		}
	}
}

// open connects, and brings the schema up to date.
func (db *DB) open(ctx context.Context, c Config, connect func(*DB, context.Context, Config) error) (applied []Migration, err error) {
	if err := connect(db, ctx, c); err != nil {
		return nil, err
	}
	if !c.NoMigrate {
		if err := db.checkOurs(ctx); err != nil {
			return nil, err
		}
		if applied, err = db.migrate(ctx, db.writers, false); err != nil {
			return nil, err
		}
	}
	if db.Shared() {
		db.writer = &direct{pool: db.writers, dialect: db.dialect, now: c.Now, revoked: c.Revoked}
	} else if db.writer, err = newWriter(ctx, db.writers, c); err != nil {
		return nil, err
	}
	if c.NoMigrate {
		return nil, nil
	}
	if _, err := db.Now(ctx); err != nil {
		return applied, err
	}
	return applied, db.RememberLifetime(ctx, c.AccessLifetime)
}

// connectFile makes the file and the connections.
func (db *DB) connectFile(ctx context.Context, c Config) (err error) {
	d := embedded{}
	db.dialect = d
	if db.path, err = filePath(c.URL); err != nil {
		return err
	}
	if c.NoMigrate {
		if _, err := os.Stat(db.path); errors.Is(err, fs.ErrNotExist) {
			return &OpenError{Path: db.path, Reason: "there is no store", Cause: err, hint: "sandi migrate up makes one, and so does sandi serve"}
		}
	} else if err := db.prepareFile(); err != nil {
		return err
	}
	if db.writers, err = sql.Open("sqlite", d.dsn(db.path, false)); err != nil {
		return err
	}
	db.writers.SetMaxOpenConns(1)
	if err := db.check(ctx); err != nil {
		return err
	}
	readers, err := sql.Open("sqlite", d.dsn(db.path, true))
	if err != nil {
		return err
	}
	db.readers = &pool{DB: readers, dialect: d, texts: &texts{prepared: map[string]*sql.Stmt{}}}
	n := max(4, runtime.GOMAXPROCS(0))
	readers.SetMaxOpenConns(n)
	readers.SetMaxIdleConns(n)
	return nil
}

// Close finishes the changes that wait, refuses new ones and closes the file.
// Closing twice does nothing.
func (db *DB) Close() error {
	var errs []error
	if first := db.callers.close(); first && db.writer != nil {
		errs = append(errs, db.writer.close())
	}
	if db.readers != nil {
		errs = append(errs, db.readers.Close())
	}
	if db.writers != nil {
		// The last connection carries the write-ahead log into the file.
		errs = append(errs, db.writers.Close())
	}
	return errors.Join(errs...)
}

// Shared says that the store is a database server, which other nodes may use too.
func (db *DB) Shared() bool { return db.dialect.forUpdate() != "" }

// Ping says whether the store answers.
func (db *DB) Ping(ctx context.Context) error {
	_, err := readMeta(ctx, db.readers, metaEpoch)
	return db.dialect.fault("ping store", err)
}

// Backlog is how many changes wait to be written or are being written.
func (db *DB) Backlog() int { return int(db.callers.inside.Load()) }

// write makes one change, or none when do fails.
func (db *DB) write(ctx context.Context, what string, do func(*tx) error) error {
	if err := db.callers.enter(); err != nil {
		return db.dialect.fault(what, err)
	}
	defer db.callers.leave()
	return db.dialect.fault(what, db.writer.write(ctx, do))
}
