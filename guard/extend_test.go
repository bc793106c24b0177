package guard_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// A lifetime that is extended is the newer token's: its exp, its session, its Identity.
func TestExtend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSockets(t)
		life := w.life(w.token(nil))
		derived, cancel := context.WithCancel(life)
		defer cancel()
		time.Sleep(9 * time.Minute)
		newer := w.token(map[string]any{"sid": "s2", "jti": "t2"})
		if err := guard.Extend(derived, newer); err != nil {
			t.Fatal(err)
		}
		if guard.Identity(life) != newer || guard.Identity(derived) != newer {
			t.Error("Identity is not the newer token")
		}
		w.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"}) // of the older one
		time.Sleep(9 * time.Minute)
		wantAlive(t, derived)
		third := w.token(map[string]any{"sid": "s2", "jti": "t3"})
		if err := guard.Extend(life, third); err != nil {
			t.Fatal(err)
		}
		w.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s2"})
		wantEnded(t, derived, guard.TokenRevoked)
		if err := guard.Extend(life, third); !errors.Is(err, guard.TokenRevoked) {
			t.Errorf("Extend of an ended lifetime: %v, want its cause", err)
		}
	})
}

// What is no successor is refused, and changes nothing.
func TestExtendRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSockets(t, func(c *guard.Config) {
			c.Issuer, c.InsecureAnyIssuer, c.Types = "", true, []string{"at+jwt", "app+jwt"}
		})
		other := newSockets(t)
		otherTyp, err := w.g.CheckToken(t.Context(), w.s.sign("app+jwt", map[string]any{"iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()}))
		if err != nil {
			t.Fatal(err)
		}
		w.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "ended"})
		tests := map[string]struct {
			newer *guard.Token
			want  guard.Reason
		}{
			"none":             {nil, guard.TokenInvalid},
			"another guard":    {other.token(nil), guard.TokenInvalid},
			"verified by none": {&guard.Token{Claims: w.token(nil).Claims}, guard.TokenInvalid},
			"another subject":  {w.token(map[string]any{"sub": "user2"}), guard.Forbidden},
			"no subject":       {w.token(map[string]any{"sub": nil}), guard.Forbidden},
			"another issuer":   {w.token(map[string]any{"iss": "https://other.example"}), guard.Forbidden},
			"another client":   {w.token(map[string]any{"client_id": "other"}), guard.Forbidden},
			"another typ":      {otherTyp, guard.TokenWrongType},
			"a refresh token":  {w.token(map[string]any{"type": "refresh"}, guard.Refresh()), guard.TokenWrongType},
			"ends sooner":      {w.token(map[string]any{"exp": time.Now().Add(9 * time.Minute).Unix()}), guard.TokenInvalid},
			"revoked":          {w.token(map[string]any{"sid": "ended"}, guard.SkipRevocation()), guard.TokenRevoked},
		}
		tok := w.token(nil)
		life := w.life(tok)
		for name, tt := range tests {
			e, ok := errors.AsType[*guard.Error](guard.Extend(life, tt.newer))
			if !ok || e.Reason != tt.want {
				t.Errorf("%s: got %v, want %s", name, e, tt.want)
			}
		}
		if guard.Identity(life) != tok {
			t.Error("Identity has changed")
		}
		if err := guard.Extend(t.Context(), tok); err == nil {
			t.Error("a context that is no lifetime was extended")
		}
		w.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"})
		wantEnded(t, life, guard.TokenRevoked)
	})
}

// Nor does what expires follow what does not, or a refresh token what no guard verified.
func TestExtendRefusesOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		eternal := newSockets(t, func(c *guard.Config) { c.InsecureNoExpiry = true })
		if err := guard.Extend(eternal.life(eternal.token(map[string]any{"exp": nil})), eternal.token(nil)); !errors.Is(err, guard.TokenInvalid) {
			t.Errorf("token that expires for one that does not: %v, want %s", err, guard.TokenInvalid)
		}
		lax := newSockets(t, func(c *guard.Config) { c.InsecureAnyType = true })
		refresh, err := lax.g.CheckToken(t.Context(), lax.s.sign("at+jwt", map[string]any{
			"type": "refresh", "iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix(),
		}), guard.Refresh())
		if err != nil {
			t.Fatal(err)
		}
		own := func(t *guard.Token) *guard.Token { return &guard.Token{Claims: t.Claims} }
		if err := guard.Extend(lax.life(own(lax.token(nil))), own(refresh)); !errors.Is(err, guard.TokenWrongType) {
			t.Errorf("refresh token that no guard verified: %v, want %s", err, guard.TokenWrongType)
		}
	})
}
