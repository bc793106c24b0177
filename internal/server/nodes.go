package server

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/key"
)

// shared is what nodes have in common besides the store: limits, and news. *cluster.Memory is of one node, *cluster.Redis of many.
type shared interface {
	Take(ctx context.Context, key string, r cluster.Rate) time.Duration
	Try(ctx context.Context, key string, b cluster.Backoff) time.Duration
	Undo(ctx context.Context, key string)
	Forget(ctx context.Context, key string)
	Publish(ctx context.Context, topic string, message []byte) error
	Subscribe(topic string, handle func(message []byte)) (cancel func())
	SetNodes(n int)
	Close() error
}

const (
	// newsOfRevocations says that the store has revocations that were not there before.
	newsOfRevocations = "revocations"
	// nodeLease is how long a node counts as alive after its last word, nodeEvery how often it gives one.
	nodeLease  = 30 * time.Second
	nodeEvery  = 10 * time.Second
	nodePrefix = "node "
)

// openShared connects to Redis where there is one. Its keys and messages are signed under the master key, which all nodes have.
func (s *Server) openShared(ctx context.Context, master *key.Master) (err error) {
	s.node = rand.Text()
	if s.cfg.Cluster.URL == "" {
		s.shared = cluster.NewMemory(s.now)
		return nil
	}
	password, err := readPassword("cluster.password_file", s.cfg.Cluster.PasswordFile)
	if err != nil {
		return err
	}
	s.shared, err = cluster.OpenRedis(ctx, cluster.RedisConfig{
		URL: s.cfg.Cluster.URL, Password: password, Secret: master.Derive("cluster", 32), Logger: s.log, Now: s.now,
	})
	return err
}

// announce says that something was revoked here, as soon as the last announcement is out. It never waits.
func (s *Server) announce() {
	select {
	case s.news <- struct{}{}:
	default: // one is due, and says as much
	}
}

// tell publishes what is announced until ctx ends. Whoever misses it finds it in the store.
func (s *Server) tell(ctx context.Context) error {
	defer s.shared.Subscribe(newsOfRevocations, func([]byte) { s.feed.Nudge() })()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.news:
			_ = s.shared.Publish(ctx, newsOfRevocations, nil) // it counts and logs its losses itself
		}
	}
}

// count keeps the number of live nodes, by which limits that each counts alone are divided, until ctx ends.
func (s *Server) count(ctx context.Context) error {
	if !s.db.Shared() {
		return nil
	}
	tick := time.NewTicker(nodeEvery)
	defer tick.Stop()
	for failing := false; ; {
		_, err := s.db.Lease(ctx, nodePrefix+s.node, s.node, nodeLease)
		if err == nil {
			var n int
			if n, err = s.db.CountLeases(ctx, nodePrefix); err == nil {
				s.shared.SetNodes(n)
				s.nodes.Store(int64(n))
			}
		}
		if err != nil && !failing && ctx.Err() == nil { // once an outage
			s.log.Error("count nodes", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			s.leave()
			return nil
		case <-tick.C:
		}
	}
}

// leave takes this node out of the count.
func (s *Server) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := s.db.Lease(ctx, nodePrefix+s.node, s.node, 0); err != nil {
		s.log.Debug("leave the count of nodes", "error", err)
	}
}
