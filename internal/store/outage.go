package store

import (
	"errors"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
)

// outage remembers when the store was last away. A rotation may have been committed then without anybody hearing of it: its
// statement lay in a socket, or its answer did. What tells is the reading of the revocations, which each node does all the time,
// and no request of a client: who can make one of those fail, by a row that he keeps locked, must not stretch the retry window.
type outage struct {
	mu   sync.Mutex // guards what follows
	last session.Outage
	away bool
}

// outageSlack is how much earlier or later than this node has seen it a rotation of the outage may be dated: by as much as clocks of
// nodes may be apart, and by the time that a statement is waited for.
const outageSlack = 5*time.Second + queryLimit

// note takes in how a reading ended.
func (o *outage) note(err error, now time.Time) {
	unavailable := errors.Is(err, problem.Unavailable)
	if err != nil && !unavailable {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case unavailable && !o.away:
		from := now.Add(-outageSlack)
		if !from.After(o.last.Until) { // one that comes and goes is one
			from = o.last.From
		}
		o.away, o.last = true, session.Outage{From: from, Until: now}
	case unavailable:
		o.last.Until = now
	case o.away:
		o.away, o.last.Until = false, now
	}
}

// known is the last one, until now where it goes on.
func (o *outage) known(now time.Time) session.Outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away {
		o.last.Until = now
	}
	return o.last
}
