package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// checklist 82: too little privilege is 403 insufficient_scope, with the scope.
func TestRolesAndScopes(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	type reqs = []guard.Requirement
	tests := map[string]struct {
		claims    map[string]any
		reqs      reqs
		challenge string // of the refusal; "" is let in
	}{
		"role":                 {map[string]any{"roles": []string{"clerk", "manager"}}, reqs{guard.Role("manager")}, ""},
		"any of two":           {map[string]any{"roles": []string{"clerk"}}, reqs{guard.Role("manager", "clerk")}, ""},
		"role as a string":     {map[string]any{"role": "field-operative"}, reqs{guard.Role("field-operative")}, ""},
		"another role":         {map[string]any{"roles": []string{"clerk"}}, reqs{guard.Role("manager")}, "insufficient_scope"},
		"part of a role":       {map[string]any{"role": "field-operative"}, reqs{guard.Role("field")}, "insufficient_scope"},
		"no roles":             {nil, reqs{guard.Role("manager")}, "insufficient_scope"},
		"roles of wrong form":  {map[string]any{"roles": map[string]any{"manager": true}}, reqs{guard.Role("manager")}, "insufficient_scope"},
		"roles outrank role":   {map[string]any{"roles": []string{}, "role": "manager"}, reqs{guard.Role("manager")}, "insufficient_scope"},
		"both of two Roles":    {map[string]any{"roles": []string{"a", "b"}}, reqs{guard.Role("a"), guard.Role("b")}, ""},
		"one of two Roles":     {map[string]any{"roles": []string{"a"}}, reqs{guard.Role("a"), guard.Role("b")}, "insufficient_scope"},
		"scopes":               {map[string]any{"scope": "read write"}, reqs{guard.Scope("write", "read")}, ""},
		"one scope of two":     {map[string]any{"scope": "read"}, reqs{guard.Scope("read"), guard.Scope("write")}, `scope="read write"`},
		"scope in other case":  {map[string]any{"scope": "READ"}, reqs{guard.Scope("read")}, `scope="read"`},
		"no scope":             {nil, reqs{guard.Scope("read")}, `scope="read"`},
		"role before fresh":    {nil, reqs{guard.Fresh(0), guard.Role("manager")}, "insufficient_scope"},
		"scope as a list only": {map[string]any{"scope": []string{"read"}}, reqs{guard.Scope("read")}, `scope="read"`},
	}
	g := s.guard()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, g.Require(tt.reqs...)(greet), get(s.access(tt.claims)))
			if tt.challenge == "" {
				if a.Status != http.StatusOK {
					t.Errorf("got %d %s, want 200", a.Status, a.Reason)
				}
				return
			}
			if a.Status != http.StatusForbidden || a.Reason != "forbidden" || !strings.Contains(a.Challenge, tt.challenge) ||
				!strings.Contains(a.Challenge, `error="insufficient_scope"`) {
				t.Errorf("got %d %s %q, want 403 with %s", a.Status, a.Reason, a.Challenge, tt.challenge)
			}
		})
	}
}

