package drill_test

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/key"
)

// TestDrillRevocationSpeed: a logout on one node stops the access token on the others, within a second by the database alone and
// much sooner with Redis.
func TestDrillRevocationSpeed(t *testing.T) {
	trials := 20
	if full {
		trials = 1000
	}
	for name, s := range map[string]struct {
		setup
		limit time.Duration
	}{
		"database alone": {setup{database: "postgres", nodes: 3}, time.Second},
		"with Redis":     {setup{database: "postgres", nodes: 3, redis: true}, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			if !full {
				t.Parallel()
			}
			w := newWorld(t, s.setup)
			var news atomic.Int64
			if s.redis {
				w.listen(&news)
			}
			sessions := w.logins(w.register(1)[0], trials)
			times := make([]time.Duration, trials)
			for i, a := range sessions {
				times[i] = w.stops(i, a)
			}
			p99 := quantile(times, 0.99)
			t.Logf("%d trials over 3 nodes: median %s, p99 %s, worst %s", trials, quantile(times, 0.5), p99, slices.Max(times).Round(time.Millisecond))
			if s.redis && news.Load() == 0 {
				t.Error("nothing was pushed")
			}
			if full && p99 > s.limit { // in the short form the machine does other work too
				t.Errorf("p99 %s, want %s at most", p99, s.limit)
			}
		})
	}
}

// listen counts what nodes push, as one of them.
func (w *world) listen(news *atomic.Int64) {
	w.Helper()
	master, err := key.LoadMaster(w.nodes[0].order.Config.Key.MasterFile)
	if err != nil {
		w.Fatal(err)
	}
	r, err := cluster.OpenRedis(w.Context(), cluster.RedisConfig{URL: w.redis.URL(), Secret: master.Derive("cluster", 32), Now: time.Now})
	if err != nil {
		w.Fatal(err)
	}
	r.Subscribe("revocations", func([]byte) { news.Add(1) })
	w.Cleanup(func() {
		if err := r.Close(); err != nil {
			w.Error(err)
		}
	})
}

// stops logs out on one node and returns how long after its answer the last of the others still let the token in.
func (w *world) stops(i int, a answer) time.Duration {
	w.Helper()
	out, err := call(w.at(i), "DELETE", api+"/logout", a.body.Access, nil)
	if err != nil || out.status >= 300 {
		w.Fatalf("logout: %d %s %v", out.status, out.body.Msg, err)
	}
	begun := time.Now()
	var mu sync.Mutex
	var last time.Duration
	var wg sync.WaitGroup
	for k := range w.nodes {
		wg.Go(func() {
			for time.Since(begun) < 10*time.Second {
				got, err := call(w.nodes[k].address(), "PATCH", api+"/account", a.body.Access, "no object")
				if err == nil && got.status == http.StatusUnauthorized {
					mu.Lock()
					defer mu.Unlock()
					last = max(last, time.Since(begun))
					return
				}
				time.Sleep(2 * time.Millisecond) // not to keep the node from it
			}
			w.Errorf("trial %d: node %d still lets the token in after 10 s", i, k)
		})
	}
	wg.Wait()
	return last
}
