package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/sandi-auth/sandi/internal/revocation"
)

// maxTries is how often a change is made at most that loses against others.
const maxTries = 4

// direct makes each change in a transaction of its own, on a database server
// that many processes share.
type direct struct {
	pool    *sql.DB
	dialect dialect
	now     func() time.Time
	revoked func([]revocation.Entry)
}

func (w *direct) close() error { return nil } // the pool is the DB's

// write has do run inside a transaction, again where it lost against another, and returns after the commit. Once
// it is begun, the caller's end does not interrupt it, so that what it did is known; its deadline does. Where the answer to a
// COMMIT is lost it is not: the error is then problem.Unavailable, whatever became of it.
func (w *direct) write(ctx context.Context, do func(*tx) error) error {
	limit := maxWait
	if d, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(d))
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	for try := 1; ; try++ {
		c, err := w.begin(ctx)
		again := err != nil && w.dialect.broken(err)
		if err == nil {
			again, err = w.transaction(whole, c, do)
		}
		if err == nil || !again || try == maxTries {
			return err
		}
		pause := time.Duration(try) * (2*time.Millisecond + jitter())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-whole.Done():
			return err
		}
	}
}

// jitter is up to 20 ms, so that those who lost against each other do not meet again.
func jitter() time.Duration {
	var b [1]byte
	rand.Read(b[:])
	return time.Duration(b[0]) * 80 * time.Microsecond
}

// begin opens a transaction.
func (w *direct) begin(ctx context.Context) (c *sql.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	// A connection that broke while it lay idle is found out by its first use; so may all be.
	for range w.pool.Stats().MaxOpenConnections + 1 {
		if c, err = w.pool.Conn(ctx); err != nil {
			return nil, err
		}
		if _, err = c.ExecContext(ctx, "BEGIN"); err == nil {
			return c, nil
		}
		discard(c)
		if !w.dialect.broken(err) {
			break
		}
	}
	return nil, fmt.Errorf("begin: %w", err)
}

// transaction makes the change and commits it. Where it fails, again says that nothing was done and that another try may succeed.
func (w *direct) transaction(ctx context.Context, c *sql.Conn, do func(*tx) error) (again bool, err error) {
	l := &link{c: c, dialect: w.dialect, cancel: func() {}}
	l.limit = func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, queryLimit) }
	defer func() { l.cancel() }()
	t := &tx{conn: l, dialect: w.dialect, clock: w.now, now: w.now().Truncate(time.Millisecond)}
	if err := safely(do, t); err != nil {
		if _, failed := l.exec("ROLLBACK"); failed != nil {
			discard(c)
		} else {
			c.Close()
		}
		return w.dialect.conflict(err) || w.dialect.broken(err), err
	}
	if _, err := l.exec("COMMIT"); err != nil {
		discard(c)
		return w.dialect.conflict(err), fmt.Errorf("commit: %w", err)
	}
	c.Close()
	if len(t.revoked) > 0 && w.revoked != nil {
		w.revoked(t.revoked)
	}
	return false, nil
}

// discard closes a connection instead of giving it back: the server then rolls back what it was in the middle of.
func discard(c *sql.Conn) {
	_ = c.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.Close()
}

// link is the connection of one transaction.
type link struct {
	c       *sql.Conn
	dialect dialect
	limit   func() (context.Context, context.CancelFunc) // of one statement
	cancel  context.CancelFunc                           // of the last one
}

// next is the limit of the next statement: they follow each other.
func (l *link) next() (ctx context.Context) {
	l.cancel()
	ctx, l.cancel = l.limit()
	return ctx
}

// QueryContext makes a link a querier.
func (l *link) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	return l.c.QueryContext(l.next(), l.dialect.rebind(query), args...)
}

func (l *link) exec(query string, args ...any) (sql.Result, error) {
	return l.c.ExecContext(l.next(), l.dialect.rebind(query), args...)
}
