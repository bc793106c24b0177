package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// life ends a request with its token. Most requests are over before that could matter: only what lasts longer than lifeAfter,
// and streams of events from their beginning, watch their guard.Lifetime.
type life struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	answer http.ResponseWriter
	timer  *time.Timer // nil where nobody is signed in

	mu       sync.Mutex // guards what follows
	watching bool
	stopped  bool
	hurried  bool // the answer has a deadline
}

const (
	lifeAfter = time.Second
	// lastWrite is how long a client may take for what is being written to it when its token ends.
	lastWrite = 2 * time.Second
)

func (l *life) begin(ctx context.Context, x *exchange) {
	l.mu.Lock() // the timer may be quicker than what follows
	defer l.mu.Unlock()
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	if x.token != nil && x.poll == nil { // a poll ends with its visit
		l.answer, l.timer = x.answer.ResponseWriter, time.AfterFunc(lifeAfter, l.watch)
	}
}

// watch ends the request as soon as its token has.
func (l *life) watch() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer == nil || l.watching || l.stopped {
		return
	}
	l.watching = true
	inner := guard.Lifetime(l.ctx)
	end := func() {
		if e := lifeEnded(inner); e != nil {
			l.end(e)
		}
	}
	if inner.Err() != nil {
		l.cancel(context.Cause(inner))
		return
	}
	context.AfterFunc(inner, end)
}

func (l *life) end(e *guard.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return
	}
	l.hurried = true
	_ = http.NewResponseController(l.answer).SetWriteDeadline(time.Now().Add(lastWrite)) // where it has none, the client's own end is waited for
	l.cancel(e)
}

// stop lets go of the Lifetime, whose context ends; the connection may have other requests to come.
func (l *life) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.hurried {
		_ = http.NewResponseController(l.answer).SetWriteDeadline(time.Time{})
	}
	l.cancel(nil)
}
