package drill_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/session"
)

// What is asked about one session.
type (
	input struct {
		op         string // rotate, revoke or introspect
		generation int    // of the token that rotate presents
	}
	output struct {
		unknown    bool // no answer: done now, later or never
		ok         bool // rotated; revoked; alive
		generation int  // of the token that rotate was given
	}
	state struct {
		generation int
		ended      bool
	}
)

// model is the rotation of one session where the retry window is zero: of two that present one token the second has
// stolen it, or the first.
var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) { return step(s.(state), in.(input), out.(output)) },
	DescribeOperation: func(in, out any) string {
		return fmt.Sprintf("%+v -> %+v", in, out)
	},
}

func step(s state, in input, out output) (bool, state) {
	switch {
	case in.op == "introspect":
		return out.unknown || out.ok == !s.ended, s
	case in.op == "revoke":
		return true, state{s.generation, true} // ended twice is ended
	case s.ended:
		return out.unknown || !out.ok, s
	case in.generation == s.generation:
		s.generation++
		return out.unknown || out.ok && out.generation == s.generation, s
	case in.generation < s.generation: // reuse
		s.ended = true
		return out.unknown || !out.ok, s
	default: // nobody was given that token
		return false, s
	}
}

// subject is one session under test: what its clients know, and its history.
type subject struct {
	mu      sync.Mutex
	id      string
	token   map[int]string // by generation
	newest  int
	history []porcupine.Operation
}

// TestDrillLinear: rotations, revocations and introspections of the same sessions over three nodes, while nodes are frozen and
// the links to the database are slowed and cut, happened one after the other.
func TestDrillLinear(t *testing.T) {
	for _, database := range []string{"postgres", "mariadb"} {
		t.Run(database, func(t *testing.T) {
			if !full {
				t.Parallel()
			}
			ops, bad := linear(t, database, false)
			t.Logf("%d operations, %d sessions whose history is not linear", ops, len(bad))
			for _, b := range bad {
				t.Error(b)
			}
		})
	}
}

// TestDrillLinearFindsFault: the drill finds a rotation that checks first and updates afterwards.
func TestDrillLinearFindsFault(t *testing.T) {
	if !full {
		t.Parallel()
	}
	ops, bad := linear(t, "postgres", true)
	t.Logf("%d operations, %d sessions whose history is not linear", ops, len(bad))
	if len(bad) == 0 {
		t.Error("the planted fault was not found")
	}
}

func linear(t *testing.T, database string, planted bool) (ops int, bad []string) {
	const seed = 2
	rounds, perRound := 2, 20
	if full {
		rounds, perRound = 40, 60
	}
	w := newWorld(t, setup{database: database, nodes: 3, planted: planted, change: func(c *config.Config) { c.Session.RetryWindow = 0 }})
	random := rand.New(rand.NewPCG(seed, seed))
	begun := time.Now()
	users := w.register(min(rounds, 4)) // more from one address would have to wait
	for round := range rounds {
		user := users[round%len(users)]
		control := w.login(w.at(0), user).body.Access
		subjects := w.subjects(user, perRound)
		ctx, stop := context.WithCancel(t.Context())
		var trouble sync.WaitGroup
		trouble.Go(func() { w.trouble(ctx, rand.New(rand.NewPCG(seed, random.Uint64()))) })
		var wg sync.WaitGroup
		for client := range 12 {
			wg.Go(func() { w.ask(rand.New(rand.NewPCG(seed, uint64(client))), client, subjects, control, begun) })
		}
		wg.Wait()
		stop()
		trouble.Wait()
		for _, s := range subjects {
			ops += len(s.history)
			switch r := porcupine.CheckOperationsTimeout(model, s.history, 30*time.Second); r {
			case porcupine.Illegal:
				bad = append(bad, s.tell(r))
			case porcupine.Unknown:
				t.Errorf("not decided in 30 s: %s", s.tell(r))
			}
		}
	}
	return ops, bad
}

func (w *world) subjects(user string, n int) []*subject {
	var out []*subject
	for _, a := range w.logins(user, n) {
		out = append(out, &subject{id: sid(a.body.Access), token: map[int]string{0: a.body.Refresh}})
	}
	return out
}

