package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/jwt"
)

// Revocation by the client that has the token ends the grant at once, refresh token and access tokens, and nothing else.
// checklist 91, 92, 93, 94, 95, 96
func TestRevoke(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	g.add(app("page", oauth.AuthNone))
	g.add(machine("robot"))
	signIn := g.signIn("user1", "password1")
	grant := func(client string) answer {
		return g.want(g.token(client, redeeming(g.code(client, func(c *oauth.Code) { c.SignIn = signIn }))), 200, "")
	}
	revoke := func(client, token string, more ...string) answer {
		f := url.Values{"token": {token}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return g.post("/oauth/revoke", client, f)
	}
	other := grant("page")
	for _, kind := range []string{"refresh_token", "access_token"} {
		for _, hint := range []string{"", "access_token", "refresh_token", "nonsense"} {
			a := grant("web")
			g.reason(revoke("page", a.str(kind)), 400, "invalid_grant")
			if !g.active("web", a.str("access_token")) {
				t.Fatal("another client's refused attempt ended the grant")
			}
			if got := g.want(revoke("web", a.str(kind), "token_type_hint", hint), 200, ""); got.raw != "" {
				t.Errorf("body: %q", got.raw)
			}
			if g.active("web", a.str("access_token")) || g.active("web", a.str("refresh_token")) {
				t.Errorf("%s, hint %q: still active", kind, hint)
			}
			g.reason(g.token("web", refreshing(a.str("refresh_token"))), 400, "invalid_grant")
			g.want(revoke("web", a.str(kind)), 200, "") // again
		}
	}
	g.want(g.token("page", refreshing(other.str("refresh_token"))), 200, "") // of the same sign-in
	robot := g.own("robot")
	g.want(revoke("robot", robot), 200, "")
	g.want(revoke("robot", robot), 200, "")
	if g.active("robot", robot) {
		t.Error("the client's own token is active")
	}
	if n := g.audited(audit.TokenRevoked); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
	for name, token := range map[string]string{
		"garbage": "nonsense", "three parts": "a.b.c", "NUL-like": "\u0001", "huge": strings.Repeat("a", 50_000), "refresh-like": "sdr_" + strings.Repeat("A", 82),
		"expired": g.sign("at+jwt", robot, map[string]any{"exp": g.clock.now().Unix() - 5}),
	} {
		if a := revoke("web", token); a.status != 200 {
			t.Errorf("%s: got %d %s", name, a.status, a.raw)
		}
	}
	g.reason(revoke("page", other.str("id_token")), 400, "unsupported_token_type")
	g.reason(g.post("/oauth/revoke", "web", url.Values{}), 400, "invalid_request")
	g.want(g.post("/oauth/revoke", "", url.Values{"token": {robot}}), 401, "invalid_client")
	g.want(g.post("/oauth/revoke", "", url.Values{"token": {robot}, "client_id": {"web"}, "client_secret": {"x"}}), 401, "invalid_client")
	if a := g.call(g.client, "GET", "/oauth/revoke", "", ""); a.status != 405 {
		t.Errorf("GET: %d", a.status)
	}
}

// Introspection tells the client that has a token, and who serves its resource, what it is; everybody else that it is not active.
// checklist 97, 98, 99, 101, 103
func TestIntrospect(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	g.add(app("page", oauth.AuthNone))
	g.add(oauth.Client{ID: "api-a", Serves: []string{resourceA}})
	g.add(oauth.Client{ID: "api-b", Serves: []string{resourceB}})
	form := redeeming(g.code("web", nil))
	form.Set("resource", resourceA)
	a := g.want(g.token("web", form), 200, "")
	ask := func(client, token string) answer {
		return g.want(g.post("/oauth/introspect", client, url.Values{"token": {token}, "token_type_hint": {"nonsense"}}), 200, "")
	}
	access := a.str("access_token")
	c := payload(t, access)
	for _, client := range []string{"web", "api-a", "api-a"} { // the second time from memory
		got := ask(client, access)
		if got.body["active"] != true || got.body["token_type"] != "Bearer" || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s", client, got.raw)
		}
		for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "acr", "auth_time"} {
			if fmt.Sprint(got.body[name]) != fmt.Sprint(c[name]) {
				t.Errorf("%s: %s is %v, want %v", client, name, got.body[name], c[name])
			}
		}
	}
	const inactive = `{"active":false}`
	signed := func(change map[string]any) string { return g.sign("at+jwt", access, change) }
	now := g.clock.now().Unix()
	for name, tt := range map[string]struct{ client, token string }{
		"another resource's server":  {"api-b", access},
		"refresh token for a server": {"api-a", a.str("refresh_token")},
		"ID token":                   {"web", a.str("id_token")},
		"unknown":                    {"web", "nonsense"},
		"tampered":                   {"web", access[:len(access)-4] + "AAAA"},
		"expired":                    {"web", signed(map[string]any{"exp": now - 1})},
		"not yet valid":              {"web", signed(map[string]any{"nbf": now + 600})},
		"another issuer":             {"web", signed(map[string]any{"iss": "https://evil.example"})},
		"another type":               {"web", g.sign("logout+jwt", access, nil)},
		"huge":                       {"web", strings.Repeat("a", 60_000)},
		"not ASCII":                  {"web", "\u00e9.\u00e9.\u00e9"},
		"refresh-like":               {"web", "sdr_" + strings.Repeat("A", 82)},
	} {
		if got := ask(tt.client, tt.token); got.raw != inactive {
			t.Errorf("%s: %s", name, got.raw)
		}
	}
	refresh := ask("web", a.str("refresh_token"))
	if refresh.body["active"] != true || refresh.body["client_id"] != "web" || refresh.body["sub"] != "user1" || refresh.body["token_type"] != nil {
		t.Errorf("refresh token: %s", refresh.raw)
	}
	newer := g.want(g.token("web", refreshing(a.str("refresh_token"))), 200, "")
	if ask("web", a.str("refresh_token")).raw != inactive || ask("web", newer.str("refresh_token")).raw == inactive {
		t.Error("of two generations not the newer one alone is active")
	}
	g.want(g.post("/oauth/introspect", "web", url.Values{}), 400, "invalid_request")
	g.want(g.post("/oauth/introspect", "page", url.Values{"token": {access}}), 401, "invalid_client")
	g.want(g.post("/oauth/introspect", "", url.Values{"token": {access}}), 401, "invalid_client")
	g.want(g.post("/oauth/introspect", "", url.Values{"token": {access}, "client_id": {"api-a"}, "client_secret": {"x"}}), 401, "invalid_client")
	if got := g.call(g.client, "GET", "/oauth/introspect", "", ""); got.status != 405 {
		t.Errorf("GET: %d", got.status)
	}
	g.advance(16 * time.Minute)
	if ask("api-a", access).raw != inactive {
		t.Error("remembered beyond exp")
	}
}

