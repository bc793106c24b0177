package store_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/store"
)

// TestSpend: of fifty who spend one value at once on two nodes one is the first; what has expired is forgotten.
func TestSpend(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other := f.another(t)
		var firsts atomic.Int64
		together(50, func(i int) {
			first, err := []*store.DB{f.DB, other}[i%2].Spend(t.Context(), "code", start.Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			if first {
				firsts.Add(1)
			}
		})
		if n := firsts.Load(); n != 1 {
			t.Errorf("%d were the first", n)
		}
		if first, err := other.Spend(t.Context(), "another", start.Add(time.Hour)); err != nil || !first {
			t.Errorf("another value: %t, %v", first, err)
		}
		if n, err := f.PurgeSpent(t.Context(), start.Add(2*time.Minute), 10); err != nil || n != 1 {
			t.Errorf("purged %d, %v", n, err)
		}
		if first, err := other.Spend(t.Context(), "another", start.Add(time.Hour)); err != nil || first {
			t.Errorf("what lives was forgotten: %t, %v", first, err)
		}
	})
}

// TestCountLeases: those of a kind that are somebody's.
func TestCountLeases(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		for name, d := range map[string]time.Duration{"node a": time.Hour, "node b": time.Hour, "node c": 0, "purge": time.Hour} {
			if held, err := f.Lease(t.Context(), name, "x", d); err != nil || !held {
				t.Fatalf("%s: %t, %v", name, held, err)
			}
		}
		if n, err := f.CountLeases(t.Context(), "node "); err != nil || n != 2 {
			t.Errorf("counted %d, %v", n, err)
		}
		if n, err := f.PurgeLeases(t.Context(), 10); err != nil || n != 0 { // an hour later at the earliest
			t.Errorf("purged %d, %v", n, err)
		}
	})
}
