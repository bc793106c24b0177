package key_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/jwt"
)

// node is a Ring with a clock of its own, which looks at the store when it will.
type node struct {
	*key.Ring
	skew    time.Duration
	patient bool      // looks after up to 9 s, not each second
	next    time.Time // look
}

// copied is the set that somebody elsewhere fetched from a node, until it has to be fetched again.
type copied struct {
	set   *jwt.KeySet
	until time.Time
}

// TestNoFailedVerification: three nodes over one store, with clocks 10 s apart, one of which reaches the store now
// and then only, rotate every 30 s (max-age 5 s, tokens of 60 s). Any token is accepted at any
// instant of its life by every node and by every verifier that keeps what any node published for as long as it may.
func TestNoFailedVerification(t *testing.T) {
	t.Parallel()
	const life, maxAge, step, span = time.Minute, 5 * time.Second, 500 * time.Millisecond, 8 * time.Minute
	b, random := newBenchFor(t, life, embedded(t)), rand.New(rand.NewPCG(4, 6))
	nodes := make([]*node, 3)
	for i := range nodes {
		skew := time.Duration(i-1) * 5 * time.Second
		nodes[i] = &node{skew: skew, patient: i == 2, Ring: b.ring(t, func(c *key.Config) {
			c.Now = func() time.Time { return b.clock.now().Add(skew) }
			c.AccessLifetime, c.CacheTime, c.RotateEvery = life, maxAge, 30*time.Second
		})}
	}
	var elsewhere [20]copied
	deadlines := map[string]time.Time{} // of the last token of each key
	for at := range int(span / step) {
		b.clock.advance(step)
		now := b.clock.now()
		for _, n := range nodes {
			if now.Before(n.next) {
				continue
			}
			refresh(t, n.Ring)
			if n.next = now.Add(time.Second); n.patient {
				n.next = now.Add(time.Duration(random.IntN(9000)) * time.Millisecond)
			}
		}
		for _, n := range nodes { // the clock of a verifier may be behind the signer's
			deadlines[n.Signer().ID()] = now.Add(life + 10*time.Second)
		}
		sets := []*jwt.KeySet{nodes[0].KeySet(), nodes[1].KeySet(), nodes[2].KeySet()}
		for i, c := range elsewhere {
			if !now.Before(c.until) {
				n := nodes[random.IntN(len(nodes))]
				if c = (copied{n.KeySet(), now}); n.Fresh() {
					c.until = now.Add(maxAge)
				}
				elsewhere[i] = c
			}
			sets = append(sets, c.set)
		}
		for kid, until := range deadlines {
			for i, set := range sets {
				if _, known := set.Key(kid); now.Before(until) && !known {
					t.Fatalf("step %d: set %d does not know %s, of which tokens live", at, i, kid)
				}
			}
		}
	}
	if n, want := len(deadlines), int(span/(40*time.Second)); n < want {
		t.Errorf("%d keys signed, want %d or more", n, want)
	}
	if n := len(nodes[0].States()); n > 7 {
		t.Errorf("%d keys are kept", n)
	}
}

// Nodes that rotate at once make one key.
func TestRotateRace(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		rings, kids := make([]*key.Ring, 4), make([]string, 4)
		for i := range rings {
			rings[i] = b.ring(t, func(c *key.Config) { c.Store = b.open(t) })
		}
		var wg sync.WaitGroup
		for i, r := range rings {
			wg.Go(func() {
				s, err := r.Rotate(t.Context(), audit.From{})
				if err != nil && !errors.Is(err, key.ErrPending) {
					t.Error(err)
				}
				kids[i] = s.KID
			})
		}
		wg.Wait()
		for _, kid := range kids {
			if kid != kids[0] {
				t.Errorf("different next keys: %q", kids)
			}
		}
		refresh(t, rings...)
		for _, r := range rings {
			if diff := cmp.Diff([]key.Phase{key.Active, key.Next}, phases(r)); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// A token that another process signed for longer than any node was configured for keeps its key published.
func TestLongerLifetimeElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.ring(t)
	first := r.Signer().ID()
	if err := b.db.RememberLifetime(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rotate(t.Context(), audit.From{}); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(ready + time.Hour)
	refresh(t, r)
	if _, ok := r.KeySet().Key(first); !ok {
		t.Error("the key is gone before its last token")
	}
	b.clock.advance(time.Minute + cache)
	refresh(t, r)
	if _, ok := r.KeySet().Key(first); ok {
		t.Error("the key is still there")
	}
}
