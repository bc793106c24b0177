package guard_test

import (
	"errors"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

// checklist 83: each route takes one kind of token.
func TestKinds(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	refresh := map[string]any{"type": "refresh"}
	tokens := map[string]string{
		"access":          s.access(nil),
		"foreign access":  s.access(map[string]any{"type": nil}),
		"JWT access":      s.sign("JWT", nil),
		"JWT":             s.sign("JWT", map[string]any{"type": nil}),
		"refresh":         s.sign("JWT", refresh),
		"refresh+jwt":     s.sign("refresh+jwt", refresh),
		"reset":           s.sign("reset+jwt", map[string]any{"type": nil}),
		"reset or so":     s.sign("reset+jwt", refresh),
		"refresh, untold": s.sign("refresh+jwt", map[string]any{"type": nil}),
	}
	jwtToo := func(c *guard.Config) { c.Types = []string{"at+jwt", "JWT"} }
	anyType := func(c *guard.Config) { c.InsecureAnyType = true }
	tests := map[string]struct {
		guard *guard.Guard
		reqs  []guard.Requirement
		want  []string
	}{
		"access":             {s.guard(), nil, []string{"access", "foreign access"}},
		"refresh":            {s.guard(), []guard.Requirement{guard.Refresh()}, []string{"refresh", "refresh+jwt"}},
		"typ JWT listed":     {s.guard(jwtToo), nil, []string{"access", "foreign access", "JWT access"}},
		"typ JWT asked for":  {s.guard(), []guard.Requirement{guard.Type("JWT")}, []string{"JWT access"}},
		"one purpose":        {s.guard(), []guard.Requirement{guard.Type("reset+jwt")}, []string{"reset"}},
		"any type":           {s.guard(anyType), nil, []string{"access", "foreign access", "JWT access", "JWT", "reset"}},
		"any type, refresh":  {s.guard(anyType), []guard.Requirement{guard.Refresh()}, []string{"refresh", "refresh+jwt", "reset or so"}},
		"refresh by typ":     {s.guard(), []guard.Requirement{guard.Type("refresh+jwt")}, nil},
		"one of two purpose": {s.guard(), []guard.Requirement{guard.Type("reset+jwt", "at+jwt")}, []string{"reset", "access", "foreign access"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := map[string]bool{}
			for _, kind := range tt.want {
				in[kind] = true
			}
			for kind, token := range tokens {
				_, err := tt.guard.Check(get(token), tt.reqs...)
				if in[kind] != (err == nil) || err != nil && !errors.Is(err, guard.TokenWrongType) {
					t.Errorf("%s: got %v, want it let in: %v", kind, err, in[kind])
				}
			}
		})
	}
}
