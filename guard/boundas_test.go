package guard_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

// A connection that was opened with a bound token takes a newer one that is bound to the same key, and no other.
// checklist 145
func TestBoundAs(t *testing.T) {
	t.Parallel()
	s, p, other := newSigner(t), newProver(t), newProver(t)
	cnf := func(v any) string { return s.access(map[string]any{"cnf": v}) }
	tokens := map[string]string{
		"none": s.access(nil), "key": s.access(p.bound(nil)), "other key": s.access(other.bound(nil)), "certificate": cnf(map[string]any{"x5t#S256": "x"}),
		"both": cnf(map[string]any{"jkt": p.jkt, "x5t#S256": "x"}), "unknown": cnf(map[string]any{"kid": "x"}), "nothing": cnf(map[string]any{}),
	}
	g := s.guard(withTickets(sealed(tokens)))
	for name, token := range tokens {
		proved, err := g.Check(withQuery(get(""), "ticket="+url.QueryEscape(name)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for newer, next := range tokens {
			_, err := g.CheckToken(t.Context(), next, guard.BoundAs(proved))
			want := name == newer && name != "unknown" && name != "nothing"
			if (err == nil) != want || err != nil && !errors.Is(err, guard.TokenInvalid) {
				t.Errorf("%s for one bound to %s: %v", newer, name, err)
			}
		}
		if _, err := g.CheckToken(t.Context(), token); (err == nil) != (name == "none") {
			t.Errorf("%s without BoundAs: %v", name, err)
		}
	}
	for _, proved := range []*guard.Token{nil, {}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a token that no Guard verified was taken")
				}
			}()
			_, _ = g.CheckToken(t.Context(), tokens["none"], guard.BoundAs(proved))
		}()
	}
}
