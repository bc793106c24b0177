package guard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

func rotationMemory(size int) guard.Rotation {
	return guard.NewRotationMemory(guard.RotationMemoryConfig{Size: size, Now: clock})
}

// refresher is a route of Refresh: it answers with the grant of the next tokens.
func refresher(g *guard.Guard) func(token string) (guard.Grant, error) {
	return func(token string) (guard.Grant, error) {
		got, err := g.Check(postToken(token), guard.Refresh())
		return got.Grant(), err
	}
}

// Reuse of a refresh token is refused and told, so that the session can be ended: with Rotation
// each counts once. checklist 63
func TestRotation(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	list := guard.NewRevocationList(guard.RevocationListConfig{Now: clock})
	refresh := refresher(guardOf(t, iss, func(c *guard.Config) {
		c.Rotation, c.Revocations = rotationMemory(0), list
		c.OnReuse = func(_ context.Context, t *guard.Token) {
			_ = list.End(t, t.ExpiresAt()) // it has a session
		}
	}))
	first := must(t)(iss.Refresh(iss.SignIn("user1")))
	grant, err := refresh(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, said := decode(t, first); said["generation"] != 1.0 || grant.Generation != 2 {
		t.Errorf("generation %v, then %d; want 1, then 2", said["generation"], grant.Generation)
	}
	second := must(t)(iss.Refresh(grant))
	if grant, err = refresh(second); err != nil {
		t.Fatal(err)
	}
	third := must(t)(iss.Refresh(grant))
	if _, err := refresh(must(t)(iss.Refresh(iss.SignIn("user1")))); err != nil {
		t.Errorf("another session: %v", err)
	}
	if _, err := refresh(first); !errors.Is(err, guard.TokenRevoked) || !errors.Is(err, guard.ErrReused) {
		t.Errorf("reuse: %v, want token_revoked", err)
	}
	if _, err := refresh(third); !errors.Is(err, guard.TokenRevoked) || errors.Is(err, guard.ErrReused) {
		t.Errorf("live token after reuse: %v, want its session ended", err)
	}
}

// However often one user refreshes, there is room for the others; where there is none, whoever has
// refreshed before goes on, and one-time tokens have room of their own.
func TestRotationIsBoundedBySessions(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	g := guardOf(t, iss, func(c *guard.Config) {
		c.Rotation, c.Replay = rotationMemory(2), guard.NewReplayMemory(guard.ReplayMemoryConfig{Size: 1, Now: clock})
	})
	refresh := refresher(g)
	grant := iss.SignIn("mallory")
	for i := range 100 {
		var err error
		if grant, err = refresh(must(t)(iss.Refresh(grant))); err != nil {
			t.Fatalf("refresh %d: %v", i, err)
		}
	}
	if _, err := refresh(must(t)(iss.Refresh(iss.SignIn("alice")))); err != nil {
		t.Errorf("another user: %v", err)
	}
	_, err := refresh(must(t)(iss.Refresh(iss.SignIn("bob"))))
	e, ok := errors.AsType[*guard.Error](err)
	if !ok || !errors.Is(err, guard.Unavailable) || !errors.Is(err, guard.ErrReplayFull) || !strings.Contains(e.Hint(), "RotationMemoryConfig.Size") {
		t.Errorf("one session too many: %v", err)
	}
	if _, err := refresh(must(t)(iss.Refresh(grant))); err != nil {
		t.Errorf("session that is known, where there is no room: %v", err)
	}
	for i, want := range []error{nil, guard.ErrReplayFull} {
		token := must(t)(iss.OneTime("reset+jwt", "user1", time.Hour, nil))
		_, err := g.Check(postToken(token), guard.OneTime("reset+jwt"))
		if e, ok := errors.AsType[*guard.Error](err); !errors.Is(err, want) || ok && !strings.Contains(e.Hint(), "ReplayMemoryConfig.Size") {
			t.Errorf("one-time token %d: %v, want %v", i, err, want)
		}
	}
}

// A refresh token that cannot be placed in a session is refused, and so is one where that is not
// known; neither is a theft. secure-defaults 23a
func TestRotationThatFails(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	good := map[string]any{"type": "refresh", "generation": 1}
	with := func(name string, value any) map[string]any {
		return map[string]any{"type": "refresh", "generation": 1, name: value}
	}
	answers := func(ok bool, err error) guard.Rotation {
		return rotationFunc(func() (bool, error) { return ok, err })
	}
	tests := map[string]struct {
		rotation guard.Rotation
		claims   map[string]any
		reason   error
	}{
		"good":               {answers(true, nil), good, nil},
		"reuse":              {answers(false, nil), good, guard.TokenRevoked},
		"error":              {answers(false, errors.New("connection refused")), good, guard.Unavailable},
		"expired meanwhile":  {answers(false, jwt.ErrExpired), good, guard.TokenExpired},
		"panic":              {rotationFunc(func() (bool, error) { panic("nil map") }), good, guard.Unavailable},
		"no session":         {answers(true, nil), with("sid", nil), guard.TokenInvalid},
		"no generation":      {answers(true, nil), with("generation", nil), guard.TokenInvalid},
		"generation 0":       {answers(true, nil), with("generation", 0), guard.TokenInvalid},
		"below 0":            {answers(true, nil), with("generation", -1), guard.TokenInvalid},
		"no number":          {answers(true, nil), with("generation", "2"), guard.TokenInvalid},
		"no whole number":    {answers(true, nil), with("generation", 1.5), guard.TokenInvalid},
		"too large a number": {answers(true, nil), with("generation", 1e30), guard.TokenInvalid},
		"no exp":             {answers(true, nil), with("exp", nil), guard.TokenInvalid},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reused := false
			g := s.guard(func(c *guard.Config) {
				c.Rotation, c.InsecureNoExpiry = tt.rotation, true
				c.OnReuse = func(context.Context, *guard.Token) { reused = true }
			})
			_, err := g.Check(postToken(s.sign("refresh+jwt", tt.claims)), guard.Refresh())
			if !errors.Is(err, tt.reason) || reused != (tt.reason == guard.TokenRevoked) {
				t.Errorf("got %v, told of reuse: %v; want %v", err, reused, tt.reason)
			}
			if e, ok := errors.AsType[*guard.Error](err); ok && tt.reason == guard.TokenInvalid && !strings.Contains(e.Hint(), "Issuer.Refresh") {
				t.Errorf("hint %q", e.Hint())
			}
		})
	}
}

