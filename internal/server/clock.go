package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
)

const (
	compareEvery = time.Minute
	// apartWarn is written to the log; apartRefused makes a node not ready: it would end tokens and sessions early,
	// or let them live on, by more than the leeway that verifiers give.
	apartWarn    = time.Second
	apartRefused = 5 * time.Second
)

// sharedClock is the one clock that all nodes see: the store's.
type sharedClock interface {
	Now(ctx context.Context) (time.Time, error)
}

// drift is how far this node's clock is from the store's.
type drift struct {
	shared sharedClock
	now    func() time.Time
	log    *slog.Logger
	apart  atomic.Int64 // a time.Duration, as last measured; more than 0 where this node's clock is ahead
}

// measure compares the clocks once. The store answers in the middle of the round trip, or up to half of it earlier or
// later; that half is taken off, so that a slow store is not taken for a wrong clock. The error is the store's, and
// leaves what was measured before.
func (d *drift) measure(ctx context.Context) error {
	before := d.now()
	shared, err := d.shared.Now(ctx)
	if err != nil {
		return fmt.Errorf("compare clocks: %w", err)
	}
	half := max(0, d.now().Sub(before)/2)
	apart := before.Add(half).Sub(shared)
	apart -= min(max(apart, -half), half)
	d.apart.Store(int64(apart))
	if apart.Abs() > apartWarn {
		d.log.Warn("this node's clock and the store's are apart", "ahead_seconds", apart.Seconds(), "not_ready", d.check() != nil)
	}
	return nil
}

// Run compares every minute until ctx ends.
func (d *drift) Run(ctx context.Context) error {
	tick := time.NewTicker(compareEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.measure(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("the clock is not compared with the store's", "error", err)
		}
	}
}

// check is why this node is not ready, nil where its clock is near enough.
func (d *drift) check() error {
	apart := time.Duration(d.apart.Load())
	if apart.Abs() <= apartRefused {
		return nil
	}
	return &problem.Error{
		Kind: problem.Unavailable, Code: "temporarily_unavailable", Sentence: "clock_apart", RetryAfter: compareEvery,
		Params: map[string]string{"apart": fmt.Sprintf("%+.1f", apart.Seconds())},
	}
}
