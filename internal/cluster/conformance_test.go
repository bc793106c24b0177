package cluster_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// shared is what Memory and Redis have in common.
type shared interface {
	Take(ctx context.Context, key string, r cluster.Rate) time.Duration
	Try(ctx context.Context, key string, b cluster.Backoff) time.Duration
	Undo(ctx context.Context, key string)
	Forget(ctx context.Context, key string)
	Publish(ctx context.Context, topic string, message []byte) error
	Subscribe(topic string, handle func(message []byte)) (cancel func())
	Dropped() uint64
}

var (
	_ shared = (*cluster.Memory)(nil)
	_ shared = (*cluster.Redis)(nil)
)

// conforms runs a test over both. Redis is given as two nodes that share it,
// Memory as twice the same. Time is turned forward by advance; it passes by
// itself too, so that waits are compared to the minute.
func conforms(t *testing.T, test func(t *testing.T, a, b shared, advance func(time.Duration))) {
	t.Parallel()
	t.Run("Memory", func(t *testing.T) {
		t.Parallel()
		var c clock
		m := cluster.NewMemory(c.now)
		test(t, m, m, c.advance)
	})
	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		a, b := w.open(), w.open()
		test(t, a, b, w.advance)
		if lost := a.Lost() + b.Lost(); lost != 0 {
			t.Errorf("%d calls were not served by Redis", lost)
		}
	})
}

// about says whether a wait is want, of which up to a minute has passed.
func about(got, want time.Duration) bool {
	return got <= want && (got == want || got > want-time.Minute)
}

func TestConformingTake(t *testing.T) {
	conforms(t, func(t *testing.T, a, b shared, advance func(time.Duration)) {
		const unit = time.Hour
		rate := cluster.Rate{Burst: 3, Every: 10 * unit}
		steps := []struct {
			after, want time.Duration
		}{
			{0, 0},
			{0, 0},
			{0, 0},
			{0, 10 * unit},
			{0, 10 * unit}, // a refusal costs nothing
			{4 * unit, 6 * unit},
			{6 * unit, 0},
			{0, 10 * unit},
			{1000 * unit, 0}, // the burst is full again, and no fuller
			{0, 0},
			{0, 0},
			{0, 10 * unit},
		}
		for i, s := range steps {
			advance(s.after)
			if got := []shared{a, b}[i%2].Take(t.Context(), "a", rate); !about(got, s.want) {
				t.Errorf("step %d: Take = %v, want %v", i, got, s.want)
			}
		}
		if got := a.Take(t.Context(), "b", rate); got != 0 {
			t.Errorf("another key: Take = %v, want 0", got)
		}
	})
}

var slow = cluster.Backoff{Free: 3, Base: time.Hour, Max: 10 * time.Hour, Forget: 100 * time.Hour}

// secure-defaults 13d
func TestConformingTryDoubles(t *testing.T) {
	conforms(t, func(t *testing.T, a, b shared, advance func(time.Duration)) {
		nodes, n := []shared{a, b}, 0
		try := func() time.Duration { n++; return nodes[n%2].Try(t.Context(), "a", slow) }
		for i := range 3 {
			if got := try(); got != 0 {
				t.Fatalf("free try %d: wait %v, want 0", i, got)
			}
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
			want *= time.Hour
			if got := try(); !about(got, want) {
				t.Fatalf("Try = %v, want %v", got, want)
			}
			advance(want - 5*time.Minute)
			if got := try(); !about(got, 5*time.Minute) {
				t.Fatalf("just before the end: Try = %v, want 5m", got)
			}
			advance(5 * time.Minute)
			if got := try(); got != 0 {
				t.Fatalf("after %v: Try = %v, want 0", want, got)
			}
		}
		advance(100 * time.Hour)
		for range 3 {
			if got := try(); got != 0 {
				t.Fatalf("after Forget: Try = %v, want 0", got)
			}
		}
	})
}

