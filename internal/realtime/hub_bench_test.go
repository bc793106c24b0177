package realtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/realtime"
)

// sink is a Peer that costs nothing.
type sink struct{}

func (sink) Deliver(*realtime.Message) {}
func (sink) Tell(realtime.Notice)      {}
func (sink) Close(realtime.End)        {}

// join lets n clients in, whose tokens live for ten minutes, and has each join hq.
func (s *site) join(h *realtime.Hub, n int) []*realtime.Member {
	members := make([]*realtime.Member, n)
	for i := range members {
		t := s.check(map[string]any{"sub": fmt.Sprint("user", i), "sid": fmt.Sprint("s", i), "jti": fmt.Sprint("t", i)})
		m, err := h.Join(context.Background(), realtime.Arrival{
			Token: t, Peer: sink{}, Transport: "websocket", From: audit.From{Address: fmt.Sprintf("10.0.%d.%d", i>>8, i&255)},
		})
		if err != nil {
			s.tb.Fatal(err)
		}
		if _, err := m.Subscribe("hq", ""); err != nil {
			s.tb.Fatal(err)
		}
		members[i] = m
	}
	return members
}

// BenchmarkMember is the memory of a member in a channel: with its token, the watch for its end and its timer.
func BenchmarkMember(b *testing.B) {
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse)
	}
	const n = 10_000
	for b.Loop() {
		s := newSite(b)
		h, stop := s.hub("n1", nil)
		before := heap()
		members := s.join(h, n)
		time.Sleep(300 * time.Millisecond) // what is to be recorded is
		s.store.mu.Lock()
		s.store.events, s.store.sockets = nil, nil
		s.store.mu.Unlock()
		b.ReportMetric((heap()-before)/n, "bytes/member")
		runtime.KeepAlive(members)
		stop()
	}
}

// BenchmarkBroadcast is a message to 1,000 subscribers of one node, without their frames.
func BenchmarkBroadcast(b *testing.B) {
	s := newSite(b)
	h, stop := s.hub("n1", nil)
	defer stop()
	members := s.join(h, 1000)
	data := json.RawMessage(`{"text":"Kapal merapat pukul tujuh."}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := members[0].Publish(context.Background(), "hq", data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/delivery")
}

// BenchmarkJoin is a connection from its token to its end.
func BenchmarkJoin(b *testing.B) {
	s := newSite(b)
	h, stop := s.hub("n1", nil)
	defer stop()
	t := s.check(nil)
	b.ReportAllocs()
	for b.Loop() {
		m, err := h.Join(context.Background(), realtime.Arrival{Token: t, Peer: sink{}, Transport: "websocket", From: audit.From{Address: "192.0.2.1"}})
		if err != nil {
			b.Fatal(err)
		}
		m.Leave("done")
	}
}
