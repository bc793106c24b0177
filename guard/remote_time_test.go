package guard_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// pipes is a network inside a synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// inBubble makes keys that are fetched from h. When the bubble ends no goroutine may be left.
func inBubble(t *testing.T, h http.Handler, c guard.RemoteKeysConfig) *guard.RemoteKeys {
	t.Helper()
	network := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h}
	var served sync.WaitGroup
	served.Go(func() { srv.Serve(network) })
	t.Cleanup(func() {
		srv.Close()
		served.Wait()
	})
	c.JWKSURL, c.InsecureAllowHTTP, c.Logger = "http://127.0.0.1/jwks", true, silent
	keys, err := guard.NewRemoteKeys(c)
	if err != nil {
		t.Fatal(err)
	}
	keys.ConnectWith(network.dial)
	return keys
}

// ask has the keys asked for, lets what that starts come to its end, and says how many fetches
// there were so far.
func ask(keys *guard.RemoteKeys, p *publication) int {
	keys.KeySet()
	synctest.Wait()
	return p.count()
}

// The keys are asked for again when they have come of age, by whoever then asks, and not before.
// RFC 9111 section 5.2.2.1, secure-defaults 17d
func TestRemoteAge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cacheControl string
		maxAge       time.Duration
		want         time.Duration
	}{
		"none":             {"", 0, 5 * time.Minute},
		"none, short max":  {"", 2 * time.Minute, 2 * time.Minute},
		"said":             {"public, max-age=600", 0, 10 * time.Minute},
		"quoted":           {`MAX-AGE="600"`, 0, 10 * time.Minute},
		"said twice":       {"max-age=1200, max-age=600", 0, 10 * time.Minute},
		"longer later":     {"max-age=600, max-age=1200", 0, 10 * time.Minute},
		"too short":        {"max-age=1", 0, time.Minute},
		"too long":         {"max-age=86400", 0, time.Hour},
		"larger than all":  {"max-age=99999999999999999999", 24 * time.Hour, 24 * time.Hour},
		"not a number":     {"max-age=soon", 0, time.Minute},
		"not to be stored": {"max-age=600, no-store", 0, time.Minute},
		"for others":       {"s-maxage=600, max-age-not=1", 0, 5 * time.Minute},
	}
	doc := published(t, ed25519Key(t, "k1"))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &publication{answer: text(doc, tt.cacheControl)}
				keys := inBubble(t, p, guard.RemoteKeysConfig{MaxAge: tt.maxAge})
				if keys.KeySet() != nil {
					t.Error("keys before the first fetch")
				}
				for n := 1; n <= 3; n++ {
					if got := ask(keys, p); got != n {
						t.Fatalf("%d fetches, want %d", got, n)
					}
					first := keys.KeySet()
					time.Sleep(tt.want*9/10 - time.Second)
					if got := ask(keys, p); got != n {
						t.Fatalf("%d fetches ahead of time, want %d", got, n)
					}
					time.Sleep(tt.want/10 + 2*time.Second)
					if keys.KeySet() != first || first == nil {
						t.Errorf("KeySet = %v, want %v at once, and while nothing changes", keys.KeySet(), first)
					}
				}
				time.Sleep(48 * time.Hour)
				if got := p.count(); got > 4 {
					t.Errorf("%d fetches though nobody asked", got)
				}
			})
		})
	}
}

// Failures are tried again ever more rarely, and take nothing away.
func TestRemoteRetry(t *testing.T) {
	t.Parallel()
	good := text(published(t, ed25519Key(t, "k1")), "")
	synctest.Test(t, func(t *testing.T) {
		p := &publication{answer: good}
		keys := inBubble(t, p, guard.RemoteKeysConfig{})
		ask(keys, p)
		last := keys.KeySet()
		p.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		keys.Fetch(t.Context())
		for i, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			if got := ask(keys, p); got != i+2 {
				t.Fatalf("failure %d: %d fetches", i, got)
			}
			time.Sleep(wait*time.Second + time.Millisecond) // one in 256 is due no sooner than that second
		}
		time.Sleep(1000 * time.Hour)
		if p.set(good); keys.KeySet() != nil {
			t.Error("keys are overdue and used without a fetch")
		}
		if !keys.Refetch(t.Context()) || keys.KeySet() != last || last == nil {
			t.Errorf("KeySet = %v, want %v", keys.KeySet(), last)
		}
		before := ask(keys, p)
		time.Sleep(4 * time.Minute)
		if got := ask(keys, p); got != before || keys.KeySet() != last {
			t.Errorf("%d fetches after a success, want %d", got, before)
		}
		p.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		keys.Fetch(t.Context())
		time.Sleep(time.Second + time.Millisecond)
		if got := ask(keys, p); got != before+2 {
			t.Errorf("%d fetches, want %d: a success makes failures count anew", got, before+2)
		}
	})
}

// MaxStale ends what cannot be renewed, and nothing that was.
func TestRemoteStale(t *testing.T) {
	t.Parallel()
	good := text(published(t, ed25519Key(t, "k1")), "")
	synctest.Test(t, func(t *testing.T) {
		p := &publication{answer: good}
		keys := inBubble(t, p, guard.RemoteKeysConfig{MaxAge: 2 * time.Minute, MaxStale: 10 * time.Minute})
		ask(keys, p)
		last := keys.KeySet()
		for range 10 {
			time.Sleep(6 * time.Minute)
			if ask(keys, p); keys.KeySet() != last {
				t.Fatal("keys that were renewed have gone")
			}
		}
		p.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		time.Sleep(10*time.Minute - time.Second)
		if ask(keys, p); keys.KeySet() != last {
			t.Error("keys have gone too early")
		}
		time.Sleep(2 * time.Second)
		if ask(keys, p); keys.KeySet() != nil {
			t.Error("keys are stale and there")
		}
		p.set(good)
		if !keys.Refetch(t.Context()) || keys.KeySet() == nil {
			t.Error("keys did not come back")
		}
	})
}

// A fetch takes 5 s at most, however slowly its answer comes, and those who wait for it less where
// they have less time. secure-defaults 17c
func TestRemoteSlow(t *testing.T) {
	t.Parallel()
	tests := map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"slow body": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(time.Second):
				}
			}
		},
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &publication{answer: answer}
				keys := inBubble(t, p, guard.RemoteKeysConfig{})
				start := time.Now()
				hurried, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if keys.Refetch(hurried) || time.Since(start) != time.Second {
					t.Errorf("waited %s for a fetch, had 1s", time.Since(start))
				}
				saying(t, keys.Fetch(t.Context()), "no complete answer within 5s")
				if took := time.Since(start); took != 5*time.Second || p.count() != 1 {
					t.Errorf("%d fetches took %s, want one of 5s", p.count(), took)
				}
			})
		})
	}
}
