package realtime

import (
	"context"
	"sync"
)

// leash is a context that the life of one token hangs on, until free. One of context.WithCancel takes five times the memory, for there
// could be many children.
type leash struct {
	context.Context               // with the identity
	never           chan struct{} // as Done; that it has ended AfterFunc tells

	mu    sync.Mutex // guards what follows
	child func()
	ended bool
}

// Done implements context.Context for its child alone, which asks once.
func (l *leash) Done() <-chan struct{} { return l.never }

// Err implements context.Context.
func (l *leash) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return context.Canceled
	}
	return nil
}

// AfterFunc is what package context asks such contexts for, so that no goroutine waits for Done.
func (l *leash) AfterFunc(f func()) (stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.child != nil {
		panic("realtime: a second child of a leash")
	}
	l.child = f
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		was := l.child != nil && !l.ended
		l.child = nil
		return was
	}
}

// free ends the child, and what it holds.
func (l *leash) free() {
	l.mu.Lock()
	child := l.child
	l.child, l.ended = nil, true
	l.mu.Unlock()
	if child != nil {
		child()
	}
}
