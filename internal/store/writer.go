package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	now     func() time.Time
	revoked func([]revocation.Entry)
	group   int

	queue   chan *change // unbuffered: what is not taken yet can be withdrawn
	stopped chan struct{}
}

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

// close stops the goroutine. Nobody writes any more.
func (w *writer) close() error {
	close(w.queue)
	<-w.stopped
	return w.conn.close()
}

// write has do run inside a transaction and returns after the commit. When ctx
// ends or maxWait passes before do is begun, nothing is changed; after that its
// outcome is awaited, so that an answer is never in doubt.
func (w *writer) write(ctx context.Context, do func(*tx) error) error {
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

// transaction holds the write lock from its start, so that what it reads cannot change before it writes. It applies first and what waits behind it, and commits.
func (w *writer) transaction(first *change) (group []*change, revoked []revocation.Entry, err error) {
	if err := w.conn.run("BEGIN IMMEDIATE"); err != nil {
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
	t := &tx{conn: w.conn, dialect: embedded{}, clock: w.now, now: w.now().Truncate(time.Millisecond)}
	if c.err = safely(c.do, t); c.err != nil {
		t.revoked = nil
		if err := w.conn.run("ROLLBACK TO item"); err != nil {
			return nil, errors.Join(c.err, err)
		}
	}
	return t.revoked, w.conn.run("RELEASE item")
}
