package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// asked is the path of an authorization request of a client that app made, with more parameters set, or left out by "".
func asked(client string, more ...string) string {
	return "/oauth/authorize?" + askedFor(client, more...).Encode()
}

func askedFor(client string, more ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid read"}, "state": {"s1"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		if q.Set(more[i], more[i+1]); more[i+1] == "" {
			q.Del(more[i])
		}
	}
	return q
}

// back fails unless the browser was sent back to the client with this error ("": with a code), and with state and iss.
func (p *person) back(s seen, code string) url.Values {
	p.t.Helper()
	if s.away == nil {
		p.t.Fatalf("at %s with %d, want to be sent back: %s", s.path, s.status, s.raw)
	}
	q := s.away.Query()
	if s.away.Fragment != "" { // the answer to response_type=token
		q, _ = url.ParseQuery(s.away.Fragment)
	}
	if q.Get("error") != code || (q.Get("code") == "") != (code != "") || q.Get("state") != "s1" || q.Get("iss") != p.url {
		p.t.Fatalf("sent to %s, want error %q", s.away, code)
	}
	return q
}

// allowed signs user1 in for a client's request and allows it.
func (p *person) allowed(path string) seen {
	p.t.Helper()
	s := p.visit(path)
	if strings.HasPrefix(s.path, "/signin") {
		s = p.signIn(s, "user1", "password1")
	}
	if s.away != nil {
		return s
	}
	return p.fill(p.at(s, 200, "/consent"), 0, "decision", "allow")
}

// A user's first sign-in for a client, and every later one, which asks nothing.
// checklist 16, 22, 25, 26, 28, 155, 157, 174
func TestAuthorizationCode(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	state, nonce := strings.Repeat("a b+c&d=e%20\"<é>", 100), strings.Repeat("n", 64)
	q := p.allowed(asked("app", "state", state, "nonce", nonce)).away.Query()
	if q.Get("state") != state || q.Get("iss") != g.url || len(q) != 3 {
		t.Fatalf("answered with %v", q)
	}
	if code := q.Get("code"); !strings.HasPrefix(code, "sdc_") || len(code) != 4+43 { // 256 bits
		t.Errorf("code %q", code)
	}
	a := g.want(g.token("app", redeeming(q.Get("code"))), 200, "")
	id, access := payload(t, a.str("id_token")), payload(t, a.str("access_token"))
	signIn, _ := id["sid"].(string)
	if id["nonce"] != nonce || id["sub"] != "user1" || id["aud"] != "app" || id["iss"] != g.url || id["acr"] != oauth.ACRPassword || id["auth_time"] == nil || signIn == "" || signIn == access["sid"] {
		t.Errorf("ID token %v of %v", id, access)
	}
	again := p.back(p.visit(asked("app")), "")
	a = g.want(g.token("app", redeeming(again.Get("code"))), 200, "")
	if second := payload(t, a.str("id_token")); second["sid"] != signIn || second["auth_time"] != id["auth_time"] || second["nonce"] != nil {
		t.Errorf("later ID token %v, first %v", second, id)
	}
	if a = g.want(g.token("app", redeeming(p.back(p.visit(asked("app", "scope", "read")), "").Get("code"))), 200, ""); a.str("id_token") != "" {
		t.Error("an ID token without openid")
	}
	late := p.back(p.visit(asked("app")), "")
	g.advance(time.Minute) // checklist 27 asks for ten at most
	g.want(g.token("app", redeeming(late.Get("code"))), 400, "invalid_grant")
}

// checklist 27
// secure-defaults 7b
func TestCodesLiveAMinute(t *testing.T) {
	t.Parallel()
	if c := config.Default(); c.OAuth.CodeLifetime != time.Minute {
		t.Errorf("a code lives %v", c.OAuth.CodeLifetime)
	}
}

