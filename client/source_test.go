package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// mint is a Fetch of numbered tokens that live for life and take a second to come.
func mint(n *atomic.Int64, life time.Duration) client.Fetch {
	return func(ctx context.Context) (client.Token, error) {
		start := time.Now()
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return client.Token{}, ctx.Err()
		}
		return client.Token{Access: client.Secret(fmt.Sprint("token ", n.Add(1))), ExpiresAt: start.Add(life)}, nil
	}
}

func want(t *testing.T, s *client.Source, access string) {
	t.Helper()
	got, err := s.Token(t.Context())
	if err != nil || got.Access.Reveal() != access {
		t.Fatalf("Token: got %q, %v, want %q", got.Access.Reveal(), err, access)
	}
}

// Whoever finds a token due has the old one at once; only who finds none waits.
func TestLifeOfAToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		s := client.New(client.Config{Fetch: mint(&n, 100*time.Second)})
		defer s.Close()
		start := time.Now()
		want(t, s, "token 1")
		if took := time.Since(start); took != time.Second {
			t.Errorf("the first call took %v, want the fetch's second", took)
		}
		for _, step := range []struct {
			at    time.Duration
			token string
			wait  time.Duration
		}{
			{74 * time.Second, "token 1", 0}, // fresh
			{86 * time.Second, "token 1", 0}, // due: fetched behind the caller's back
			{88 * time.Second, "token 2", 0},
			{300 * time.Second, "token 3", time.Second}, // dead: waits
		} {
			time.Sleep(step.at - time.Since(start))
			asked := time.Now()
			want(t, s, step.token)
			if got := time.Since(asked); got != step.wait {
				t.Errorf("at %v: waited %v, want %v", step.at, got, step.wait)
			}
		}
	})
}

// Programs that were started together renew from 75 to 85 % of the life, each at its own time.
func TestRenewalsAreSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		sources := make([]*client.Source, 64)
		ask := func() int64 {
			for _, s := range sources {
				if _, err := s.Token(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Second)
			return n.Load() - int64(len(sources))
		}
		var wg sync.WaitGroup
		for i := range sources {
			sources[i] = client.New(client.Config{Fetch: mint(&n, 1000*time.Second)})
			defer sources[i].Close()
			wg.Go(func() { _, _ = sources[i].Token(t.Context()) })
		}
		wg.Wait()
		start := time.Now()
		time.Sleep(748 * time.Second)
		if got := ask(); got != 0 {
			t.Errorf("%d renewed before 75 %%", got)
		}
		time.Sleep(799*time.Second - time.Since(start))
		if got := ask(); got == 0 || got == int64(len(sources)) {
			t.Errorf("%d of %d renewed at 80 %%, want some", got, len(sources))
		}
		time.Sleep(851*time.Second - time.Since(start))
		if got := ask(); got != int64(len(sources)) {
			t.Errorf("%d of %d renewed at 85 %%, want all", got, len(sources))
		}
	})
}

func TestOneFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		s := client.New(client.Config{Fetch: mint(&n, time.Hour)})
		defer s.Close()
		impatient, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the caller has gone")
		var wg sync.WaitGroup
		wg.Go(func() { // it starts the flight, and leaves
			if _, err := s.Token(impatient); !errors.Is(err, gone) {
				t.Errorf("impatient caller: got %v, want its context's cause", err)
			}
		})
		synctest.Wait()
		for range 100 {
			wg.Go(func() { want(t, s, "token 1") })
		}
		synctest.Wait()
		cancel(gone)
		wg.Wait()
		if n.Load() != 1 {
			t.Errorf("%d fetches, want 1", n.Load())
		}
		if _, err := s.Token(impatient); !errors.Is(err, gone) {
			t.Errorf("call with a dead context: got %v", err)
		}
	})
}

