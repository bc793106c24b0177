package guard_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// secure-defaults 23d: one that says so is enough, and one that cannot say refuses.
func TestAnyRevocation(t *testing.T) {
	t.Parallel()
	away := errors.New("status list is away")
	says := func(revoked bool, err error) guard.Revocations {
		return guard.RevocationFunc(func(context.Context, *guard.Token) (bool, error) { return revoked, err })
	}
	no, yes, unknown := says(false, nil), says(true, nil), says(false, away)
	tests := map[string]struct {
		rs   []guard.Revocations
		want bool
		err  error
	}{
		"none":                   {[]guard.Revocations{no, no}, false, nil},
		"the last":               {[]guard.Revocations{no, yes}, true, nil},
		"one is away":            {[]guard.Revocations{no, unknown, no}, false, away},
		"one is away, one says":  {[]guard.Revocations{unknown, yes}, true, nil},
		"revoked, with an error": {[]guard.Revocations{no, says(true, away)}, false, away},
		"of several":             {[]guard.Revocations{no, guard.AnyRevocation(no, yes)}, true, nil},
	}
	for name, tt := range tests {
		got, err := guard.AnyRevocation(tt.rs...).Revoked(t.Context(), nil)
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %v, %v; want %v, %v", name, got, err, tt.want, tt.err)
		}
	}
	for name, rs := range map[string][]guard.Revocations{"none": nil, "nil": {no, nil}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			guard.AnyRevocation(rs...)
		}()
	}
	s := newSigner(t)
	for status, r := range map[int]guard.Revocations{http.StatusServiceUnavailable: unknown, http.StatusUnauthorized: yes, http.StatusOK: no} {
		g := s.guard(func(c *guard.Config) { c.Revocations = guard.AnyRevocation(no, r) })
		if a := serve(t, g.Require()(greet), get(s.access(nil))); a.Status != status {
			t.Errorf("got %d, want %d", a.Status, status)
		}
	}
}

// Those that tell of changes end a Lifetime at once, the others within a second, also from inside
// another AnyRevocation; and where all tell none is asked in vain.
// secure-defaults 21c
func TestAnyRevocationIsWatched(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(first, second *guard.RevocationList, over chan struct{}) time.Duration{
		"first list":  func(l, _ *guard.RevocationList, _ chan struct{}) time.Duration { revoke(l); return 0 },
		"second list": func(_, l *guard.RevocationList, _ chan struct{}) time.Duration { revoke(l); return 0 },
		"function":    func(_, _ *guard.RevocationList, over chan struct{}) time.Duration { close(over); return time.Second },
		"lists alone": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				first, second := guard.NewRevocationList(guard.RevocationListConfig{}), guard.NewRevocationList(guard.RevocationListConfig{})
				over, asked := make(chan struct{}), 0
				function := guard.RevocationFunc(func(context.Context, *guard.Token) (bool, error) {
					asked++
					select {
					case <-over:
						return true, nil
					default:
						return false, nil
					}
				})
				rs := guard.AnyRevocation(first, guard.AnyRevocation(function, second))
				if ends == nil {
					rs = guard.AnyRevocation(first, guard.AnyRevocation(watched{second, function}, second))
				}
				w := newSockets(t, func(c *guard.Config) { c.Revocations = rs })
				life := w.life(w.token(nil))
				time.Sleep(time.Minute)
				wantAlive(t, life)
				if ends == nil {
					if asked > 4 { // by Check, Lifetime and its look once a minute
						t.Errorf("asked %d times in a minute", asked)
					}
					return
				}
				time.Sleep(ends(first, second, over))
				wantEnded(t, life, guard.TokenRevoked)
				revoke(first)
				revoke(second) // after stop
			})
		})
	}
}

// watched is asked like one and watched like the other.
type watched struct {
	guard.Watcher
	guard.Revocations
}

func revoke(l *guard.RevocationList) {
	l.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"})
}
