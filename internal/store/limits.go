package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// connectLimit is how long a database server may take to let a connection in.
	connectLimit = time.Second
	// queryLimit is how long a caller waits for a statement, and for the connection to send it on: with an
	// answer of 503 behind it, still within 2 s. The server itself gives up after 2 s.
	queryLimit = 1800 * time.Millisecond
	// maxWait is how long a change takes at most, and waits for the writer: the time in which SQLite gives up on
	// another process's lock. Later the client has given up too, and knows nothing of what it did.
	maxWait = 5 * time.Second
)

// lost says that a connection broke, or could not be made.
func lost(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && !e.Timeout() || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// waited says that something took longer than its limit.
func waited(err error) bool {
	e, ok := errors.AsType[net.Error](err) // context.DeadlineExceeded is one
	return ok && e.Timeout()
}

// callers are those who are inside a DB's changes. After close there are no new ones.
type callers struct {
	inside atomic.Int64

	mu     sync.RWMutex // guards closed, and group.Add against group.Wait
	closed bool
	group  sync.WaitGroup
}

// enter is ErrClosed, or must be followed by leave.
func (c *callers) enter() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return ErrClosed
	}
	c.group.Add(1)
	c.inside.Add(1)
	return nil
}

func (c *callers) leave() {
	c.inside.Add(-1)
	c.group.Done()
}

// close waits for those who are inside, and says whether it was not closed before.
func (c *callers) close() bool {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	c.group.Wait()
	return first
}

// pool reads outside of transactions.
type pool struct {
	*sql.DB
	dialect dialect
	texts   *texts // prepared once; nil where the driver sees to that
}

// QueryContext makes a pool a querier. A connection that broke while it lay
// idle is found out by its first use: a read is tried again.
func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	query = p.dialect.rebind(query)
	if p.texts != nil {
		s, err := p.texts.statement(ctx, p.DB, query)
		if err != nil {
			return nil, err
		}
		return s.QueryContext(ctx, args...)
	}
	rows, err := p.DB.QueryContext(ctx, query, args...)
	if err != nil && lost(err) && ctx.Err() == nil {
		rows, err = p.DB.QueryContext(ctx, query, args...)
	}
	return rows, err
}

// texts are the statements of a pool by their text: as many as there are in this package. They end with the pool.
type texts struct {
	mu       sync.Mutex // guards prepared
	prepared map[string]*sql.Stmt
}

func (t *texts) statement(ctx context.Context, db *sql.DB, query string) (*sql.Stmt, error) {
	t.mu.Lock()
	s, ok := t.prepared[query]
	t.mu.Unlock()
	if ok {
		return s, nil
	}
	s, err := db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if first, ok := t.prepared[query]; ok {
		_ = s.Close() // another was first; nothing was written by it
		return first, nil
	}
	t.prepared[query] = s
	return s, nil
}