// A renewal that fails leaves the old token in use, and is tried again, less and less often, until there is none.
func TestOldTokenIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n, attempts, heard atomic.Int64
		var broken atomic.Pointer[error]
		good := mint(&n, 1000*time.Second)
		s := client.New(client.Config{
			Fetch: func(ctx context.Context) (client.Token, error) {
				attempts.Add(1)
				if err := broken.Load(); err != nil {
					return client.Token{}, *err
				}
				return good(ctx)
			},
			OnError: func(err error) { heard.Add(1) },
		})
		defer s.Close()
		want(t, s, "token 1")
		fault := errors.New("dial tcp: connection refused")
		broken.Store(&fault)
		time.Sleep(860 * time.Second)
		attempts.Store(0)
		for range 100 { // over 10 s: at 0, 1, 3 and 7 s, each a fifth earlier or later
			want(t, s, "token 1")
			time.Sleep(100 * time.Millisecond)
		}
		if got := attempts.Load(); got < 4 || got > 5 {
			t.Errorf("%d attempts in 10 s, want 4 or 5", got)
		}
		if attempts.Load() != heard.Load() {
			t.Errorf("OnError heard of %d of %d", heard.Load(), attempts.Load())
		}
		time.Sleep(130 * time.Second)
		_, err := s.Token(t.Context())
		if !errors.Is(err, fault) || !strings.HasPrefix(err.Error(), "client: fetch token: ") {
			t.Errorf("no token lives: got %v", err)
		}
		_, err = s.Token(t.Context())
		if !errors.Is(err, fault) || !strings.Contains(err.Error(), "next attempt in ") {
			t.Errorf("again at once: got %v", err)
		}
		broken.Store(nil)
		time.Sleep(75 * time.Second)
		want(t, s, "token 2")
	})
}

// A server that said no is not asked again for a minute, or for as long as it says.
func TestRefusalBacksOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		refusal     client.Error
		never, then time.Duration
	}{
		{"refused", client.Error{Status: 401, Code: "invalid_credentials"}, 47 * time.Second, 73 * time.Second},
		{"throttled", client.Error{Status: 429, RetryAfter: 10 * time.Minute}, 599 * time.Second, 601 * time.Second},
		{"busy", client.Error{Status: 503, RetryAfter: 3 * time.Second}, 2 * time.Second, 4 * time.Second},
		{"down", client.Error{Status: 502}, 700 * time.Millisecond, 1300 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				s := client.New(client.Config{Fetch: func(context.Context) (client.Token, error) {
					calls++
					return client.Token{}, fmt.Errorf("login: %w", &tt.refusal)
				}})
				defer s.Close()
				start := time.Now()
				for _, step := range []struct {
					at    time.Duration
					calls int
				}{{0, 1}, {tt.never, 1}, {tt.then, 2}} {
					time.Sleep(step.at - time.Since(start))
					_, err := s.Token(t.Context())
					if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != tt.refusal.Status {
						t.Errorf("got %v, want the *Error", err)
					}
					if calls != step.calls {
						t.Errorf("after %v: %d calls, want %d", step.at, calls, step.calls)
					}
				}
			})
		})
	}
}

// A token of unknown life is kept; one that is none, or dead, is a failure.
func TestOddTokens(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		token client.Token
		want  string
	}{
		{"life unknown", client.Token{Access: "x"}, ""},
		{"empty", client.Token{Refresh: "r"}, "no access token"},
		{"dead", client.Token{Access: "x", ExpiresAt: time.Unix(1, 0)}, "expired already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				s := client.New(client.Config{Fetch: func(context.Context) (client.Token, error) {
					calls++
					return tt.token, nil
				}})
				defer s.Close()
				for range 3 {
					_, err := s.Token(t.Context())
					if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
						t.Errorf("got %v, want %q", err, tt.want)
					}
				}
				time.Sleep(1000 * time.Hour)
				_, _ = s.Token(t.Context())
				if tt.want == "" && calls != 1 {
					t.Errorf("%d calls, want 1", calls)
				}
			})
		})
	}
}

func TestNewNeedsFetch(t *testing.T) {
	t.Parallel()
	defer func() {
		if v := recover(); v == nil || !strings.HasPrefix(v.(string), "client: ") {
			t.Errorf("got %v, want a panic that names the package", v)
		}
	}()
	client.New(client.Config{})
}