func TestConformingForgetAndUndo(t *testing.T) {
	conforms(t, func(t *testing.T, a, b shared, _ func(time.Duration)) {
		ctx := t.Context()
		try := func(s shared, what string, want time.Duration) {
			t.Helper()
			if got := s.Try(ctx, "a", slow); !about(got, want) {
				t.Errorf("%s: Try = %v, want %v", what, got, want)
			}
		}
		for range 3 {
			try(a, "free", 0)
		}
		b.Undo(ctx, "a")
		try(a, "after Undo", 0)
		try(b, "Undo takes back one", time.Hour)
		b.Forget(ctx, "a")
		for range 3 {
			try(a, "after Forget", 0)
		}
		try(b, "counted anew", time.Hour)
		for range 5 {
			a.Undo(ctx, "a")
		}
		b.Undo(ctx, "never tried")
		b.Forget(ctx, "never tried")
		none := slow
		none.Free = 0
		if got := b.Try(ctx, "a", none); got != 0 {
			t.Errorf("first try without free ones: Try = %v, want 0", got)
		}
		if got := a.Try(ctx, "a", none); !about(got, 2*time.Hour) {
			t.Errorf("second try without free ones: Try = %v, want 2h", got)
		}
	})
}

// secure-defaults 13d: tries that start together are not all let through.
func TestConformingAtOnce(t *testing.T) {
	conforms(t, func(t *testing.T, a, b shared, _ func(time.Duration)) {
		var tries, events atomic.Int32
		var wg sync.WaitGroup
		for i := range 100 {
			s := []shared{a, b}[i%2]
			wg.Go(func() {
				if s.Try(t.Context(), "a", slow) == 0 {
					tries.Add(1)
				}
				if s.Take(t.Context(), "a", cluster.Rate{Burst: 7, Every: time.Hour}) == 0 {
					events.Add(1)
				}
			})
		}
		wg.Wait()
		if tries.Load() != 3 || events.Load() != 7 {
			t.Errorf("%d tries and %d events at once were allowed, want 3 and 7", tries.Load(), events.Load())
		}
	})
}

func TestConformingNews(t *testing.T) {
	conforms(t, func(t *testing.T, a, b shared, _ func(time.Duration)) {
		here, there := make(chan string, 1000), make(chan string, 1000)
		defer a.Subscribe("topic", func(m []byte) { here <- string(m) })()
		defer b.Subscribe("topic", func(m []byte) { there <- string(m) })()
		defer a.Subscribe("other", func([]byte) { t.Error("a message of another topic") })()
		cancel := a.Subscribe("topic", func([]byte) { t.Error("a message after cancel") })
		cancel()
		cancel()
		reach(t, a, there)
		var want []string
		for i := range 100 {
			want = append(want, fmt.Sprint(i))
			if err := a.Publish(t.Context(), "topic", []byte(want[i])); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]chan string{"here": here, "there": there} {
			var got []string
			for len(got) < len(want) {
				if m := <-c; m != "hello" {
					got = append(got, m)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %v", name, got)
			}
		}
		if a.Dropped()+b.Dropped() != 0 {
			t.Errorf("dropped %d and %d", a.Dropped(), b.Dropped())
		}
	})
}

// A handler that does not return holds up its own messages, nobody else's.
func TestConformingFullQueue(t *testing.T) {
	conforms(t, func(t *testing.T, a, _ shared, _ func(time.Duration)) {
		release, last := make(chan struct{}), make(chan struct{})
		var once sync.Once
		defer a.Subscribe("topic", func([]byte) { <-release })()
		defer a.Subscribe("topic", func(m []byte) {
			if string(m) == "last" {
				once.Do(func() { close(last) })
			}
		})()
		for range 1024 + 1 + 5 { // one is being handled
			if err := a.Publish(t.Context(), "topic", nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := a.Dropped(); got < 5 { // more where the other handler lags
			t.Errorf("dropped %d, want at least 5", got)
		}
		eventually(t, "the other handler gets its messages", func() bool {
			_ = a.Publish(t.Context(), "topic", []byte("last"))
			select {
			case <-last:
				return true
			default:
				return false
			}
		})
		close(release)
	})
}
