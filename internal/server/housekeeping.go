package server

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// deadFor is how long a dead session is kept: until then a late refresh still learns why it is refused.
	deadFor = time.Hour
	// purgeEvery is the time between two purges; the node that made the last one goes on.
	purgeEvery = time.Minute
	purgeBatch = 500
	purgeLease = "housekeeping"
)

// housekeep purges every minute, on one node at a time, until ctx ends.
func (s *Server) housekeep(ctx context.Context) error {
	purged := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sandi_purged_total", Help: "Rows that were of no use any more, and deleted by this node.",
	}, []string{"kind"})
	s.registry.MustRegister(purged)
	jobs := map[string]func(ctx context.Context, limit int) (int, error){
		"session": func(ctx context.Context, n int) (int, error) {
			return s.db.PurgeSessions(ctx, s.now().Add(-deadFor), n)
		},
		"revocation": func(ctx context.Context, n int) (int, error) { return s.db.PurgeRevocations(ctx, s.now(), n) },
		"spent":      func(ctx context.Context, n int) (int, error) { return s.db.PurgeSpent(ctx, s.now(), n) },
		"lease":      s.db.PurgeLeases,
	}
	for kind := range jobs {
		purged.WithLabelValues(kind) // 0, and not missing
	}
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		held, err := s.db.Lease(ctx, purgeLease, s.node, 3*purgeEvery)
		if err != nil && ctx.Err() == nil {
			s.log.Error("take turns at housekeeping", "error", err)
		}
		s.keepsHouse.Store(held)
		for kind, purge := range jobs {
			if held {
				s.purge(ctx, purged.WithLabelValues(kind), kind, purge)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// purge deletes all there is, in batches small enough for others to write in between.
func (s *Server) purge(ctx context.Context, count prometheus.Counter, kind string, purge func(context.Context, int) (int, error)) {
	total := 0
	for n := purgeBatch; n == purgeBatch; {
		var err error
		if n, err = purge(ctx, purgeBatch); err != nil {
			if ctx.Err() == nil {
				s.log.Error("purge", "kind", kind, "error", err)
			}
			break
		}
		total += n
	}
	count.Add(float64(total))
	if total > 0 {
		s.log.Info("purged", "kind", kind, "count", total)
	}
}
