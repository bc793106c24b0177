package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// What one node has forgotten no other brings back, though it knew of it.
func TestForgottenStaysForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.open(), w.open()
	for range 2 {
		w.wait(a, "free", "a", 0)
	}
	w.wait(b, "free", "a", 0)
	w.wait(b, "locked", "a", time.Hour)
	w.wait(a, "locked", "a", time.Hour)
	a.Undo(t.Context(), "a")
	a.Forget(t.Context(), "a")
	for range 3 {
		w.wait(b, "forgotten", "a", 0)
	}
	w.wait(a, "counted anew", "a", time.Hour)
	b.Forget(t.Context(), "a")
	w.advance(time.Minute)
	w.wait(a, "forgotten", "a", 0)
}

// Without Redis limits are divided by the live nodes.
func TestShareOfALimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server.Stop()
	r := w.open()
	r.SetNodes(3)
	for i, want := range []time.Duration{0, 0, 3 * time.Hour} {
		if got := r.Take(t.Context(), "a", cluster.Rate{Burst: 7, Every: time.Hour}); !about(got, want) {
			t.Errorf("take %d: %v, want %v", i, got, want)
		}
	}
	w.wait(r, "one free", "a", 0)
	w.wait(r, "then a wait", "a", time.Hour)
	r.SetNodes(0)
	w.wait(r, "alone", "a", 0)
	if got := r.Take(t.Context(), "b", cluster.Rate{Burst: 1, Every: time.Hour}); got != 0 {
		t.Errorf("at least one: Take = %v, want 0", got)
	}
}

// Who hangs up is counted for all nodes; whose deadline is over is counted here,
// and neither is a fault of Redis.
func TestCallersGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.open(), w.open()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		a.Try(gone, "a", slow)
	}
	w.wait(b, "another node", "a", time.Hour)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if got := a.Try(late, "a", slow); !about(got, time.Hour) {
		t.Errorf("late: Try = %v, want 1h", got)
	}
	if !a.Healthy() || a.Lost() != 1 {
		t.Errorf("healthy %v, lost %d; want true, 1", a.Healthy(), a.Lost())
	}
}

// What was counted while Redis was frozen counts on, though it still has its data.
func TestCountedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.hasty()
	w.wait(r, "in Redis", "a", 0)
	w.server.Freeze()
	w.wait(r, "here", "a", 0)
	w.wait(r, "here", "a", 0)
	w.server.Thaw()
	eventually(t, "Redis serves again", r.Healthy)
	w.wait(r, "afterwards", "a", time.Hour)
}

// Who writes something else into a key has lost what was there, not more: nodes put
// back what they know, and go on with Redis.
func TestKeysOfAnotherKind(t *testing.T) {
	t.Parallel()
	rate := cluster.Rate{Burst: 2, Every: time.Hour}
	for name, spoil := range map[string]func(w *world, key string){
		"list":   func(w *world, key string) { w.do("DEL", key); w.do("RPUSH", key, "a") },
		"string": func(w *world, key string) { w.do("SET", key, "a") },
		"words":  func(w *world, key string) { w.fields(key, "a") },
		"nan":    func(w *world, key string) { w.fields(key, "nan") },
		"less":   func(w *world, key string) { w.fields(key, "-inf") },
		"long":   func(w *world, key string) { w.fields(key, strings.Repeat("a", 1<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r, other := w.open(), w.open()
			for range 3 {
				r.Try(t.Context(), "a", slow)
				r.Take(t.Context(), "a", rate)
			}
			spoilAll := func() {
				for _, key := range w.keys() {
					spoil(w, key)
				}
			}
			spoilAll()
			w.wait(r, "the node that knows", "a", time.Hour)
			if got := r.Take(t.Context(), "a", rate); !about(got, time.Hour) {
				t.Errorf("Take = %v, want 1h", got)
			}
			w.wait(other, "and tells", "a", time.Hour)
			for _, end := range []func(context.Context, string){r.Undo, r.Forget} {
				spoilAll()
				end(t.Context(), "a")
			}
			if r.Lost()+other.Lost() != 0 || w.log.String() != "" {
				t.Errorf("lost %d and %d, log:\n%s", r.Lost(), other.Lost(), w.log.String())
			}
		})
	}
}

// fields writes value into all that a key holds.
func (w *world) fields(key, value string) {
	w.Helper()
	if w.admin.Type(w.Context(), key).Val() != "hash" {
		w.do("SET", key, value)
		return
	}
	w.do("HSET", key, "level", value, "at", value, "origin", value, "version", value, "node", value)
}
