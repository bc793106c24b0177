package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sandi-auth/sandi/internal/revocation"
)

// querier reads: the pool of readers, or a transaction's connection.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// transactor runs the statements of a transaction.
type transactor interface {
	querier
	exec(query string, args ...any) (sql.Result, error)
}

// conn is the writer's connection with the statements it has prepared: as many
// as there are texts in this package.
type conn struct {
	c          *sql.Conn
	statements map[string]*sql.Stmt
}

func newConn(ctx context.Context, pool *sql.DB) (*conn, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, statements: map[string]*sql.Stmt{}}, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.c.Close())...)
}

func (c *conn) prepared(query string) (*sql.Stmt, error) {
	if s, ok := c.statements[query]; ok {
		return s, nil
	}
	s, err := c.c.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.statements[query] = s
	return s, nil
}

// QueryContext reads with a prepared statement.
func (c *conn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s, err := c.prepared(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (c *conn) exec(query string, args ...any) (sql.Result, error) {
	s, err := c.prepared(query)
	if err != nil {
		return nil, err
	}
	// No caller's context: interrupting one statement would roll back the
	// changes of everybody in the transaction.
	return s.ExecContext(context.Background(), args...)
}

func (c *conn) run(query string) error {
	_, err := c.exec(query)
	return err
}

// tx is one change's part of a transaction.
type tx struct {
	conn    transactor
	dialect dialect
	clock   func() time.Time
	now     time.Time          // whole milliseconds
	keep    time.Duration      // revocable's, once it was read
	revoked []revocation.Entry // handed on after the commit
}

// exec runs a statement and returns how many rows it affected.
func (t *tx) exec(query string, args ...any) (int64, error) {
	r, err := t.conn.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// insert runs an INSERT and returns the number that the database gave the row, as its column of that name.
func (t *tx) insert(column, query string, args ...any) (n int64, err error) {
	if returning := t.dialect.returning(column); returning != "" {
		err = one(context.Background(), t, []any{&n}, query+returning, args...)
		return n, err
	}
	r, err := t.conn.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// QueryContext makes a tx a querier.
func (t *tx) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.conn.QueryContext(context.Background(), query, args...)
}

// lock runs a SELECT from one table and holds its rows until the transaction ends. Whoever had them may have had them
// for long: now is the time since which nobody else has.
func (t *tx) lock(query string, args ...any) error {
	lock := t.dialect.forUpdate()
	if lock == "" {
		return nil
	}
	err := each(context.Background(), t, func(*sql.Rows) error { return nil }, query+lock, args...)
	t.now = t.clock().Truncate(time.Millisecond)
	return err
}

// lockStore lets one transaction after the other decide what is the whole store's to say. It comes before the lock of a
// user's row, and that before those of sessions, a sign-in's before its grants'.
func (t *tx) lockStore() error {
	return t.lock(`SELECT m.value FROM meta m WHERE m.name = ?`, metaEpoch)
}

// safely makes a change. A panic in it is its own failure: the writer is everybody's.
func safely(do func(*tx) error, t *tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			// Not wrapped, whatever it is: a fault of ours is no answer to anybody.
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return do(t)
}

// each calls scan for every row that query finds.
func each(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read row: %w", err)
		}
	}
	return rows.Err()
}

// one reads the single row that query finds; sql.ErrNoRows when there is none.
func one(ctx context.Context, q querier, dest []any, query string, args ...any) error {
	found := false
	err := each(ctx, q, func(r *sql.Rows) error {
		found = true
		return r.Scan(dest...)
	}, query, args...)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return err
}
