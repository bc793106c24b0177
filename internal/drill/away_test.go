//go:build drill

package drill_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestDrillAway: while the database is stopped, a black hole or slow, tokens are verified as before, refreshes and logins are
// told to come again, and nobody is told that a good token is bad.
func TestDrillAway(t *testing.T) {
	for _, database := range []string{"postgres", "mariadb"} {
		for _, kind := range []string{"stopped", "black hole", "slow"} {
			t.Run(database+" "+kind, func(t *testing.T) { away(t, database, kind, 30*time.Second) })
		}
	}
}

func away(t *testing.T, database, kind string, outage time.Duration) {
	w := newWorld(t, setup{database: database, nodes: 3})
	user := w.register(1)[0]
	sessions := w.logins(user, 24)
	for i := range 2 * 24 { // every node has prepared its statements
		a, err := call(w.at(i+i/24), "POST", api+"/refresh", sessions[i%24].body.Refresh, nil)
		if err != nil || a.status != 200 {
			t.Fatalf("before: %d %s %v", a.status, a.body.Msg, err)
		}
		sessions[i%24] = a
	}
	c := &counts{of: map[string]int{}}
	gone, back := w.outage(kind)
	ctx, stop := context.WithTimeout(t.Context(), outage)
	defer stop()
	gone()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { c.verify(ctx, w.at(i), sessions[i].body.Access) })
		wg.Go(func() { c.refresh(ctx, w.at(i), sessions[8+i].body.Refresh) })
	}
	wg.Go(func() { c.login(ctx, w.at(0), user) })
	wg.Wait()
	back()
	begun := time.Now()
	for _, n := range w.nodes {
		n.ready(t)
	}
	recovered := time.Since(begun)
	t.Logf("away for %s: %v, slowest refusal %s, ready %s after its return", outage, c.of, c.slowest.Round(time.Millisecond), recovered.Round(time.Millisecond))
	allowed := map[string]bool{"verified": true, "503 refresh": true, "503 login": true, "login 200": true, "refresh 200": true} // 200 before it is gone
	for what, n := range c.of {
		if !allowed[what] {
			t.Errorf("%s %d times", what, n)
		}
	}
	for what := range allowed {
		if c.of[what] == 0 && !strings.HasSuffix(what, "200") {
			t.Errorf("never %s", what)
		}
	}
	for i := range 16 { // those whose rotation may be done without their knowing, and others
		a, err := call(w.at(i), "POST", api+"/refresh", sessions[8+i].body.Refresh, nil)
		if err != nil || a.status != 200 {
			t.Errorf("session %d afterwards: %d %s %v", i, a.status, a.body.Msg, err)
		}
	}
	if c.slowest > 2*time.Second || recovered > 2*time.Second {
		t.Errorf("slowest refusal %s, ready again after %s; want 2 s at most", c.slowest, recovered)
	}
}

// outage returns what takes the database away, and what brings it back.
func (w *world) outage(kind string) (gone, back func()) {
	each := func(do func(i int)) func() {
		return func() {
			for i := range w.links {
				do(i)
			}
		}
	}
	switch kind {
	case "stopped":
		return w.database.Stop, w.revive
	case "black hole":
		return each(func(i int) { w.links[i].Blackhole(true) }), each(func(i int) { w.links[i].Blackhole(false) })
	default:
		return each(func(i int) { w.links[i].Delay(3 * time.Second) }), each(func(i int) { w.links[i].Delay(0) })
	}
}

// counts are the answers of an outage.
type counts struct {
	mu      sync.Mutex
	of      map[string]int
	slowest time.Duration // of all but the verifications
}

func (c *counts) add(what string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[what]++
	c.slowest = max(c.slowest, took)
}

// verify sends what is refused for its body, behind the guard and before the store.
func (c *counts) verify(ctx context.Context, at, token string) {
	for ; ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		a, err := call(at, "PATCH", api+"/account", token, "no object")
		if err == nil && a.status == http.StatusBadRequest {
			c.add("verified", 0)
		} else {
			c.add("verify refused", 0)
		}
	}
}

func (c *counts) refresh(ctx context.Context, at, token string) {
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		begun := time.Now()
		a, err := call(at, "POST", api+"/refresh", token, nil)
		c.count(a, err, time.Since(begun), "refresh")
	}
}

func (c *counts) login(ctx context.Context, at, user string) {
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		begun := time.Now()
		a, err := call(at, "POST", api+"/login", "", map[string]string{"username": user, "password": password})
		c.count(a, err, time.Since(begun), "login")
	}
}

func (c *counts) count(a answer, err error, took time.Duration, what string) {
	switch seconds, bad := strconv.Atoi(a.header.Get("Retry-After")); {
	case err != nil:
		c.add(fmt.Sprint(what, " other"), took)
	case a.status == http.StatusServiceUnavailable && (bad != nil || seconds < 1):
		c.add("503 without Retry-After", took)
	case a.status == http.StatusServiceUnavailable:
		c.add("503 "+what, took)
	case a.status == http.StatusUnauthorized:
		c.add("false invalid_grant", took)
	default:
		c.add(fmt.Sprint(what, " ", a.status), took)
	}
}