// RFC 9470 section 3: the refusal says how recent the sign-in must be.
func TestFresh(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	ago := func(d time.Duration) int64 { return clock().Add(-d).Unix() }
	tests := map[string]struct {
		claims map[string]any
		reqs   []guard.Requirement
		ok     bool
		maxAge string
	}{
		"fresh":                     {map[string]any{"fresh": true}, []guard.Requirement{guard.Fresh(0)}, true, ""},
		"from a refresh":            {map[string]any{"fresh": false}, []guard.Requirement{guard.Fresh(0)}, false, ""},
		"not told":                  {nil, []guard.Requirement{guard.Fresh(0)}, false, ""},
		"fresh is no boolean":       {map[string]any{"fresh": "true"}, []guard.Requirement{guard.Fresh(0)}, false, ""},
		"signed in just in time":    {map[string]any{"fresh": true, "auth_time": ago(5 * time.Minute)}, []guard.Requirement{guard.Fresh(5 * time.Minute)}, true, ""},
		"signed in too long ago":    {map[string]any{"fresh": true, "auth_time": ago(5*time.Minute + time.Second)}, []guard.Requirement{guard.Fresh(5 * time.Minute)}, false, "300"},
		"just signed in, refreshed": {map[string]any{"fresh": false, "auth_time": ago(time.Second)}, []guard.Requirement{guard.Fresh(5 * time.Minute)}, false, "300"},
		"iat in place of auth_time": {map[string]any{"fresh": true}, []guard.Requirement{guard.Fresh(time.Minute)}, true, ""},
		"old iat":                   {map[string]any{"fresh": true}, []guard.Requirement{guard.Fresh(59 * time.Second)}, false, "59"},
		"neither":                   {map[string]any{"fresh": true, "iat": nil}, []guard.Requirement{guard.Fresh(time.Hour)}, false, "3600"},
		"the stricter of two":       {map[string]any{"fresh": true}, []guard.Requirement{guard.Fresh(time.Second), guard.Fresh(time.Hour), guard.Fresh(0)}, false, "1"},
		"auth_time is no date":      {map[string]any{"fresh": true, "auth_time": "now"}, []guard.Requirement{guard.Fresh(time.Hour)}, false, "3600"},
		"auth_time is null":         {map[string]any{"fresh": true, "auth_time": json.RawMessage("null")}, []guard.Requirement{guard.Fresh(time.Hour)}, false, "3600"},
		"a minute ahead":            {map[string]any{"fresh": true, "auth_time": ago(-time.Minute)}, []guard.Requirement{guard.Fresh(time.Hour)}, true, ""},
		"more than a minute ahead":  {map[string]any{"fresh": true, "auth_time": ago(-61 * time.Second)}, []guard.Requirement{guard.Fresh(time.Hour)}, false, "3600"},
		"as long as can be":         {map[string]any{"fresh": false}, []guard.Requirement{guard.Fresh(math.MaxInt64)}, false, "9223372037"},
		"parts of a second":         {map[string]any{"fresh": false}, []guard.Requirement{guard.Fresh(1500 * time.Millisecond)}, false, "2"},
	}
	g := s.guard()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, g.Require(tt.reqs...)(greet), get(s.access(tt.claims)))
			if tt.ok {
				if a.Status != http.StatusOK {
					t.Errorf("got %d %s, want 200", a.Status, a.Reason)
				}
				return
			}
			if a.Status != http.StatusUnauthorized || a.Reason != "token_not_fresh" ||
				!strings.Contains(a.Challenge, `error="insufficient_user_authentication"`) {
				t.Errorf("got %d %s %q", a.Status, a.Reason, a.Challenge)
			}
			_, age, _ := strings.Cut(a.Challenge, `, max_age="`)
			if strings.TrimSuffix(age, `"`) != tt.maxAge {
				t.Errorf("challenge %q, want max_age %q", a.Challenge, tt.maxAge)
			}
		})
	}
}

// secure-defaults 23d: revocation is asked on every use, and not knowing refuses.
func TestRevocations(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	var asked int
	g := s.guard(func(c *guard.Config) {
		c.Revocations = guard.RevocationFunc(func(_ context.Context, tok *guard.Token) (bool, error) {
			asked++
			if tok.ID() == "unknown" {
				return false, guard.ErrStale
			}
			return tok.ID() == "revoked", nil
		})
	})
	do := func(jti string, reqs ...guard.Requirement) answer {
		return serve(t, g.Require(reqs...)(greet), get(s.access(map[string]any{"jti": jti})))
	}
	if a := do("alive"); a.Status != http.StatusOK {
		t.Errorf("alive: %d %s", a.Status, a.Reason)
	}
	if a := do("revoked"); a.Status != http.StatusUnauthorized || a.Reason != "token_revoked" {
		t.Errorf("revoked: %d %s", a.Status, a.Reason)
	}
	if a := do("unknown"); a.Status != http.StatusServiceUnavailable || a.Reason != "temporarily_unavailable" ||
		a.Header.Get("Retry-After") != "5" || a.Challenge != "" {
		t.Errorf("unknown: %d %s, Retry-After %q", a.Status, a.Reason, a.Header.Get("Retry-After"))
	}
	if do("alive"); asked != 4 {
		t.Errorf("asked %d times, want 4", asked)
	}
	if a := do("revoked", guard.SkipRevocation()); a.Status != http.StatusOK || asked != 4 {
		t.Errorf("skipped: %d %s, asked %d", a.Status, a.Reason, asked)
	}
}