// Before the client and its redirect URI are known to belong together nothing is redirected; after that every error is told to the client.
// checklist 12, 19, 21, 23, 24, 28, 30, 31
// secure-defaults 8b and 8c
func TestAuthorizationErrors(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.API.Origins = []string{"https://app.example"} })
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	for name, path := range map[string]string{
		"no parameters":         "/oauth/authorize",
		"unknown client":        asked("nobody"),
		"unknown redirect URI":  asked("app", "redirect_uri", "https://evil.example/cb"),
		"redirect URI, longer":  asked("app", "redirect_uri", callback+"/x"),
		"unknown request_uri":   asked("app", "request_uri", "urn:ietf:params:oauth:request_uri:x"),
		"request_uri elsewhere": asked("app", "request_uri", "https://app.example/r"),
	} {
		s := p.visit(path, "Origin", "https://app.example")
		if s.away != nil || s.status != 400 || s.header.Get("Location") != "" || !strings.Contains(s.raw, "<h1>") {
			t.Errorf("%s: %d, sent to %v: %s", name, s.status, s.away, s.raw)
		}
		h := s.header
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") != "no-referrer" ||
			h.Get("Access-Control-Allow-Origin") != "" || h.Get("Cache-Control") != "no-store" || strings.Contains(s.raw, "http") && strings.Contains(s.raw, `src="http`) {
			t.Errorf("%s: headers %v", name, h)
		}
	}
	p.back(p.visit(asked("app", "response_type", "token")), "unsupported_response_type")
	p.back(p.visit(asked("app", "scope", "openid everything")), "invalid_scope")
	p.back(p.visit(asked("app", "resource", "https://other.example")), "invalid_target")
	p.back(p.visit(asked("app", "code_challenge", "")), "invalid_request")
	p.back(p.visit(asked("app", "code_challenge_method", "plain")), "invalid_request")
	p.back(p.visit(asked("app")+"&nonce=1&nonce=2"), "invalid_request")
	s := p.signIn(p.visit(asked("app")), "user1", "password1")
	p.back(p.fill(s, 0, "decision", "deny"), "access_denied")
	if a := p.send("HEAD", asked("app"), ""); a.status != 405 {
		t.Errorf("HEAD: got %d", a.status)
	}
}

// A request may be posted, and goes on by GET, where the browser's cookies come along.
// checklist 16
func TestAuthorizationRequestPosted(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	p.allowed(asked("app"))
	p.back(p.follow(p.send("POST", "/oauth/authorize", askedFor("app").Encode()), ""), "")
	p.back(p.follow(p.send("POST", "/oauth/authorize", askedFor("app").Encode()+"&nonce=1&nonce=2"), ""), "invalid_request")
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"JSON":     {`{"client_id":"app"}`, 400},
		"too long": {askedFor("app", "state", strings.Repeat("s", 13<<10)).Encode(), 413},
		"broken":   {"client_id=%zz", 400},
	} {
		if a := p.send("POST", "/oauth/authorize", tt.body); a.status != tt.status || a.header.Get("Location") != "" {
			t.Errorf("%s: got %d, want %d", name, a.status, tt.status)
		}
	}
}

// A request is its browser's own, and waits for so long.
// checklist 29, 32
func TestPendingRequestIsBoundToItsBrowser(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p, other := g.person(t), g.person(t)
	s := p.visit(asked("app"))
	second := p.visit(asked("app")) // in another tab
	other.visit(asked("app"))
	other.at(other.visit(s.path), 404, "/signin", "expired")
	other.at(other.visit(strings.Replace(s.path, "/signin", "/consent", 1)), 404, "/signin")
	p.at(p.visit(s.path[:len(s.path)-1]), 404, "/signin")
	p.at(p.signIn(s, "user1", "password1"), 200, "/consent")
	p.at(p.visit(second.path), 200, "/consent")
	g.advance(15 * time.Minute)
	p.at(p.visit(second.path), 404, "/signin")
}

// The implicit grant is for single clients to migrate with: a token in the fragment, never a refresh token, never for a user with a second factor.
// checklist 1, 2
// secure-defaults 7d
func TestImplicitGrant(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	old := app("old", oauth.AuthNone)
	old.GrantTypes, old.InsecureImplicitGrant = append(old.GrantTypes, oauth.GrantImplicit), true
	g.add(old)
	g.add(app("app", oauth.AuthNone))
	p := g.person(t)
	p.back(p.visit(asked("app", "response_type", "token")), "unsupported_response_type")
	s := p.allowed(asked("old", "response_type", "token", "scope", "openid read offline_access"))
	if s.away == nil || s.away.RawQuery != "" {
		t.Fatalf("sent to %v", s.away)
	}
	q, err := url.ParseQuery(s.away.Fragment)
	if err != nil || q.Get("state") != "s1" || q.Get("iss") != g.url || q.Get("token_type") != "Bearer" || q.Get("scope") != "read" || q.Has("refresh_token") || q.Has("id_token") || q.Has("code") {
		t.Fatalf("answered with %v", q)
	}
	if k := payload(t, q.Get("access_token")); k["sub"] != "user1" || k["client_id"] != "old" || k["aud"] != resourceA {
		t.Errorf("access token %v", k)
	}
	g.enrol()
	p.back(p.visit(asked("old", "response_type", "token")), "access_denied")
}

// One network cannot fill the store with requests that wait.
func TestPendingRequestsAreLimited(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	for range 300 {
		if a := p.send("GET", asked("app"), ""); a.status != 303 {
			if a.status != 429 || a.header.Get("Retry-After") == "" {
				t.Fatalf("got %d %s", a.status, a.raw)
			}
			return
		}
	}
	t.Error("300 requests wait")
}
