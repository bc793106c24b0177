package cluster

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultMaxKeys bounds each of the two tables of a Memory: about 20 MB when full.
const DefaultMaxKeys = 1 << 16

// Rate allows Burst events at once and one more every Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// Backoff makes tries wait ever longer: none for the first Free, then Base,
// doubling with each further one up to Max. Everything is forgotten when
// Forget has passed since the last try. Forget should be well above Max.
type Backoff struct {
	Free              int
	Base, Max, Forget time.Duration
}

// delay is how long to wait after the n-th failure.
func (b Backoff) delay(n int) time.Duration {
	if n < b.Free {
		return 0
	}
	d := b.Base
	for range n - b.Free {
		if d *= 2; d >= b.Max {
			break
		}
	}
	return min(d, b.Max)
}

// Memory counts within one process, and carries news within it. It is bounded,
// has goroutines only while messages are handed over, and is safe for concurrent
// use. Its methods take a context because Redis's do.
type Memory struct {
	hub
	now   func() time.Time
	nodes atomic.Int64 // 0 until SetNodes

	mu       sync.Mutex // guards both tables
	rates    *table
	failures *table
}

// NewMemory makes an empty Memory on the given clock.
func NewMemory(now func() time.Time) *Memory { return NewMemorySize(now, DefaultMaxKeys) }

// NewMemorySize is NewMemory with another bound than DefaultMaxKeys.
func NewMemorySize(now func() time.Time, maxKeys int) *Memory {
	if now == nil || maxKeys < 1 {
		panic("cluster: NewMemory needs a clock and room for one key")
	}
	return &Memory{now: now, rates: newTable(maxKeys), failures: newTable(maxKeys)}
}

// SetNodes says among how many nodes a limit is divided, each of which counts for itself: 1 or less, as at
// first, is none but this. A share is at least one event, or one free try.
func (m *Memory) SetNodes(n int) { m.nodes.Store(int64(n)) }

// share is what one node allows of r.
func (m *Memory) share(r Rate) Rate {
	n := max(1, int(m.nodes.Load()))
	return Rate{Burst: max(1, r.Burst/n), Every: r.Every * time.Duration(n)}
}

// shareFree is how many of so many free tries one node allows.
func (m *Memory) shareFree(free int) int { return min(free, max(1, free/max(1, int(m.nodes.Load())))) }

// Take counts one event of key against r, by the generic cell rate algorithm
// (ITU-T I.371). It returns 0 when the event is allowed, else how long until
// one would be; a refused event costs nothing.
func (m *Memory) Take(_ context.Context, key string, r Rate) time.Duration {
	r = m.share(r)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	arrival := now
	if e := m.rates.find(key, now); e != nil {
		arrival = e.at
	}
	tolerance := time.Duration(r.Burst-1) * r.Every
	if wait := arrival.Sub(now) - tolerance; wait > 0 {
		return wait
	}
	arrival = arrival.Add(r.Every)
	m.rates.put(key, 0, arrival, arrival, now)
	return 0
}

// Try asks for one try of something that may fail, such as a password. It
// returns 0 when the try may be made, and counts it as a failure then and
// there: were it counted only when it had failed, a thousand at once would all
// be let through. Otherwise it returns how long to wait, and counts nothing.
// The caller ends a try that did not fail with Forget or Undo.
func (m *Memory) Try(_ context.Context, key string, b Backoff) time.Duration {
	b.Free = m.shareFree(b.Free)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	n := 0
	if e := m.failures.find(key, now); e != nil {
		if wait := e.at.Add(b.delay(e.level)).Sub(now); wait > 0 {
			return wait
		}
		n = e.level
	}
	m.failures.put(key, n+1, now, now.Add(b.Forget), now).origin = ""
	return 0
}

// Undo takes back one try, and leaves the earlier ones counted.
func (m *Memory) Undo(_ context.Context, key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	switch e := m.failures.find(key, now); {
	case e == nil:
	case e.level <= 1:
		m.failures.remove(e)
	default:
		m.failures.put(key, e.level-1, e.at, e.expires, now)
	}
}

// Forget drops all tries of key.
func (m *Memory) Forget(_ context.Context, key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.failures.find(key, m.now()); e != nil {
		m.failures.remove(e)
	}
}

// Publish hands message to this process's subscribers of topic. It fails never.
func (m *Memory) Publish(_ context.Context, topic string, message []byte) error {
	m.deliver(topic, message)
	return nil
}

// Close ends nothing: a Memory has nothing to give back.
func (m *Memory) Close() error { return nil }

// Len is how many keys are held, for metrics.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rates.entries) + len(m.failures.entries)
}
