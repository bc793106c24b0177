package drill_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

// stormPlan bounds a storm. A session is rotated once in a retry window, so that many sessions make many rotations.
type stormPlan struct {
	database  string
	nodes     int
	kills     int // of nodes
	crashes   int // of the database
	clients   int
	sessions  int // of each client
	rotations int // the storm goes on until there were so many
	window    time.Duration
}

// TestDrillStorm: nodes are killed and databases crash while clients refresh in chains, each asking again with the same token
// whenever it got no answer. No session is lost, and no token counts that the rotation rule does not allow.
func TestDrillStorm(t *testing.T) {
	plans := map[string]stormPlan{
		"sqlite":   {database: "sqlite", nodes: 1, kills: 5, clients: 8, sessions: 10, window: 2 * time.Second},
		"postgres": {database: "postgres", nodes: 3, kills: 4, crashes: 1, clients: 8, sessions: 10, window: 5 * time.Second},
		"mariadb":  {database: "mariadb", nodes: 3, kills: 4, crashes: 1, clients: 8, sessions: 10, window: 5 * time.Second},
	}
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			if full {
				p.clients, p.sessions, p.rotations = 64, 100, 100_000
				if p.kills, p.crashes = 100, 20; p.nodes == 1 {
					p.kills, p.crashes = 200, 0
				}
			} else {
				t.Parallel()
			}
			storm(t, p)
		})
	}
}

func storm(t *testing.T, p stormPlan) {
	const seed = 1
	w := newWorld(t, setup{database: p.database, nodes: p.nodes, change: func(c *config.Config) { c.Session.RetryWindow = p.window }})
	user := w.register(1)[0]
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var rotations atomic.Int64
	var wg sync.WaitGroup
	clients := make([][]*chain, p.clients)
	for i := range clients {
		for _, a := range w.logins(user, p.sessions) {
			clients[i] = append(clients[i], &chain{tokens: []string{a.body.Refresh}})
		}
	}
	for i, chains := range clients {
		wg.Go(func() { refreshAll(ctx, w, i, chains, &rotations) })
	}
	begun := time.Now()
	ready := w.strike(rand.New(rand.NewPCG(seed, seed)), p)
	for deadline := begun.Add(20 * time.Minute); rotations.Load() < int64(p.rotations) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	wg.Wait()
	lost, honoured := w.audit(clients)
	t.Logf("seed %d: %d kills, %d crashes of the database, %d clients with %d sessions each, %d rotations in %s, %d sessions lost, "+
		"%d tokens honoured outside the rule, ready again after median %s, p99 %s", seed, p.kills, p.crashes, p.clients, p.sessions,
		rotations.Load(), time.Since(begun).Round(time.Second), lost, honoured, quantile(ready, 0.5), quantile(ready, 0.99))
	if lost > 0 || honoured > 0 {
		t.Errorf("%d lost, %d honoured; want none", lost, honoured)
	}
	if n := rotations.Load(); n < int64(max(p.rotations, p.clients*p.sessions)) {
		t.Errorf("%d rotations, want %d, and one of each session", n, p.rotations)
	}
	if p99 := quantile(ready, 0.99); full && p99 > 1500*time.Millisecond {
		t.Errorf("ready again after %s", p99)
	}
}

// strike kills nodes and crashes the database, in a seeded order, and returns how long each took to be ready again.
func (w *world) strike(random *rand.Rand, p stormPlan) (ready []time.Duration) {
	every := p.kills + 1
	if p.crashes > 0 {
		every = (p.kills + p.crashes) / p.crashes
	}
	for i := range p.kills + p.crashes {
		time.Sleep(time.Duration(200+random.IntN(400)) * time.Millisecond) // the storm itself
		if i%every == every-1 && p.crashes > 0 {
			w.database.Stop() // at once, as a loss of power
			w.revive()
			back := time.Now()
			for _, n := range w.nodes {
				n.ready(w)
			}
			ready = append(ready, time.Since(back))
			continue
		}
		n := w.nodes[random.IntN(len(w.nodes))]
		n.kill(w)
		ready = append(ready, n.restart(w))
	}
	return ready
}

// audit counts the sessions that were lost, and afterwards the old tokens that are still honoured.
func (w *world) audit(clients [][]*chain) (lost, honoured int) {
	for _, chains := range clients {
		for _, ch := range chains {
			if ch.lost != "" {
				w.Logf("lost after %d rotations: %s", len(ch.tokens)-1, ch.lost)
				lost++
				continue
			}
			if len(ch.tokens) < 4 {
				continue
			}
			a, err := call(w.at(0), "POST", api+"/refresh", ch.tokens[len(ch.tokens)-4], nil)
			if err != nil || a.status == 200 {
				honoured++
			}
		}
	}
	return lost, honoured
}

// chain is one session: the refresh tokens that its client was given.
type chain struct {
	tokens []string
	lost   string
}

// refreshAll refreshes a client's sessions in turn, on one node after the other, until ctx ends.
func refreshAll(ctx context.Context, w *world, client int, chains []*chain, rotations *atomic.Int64) {
	for i := client; ctx.Err() == nil; i++ {
		ch := chains[i%len(chains)]
		for turn := i; ch.lost == "" && ctx.Err() == nil && !ch.refresh(w.at(turn), rotations); turn++ {
			time.Sleep(5 * time.Millisecond) // no answer: it is asked again
		}
		if i%len(chains) == 0 {
			time.Sleep(20 * time.Millisecond) // all were asked; most are answered with themselves until their window ends
		}
	}
}

// refresh says whether an answer came.
func (ch *chain) refresh(at string, rotations *atomic.Int64) bool {
	token := ch.tokens[len(ch.tokens)-1]
	a, err := call(at, "POST", api+"/refresh", token, nil)
	switch {
	case a.unknown(err):
		return false
	case a.status != 200:
		ch.lost = a.body.Error + ": " + a.body.Msg
	case a.body.Refresh != token:
		rotations.Add(1)
		ch.tokens = append(ch.tokens, a.body.Refresh)
	}
	return true
}
