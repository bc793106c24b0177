package guard_test

import (
	"context"
	"errors"
	"fmt"
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

// secure-defaults 15c, 23c: a check that fails in any way refuses, and what it
// said stays here.
func TestClaim(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	ok := func(context.Context, *guard.Token) error { return nil }
	fail := func(err error) func(context.Context, *guard.Token) error {
		return func(context.Context, *guard.Token) error { return err }
	}
	secret := errors.New("tenant 7 has not paid")
	tests := map[string]struct {
		req    guard.Requirement
		status int
		reason string
	}{
		"there":               {guard.Claim("sid", nil), 200, ""},
		"missing":             {guard.Claim("tenant", ok), 403, "forbidden"},
		"checked":             {guard.Claim("sid", ok), 200, ""},
		"whole token":         {guard.Claim("", ok), 200, ""},
		"error":               {guard.Claim("sid", fail(secret)), 403, "forbidden"},
		"sentinel":            {guard.Claim("", fail(guard.TokenExpired)), 403, "forbidden"},
		"guard error":         {guard.Claim("", fail(&guard.Error{Reason: guard.TokenRevoked, Cause: secret})), 401, "token_revoked"},
		"wrapped guard error": {guard.Claim("", fail(fmt.Errorf("check: %w", &guard.Error{Reason: guard.Unavailable}))), 503, "temporarily_unavailable"},
		"own reason":          {guard.Claim("", fail(&guard.Error{Reason: "tenant_suspended"})), 403, "tenant_suspended"},
		"no reason":           {guard.Claim("", fail(&guard.Error{})), 403, "forbidden"},
		"nil guard error":     {guard.Claim("", fail((*guard.Error)(nil))), 403, "forbidden"},
		"panic":               {guard.Claim("", func(context.Context, *guard.Token) error { panic(secret) }), 403, "forbidden"},
		"nil dereference":     {guard.Claim("", func(context.Context, *guard.Token) error { var p *guard.Error; return p.Cause }), 403, "forbidden"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen *guard.Error
			writer := guard.OnError(func(w http.ResponseWriter, r *http.Request, e *guard.Error) {
				seen = e
				guard.WriteError(w, r, e)
			})
			a := serve(t, s.guard().Require(tt.req, writer)(greet), get(s.access(nil)))
			if a.Status != tt.status || a.Reason != tt.reason {
				t.Errorf("got %d %s, want %d %s", a.Status, a.Reason, tt.status, tt.reason)
			}
			if strings.Contains(a.Body+a.Challenge, "tenant 7") {
				t.Errorf("cause shown: %s %s", a.Body, a.Challenge)
			}
			if name == "panic" {
				p, ok := errors.AsType[*guard.PanicError](seen)
				if !ok || p.Value != secret || !strings.Contains(string(p.Stack), "requirement_test.go") {
					t.Errorf("cause %v, want the panic and where it was", seen)
				}
			}
		})
	}
}

// A check may return the same error to all requests at once.
func TestSharedErrorIsCopied(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	shared := &guard.Error{Reason: guard.Forbidden}
	check := guard.Claim("", func(context.Context, *guard.Token) error { return shared })
	_, err := s.guard().Check(get(s.access(nil)), check)
	if !errors.Is(err, guard.Forbidden) || shared.Realm != "" {
		t.Errorf("got %v, and the shared error became %+v", err, shared)
	}
}

func TestCheckSeesContext(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	type key struct{}
	r := get(s.access(nil))
	r = r.WithContext(context.WithValue(r.Context(), key{}, "here"))
	_, err := s.guard().Check(r, guard.Claim("", func(ctx context.Context, tok *guard.Token) error {
		if ctx.Value(key{}) != "here" || tok.Subject() != "user1" {
			return errors.New("no context or token")
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
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

// A genuine token that has expired counts as none; every other bad one is refused.
func TestOptionalExpired(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	old := func(changes map[string]any) map[string]any {
		changes["exp"] = clock().Unix()
		return changes
	}
	expired := s.access(old(map[string]any{}))
	tests := map[string]struct {
		request *http.Request
		reason  guard.Reason
		subject string
	}{
		"absent":                              {get(""), "", ""},
		"good":                                {get(s.access(nil)), "", "user1"},
		"expired":                             {get(expired), "", ""},
		"expired, tampered":                   {get(expired + "AAAA"), guard.TokenInvalid, ""},
		"another audience":                    {get(s.access(old(map[string]any{"aud": "x"}))), guard.TokenInvalid, ""},
		"another issuer":                      {get(s.access(old(map[string]any{"iss": "x"}))), guard.TokenInvalid, ""},
		"another typ":                         {get(s.sign("JWT", old(map[string]any{}))), guard.TokenWrongType, ""},
		"not yet valid":                       {get(s.access(map[string]any{"nbf": clock().Add(time.Hour).Unix()})), guard.TokenNotYetValid, ""},
		"two":                                 {withQuery(get(expired), "access_token="+expired), guard.InvalidRequest, ""},
		"expired header beside a good cookie": {withCookie(get(expired), s.access(nil)), "", ""},
	}
	g := s.guard(func(c *guard.Config) { c.Sources = everywhere })
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := g.Check(tt.request, guard.OptionalExpired())
			if (tt.reason == "") != (err == nil) || err != nil && !errors.Is(err, tt.reason) || got.Subject() != tt.subject {
				t.Errorf("got %q, %v; want %q, %s", got.Subject(), err, tt.subject, tt.reason)
			}
		})
	}
	if _, err := g.Check(get(expired), guard.Optional()); !errors.Is(err, guard.TokenExpired) {
		t.Errorf("Optional: %v, want token_expired", err)
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
}