func TestImpossibleRequirementsPanic(t *testing.T) {
	t.Parallel()
	g := newSigner(t).guard()
	tests := map[string][]guard.Requirement{
		"empty":            {{}},
		"role":             {guard.Role()},
		"scope":            {guard.Scope()},
		"scope with space": {guard.Scope("read write")},
		"empty scope":      {guard.Scope("")},
		"claim":            {guard.Claim("", nil)},
		"fresh":            {guard.Fresh(-1)},
		"from nowhere":     {guard.From()},
		"from empty":       {guard.From(guard.Source{})},
		"type":             {guard.Type()},
		"two types":        {guard.Type("a"), guard.Type("b")},
		"one-time":         {guard.OneTime("reset+jwt")}, // without Config.Replay
		"except nothing":   {guard.Except()},
		"except twice":     {guard.Except("/a"), guard.Except("/b")},
		"except all":       {guard.Except("/")},
		"except all GET":   {guard.Except("GET /")},
		"except any path":  {guard.Except("GET /{rest...}")},
		"except a host":    {guard.Except("GET example.com/a")},
		"except no path":   {guard.Except("healthz")},
		"except empty":     {guard.Except("")},
		"except malformed": {guard.Except("/a/{")},
		"except //":        {guard.Except("//")},
		"except /./":       {guard.Except("/./a")},
		"except /../":      {guard.Except("/a/../")},
		"except GET //":    {guard.Except("GET /a//b")},
		"except %2f":       {guard.Except("/%2f")},
		"except %61":       {guard.Except("/%61")},
		"except conflicts": {guard.Except("/a/{x}/c", "/a/b/{y}")},
		"type and refresh": {guard.Type("a"), guard.Refresh()},
		"refresh and type": {guard.Refresh(), guard.Type("a")},
		"no writer":        {guard.OnError(nil)},
	}
	for name, reqs := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "guard: ") {
					t.Errorf("panic %q, want one that names the package", got)
				}
			}()
			g.Require(reqs...)
		})
	}
}

// Guards of one program know nothing of one another: whom one lets in counts for the other only
// with a token of its own.
func TestIndependentGuards(t *testing.T) {
	t.Parallel()
	users, machines := newIssuer(t), newIssuer(t, func(c *guard.IssuerConfig) { c.Issuer = "https://machines.example" })
	a, b := guardOf(t, users), guardOf(t, machines, func(c *guard.Config) { c.Sources = []guard.Source{guard.InsecureFromQuery("key")} })
	user, machine := must(t)(users.Access(guard.Grant{Subject: "user1"})), must(t)(machines.Access(guard.Grant{Subject: "machine1"}))
	both := a.Require()(b.Require()(greet))
	tests := map[string]struct {
		handler http.Handler
		request *http.Request
		want    string
	}{
		"each its own":            {both, withQuery(get(user), "key="+machine), "hello machine1"},
		"inner missing":           {both, get(user), "token_missing"},
		"the other's for both":    {both, withQuery(get(user), "key="+user), "token_invalid"},
		"exchanged":               {both, withQuery(get(machine), "key="+user), "token_invalid"},
		"inner optional, missing": {a.Require()(b.Require(guard.Optional())(greet)), get(user), "hello "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := serve(t, tt.handler, tt.request); got.Reason != tt.want && got.Body != tt.want {
				t.Errorf("got %d %q, want %q", got.Status, got.Body, tt.want)
			}
		})
	}
	h := a.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, err := b.Check(r); got != nil || !errors.Is(err, guard.TokenMissing) {
			t.Errorf("the other guard knows %v, %v", got, err)
		}
	}))
	serve(t, h, get(user))
	// A Lifetime is its guard's too: not even the same subject's token by another takes its place.
	check := func(g *guard.Guard) *guard.Token {
		got, err := g.CheckToken(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	life := guard.Lifetime(guard.WithIdentity(t.Context(), check(a)))
	if err := guard.Extend(life, check(guardOf(t, users))); !errors.Is(err, guard.TokenInvalid) || life.Err() != nil {
		t.Errorf("extended by another guard's token: %v, %v", err, life.Err())
	}
	if err := guard.Extend(life, check(a)); err != nil {
		t.Errorf("extended by its own: %v", err)
	}
}
