package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/jwt"
)

// Both documents are one, stand where clients look, and name endpoints that are there.
// checklist 15, 104, 105, 106, 107
func TestDiscovery(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.API.Origins = []string{"https://app.example"} })
	server := g.want(g.call(g.client, "GET", "/.well-known/oauth-authorization-server", "", "", "Origin", "https://other.example"), 200, "")
	openid := g.want(g.call(g.client, "GET", "/.well-known/openid-configuration", "", ""), 200, "")
	if server.raw != openid.raw || server.body["issuer"] != g.url {
		t.Errorf("got %s and %s", server.raw, openid.raw)
	}
	if h := server.header; !strings.HasPrefix(h.Get("Content-Type"), "application/json") || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("headers %v", h)
	}
	if a := g.call(g.client, "GET", "/.well-known/oauth-authorization-server/", "", ""); a.status != 404 {
		t.Errorf("with a slash: %d", a.status)
	}
	for name, value := range server.body {
		if list, ok := value.([]any); value == nil || ok && len(list) == 0 {
			t.Errorf("%s is empty", name)
		}
		path, isURL := strings.CutPrefix(stringOf(value), g.url+"/")
		if !isURL {
			continue
		}
		if a := g.call(g.client, "GET", "/"+path, "", ""); a.status == 404 {
			t.Errorf("%s: %s is not there", name, path)
		}
	}
	if set, err := jwt.ParseKeySet([]byte(g.call(g.client, "GET", "/.well-known/jwks.json", "", "").raw)); err != nil || set.Len() == 0 {
		t.Errorf("jwks_uri: %v", err)
	}
}

func stringOf(v any) string { s, _ := v.(string); return s }

// UserInfo tells of the user what the scopes stand for, by GET and POST, and only who has a token for it.
// checklist 156, 160, 163
func TestUserInfo(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	g.add(machine("robot"))
	p := g.person(t)
	tokens := func(scope string) answer {
		t.Helper()
		return g.want(g.token("app", redeeming(p.back(p.allowed(asked("app", "scope", scope)), "").Get("code"))), 200, "")
	}
	all := tokens("openid profile roles read")
	for scope, want := range map[string]string{
		"openid":               `{"sub":"user1"}`,
		"openid profile":       `{"preferred_username":"user1","sub":"user1"}`,
		"openid profile roles": `{"preferred_username":"user1","roles":[],"sub":"user1"}`,
	} {
		a := tokens(scope)
		for _, method := range []string{"GET", "POST"} {
			got := g.want(g.call(g.client, method, "/oauth/userinfo", a.str("access_token"), ""), 200, "")
			if strings.TrimSpace(got.raw) != want || got.header.Get("Cache-Control") != "no-store" || got.str("sub") != payload(t, a.str("id_token"))["sub"] {
				t.Errorf("%s %s: got %s, want %s", method, scope, got.raw, want)
			}
		}
	}
	first, _ := g.login(g.client, "user1", "password1")
	robot := g.want(g.token("robot", credentialsGrant), 200, "").str("access_token")
	for name, tt := range map[string]struct {
		token, challenge string
		status           int
	}{
		"none":                {"", "Bearer realm=", 401},
		"garbage":             {"x", `error="invalid_token"`, 401},
		"an ID token":         {all.str("id_token"), `error="invalid_token"`, 401},
		"without openid":      {tokens("read").str("access_token"), "", 401}, // and so not for this server
		"for another server":  {g.sign("at+jwt", all.str("access_token"), map[string]any{"aud": []string{resourceA}}), `error="invalid_token"`, 401},
		"of the first party":  {first, `error="insufficient_scope"`, 403},
		"of a client itself":  {robot, "", 401},
		"of nobody any more":  {g.sign("at+jwt", all.str("access_token"), map[string]any{"sub": "nobody", "sid": nil}), `error="invalid_token"`, 401},
		"expired":             {g.sign("at+jwt", all.str("access_token"), map[string]any{"exp": 1000}), `error="invalid_token"`, 401},
		"the ID token, as at": {g.sign("JWT", all.str("access_token"), nil), `error="invalid_token"`, 401},
	} {
		a := g.call(g.client, "GET", "/oauth/userinfo", tt.token, "")
		if a.status != tt.status || !strings.Contains(strings.Join(a.header.Values("WWW-Authenticate"), ", "), tt.challenge) {
			t.Errorf("%s: got %d %q %s, want %d %s", name, a.status, a.header.Values("WWW-Authenticate"), a.raw, tt.status, tt.challenge)
		}
	}
	if got := g.call(g.client, "GET", "/oauth/userinfo?access_token="+all.str("access_token"), "", "").status; got != 401 { // checklist 10
		t.Errorf("token in the URL: %d", got)
	}
	if len(payload(t, all.str("id_token"))["sub"].(string)) > 255 {
		t.Error("sub is too long")
	}
}

