package guard_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// sockets are what lives longer than its request, in a synctest bubble.
type sockets struct {
	t    *testing.T
	s    signer
	list *guard.RevocationList
	g    *guard.Guard
}

func newSockets(t *testing.T, edit ...func(*guard.Config)) *sockets {
	w := &sockets{t: t, s: newSigner(t), list: guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Hour})}
	w.list.Touch()
	w.g = w.s.guard(append([]func(*guard.Config){func(c *guard.Config) { c.Now, c.Revocations = time.Now, w.list }}, edit...)...)
	return w
}

// token is checked, and lives for ten minutes from now, unless changes say otherwise.
func (w *sockets) token(changes map[string]any, reqs ...guard.Requirement) *guard.Token {
	w.t.Helper()
	c := map[string]any{"iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()}
	maps.Copy(c, changes)
	typ := "at+jwt"
	if c["type"] == "refresh" {
		typ = "refresh+jwt"
	}
	t, err := w.g.CheckToken(w.t.Context(), w.s.sign(typ, c), reqs...)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (w *sockets) life(t *guard.Token) context.Context {
	return guard.Lifetime(guard.WithIdentity(w.t.Context(), t))
}

// wantAlive and wantEnded look when everything that is under way has come to rest.
func wantAlive(t *testing.T, life context.Context) {
	t.Helper()
	if synctest.Wait(); life.Err() != nil {
		t.Fatalf("ended: %v", context.Cause(life))
	}
}

func wantEnded(t *testing.T, life context.Context, reason guard.Reason) {
	t.Helper()
	synctest.Wait()
	if e, ok := errors.AsType[*guard.Error](context.Cause(life)); !ok || e.Reason != reason || e.Realm != "api" {
		t.Fatalf("cause %v, want %s", context.Cause(life), reason)
	}
}

// A lifetime ends at the instant from which a request with the token is refused.
// secure-defaults 21c
func TestLifetimeExpires(t *testing.T) {
	t.Parallel()
	for _, leeway := range []time.Duration{0, 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newSockets(t, func(c *guard.Config) { c.Leeway = leeway })
			tok := w.token(nil)
			life := w.life(tok)
			time.Sleep(10*time.Minute + leeway - time.Nanosecond)
			wantAlive(t, life)
			time.Sleep(time.Nanosecond)
			wantEnded(t, life, guard.TokenExpired)
			wantEnded(t, w.life(tok), guard.TokenExpired) // one that comes too late
		})
	}
}

// A clock that is set forward, or a machine that slept, is noticed within a minute.
func TestLifetimeOfAChangedClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		w := newSockets(t, func(c *guard.Config) {
			c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		})
		life := w.life(w.token(nil))
		ahead.Store(int64(time.Hour))
		time.Sleep(time.Minute)
		wantEnded(t, life, guard.TokenExpired)
	})
}

// What the list is told ends the lifetimes that it stops, at once and no others.
// secure-defaults 21c
func TestLifetimeRevoked(t *testing.T) {
	t.Parallel()
	type entry = guard.RevocationEntry
	tests := map[string]struct {
		entry entry
		ends  bool
	}{
		"session":                {entry{Kind: guard.RevokedSession, Handle: "s1"}, true},
		"token":                  {entry{Kind: guard.RevokedToken, Handle: "t1"}, true},
		"user":                   {entry{Kind: guard.RevokedUser, Handle: "user1"}, true},
		"roles":                  {entry{Kind: guard.RevokedRoles, Handle: "user1"}, true},
		"client":                 {entry{Kind: guard.RevokedClient, Handle: "sandi"}, true},
		"key":                    {entry{Kind: guard.RevokedKey, Handle: "k1"}, true},
		"another session":        {entry{Kind: guard.RevokedSession, Handle: "s2"}, false},
		"older tokens of a user": {entry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: time.Unix(1, 0)}, false},
		"older tokens of a key":  {entry{Kind: guard.RevokedKey, Handle: "k1", NotBefore: time.Unix(1, 0)}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newSockets(t)
				life := w.life(w.token(nil))
				w.list.Add(entry{Kind: guard.RevokedUser, Handle: "another"}, tt.entry)
				if !tt.ends {
					wantAlive(t, life)
					w.list.Reset([]entry{tt.entry})
					wantAlive(t, life)
					return
				}
				wantEnded(t, life, guard.TokenRevoked)
				late := w.life(w.token(map[string]any{"sid": "s3", "jti": "t3", "sub": "user3", "client_id": "other"}, guard.SkipRevocation()))
				if tt.entry.Kind != guard.RevokedKey {
					wantAlive(t, late)
				}
				w.list.Reset([]entry{{Kind: guard.RevokedSession, Handle: "s3"}})
				wantEnded(t, late, guard.TokenRevoked)
			})
		})
	}
}

// A token that is revoked between Require and Lifetime ends there.
func TestLifetimeRevokedBefore(t *testing.T) {
	t.Parallel()
	w := newSockets(t)
	w.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"})
	life := w.life(w.token(nil, guard.SkipRevocation()))
	if !errors.Is(context.Cause(life), guard.TokenRevoked) {
		t.Errorf("cause %v when Lifetime returns", context.Cause(life))
	}
}

