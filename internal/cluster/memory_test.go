package cluster_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// clock is advanced by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func TestTake(t *testing.T) {
	t.Parallel()
	var c clock
	m := cluster.NewMemory(c.now)
	rate := cluster.Rate{Burst: 3, Every: 10 * time.Second}
	steps := []struct {
		after, want time.Duration
	}{
		{0, 0},
		{0, 0},
		{0, 0},
		{0, 10 * time.Second},
		{0, 10 * time.Second}, // a refusal costs nothing
		{4 * time.Second, 6 * time.Second},
		{6 * time.Second, 0},
		{0, 10 * time.Second},
		{time.Hour, 0}, // the burst is full again, and no fuller
		{0, 0},
		{0, 0},
		{0, 10 * time.Second},
	}
	for i, s := range steps {
		c.advance(s.after)
		if got := m.Take(t.Context(), "a", rate); got != s.want {
			t.Errorf("step %d: Take = %v, want %v", i, got, s.want)
		}
	}
	if got := m.Take(t.Context(), "b", rate); got != 0 {
		t.Errorf("another key: Take = %v, want 0", got)
	}
}

var backoff = cluster.Backoff{Free: 3, Base: time.Second, Max: 10 * time.Second, Forget: time.Hour}

// secure-defaults 13d
func TestTryDoubles(t *testing.T) {
	t.Parallel()
	var c clock
	m := cluster.NewMemory(c.now)
	try := func() time.Duration { return m.Try(t.Context(), "a", backoff) }
	for i := range 3 {
		if got := try(); got != 0 {
			t.Fatalf("free try %d: wait %v, want 0", i, got)
		}
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		want *= time.Second
		if got := try(); got != want {
			t.Fatalf("Try = %v, want %v", got, want)
		}
		c.advance(want - 1)
		if got := try(); got != 1 {
			t.Fatalf("just before the end: Try = %v, want 1ns", got)
		}
		c.advance(1)
		if got := try(); got != 0 {
			t.Fatalf("after %v: Try = %v, want 0", want, got)
		}
	}
	c.advance(time.Hour)
	for range 3 {
		if got := try(); got != 0 {
			t.Fatalf("after Forget: Try = %v, want 0", got)
		}
	}
}

func TestForgetAndUndo(t *testing.T) {
	t.Parallel()
	var c clock
	m := cluster.NewMemory(c.now)
	for range 3 {
		m.Try(t.Context(), "a", backoff)
	}
	m.Undo(t.Context(), "a")
	if got := m.Try(t.Context(), "a", backoff); got != 0 {
		t.Errorf("after Undo: Try = %v, want 0", got)
	}
	if got := m.Try(t.Context(), "a", backoff); got != time.Second {
		t.Errorf("Undo takes back one: Try = %v, want 1s", got)
	}
	m.Forget(t.Context(), "a")
	if got := m.Try(t.Context(), "a", backoff); got != 0 {
		t.Errorf("after Forget: Try = %v, want 0", got)
	}
	m.Undo(t.Context(), "a")
	m.Undo(t.Context(), "a")
	m.Forget(t.Context(), "a")
	if got := m.Len(); got != 0 {
		t.Errorf("Len = %d, want 0", got)
	}
}

// secure-defaults 13d: tries that start together are not all let through.
func TestTryAtOnce(t *testing.T) {
	t.Parallel()
	var c clock
	m := cluster.NewMemory(c.now)
	var allowed atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if m.Try(t.Context(), "a", backoff) == 0 {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	if got := allowed.Load(); got != 3 {
		t.Errorf("%d tries at once were allowed, want 3", got)
	}
}

// secure-defaults 13d: a flood of keys resets nobody's throttle.
func TestFloodKeepsThrottles(t *testing.T) {
	t.Parallel()
	var c clock
	const size = 1000
	m := cluster.NewMemorySize(c.now, size)
	rate := cluster.Rate{Burst: 5, Every: time.Minute}
	for range 5 {
		m.Try(t.Context(), "victim", backoff)
		m.Take(t.Context(), "victim", rate)
		c.advance(2 * time.Second)
	}
	for i := range 20 * size {
		key := fmt.Sprint("flood ", i)
		m.Try(t.Context(), key, backoff)
		m.Try(t.Context(), key, backoff)
		m.Take(t.Context(), key, rate)
	}
	if got := m.Len(); got > 2*size {
		t.Errorf("Len = %d, want at most %d", got, 2*size)
	}
	if got := m.Take(t.Context(), "victim", rate); got == 0 {
		t.Error("the flood reset the rate of another key")
	}
	for range 4 {
		m.Try(t.Context(), "victim", backoff)
	}
	if got := m.Try(t.Context(), "victim", backoff); got == 0 {
		t.Error("the flood reset the failures of another key")
	}
}

func TestExpiredGoFirst(t *testing.T) {
	t.Parallel()
	var c clock
	m := cluster.NewMemorySize(c.now, 2)
	for range 3 {
		m.Try(t.Context(), "old", backoff)
	}
	c.advance(time.Hour)
	m.Try(t.Context(), "a", backoff)
	m.Try(t.Context(), "b", backoff) // pushes out "old", which has expired, not "a"
	m.Try(t.Context(), "a", backoff)
	m.Try(t.Context(), "a", backoff)
	if got := m.Try(t.Context(), "a", backoff); got != time.Second {
		t.Errorf("Try = %v, want 1s: the live entry was evicted before the expired one", got)
	}
}
