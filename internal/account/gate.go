package account

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
)

// busyRetry is what a caller whom the queue has no room for is told to wait: the
// time in which a full one empties on two cores.
const busyRetry = 2 * time.Second

// gate lets a bounded number in at once, and a bounded number wait.
type gate struct {
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
}

func newGate(slots, queue int) *gate {
	return &gate{slots: make(chan struct{}, slots), queue: int64(queue)}
}

// enter waits for a slot. The error is hashing_busy when the queue is full, or
// the context's.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.queue {
		return &problem.Error{Kind: problem.Unavailable, Code: "hashing_busy", RetryAfter: busyRetry}
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) leave() { <-g.slots }