// Sockets close when requests get 503: the list is behind.
// secure-defaults 23d
func TestLifetimeOfAStaleList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSockets(t)
		far := map[string]any{"exp": time.Now().Add(24 * time.Hour).Unix()}
		life := w.life(w.token(far))
		time.Sleep(30 * time.Minute)
		w.list.Touch()
		time.Sleep(time.Hour)
		wantAlive(t, life)
		time.Sleep(time.Second + time.Millisecond)
		wantEnded(t, life, guard.Unavailable)
		w.list.Touch()
		again := w.life(w.token(far))
		time.Sleep(time.Minute)
		wantAlive(t, again)
		w.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"})
		wantEnded(t, again, guard.TokenRevoked)
	})
}

// A Revocations that is no Watcher is asked every second, and its error ends the lifetime.
func TestLifetimeOfAFunction(t *testing.T) {
	t.Parallel()
	for _, reason := range []guard.Reason{guard.TokenRevoked, guard.Unavailable} {
		synctest.Test(t, func(t *testing.T) {
			over := make(chan struct{})
			asked := 0
			w := newSockets(t, func(c *guard.Config) {
				c.Revocations = guard.RevocationFunc(func(context.Context, *guard.Token) (bool, error) {
					asked++
					select {
					case <-over:
						if reason == guard.Unavailable {
							return false, errors.New("database is away")
						}
						return true, nil
					default:
						return false, nil
					}
				})
			})
			life := w.life(w.token(nil))
			time.Sleep(time.Minute)
			wantAlive(t, life)
			close(over)
			time.Sleep(time.Second)
			wantEnded(t, life, reason)
			before := asked
			time.Sleep(time.Minute)
			if asked != before || asked < 60 || asked > 64 {
				t.Errorf("asked %d times in a minute, %d times after the end", before, asked-before)
			}
		})
	}
}

// A parent's end is the lifetime's, and nobody and tokens without exp go on.
func TestLifetimeOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSockets(t, func(c *guard.Config) { c.InsecureNoExpiry = true })
		gone := errors.New("client has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		eternal := w.token(map[string]any{"exp": nil})
		life := guard.Lifetime(guard.WithIdentity(ctx, eternal))
		nobody := guard.Lifetime(guard.WithIdentity(ctx, nil))
		own := guard.Lifetime(guard.WithIdentity(ctx, &guard.Token{Claims: w.token(nil).Claims}))
		if guard.Lifetime(life) != life {
			t.Error("a lifetime of the same token was made anew")
		}
		time.Sleep(10*time.Minute - time.Second)
		wantAlive(t, own)
		time.Sleep(time.Second)
		if synctest.Wait(); !errors.Is(context.Cause(own), guard.TokenExpired) {
			t.Errorf("token that no guard verified: %v, want its exp to end it", context.Cause(own))
		}
		time.Sleep(20 * time.Minute)
		wantAlive(t, life)
		wantAlive(t, nobody)
		cancel(gone)
		if synctest.Wait(); context.Cause(life) != gone {
			t.Errorf("cause %v, want the parent's", context.Cause(life))
		}
		if err := guard.Extend(life, eternal); !errors.Is(err, gone) {
			t.Errorf("Extend of an ended lifetime: %v", err)
		}
		if err := guard.Extend(nobody, eternal); err == nil {
			t.Error("nobody was extended")
		}
	})
}

// What is revoked while its Lifetime is made, or extended to, is never missed.
func TestLifetimeRace(t *testing.T) {
	t.Parallel()
	w := newSockets(t, func(c *guard.Config) { c.Now = clock })
	first := w.token(map[string]any{"iat": clock().Unix(), "exp": clock().Add(time.Minute).Unix()})
	for i := range 300 {
		session := map[string]any{"iat": clock().Unix(), "exp": clock().Add(time.Minute).Unix(), "sid": string(rune('a' + i))}
		newer := w.token(session)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		extended := guard.Lifetime(guard.WithIdentity(ctx, first))
		var made context.Context
		var refused error
		var wg sync.WaitGroup
		wg.Go(func() { w.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: session["sid"].(string)}) })
		wg.Go(func() { made = guard.Lifetime(guard.WithIdentity(ctx, newer)) })
		wg.Go(func() { refused = guard.Extend(extended, newer) })
		wg.Wait()
		<-made.Done() // or the test hangs
		if refused == nil {
			<-extended.Done()
		}
	}
}

// As a handler uses it: the request's context, and the answer that the cause would be.
func TestLifetimeOfARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSockets(t)
		stream := w.g.Require()(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			life := guard.Lifetime(r.Context())
			<-life.Done()
			e, _ := errors.AsType[*guard.Error](context.Cause(life))
			guard.WriteError(rw, r, e)
		}))
		go func() {
			time.Sleep(time.Second)
			w.list.Add(guard.RevocationEntry{Kind: guard.RevokedUser, Handle: "user1"})
		}()
		r := get(w.s.access(map[string]any{"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}))
		rec := httptest.NewRecorder()
		stream.ServeHTTP(rec, r)
		if rec.Code != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", rec.Code)
		}
	})
}
