package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// maxGroup is the most changes that share one transaction: enough to spread the
// cost of an fsync, few enough to stay within milliseconds.
const maxGroup = 256

// writer is the one that writes. What it is asked for while it is busy is
// grouped into its next transaction.
type writer struct {
	conn    *conn // of the writer's goroutine alone
	dialect dialect
	now     func() time.Time
	revoked func([]revocation.Entry)
	group   int

	queue   chan *change // unbuffered: what is not taken yet can be withdrawn
	waiting atomic.Int64
	stopped chan struct{}

	mu      sync.RWMutex // guards closed, and callers.Add against callers.Wait
	closed  bool
	callers sync.WaitGroup
}

// maxWait is how long a change waits for the writer, the time in which SQLite gives up on
// another process's lock. Later the client has given up too, and knows nothing of what it did.
const maxWait = 5 * time.Second

// errWaited is a change that stood in the queue for maxWait.
var errWaited = &problem.Error{
	Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second,
	Cause: errors.New("waited too long for the writer"),
}

// change is what one caller wants done.
type change struct {
	withdrawn func() error // the cause of its context's end
	do        func(*tx) error
	err       error
	done      chan error
}

func newWriter(ctx context.Context, pool *sql.DB, c Config) (*writer, error) {
	conn, err := newConn(ctx, pool)
	if err != nil {
		return nil, err
	}
	w := &writer{
		conn: conn, now: c.Now, revoked: c.Revoked, group: maxGroup,
		queue: make(chan *change), stopped: make(chan struct{}),
	}
	if c.Unbatched {
		w.group = 1
	}
	go w.serve()
	return w, nil
}

// close answers those who wait, then stops the goroutine.
func (w *writer) close() error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return nil
	}
	w.callers.Wait()
	close(w.queue)
	<-w.stopped
	return w.conn.close()
}

// write has do run inside a transaction and returns after the commit. When ctx
// ends or maxWait passes before do is begun, nothing is changed; after that its
// outcome is awaited, so that an answer is never in doubt.
func (w *writer) write(ctx context.Context, do func(*tx) error) error {
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return ErrClosed
	}
	w.callers.Add(1)
	w.mu.RUnlock()
	defer w.callers.Done()
	w.waiting.Add(1)
	defer w.waiting.Add(-1)

	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, errWaited)
	defer cancel()
	c := &change{withdrawn: func() error { return context.Cause(ctx) }, do: do, done: make(chan error, 1)}
	select {
	case w.queue <- c:
		return <-c.done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// serve makes one transaction after the other until the queue is closed.
func (w *writer) serve() {
	defer close(w.stopped)
	for first := range w.queue {
		group, revoked, err := w.transaction(first)
		if err == nil && len(revoked) > 0 && w.revoked != nil {
			w.revoked(revoked)
		}
		for _, c := range group {
			if err != nil {
				c.err = err // one fate: what a failed commit held did not happen
			}
			c.done <- c.err
		}
	}
}

// transaction applies first and what waits behind it, and commits.
func (w *writer) transaction(first *change) (group []*change, revoked []revocation.Entry, err error) {
	if err := w.conn.run(w.dialect.begin()); err != nil {
		// Whoever waits would fail as slowly.
		for c := first; c != nil; c = w.next(len(group)) {
			group = append(group, c)
		}
		return group, nil, fmt.Errorf("begin: %w", err)
	}
	for c := first; c != nil && err == nil; c = w.next(len(group)) {
		var ended []revocation.Entry
		group = append(group, c)
		ended, err = w.apply(c)
		revoked = append(revoked, ended...)
	}
	if err == nil {
		err = w.conn.run("COMMIT")
	}
	if err != nil {
		// Some faults have rolled it back already, then there is nothing to undo.
		_ = w.conn.run("ROLLBACK")
		return group, nil, fmt.Errorf("commit: %w", err)
	}
	return group, revoked, nil
}

// next is a change that waits, nil when none does or the group is full.
func (w *writer) next(taken int) *change {
	if taken >= w.group {
		return nil
	}
	select {
	case c := <-w.queue: // nil once it is closed
		return c
	default:
		return nil
	}
}

// apply makes one change under a savepoint, so that its failure, kept in c.err,
// undoes nothing else. An error of apply's own is the end of the transaction.
func (w *writer) apply(c *change) ([]revocation.Entry, error) {
	if c.err = c.withdrawn(); c.err != nil {
		return nil, nil
	}
	if err := w.conn.run("SAVEPOINT item"); err != nil {
		return nil, err
	}
	t := &tx{conn: w.conn, dialect: w.dialect, now: w.now().Truncate(time.Millisecond)}
	if c.err = c.run(t); c.err != nil {
		t.revoked = nil
		if err := w.conn.run("ROLLBACK TO item"); err != nil {
			return nil, errors.Join(c.err, err)
		}
	}
	return t.revoked, w.conn.run("RELEASE item")
}

// run does the change. A panic in it is its own failure: the writer is everybody's.
func (c *change) run(t *tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			// Not wrapped, whatever it is: a fault of ours is no answer to anybody.
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return c.do(t)
}
