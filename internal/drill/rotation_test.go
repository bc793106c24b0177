package drill_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/jwt"
)

// TestDrillKeyRotation: signing keys rotate on all nodes while tokens are verified on each of them and, by the published set, in
// another process: not one verification fails.
func TestDrillKeyRotation(t *testing.T) {
	every, length := 4*time.Second, 12*time.Second
	age, access := time.Second, 8*time.Second
	if full {
		every, length = 30*time.Second, 150*time.Second
		age, access = 5*time.Second, 60*time.Second
	} else {
		t.Parallel()
	}
	w := newWorld(t, setup{database: "postgres", nodes: 3, change: func(c *config.Config) {
		c.Session.RetryWindow, c.Token.Access, c.Key.RotateEvery, c.Key.JWKSMaxAge = 0, access, every, age
		c.Token.Audience = []string{"drill"}
	}})
	user := w.register(1)[0]
	sessions := w.logins(user, 12)
	outside := &keys{at: w.nodes[0].address, age: age, seen: map[string]bool{}}
	verifier := w.verifier(outside)
	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	var good, bad, minted atomic.Int64
	var tokens [12]atomic.Value
	var wg sync.WaitGroup
	for i, s := range sessions {
		tokens[i].Store(s.body.Access)
		wg.Go(func() { // one refreshes: what is verified was signed by every node, lately and long ago
			token := s.body.Refresh
			for n := i; ctx.Err() == nil; n++ {
				time.Sleep(access / 4)
				a, err := call(w.at(n), "POST", api+"/refresh", token, nil)
				if err != nil || a.status != 200 {
					t.Errorf("refresh: %d %s %v", a.status, a.body.Msg, err)
					return
				}
				minted.Add(1)
				token = a.body.Refresh
				tokens[i].Store(a.body.Access)
			}
		})
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				token := tokens[i].Load().(string)
				var failed any
				if n%3 == 0 {
					_, err := verifier.CheckToken(ctx, token)
					if err != nil && ctx.Err() == nil {
						failed = err
					}
				} else if a, err := call(w.at(n), "PATCH", api+"/account", token, "no object"); err != nil || a.status != http.StatusBadRequest {
					failed = a
				}
				if good.Add(1); failed != nil {
					if bad.Add(1) < 5 {
						t.Errorf("verification failed: %+v", failed)
					}
				}
				time.Sleep(8 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	rate, seen := good.Load()*int64(time.Second)/int64(length), len(outside.seen)
	t.Logf("%d verifications in %s (%d a second), %d tokens minted, %d keys published in that time, %d failures",
		good.Load(), length, rate, minted.Load(), seen, bad.Load())
	if seen < 3 || full && rate < 1000 {
		t.Errorf("%d keys, %d verifications a second; want 3 and 1,000", seen, rate)
	}
}

// keys are the published ones as a verifier elsewhere keeps them: fetched anew when max-age has passed, and not before.
type keys struct {
	at      func() string
	age     time.Duration
	mu      sync.Mutex
	set     *jwt.KeySet
	fetched time.Time
	seen    map[string]bool // every key id that was ever published
}

// KeySet implements jwt.Keys.
func (k *keys) KeySet() *jwt.KeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.fetched) < k.age {
		return k.set
	}
	text, err := fetch(k.at() + "/.well-known/jwks.json")
	if err != nil {
		return k.set // the last good one
	}
	set, err := jwt.ParseKeySet(text)
	if err != nil {
		panic(err)
	}
	for _, key := range set.All() {
		k.seen[key.ID()] = true
	}
	k.set, k.fetched = set, time.Now()
	return k.set
}

func (w *world) verifier(k *keys) *guard.Guard {
	w.Helper()
	g, err := guard.New(guard.Config{
		Issuer: "http://127.0.0.1:1", Audience: []string{"drill"}, Keys: k,
	})
	if err != nil {
		w.Fatal(err)
	}
	return g
}

func fetch(url string) ([]byte, error) {
	res, err := browser.Get(url)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}
