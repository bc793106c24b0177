package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/revocation"
)

// ErrClosed is the answer of a DB after Close.
var ErrClosed = errors.New("store is closed")

// Config is what Open needs. Only URL is required.
type Config struct {
	// URL is store.url: "sqlite:" and the path of a file, which is created 0600
	// where it is missing, its folder 0700.
	URL string
	// AccessLifetime is the longest life of an access token: a revocation is kept
	// that long and a little more. The store remembers the longest it was ever
	// opened with, so that a command line that does not know a server's
	// configuration revokes for long enough. Zero means 15 minutes.
	AccessLifetime time.Duration
	// Revoked is handed the revocations of a transaction after its commit and
	// before any of its callers is answered. It must not call the DB. May be nil.
	Revoked func([]revocation.Entry)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger; nil means none.
	Logger *slog.Logger
	// Unbatched commits every change by itself. It is there to be measured against.
	Unbatched bool
}

// DB is the store. It implements the Store interfaces of account, session, key,
// revocation and demo. Its methods may be called from many goroutines. What
// fails because the database is busy, full or away is problem.Unavailable.
type DB struct {
	dialect        dialect
	path           string
	log            *slog.Logger
	writers        *sql.DB      // of one connection
	accessLifetime atomic.Int64 // a time.Duration, the longest known to this DB
	writer         *writer      // holds that connection
	readers        *sql.DB
}

// Open opens the store at c.URL, creating it where there is none, and brings
// its schema up to date. A fault that an operator can mend is an *OpenError.
func Open(ctx context.Context, c Config) (*DB, error) {
	path, err := filePath(c.URL)
	if err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.AccessLifetime = cmp.Or(c.AccessLifetime, 15*time.Minute)
	for begun := time.Now(); ; {
		db := &DB{path: path, log: c.Logger}
		if err = db.open(ctx, c); err == nil {
			return db, nil
		}
		_ = db.Close() // of what there is; the reason is told
		// To change a new file's journal mode takes a lock that SQLite does not wait for: another process may be
		// opening it too, and is done soon.
		if !db.dialect.busy(err) || time.Since(begun) >= maxWait {
			return nil, db.describe(err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, db.describe(err)
		}
	}
}

// open makes the file, its schema and the connections.
func (db *DB) open(ctx context.Context, c Config) (err error) {
	if err := db.prepareFile(); err != nil {
		return err
	}
	if db.writers, err = sql.Open(db.dialect.driver(), db.dialect.dsn(db.path, false)); err != nil {
		return err
	}
	db.writers.SetMaxOpenConns(1)
	if err := db.check(ctx); err != nil {
		return err
	}
	if err := db.checkOurs(ctx); err != nil {
		return err
	}
	if err := db.migrate(ctx, db.writers, false); err != nil {
		return err
	}
	if db.readers, err = sql.Open(db.dialect.driver(), db.dialect.dsn(db.path, true)); err != nil {
		return err
	}
	pool := max(4, runtime.GOMAXPROCS(0))
	db.readers.SetMaxOpenConns(pool)
	db.readers.SetMaxIdleConns(pool)
	if db.writer, err = newWriter(ctx, db.writers, c); err != nil {
		return err
	}
	return db.RememberLifetime(ctx, c.AccessLifetime)
}

// Close finishes the changes that wait, refuses new ones and closes the file.
// Closing twice does nothing.
func (db *DB) Close() error {
	var errs []error
	if db.writer != nil {
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

// Ping says whether the store answers.
func (db *DB) Ping(ctx context.Context) error {
	_, err := readMeta(ctx, db.readers, metaEpoch)
	return db.dialect.fault("ping store", err)
}

// Backlog is how many changes wait for the writer or are being written.
func (db *DB) Backlog() int { return int(db.writer.waiting.Load()) }

// write makes one change, or none when do fails.
func (db *DB) write(ctx context.Context, what string, do func(*tx) error) error {
	return db.dialect.fault(what, db.writer.write(ctx, do))
}