// A token bound to a DPoP key tells of its user only who has that key.
// checklist 145, 160
func TestUserInfoWithDPoP(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthNone))
	p := g.person(t)
	k := newDPoPKey(t)
	access := g.want(g.token("app", redeeming(p.back(p.allowed(asked("app")), "").Get("code")), "DPoP", g.proof(k)), 200, "").str("access_token")
	hash := sha256.Sum256([]byte(access))
	proof := func(k dpopKey) string {
		return k.proof(t, g.clock.now(), "GET", g.url+"/oauth/userinfo", map[string]any{"ath": base64.RawURLEncoding.EncodeToString(hash[:])})
	}
	get := func(header ...string) answer { return g.call(g.client, "GET", "/oauth/userinfo", "", "", header...) }
	if a := get("Authorization", "DPoP "+access, "DPoP", proof(k)); a.status != 200 || a.str("sub") != "user1" {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	for name, a := range map[string]answer{
		"as Bearer":   get("Authorization", "Bearer "+access),
		"no proof":    get("Authorization", "DPoP "+access),
		"another key": get("Authorization", "DPoP "+access, "DPoP", proof(newDPoPKey(t))),
	} {
		if a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: got %d %s", name, a.status, a.raw)
		}
	}
}

// claims says what is to stand in the ID token; what a scope stands for, and no more (OpenID Connect Core section 5.5).
func TestClaimsParameter(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	claims := `{"id_token":{"preferred_username":{"essential":true},"roles":null,"email":null,"iss":{"value":"x"}},"userinfo":{"roles":null}}`
	for scope, want := range map[string][]string{"openid profile": {"preferred_username"}, "openid roles": {"roles"}, "openid": nil} {
		q := p.back(p.allowed(asked("app", "scope", scope, "claims", claims)), "")
		a := g.want(g.token("app", redeeming(q.Get("code"))), 200, "")
		for range 2 { // and after a refresh
			id := payload(t, a.str("id_token"))
			var got []string
			for _, name := range []string{"preferred_username", "roles", "email"} {
				if _, ok := id[name]; ok {
					got = append(got, name)
				}
			}
			if !slices.Equal(got, want) || id["iss"] != g.url {
				t.Errorf("%s: got %v, want %v", scope, slices.Sorted(maps.Keys(id)), want)
			}
			a = g.want(g.token("app", refreshing(a.str("refresh_token"))), 200, "")
		}
	}
	q := p.back(p.allowed(asked("app", "scope", "openid profile")), "")
	if id := payload(t, g.want(g.token("app", redeeming(q.Get("code"))), 200, "").str("id_token")); id["preferred_username"] != nil {
		t.Error("a claim that nobody asked for")
	}
}

// offline_access is asked about like any other scope.
// checklist 161
func TestOfflineAccess(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	p.allowed(asked("app", "scope", "openid"))
	p.back(p.visit(asked("app", "scope", "openid", "prompt", "none")), "")
	ask := asked("app", "scope", "openid offline_access")
	p.back(p.visit(asked("app", "scope", "openid offline_access", "prompt", "none")), "consent_required")
	s := p.at(p.visit(ask), 200, "/consent", "Keep access while you are away")
	left := p.back(p.fill(s, 0, "decision", "allow", "scope", "-"), "")
	if a := g.want(g.token("app", redeeming(left.Get("code"))), 200, ""); a.str("scope") != "openid" {
		t.Errorf("scope %q", a.str("scope"))
	}
	p.back(p.fill(p.at(p.visit(ask), 200, "/consent"), 0, "decision", "allow"), "")
	a := g.want(g.token("app", redeeming(p.back(p.visit(ask), "").Get("code"))), 200, "")
	if a.str("scope") != "openid offline_access" || a.str("refresh_token") == "" {
		t.Errorf("scope %q, refresh token %v", a.str("scope"), a.str("refresh_token") != "")
	}
}

// FuzzAuthorize: whatever is asked, the server neither fails nor sends a browser where no client is.
func FuzzAuthorize(f *testing.F) {
	g := startGrants(f, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(f)
	p.signIn(p.visit("/signin"), "user1", "password1")
	for _, q := range []string{askedFor("app").Encode(), "client_id=app&request=x", "client_id=app&request_uri=" + requestURI, "%", "client_id=app&client_id=app", "a=\x00"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, c := range []byte(query) {
			if c <= ' ' || c > '~' || c == '#' {
				return // no URL
			}
		}
		a := (&person{running: &running{t: t, url: g.url}, c: p.c}).send("GET", "/oauth/authorize?"+query, "")
		if a.status >= 500 {
			t.Fatalf("got %d %s", a.status, a.raw)
		}
		to := a.header.Get("Location")
		if u, err := url.Parse(to); err != nil || to != "" && !strings.HasPrefix(to, callback+"?") && !strings.HasPrefix(to, "/") || u.IsAbs() && u.Query().Get("iss") != g.url {
			t.Fatalf("sent to %q", to)
		}
	})
}
