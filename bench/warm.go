package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// million is how many live revocations a busy service has.
const million = 1_000_000

func warmPart() part {
	return part{
		id: "warm", title: "Verify warm: a cache hit, with a million live revocations", run: runWarm,
		note: "guard.Guard.CheckToken with the default cache and a RevocationList of 1,000,000 sessions, beside the same without " +
			"a cache, HS256, always the same token. Both read the clock for the token and for how stale the list is. The 10,000 tokens are taken in random order, round and round. The speed-up " +
			"of two goroutines over one is held to 1.8 where pure computation (json.Valid, nothing shared) gets 2 from the " +
			"two cores, and to as much less as that gets less.",
	}
}

func runWarm(b *bench) error {
	f, err := newFixture(jwt.HS256)
	if err != nil {
		return err
	}
	list := newList(million, time.Hour)
	warm, err := f.guard(list, 0)
	if err != nil {
		return err
	}
	cold, err := f.guard(list, -1)
	if err != nil {
		return err
	}
	hot, once := checkToken(warm, f.token), checkToken(cold, f.token)
	if err := b.warmOfCold(f, warm, hot, once); err != nil {
		return err
	}
	p := peers(f)[0]
	theirs, err := p.verify()
	if err != nil {
		return err
	}
	b.compare(comparison{
		name: "hot: " + p.name + " takes", subject: side{p.name, repeat(each(theirs))}, reference: side{"hot", repeat(each(hot))},
		figure: share, limit: atLeast(100),
	})
	valid := pure([]byte(payload))
	cpu := b.compare(comparison{
		name: "two cores: pure computation", subject: side{"two", parallel(valid, valid)}, reference: side{"one", repeat(valid)}, figure: speed,
	})
	if cpu == 0 || cpu > 2 {
		cpu = 2
	}
	b.compare(comparison{
		name: "two cores: hot", subject: side{"two", parallel(each(hot), each(hot))}, reference: side{"one", repeat(each(hot))},
		figure: speed, limit: atLeast(1.8 * cpu / 2),
	})
	return nil
}

// pure is work for a core, of the kind that a verifier does: it branches, shares nothing and allocates nothing.
func pure(text []byte) loop {
	return each(func() error {
		if !json.Valid(text) {
			return errors.New("payload is no JSON")
		}
		return nil
	})
}

func (b *bench) warmOfCold(f fixture, warm *guard.Guard, hot, cold func() error) error {
	reference := side{"cold", repeat(each(cold))}
	b.compare(comparison{
		name: "one hot token: of cold", subject: side{"warm", repeat(each(hot))}, reference: reference,
		figure: share, limit: atMost(0.1),
	})
	tokens := make([]string, 10_000)
	for i := range tokens {
		var err error
		if tokens[i], err = jwt.SignPayload(f.key, tokenTyp, []byte(payloadOf(i))); err != nil {
			return err
		}
	}
	rand.Shuffle(len(tokens), func(i, j int) { tokens[i], tokens[j] = tokens[j], tokens[i] })
	ctx, next := context.Background(), 0
	b.compare(comparison{
		name: "10,000 tokens: of cold", subject: side{"warm", repeat(each(func() error {
			if next++; next == len(tokens) {
				next = 0
			}
			_, err := warm.CheckToken(ctx, tokens[next])
			return err
		}))}, reference: reference, figure: share, limit: atMost(0.2),
	})
	return nil
}

func checkToken(g *guard.Guard, token string) func() error {
	ctx := context.Background()
	return func() error { _, err := g.CheckToken(ctx, token); return err }
}

// parallel runs loops at once, each in a goroutine. The time is the one in which they would have done as much at the rates
// that they had, so that no loop waits for the last.
func parallel(loops ...loop) runner {
	runs := make([]runner, len(loops))
	for i, l := range loops {
		runs[i] = repeat(l)
	}
	return func(d time.Duration) (total int, took time.Duration, err error) {
		var mu sync.Mutex // guards total, rate and err
		var rate float64
		var wg sync.WaitGroup
		for _, run := range runs {
			wg.Go(func() {
				ops, took, failed := run(d)
				mu.Lock()
				defer mu.Unlock()
				total, rate, err = total+ops, rate+float64(ops)/float64(took), cmp.Or(err, failed)
			})
		}
		wg.Wait()
		return total, time.Duration(float64(total) / rate), err
	}
}