// trouble freezes nodes, and slows and cuts their links, until ctx ends; then all is well again.
func (w *world) trouble(ctx context.Context, random *rand.Rand) {
	pause := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		i := random.IntN(len(w.nodes))
		switch random.IntN(3) {
		case 0:
			w.nodes[i].signal(w, syscall.SIGSTOP)
			pause(time.Duration(random.IntN(300)) * time.Millisecond)
			w.nodes[i].signal(w, syscall.SIGCONT)
		case 1:
			w.links[i].Delay(time.Duration(random.IntN(80)) * time.Millisecond)
			pause(100 * time.Millisecond)
			w.links[i].Delay(0)
		default:
			w.links[i].Reset()
		}
		pause(time.Duration(random.IntN(100)) * time.Millisecond)
	}
}

// ask has one client do something with every subject, in an order of its own, a few times.
func (w *world) ask(random *rand.Rand, client int, subjects []*subject, control string, begun time.Time) {
	for range 2 {
		for _, i := range random.Perm(len(subjects)) {
			s := subjects[i]
			in := s.choose(random)
			at := w.at(random.IntN(len(w.nodes)))
			called := time.Since(begun).Nanoseconds()
			out := s.do(at, in, control)
			returned := time.Since(begun).Nanoseconds()
			if out.unknown {
				returned = math.MaxInt64
			}
			s.mu.Lock()
			if out.ok && in.op == "rotate" && out.generation > s.newest {
				s.newest = out.generation
			}
			s.history = append(s.history, porcupine.Operation{ClientId: client, Input: in, Call: called, Output: out, Return: returned})
			s.mu.Unlock()
		}
	}
}

func (s *subject) choose(random *rand.Rand) input {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := random.IntN(20); {
	case n == 0:
		return input{op: "revoke"}
	case n < 6:
		return input{op: "introspect"}
	default:
		return input{op: "rotate", generation: s.newest}
	}
}

// do asks a node. A newer token is kept for whoever chooses it next.
func (s *subject) do(at string, in input, control string) output {
	s.mu.Lock()
	token := s.token[in.generation]
	s.mu.Unlock()
	switch in.op {
	case "rotate":
		a, err := call(at, "POST", api+"/refresh", token, nil)
		if a.unknown(err) || a.status == http.StatusTooManyRequests {
			return output{unknown: true}
		}
		if a.status == http.StatusUnauthorized {
			return output{}
		}
		if a.status != http.StatusOK {
			return output{ok: true, generation: -a.status} // of no history
		}
		g := generation(a.body.Refresh)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.token[g] = a.body.Refresh
		return output{ok: true, generation: g}
	case "revoke":
		a, err := call(at, "DELETE", api+"/account/sessions/"+s.id, control, nil)
		return output{unknown: a.unknown(err), ok: true}
	default:
		a, err := call(at, "GET", api+"/account/sessions", control, nil)
		if a.unknown(err) || a.status != 200 {
			return output{unknown: true}
		}
		for _, one := range a.body.Sessions {
			if one.ID == s.id {
				return output{ok: true}
			}
		}
		return output{}
	}
}

func (s *subject) tell(r porcupine.CheckResult) string {
	var b strings.Builder
	fmt.Fprintf(&b, "session %s: %s", s.id, r)
	for _, o := range s.history {
		fmt.Fprintf(&b, "\n  client %d %d..%d: %s", o.ClientId, o.Call/1000, o.Return/1000, model.DescribeOperation(o.Input, o.Output))
	}
	return b.String()
}

// fault is a session.Store whose rotation looks first and writes afterwards.
type fault struct{ session.Store }

func planted(s session.Store) session.Store { return fault{s} }

// RotateSession lets every racer through that saw the row at its generation, whatever became of the row since: to an UPDATE
// without its condition that makes no difference.
func (f fault) RotateSession(ctx context.Context, p session.Presented, l session.Limits, reuse, forward audit.Event) (session.Rotation, error) {
	before, err := f.Session(ctx, p.ID)
	if err == nil && before.Generation == p.Generation {
		time.Sleep(2 * time.Millisecond)
		var after session.Session
		if after, err = f.Session(ctx, p.ID); err == nil && after.Generation == p.Generation+1 {
			l.RetryWindow = time.Minute // the successor, as if this one had made it
		}
	}
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return session.Rotation{}, err
	}
	return f.Store.RotateSession(ctx, p, l, reuse, forward)
}
