package account

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/sandi-auth/sandi/internal/problem"
)

// secure-defaults 12b
func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 3)
		for range 2 {
			if err := g.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 3)
		go func() { results <- g.enter(ctx) }()
		go func() { results <- g.enter(t.Context()) }()
		go func() { results <- g.enter(t.Context()) }()
		synctest.Wait()
		e, ok := errors.AsType[*problem.Error](g.enter(t.Context()))
		if !ok || e.Code != "hashing_busy" || e.Kind != problem.Unavailable || e.RetryAfter != busyRetry {
			t.Errorf("with a full queue: %+v", e)
		}
		if got := g.waiting.Load(); got != 3 {
			t.Errorf("%d wait, want 3", got)
		}
		cancel()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		g.leave()
		g.leave()
		for range 2 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if len(g.slots) != 2 || g.waiting.Load() != 0 {
			t.Errorf("%d run and %d wait, want 2 and 0", len(g.slots), g.waiting.Load())
		}
	})
}
