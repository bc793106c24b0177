package guard_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// Every refusal says to the developer what to look at, and shows nothing of the token; clients do
// not see it. secure-defaults 15c, 15d, 16b
func TestHint(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	const private = "private-value"
	token := func(changes map[string]any) *http.Request { return get(s.access(changes)) }
	at := func(d time.Duration) int64 { return clock().Add(d).Unix() }
	other, err := jwt.NewKey(jwt.HS256, "k2", []byte("another key of 32 bytes or more!!"))
	if err != nil {
		t.Fatal(err)
	}
	same, err := jwt.NewKey(jwt.HS256, "k1", []byte("another key of 32 bytes or more!!"))
	if err != nil {
		t.Fatal(err)
	}
	unsafe := func(r *http.Request) *http.Request { r.Method = http.MethodPost; return r }
	cookies := guard.From(guard.FromCookie())
	stale := func(context.Context, *guard.Token) (bool, error) { return false, guard.ErrStale }
	tests := map[string]struct {
		request *http.Request
		reqs    []guard.Requirement
		want    string
	}{
		"audience":        {token(map[string]any{"aud": private}), nil, `none of Config.Audience ["` + audience + `"]`},
		"issuer":          {token(map[string]any{"iss": private}), nil, `not Config.Issuer "` + issuer + `"`},
		"unknown kid":     {get(signer{t, other}.access(nil)), nil, "none of the 1 keys"},
		"signature":       {get(signer{t, same}.access(nil)), nil, "did not sign it"},
		"typ":             {get(s.sign("JWT", nil)), nil, `none of ["at+jwt"]`},
		"typ of a route":  {token(nil), []guard.Requirement{guard.Type("reset+jwt")}, `none of ["reset+jwt"]`},
		"typ of refresh":  {token(nil), []guard.Requirement{guard.Refresh()}, `none of ["refresh+jwt" "JWT"]`},
		"kind":            {token(map[string]any{"type": "refresh"}), nil, "takes no refresh tokens"},
		"kind of refresh": {get(s.sign("JWT", nil)), []guard.Requirement{guard.Refresh()}, `claim type "refresh"`},
		"opaque refresh":  {get("sdr_" + private), nil, "takes no refresh tokens"},
		"bound":           {token(map[string]any{"cnf": 1}), nil, "DPoP"},
		"expired":         {token(map[string]any{"exp": at(0)}), nil, "this server's clock"},
		"not yet valid":   {token(map[string]any{"nbf": at(time.Hour)}), nil, "lies ahead"},
		"no exp":          {token(map[string]any{"exp": nil}), nil, "no exp"},
		"malformed":       {get(private), nil, "no JWT"},
		"too large":       {get(strings.Repeat("x", 17<<10)), nil, "over 16 KiB"},
		"role":            {token(nil), []guard.Requirement{guard.Role("a", "b")}, `[["a" "b"]]`},
		"scope":           {token(nil), []guard.Requirement{guard.Scope("read")}, `["read"]`},
		"claim":           {token(nil), []guard.Requirement{guard.Claim("x", nil)}, "does not have"},
		"panic":           {token(nil), []guard.Requirement{guard.Claim("", func(context.Context, *guard.Token) error { panic(private) })}, "PanicError.Stack"},
		"fresh":           {token(nil), []guard.Requirement{guard.Fresh(0)}, "asks for Fresh"},
		"two":             {withQuery(token(nil), "t="+private), []guard.Requirement{guard.From(guard.FromHeader(), guard.InsecureFromQuery("t"))}, "one place"},
		"Authorization":   {withHeader(get(""), "Authorization", "Bearer"), nil, "one space"},
		"CSRF":            {unsafe(withCookie(get(""), s.access(nil))), []guard.Requirement{cookies}, "from the cookie __Host-sandi_csrf"},
		"origin":          {withHeader(withCookie(get(""), s.access(nil)), "Upgrade", "websocket"), []guard.Requirement{cookies}, "Config.Cookie.Origins"},
		"body":            {post(formType, strings.Repeat("x", 65<<10)), []guard.Requirement{guard.From(guard.InsecureFromBody("t"))}, "64 KiB"},
		"broken body":     {post(jsonType, "{"), []guard.Requirement{guard.From(guard.InsecureFromBody("t"))}, "Content-Type"},
		"one-time by GET": {get(s.sign("reset+jwt", map[string]any{"type": nil})), []guard.Requirement{guard.OneTime("reset+jwt")}, "by POST"},
		"one-time, used":  {unsafe(get(s.sign("reset+jwt", map[string]any{"type": nil}))), []guard.Requirement{guard.OneTime("reset+jwt")}, "counts once"},
		"nothing":         {get(""), nil, "no token in any"},
		"Basic":           {withHeader(get(""), "Authorization", "Basic "+private), nil, `want "Bearer"`},
		"header, unread":  {get(private), []guard.Requirement{cookies}, "FromHeader is not"},
		"cookie, unread":  {withCookie(get(""), private), nil, "cookie __Host-sandi_access, but"},
		"query, unread":   {withQuery(get(""), "access_token="+private), nil, "InsecureFromQuery"},
	}
	g := s.guard(func(c *guard.Config) { c.Replay = replayFunc(func(string) (bool, error) { return false, nil }) })
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := g.Check(tt.request, tt.reqs...)
			e, ok := errors.AsType[*guard.Error](err)
			if !ok || !strings.Contains(e.Hint(), tt.want) || strings.Contains(e.Hint(), private) {
				t.Fatalf("%v: hint %q, want %q", err, e.Hint(), tt.want)
			}
			var shown strings.Builder
			h := g.Require(append(tt.reqs, guard.OnError(func(w http.ResponseWriter, r *http.Request, e *guard.Error) {
				if e.Hint() == "" {
					t.Error("the writer sees no hint")
				}
				guard.WriteError(w, r, e)
			}))...)(greet)
			a := serve(t, h, tt.request)
			a.Header.Write(&shown)
			if strings.Contains(shown.String()+a.Body, e.Hint()) {
				t.Errorf("hint shown to the client: %s", a.Body)
			}
		})
	}
	_, err = s.guard(func(c *guard.Config) { c.Revocations = guard.RevocationFunc(stale) }).Check(token(nil))
	if e, ok := errors.AsType[*guard.Error](err); !ok || !strings.Contains(e.Hint(), "Touch") {
		t.Errorf("stale: %v", err)
	}
	if hint := (&guard.Error{Reason: guard.Forbidden}).Hint(); hint != "" {
		t.Errorf("hint out of nowhere: %q", hint)
	}
}

// A hook that panics refuses the request, which is answered like any other refusal. secure-defaults 23c
func TestHooksThatPanic(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tests := map[string]func(*guard.Config){
		"Revocations": func(c *guard.Config) {
			c.Revocations = guard.RevocationFunc(func(context.Context, *guard.Token) (bool, error) { panic("nil map") })
		},
		"Observe": func(c *guard.Config) {
			c.Observe = func(*http.Request, *guard.Token, guard.Reason) { panic("nil map") }
		},
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := s.guard(edit)
			if a := serve(t, g.Require()(greet), get(s.access(nil))); a.Status != http.StatusServiceUnavailable || a.Reason != "temporarily_unavailable" {
				t.Errorf("got %d %s", a.Status, a.Reason)
			}
			if a := serve(t, g.Require()(greet), get("garbage")); a.Reason != "token_invalid" {
				t.Errorf("another refusal: %d %s", a.Status, a.Reason)
			}
			_, err := g.Check(get(s.access(nil)))
			if p, ok := errors.AsType[*guard.PanicError](err); !ok || len(p.Stack) == 0 {
				t.Errorf("cause %v, want the panic", err)
			}
		})
	}
}
