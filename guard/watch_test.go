package guard

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

	"github.com/sandi-auth/sandi/jwt"
)

// tokens are verified, with these sid; of the same subject where they differ by primes alone.
func tokens(tb testing.TB, list *RevocationList, sids ...string) []*Token {
	tb.Helper()
	key, err := jwt.NewKey(jwt.HS256, "k1", []byte("a test key of 32 bytes and more!"))
	if err != nil {
		tb.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := New(Config{Keys: keys, Issuer: "i", Audience: []string{"a"}, Revocations: list, CacheSize: -1})
	if err != nil {
		tb.Fatal(err)
	}
	var out []*Token
	for _, sid := range sids {
		signed, err := jwt.Sign(key, "at+jwt", map[string]any{
			"iss": "i", "aud": "a", "sub": "user of " + strings.TrimRight(sid, "'"), "client_id": "app", "jti": "token of " + sid, "sid": sid,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		})
		if err != nil {
			tb.Fatal(err)
		}
		t, err := g.CheckToken(context.Background(), signed, SkipRevocation())
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, t)
	}
	return out
}

func names(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint("s", i))
	}
	return out
}

// Nothing is held for what has ended: neither by its end, nor by its parent's, nor by stop.
func TestWatchersAreFreed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewRevocationList(RevocationListConfig{MaxStaleness: 24 * time.Hour})
		l.Touch()
		toks := tokens(t, l, names(4)...)
		parent, cancel := context.WithCancel(t.Context())
		lives := []context.Context{
			Lifetime(WithIdentity(t.Context(), toks[0])),
			Lifetime(WithIdentity(parent, toks[1])),
			Lifetime(WithIdentity(t.Context(), toks[2])), // expires
		}
		stop := l.Watch(toks[3], func() {})
		l.Add(RevocationEntry{Kind: RevokedSession, Handle: "s0"})
		cancel()
		stop()
		stop()
		synctest.Wait()
		stopped := func(i int) {
			if lives[i].(*lifetime).timer.Stop() {
				t.Errorf("timer of lifetime %d goes on", i)
			}
		}
		stopped(0)
		stopped(1)
		time.Sleep(time.Hour)
		synctest.Wait()
		stopped(2)
		for i, handles := range l.watchers.by {
			if len(handles) != 0 {
				t.Errorf("%d handles are watched of %d", len(handles), i)
			}
		}
		if l.watchers.stale != nil {
			t.Error("timer goes on")
		}
	})
}

// Of an extended lifetime the newer token alone is watched, and nothing of one that was refused.
func TestExtendWatchesOne(t *testing.T) {
	t.Parallel()
	l := NewRevocationList(RevocationListConfig{})
	toks := tokens(t, l, "s", "s'", "s''")
	life := Lifetime(WithIdentity(t.Context(), toks[0]))
	l.Add(RevocationEntry{Kind: RevokedSession, Handle: "s''"})
	if err := Extend(life, toks[1]); err != nil {
		t.Fatal(err)
	}
	if err := Extend(life, toks[2]); !errors.Is(err, TokenRevoked) {
		t.Fatal(err)
	}
	for sid, want := range map[string]int{"s": 0, "s'": 1, "s''": 0} {
		if got := len(l.watchers.find(nil, watchSession, sid)); got != want {
			t.Errorf("%s: %d watch, want %d", sid, got, want)
		}
	}
}

// A callback that does not return, or that asks the list, holds up nobody who adds.
func TestAddDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := NewRevocationList(RevocationListConfig{})
		toks := tokens(t, l, names(2)...)
		release := make(chan struct{})
		var called atomic.Int64
		defer l.Watch(toks[0], func() { <-release })()
		var stop func()
		stop = l.Watch(toks[1], func() {
			called.Add(1)
			l.Add(RevocationEntry{Kind: RevokedSession, Handle: "other"})
			stop()
		})
		l.Add(RevocationEntry{Kind: RevokedSession, Handle: "s0"})
		l.Add(RevocationEntry{Kind: RevokedSession, Handle: "s1"}, RevocationEntry{Kind: RevokedUser, Handle: "user of s1"})
		synctest.Wait()
		before := called.Load()
		l.Reset([]RevocationEntry{{Kind: RevokedSession, Handle: "s1"}})
		close(release)
		synctest.Wait()
		if before == 0 || called.Load() != before {
			t.Errorf("called %d times, %d times after stop", before, called.Load()-before)
		}
	})
}

// Who watches, then asks, is told of whatever is revoked meanwhile.
func TestWatchThenAsk(t *testing.T) {
	t.Parallel()
	l := NewRevocationList(RevocationListConfig{})
	toks := tokens(t, l, names(500)...)
	for i, tok := range toks {
		told := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { l.Add(RevocationEntry{Kind: RevokedSession, Handle: fmt.Sprint("s", i)}) })
		wg.Go(func() {
			defer l.Watch(tok, sync.OnceFunc(func() { close(told) }))()
			if revoked, _ := l.Revoked(t.Context(), tok); !revoked {
				<-told // or the test hangs
			}
		})
		wg.Wait()
	}
}

// BenchmarkWatch is the price of Add, and of a watch, beside 100,000 live sockets.
func BenchmarkWatch(b *testing.B) {
	l := NewRevocationList(RevocationListConfig{})
	one := tokens(b, l, "one")[0]
	for _, tok := range tokens(b, l, names(100_000)...) {
		l.Watch(tok, func() {})
	}
	b.Run("add", func(b *testing.B) {
		for i := range b.N {
			l.watchers.notify([]RevocationEntry{{Kind: RevokedSession, Handle: fmt.Sprint("x", i)}})
		}
	})
	b.Run("watch and stop", func(b *testing.B) {
		for b.Loop() {
			l.Watch(one, func() {})()
		}
	})
}
