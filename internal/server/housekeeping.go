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
		"socket":     s.db.PurgeSockets,
		"oauth":      func(ctx context.Context, n int) (int, error) { return s.db.PurgeOAuth(ctx, s.now(), n) },
		"status":     func(ctx context.Context, n int) (int, error) { return s.db.PurgeStatus(ctx, s.now(), n) },
	}
	for kind := range jobs {
		purged.WithLabelValues(kind) // 0, and not missing
	}
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		for kind, purge := range jobs {
			s.purge(ctx, purged.WithLabelValues(kind), kind, purge)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// purge deletes all there is of a kind while it is this node's turn, in batches small enough for others to write in between.
func (s *Server) purge(ctx context.Context, count prometheus.Counter, kind string, purge func(context.Context, int) (int, error)) {
	total := 0
	for n := purgeBatch; n == purgeBatch; total += n {
		held, err := s.db.Lease(ctx, purgeLease, s.node, 3*purgeEvery) // also in the middle of a long purge
		if s.keepsHouse.Store(held); err == nil && held {
			n, err = purge(ctx, purgeBatch)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("purge", "kind", kind, "error", err)
		}
		if err != nil || !held {
			break
		}
		count.Add(float64(n))
	}
	if total > 0 {
		s.log.Info("purged", "kind", kind, "count", total)
	}
}
