package server

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// gauges are read when the metrics are.
func (s *Server) gauges() {
	s.gauge("sandi_sessions", "Sessions alive.", s.aliveSessions)
	s.gauge("sandi_clock_ahead_seconds", "How far this node's clock is ahead of the store's.", func() float64 {
		return time.Duration(s.drift.apart.Load()).Seconds()
	})
	s.gauge("sandi_connections", "Connections of the public listener.", func() float64 { return float64(len(s.connections.open)) })
	s.gauge("sandi_revocations", "Entries of the revocation list.", func() float64 { return float64(s.revocations.Len()) })
	s.gauge("sandi_revocation_pollers", "Readers of GET /revocations that wait for news.", func() float64 { return float64(s.feed.Waiting()) })
	s.gauge("sandi_hashing_running", "Password hashes being computed.", func() float64 { n, _ := s.accounts.Hashing(); return float64(n) })
	s.gauge("sandi_hashing_waiting", "Logins waiting for a password hash.", func() float64 { _, n := s.accounts.Hashing(); return float64(n) })
	s.gauge("sandi_housekeeper", "1 on the node that purges what is of no use any more.", func() float64 { return number(s.keepsHouse.Load()) })
	if s.db.Shared() {
		s.gauge("sandi_nodes", "Nodes alive on this database, as far as this one knows.", func() float64 { return float64(s.nodes.Load()) })
	}
	if r, ok := s.shared.(*cluster.Redis); ok {
		s.gauge("sandi_redis_up", "1 while Redis serves; limits are counted locally otherwise.", func() float64 { return number(r.Healthy()) })
		s.counter("sandi_redis_lost_total", "Calls that Redis did not serve.", r.Lost)
		s.counter("sandi_redis_dropped_total", "Messages of other nodes that came forged, late, or faster than they could be handled.", r.Dropped)
	}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

func (s *Server) gauge(name, help string, read func() float64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

func (s *Server) counter(name, help string, read func() uint64) {
	s.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read()) }))
}

// aliveSessions asks the store.
func (s *Server) aliveSessions() float64 {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	n, err := s.db.CountSessions(ctx, s.now())
	if err != nil {
		s.log.Error("count sessions", "error", err)
		return math.NaN()
	}
	return float64(n)
}

// number is how a metric says yes, 1, and no, 0.
func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
