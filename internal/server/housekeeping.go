package server

import (
	"context"
	"time"
)

const (
	// deadFor is how long a dead session is kept: until then a late refresh still learns why it is refused.
	deadFor    = time.Hour
	purgeBatch = 1000
)

// housekeep deletes dead sessions every minute until ctx ends.
func (s *Server) housekeep(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		s.purgeSessions(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// purgeSessions deletes all that are dead for long enough, in batches small enough for others to write in between.
func (s *Server) purgeSessions(ctx context.Context) {
	total := 0
	for {
		n, err := s.db.PurgeSessions(ctx, s.now().Add(-deadFor), purgeBatch)
		total += n
		if err != nil && ctx.Err() == nil {
			s.log.Error("purge sessions", "error", err)
		}
		if err != nil || n < purgeBatch {
			break
		}
	}
	if total > 0 {
		s.log.Info("purged sessions", "count", total)
	}
}