type rotationFunc func() (bool, error)

func (f rotationFunc) Advance(context.Context, string, int64, time.Time) (bool, error) { return f() }

// A token is spent by each check that asks for it: the second of one request is reuse, and the hint
// says what to do instead.
func TestRotationCheckedTwice(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	g := guardOf(t, iss, func(c *guard.Config) { c.Rotation = rotationMemory(0) })
	r := postToken(must(t)(iss.Refresh(iss.SignIn("user1"))))
	if _, err := g.Check(r, guard.Refresh()); err != nil {
		t.Fatal(err)
	}
	_, err := g.Check(r, guard.Refresh())
	if e, ok := errors.AsType[*guard.Error](err); !ok || !errors.Is(err, guard.ErrReused) || !strings.Contains(e.Hint(), "takes Identity") {
		t.Errorf("got %v", err)
	}
}

// The memory counts up, is bounded by sessions, and forgets one when the latest of its tokens has
// expired, for an earlier one may outlive its successor.
func TestRotationMemory(t *testing.T) {
	t.Parallel()
	now := clock()
	m := guard.NewRotationMemory(guard.RotationMemoryConfig{Size: 2, Now: func() time.Time { return now }})
	step := func(session string, generation int64, in time.Duration, ok bool, want error) {
		t.Helper()
		if got, err := m.Advance(t.Context(), session, generation, now.Add(in)); got != ok || !errors.Is(err, want) {
			t.Errorf("%s %d: %v, %v; want %v, %v", session, generation, got, err, ok, want)
		}
	}
	step("a", 1, 0, false, jwt.ErrExpired)
	step("a", 1, 3*time.Minute, true, nil)
	step("a", 1, 3*time.Minute, false, nil)
	step("a", 2, time.Minute, true, nil) // ends sooner
	step("b", 7, time.Minute, true, nil) // after a restart
	step("b", 6, time.Hour, false, nil)
	step("c", 1, time.Hour, false, guard.ErrReplayFull)
	now = now.Add(time.Minute)
	step("a", 1, 2*time.Minute, false, nil)
	step("c", 1, time.Minute, true, nil)
	step("c", 2, time.Hour, true, nil) // ends later
	now = now.Add(2 * time.Minute)
	step("c", 2, time.Hour, false, nil)
	step("d", 1, time.Hour, true, nil)
	step("a", 1, time.Hour, false, guard.ErrReplayFull)
	defer func() {
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "guard: ") {
			t.Errorf("negative size: panic %q", got)
		}
	}()
	guard.NewRotationMemory(guard.RotationMemoryConfig{Size: -1})
}

// Of many that bring one generation at once, one advances.
func TestRotationMemoryRace(t *testing.T) {
	t.Parallel()
	m := rotationMemory(0)
	var advanced atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for generation := range int64(100) {
				if ok, err := m.Advance(context.Background(), "a", generation+1, clock().Add(time.Hour)); ok && err == nil {
					advanced.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if advanced.Load() != 100 {
		t.Errorf("%d advanced, want 100", advanced.Load())
	}
}