// A bound token says so, and how it is to be sent.
// checklist 100
func TestIntrospectBound(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	k := newDPoPKey(t)
	a := g.want(g.token("web", redeeming(g.code("web", nil)), "DPoP", g.proof(k)), 200, "")
	got := g.post("/oauth/introspect", "web", url.Values{"token": {a.str("access_token")}})
	if cnf, _ := got.body["cnf"].(map[string]any); got.body["token_type"] != "DPoP" || cnf["jkt"] != k.thumbprint() {
		t.Errorf("answer: %s", got.raw)
	}
}

// A signed answer is for who asks for one, and for nobody else.
// checklist 102
func TestIntrospectSigned(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	g.add(oauth.Client{ID: "always", Serves: []string{resourceA}, SignedIntrospection: true})
	access := g.want(g.token("web", redeeming(g.code("web", nil))), 200, "").str("access_token")
	ask := func(client, token, accept string) answer {
		return g.post("/oauth/introspect", client, url.Values{"token": {token}}, "Accept", accept)
	}
	const media = "application/token-introspection+jwt"
	for name, tt := range map[string]struct{ client, accept, kind string }{
		"asked":       {"web", media, media},
		"among more":  {"web", "application/json;q=0.5, " + media, media},
		"any case":    {"web", "Application/Token-Introspection+JWT", media},
		"always":      {"always", "*/*", media},
		"any":         {"web", "*/*", "application/json"},
		"json":        {"web", "application/json", "application/json"},
		"not at all":  {"web", media + ";q=0", "application/json"},
		"not at all.": {"web", media + ";q=0.000", "application/json"},
		"garbage":     {"web", ";;;,", "application/json"},
	} {
		a := ask(tt.client, access, tt.accept)
		if a.status != 200 || a.header.Get("Content-Type") != tt.kind {
			t.Errorf("%s: %d %q", name, a.status, a.header.Get("Content-Type"))
			continue
		}
		if tt.kind != media {
			continue
		}
		v, err := jwt.NewVerifier(jwt.Config{Keys: g.keys(), Issuer: g.url, Audience: []string{tt.client}, Types: []string{"token-introspection+jwt"}, InsecureNoExpiry: true, Now: g.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		c, err := v.Verify(t.Context(), a.raw)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := c.Decode("token_introspection", &got); err != nil || got["active"] != true || got["sub"] != "user1" || c.Has("sub") || c.Has("exp") || !c.Has("iat") {
			t.Errorf("%s: %v, %v", name, err, got)
		}
	}
	if inside := payload(t, ask("web", "x", media).raw)["token_introspection"]; fmt.Sprint(inside) != "map[active:false]" {
		t.Errorf("inactive: %v", inside)
	}
}

// keys are the published ones.
func (g *grants) keys() *jwt.KeySet {
	g.t.Helper()
	set, err := jwt.ParseKeySet([]byte(g.call(g.client, "GET", "/.well-known/jwks.json", "", "").raw))
	if err != nil {
		g.t.Fatal(err)
	}
	return set
}

// The bit of a token without a session is set by its revocation, those of others are not.
func TestRevokedBit(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(machine("robot"))
	kept, gone := g.own("robot"), g.own("robot")
	place := func(token string) (list int64, bit int) {
		var s struct {
			List struct {
				Index int
				URI   string
			} `json:"status_list"`
		}
		raw := payload(t, token)["status"].(map[string]any)["status_list"].(map[string]any)
		s.List.Index, s.List.URI = int(raw["idx"].(float64)), raw["uri"].(string)
		if _, err := fmt.Sscanf(s.List.URI[strings.LastIndex(s.List.URI, "/")+1:], "%d", &list); err != nil {
			t.Fatal(err)
		}
		return list, s.List.Index
	}
	g.want(g.post("/oauth/revoke", "robot", url.Values{"token": {gone}}), 200, "")
	list, bit := place(gone)
	other, clear := place(kept)
	bits, _, _, err := g.db.StatusBits(t.Context(), list)
	if err != nil || list != other || len(bits) != 1 || bits[0] != bit || bit == clear {
		t.Errorf("bits %v of list %d (%v), revoked %d, kept %d of %d", bits, list, err, bit, clear, other)
	}
}
