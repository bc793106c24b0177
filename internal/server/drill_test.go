//go:build drill

package server_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chain is one client that refreshes for ever: the last token that it was given, and those before.
type chain struct {
	tokens []string
	lost   string // why its session is gone
}

// kills and chainClients bound the storm; DRILL_KILLS changes the first.
const (
	defaultKills = 100
	chainClients = 64
)

// A storm of kill -9 while 64 clients refresh in chains, each trying again with the same token whenever it gets no answer: no session
// is lost, and afterwards no older token is honoured.
func TestDrillKillStorm(t *testing.T) {
	kills := defaultKills
	if n, err := strconv.Atoi(os.Getenv("DRILL_KILLS")); err == nil && n > 0 {
		kills = n
	}
	t.Setenv(retryEnv, "2s") // long enough for a restart, short enough for many rotations
	seed := uint64(1)
	random := rand.New(rand.NewPCG(seed, seed))
	dir := filepath.Join(t.TempDir(), "data")
	s := spawn(t, dir)
	c := plain(t)
	chains := make([]*chain, chainClients)
	for i := range chains {
		_, refresh := s.login(c, "user1", "password1")
		chains[i] = &chain{tokens: []string{refresh}}
	}
	var address atomic.Value
	address.Store(s.url)
	ctx, stop := context.WithCancel(t.Context())
	var rotations atomic.Int64
	var wg sync.WaitGroup
	for _, ch := range chains {
		wg.Go(func() { ch.refresh(ctx, c, &address, &rotations) })
	}
	var ready []time.Duration
	for range kills {
		time.Sleep(time.Duration(200+random.IntN(400)) * time.Millisecond) // the storm itself, seeded
		s.kill()
		down := time.Now()
		s = spawn(t, dir)
		s.want(s.call(c, "GET", "/readyz", "", ""), 200, "")
		ready = append(ready, time.Since(down))
		address.Store(s.url)
	}
	stop()
	wg.Wait()
	lost := 0
	for i, ch := range chains {
		if ch.lost != "" {
			lost++
			t.Errorf("client %d lost its session after %d rotations: %s", i, len(ch.tokens)-1, ch.lost)
		}
	}
	slices.Sort(ready)
	t.Logf("seed %d: %d kills, %d rotations, %d sessions lost, ready again after median %s, p99 %s", seed, kills, rotations.Load(), lost,
		ready[len(ready)/2].Round(time.Millisecond), ready[len(ready)*99/100].Round(time.Millisecond))
	honoured := 0
	for _, ch := range chains {
		if len(ch.tokens) < 4 {
			continue
		}
		if s.call(c, "POST", "/refresh", ch.tokens[len(ch.tokens)-4], "").status == 200 {
			honoured++
		}
	}
	t.Logf("tokens honoured outside the rotation rule: %d", honoured)
	if honoured != 0 {
		t.Errorf("%d older tokens were honoured", honoured)
	}
}

// refresh goes on until ctx ends. An answer that did not come is asked for again with the same token.
func (ch *chain) refresh(ctx context.Context, c *http.Client, address *atomic.Value, rotations *atomic.Int64) {
	for ctx.Err() == nil {
		token := ch.tokens[len(ch.tokens)-1]
		req, err := http.NewRequestWithContext(context.Background(), "POST", address.Load().(string)+"/refresh", strings.NewReader(""))
		if err != nil {
			ch.lost = err.Error()
			return
		}
		req.Header.Set("Authorization", "Bearer "+token)
		a, err := do(c, req)
		switch {
		case err != nil || a.status == http.StatusServiceUnavailable:
			time.Sleep(5 * time.Millisecond) // the server is down
		case a.status != http.StatusOK:
			ch.lost = a.raw
			return
		case a.str("refresh_token") != token:
			rotations.Add(1)
			ch.tokens = append(ch.tokens, a.str("refresh_token"))
		}
	}
}
