package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

func postToken(token string) *http.Request {
	r := get(token)
	r.Method = http.MethodPost
	return r
}

// A one-time token is good once, for its purpose, and is spent only by a request that everything
// else is right with. ASVS 6.5.1, 9.2.2
func TestOneTime(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	list := guard.NewRevocationList(guard.RevocationListConfig{Now: clock})
	var reused []string
	g := guardOf(t, iss, func(c *guard.Config) {
		c.Replay = guard.NewReplayMemory(guard.ReplayMemoryConfig{Now: clock})
		c.Revocations = list
		c.OnReuse = func(_ context.Context, t *guard.Token) { reused = append(reused, t.Subject()) }
	})
	make := func(typ string) string {
		return must(t)(iss.OneTime(typ, "user1", time.Hour, map[string]any{"mail": "a@example"}))
	}
	token := make("reset+jwt")
	refused := func(reason guard.Reason, r *http.Request, reqs ...guard.Requirement) {
		t.Helper()
		if got, err := g.Check(r, reqs...); !errors.Is(err, reason) || got != nil {
			t.Errorf("got %v, want %s", err, reason)
		}
	}
	wrong := guard.Claim("mail", func(context.Context, *guard.Token) error { return errors.New("changed") })
	refused(guard.Forbidden, postToken(token), guard.OneTime("reset+jwt"), guard.Role("manager"))
	refused(guard.Forbidden, postToken(token), guard.OneTime("reset+jwt"), guard.Scope("reset"))
	refused(guard.Forbidden, postToken(token), wrong, guard.OneTime("reset+jwt"))
	refused(guard.TokenNotFresh, postToken(token), guard.OneTime("reset+jwt"), guard.Fresh(0))
	refused(guard.TokenWrongType, postToken(token), guard.OneTime("confirm+jwt"))
	refused(guard.TokenWrongType, postToken(must(t)(iss.Access(guard.Grant{Subject: "user1"}))), guard.OneTime("reset+jwt"))
	refused(guard.InvalidRequest, get(token), guard.OneTime("reset+jwt"))
	list.Add(guard.RevocationEntry{Kind: guard.RevokedUser, Handle: "user1", NotBefore: clock()})
	refused(guard.TokenRevoked, postToken(token), guard.OneTime("reset+jwt"))
	list.Reset(nil)
	if _, err := g.Check(get(token), guard.Type("reset+jwt")); err != nil {
		t.Errorf("Type: %v", err)
	}
	if len(reused) > 0 {
		t.Errorf("OnReuse was told of %q", reused)
	}
	if got, err := g.Check(postToken(token), guard.OneTime("reset+jwt"), guard.Claim("mail", nil)); err != nil || got.Subject() != "user1" {
		t.Errorf("first use: %v", err)
	}
	refused(guard.TokenRevoked, postToken(token), guard.OneTime("reset+jwt"))
	if _, err := g.CheckToken(t.Context(), token, guard.OneTime("reset+jwt")); !errors.Is(err, guard.ErrReused) {
		t.Errorf("CheckToken: %v, want ErrReused", err)
	}
	if a := serve(t, g.Require(guard.OneTime("reset+jwt"))(greet), postToken(token)); a.Status != http.StatusUnauthorized || a.Reason != "token_revoked" {
		t.Errorf("Require: %d %s", a.Status, a.Reason)
	}
	if want := []string{"user1", "user1", "user1"}; fmt.Sprint(reused) != fmt.Sprint(want) {
		t.Errorf("OnReuse was told of %q, want %q", reused, want)
	}
	if _, err := g.CheckToken(t.Context(), make("reset+jwt"), guard.OneTime("reset+jwt")); err != nil {
		t.Errorf("another token: %v", err)
	}
}

// Not knowing whether a token was used refuses it. secure-defaults 23a
func TestReplayThatFails(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	replay := replayFunc(func(id string) (bool, error) {
		if len(id) != 43 {
			t.Errorf("id %q", id)
		}
		return false, errors.New("connection refused")
	})
	reset := func(changes map[string]any) string {
		changes["type"] = nil
		return s.sign("reset+jwt", changes)
	}
	tests := map[string]struct {
		replay guard.Replay
		token  string
		reason guard.Reason
	}{
		"error":      {replay, reset(map[string]any{}), guard.Unavailable},
		"panic":      {replayFunc(func(string) (bool, error) { panic("nil map") }), reset(map[string]any{}), guard.Unavailable},
		"no jti":     {replay, reset(map[string]any{"jti": nil}), guard.TokenInvalid},
		"no exp":     {replay, reset(map[string]any{"exp": nil}), guard.TokenInvalid},
		"second use": {replayFunc(func(string) (bool, error) { return false, nil }), reset(map[string]any{}), guard.TokenRevoked},
		"expired":    {replayFunc(func(string) (bool, error) { return false, fmt.Errorf("insert: %w", jwt.ErrExpired) }), reset(map[string]any{}), guard.TokenExpired},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reused := false
			g := s.guard(func(c *guard.Config) {
				c.Replay, c.InsecureNoExpiry = tt.replay, true
				c.OnReuse = func(context.Context, *guard.Token) { reused = true }
			})
			if _, err := g.Check(postToken(tt.token), guard.OneTime("reset+jwt")); !errors.Is(err, tt.reason) {
				t.Errorf("got %v, want %s", err, tt.reason)
			}
			if want := tt.reason == guard.TokenRevoked; reused != want {
				t.Errorf("OnReuse was told: %v, want %v", reused, want)
			}
		})
	}
}

type replayFunc func(id string) (bool, error)

func (f replayFunc) Spend(_ context.Context, id string, _ time.Time) (bool, error) { return f(id) }

// The memory is bounded, forgets what has expired, and refuses rather than forgets what has not.
func TestReplayMemory(t *testing.T) {
	t.Parallel()
	now := clock()
	m := guard.NewReplayMemory(guard.ReplayMemoryConfig{Size: 3, Now: func() time.Time { return now }})
	step := func(id string, in time.Duration, first bool, want error) {
		t.Helper()
		if got, err := m.Spend(t.Context(), id, now.Add(in)); got != first || !errors.Is(err, want) {
			t.Errorf("%s: %v, %v; want %v, %v", id, got, err, first, want)
		}
	}
	step("dead", 0, false, jwt.ErrExpired) // no alarm: nobody has used it before
	step("c", 3*time.Minute, true, nil)
	step("a", time.Minute, true, nil)
	step("b", 2*time.Minute, true, nil)
	step("a", time.Hour, false, nil)
	step("d", time.Minute, false, guard.ErrReplayFull)
	now = now.Add(time.Minute)
	step("d", time.Minute, true, nil)
	step("b", time.Minute, false, nil)
	step("e", time.Minute, false, guard.ErrReplayFull)
	now = now.Add(2 * time.Minute)
	for i := range 3 {
		step(fmt.Sprint(i), time.Minute, true, nil)
	}
	defer func() {
		if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "guard: ") {
			t.Errorf("negative size: panic %q", got)
		}
	}()
	guard.NewReplayMemory(guard.ReplayMemoryConfig{Size: -1})
}

// Of many at once one is first.
func TestReplayMemoryRace(t *testing.T) {
	t.Parallel()
	m := guard.NewReplayMemory(guard.ReplayMemoryConfig{})
	expires := time.Now().Add(time.Hour)
	var firsts atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for id := range 100 {
				if first, err := m.Spend(context.Background(), fmt.Sprint(id), expires); first && err == nil {
					firsts.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if firsts.Load() != 100 {
		t.Errorf("%d were first, want 100", firsts.Load())
	}
}
