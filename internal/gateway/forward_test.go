package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	forwardIssuer   = "https://id.example"
	forwardAudience = "https://api.example"
)

func forwardNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// forwardFixture is an endpoint and what signs tokens for it.
type forwardFixture struct {
	t       *testing.T
	key     *jwt.Key
	revoked bool
	handler http.Handler
}

func newForwardFixture(t *testing.T) *forwardFixture {
	t.Helper()
	f := &forwardFixture{t: t}
	var err error
	if f.key, err = jwt.GenerateKey(jwt.ES256); err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Config{
		Issuer: forwardIssuer, Audience: []string{forwardAudience}, Keys: mustKeys(t, f.key), Now: forwardNow,
		Sources: []guard.Source{guard.FromHeader(), guard.FromCookie()}, Cookie: guard.CookieConfig{Origins: []string{"https://app.example"}},
		Revocations: guard.RevocationFunc(func(context.Context, *guard.Token) (bool, error) { return f.revoked, nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.handler = f.endpoint(g, func() (*jwt.Key, error) { return f.key, nil })
	return f
}

func (f *forwardFixture) endpoint(g *guard.Guard, signer func() (*jwt.Key, error)) http.Handler {
	h, err := gateway.NewForward(gateway.ForwardConfig{Guard: g, Config: gateway.Config{
		Signer: signer, Issuer: forwardIssuer, Logger: slog.New(slog.DiscardHandler), Now: forwardNow,
	}})
	if err != nil {
		f.t.Fatal(err)
	}
	return h
}

// token is a good one, with changes.
func (f *forwardFixture) token(changes map[string]any) string {
	claims := map[string]any{
		"iss": forwardIssuer, "aud": forwardAudience, "sub": "siti", "client_id": "portal", "scope": "orders.read orders.write", "roles": []string{"clerk", "kepala, gudang"},
		"iat": forwardNow().Add(-time.Minute).Unix(), "auth_time": forwardNow().Add(-time.Minute).Unix(), "exp": forwardNow().Add(14 * time.Minute).Unix(),
		"jti": "t1", "sid": "s1", "type": "access", "fresh": true, "csrf": "csrf-value", "acr": "urn:sandi:2",
	}
	maps.Copy(claims, changes)
	signed, err := jwt.Sign(f.key, "at+jwt", claims)
	if err != nil {
		f.t.Fatal(err)
	}
	return signed
}

// ask sends a subrequest; headers are pairs.
func (f *forwardFixture) ask(method, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w.Result()
}

var identityHeaders = strings.Fields("Sandi-Subject Sandi-Client Sandi-Scope Sandi-Roles Sandi-Session Sandi-Acr Sandi-Expires Sandi-Identity")

// Every identity header is there, with what the token says or empty. secure-defaults 20a; ASVS 4.1.3
func TestForwardIdentity(t *testing.T) {
	t.Parallel()
	f := newForwardFixture(t)
	res := f.ask("GET", "/forward-auth?audience=https://orders.internal", "Authorization", "Bearer "+f.token(nil), "X-Original-Method", "GET")
	if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("got %d %v", res.StatusCode, res.Header)
	}
	for name, want := range map[string]string{
		"Sandi-Subject": "siti", "Sandi-Client": "portal", "Sandi-Scope": "orders.read orders.write", "Sandi-Roles": "clerk kepala%2C%20gudang",
		"Sandi-Session": "s1", "Sandi-Acr": "urn:sandi:2", "Sandi-Expires": "1772367240",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	v, err := jwt.NewVerifier(jwt.Config{Keys: mustKeys(t, f.key), Issuer: forwardIssuer, Audience: []string{"https://orders.internal"}, Types: []string{gateway.IdentityType}, Now: forwardNow})
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := v.Verify(t.Context(), res.Header.Get("Sandi-Identity")); err != nil || claims.Subject() != "siti" || claims.ExpiresAt().Sub(forwardNow()) != time.Minute {
		t.Errorf("identity %v, %v", claims, err)
	}
	var body struct{ Sub string }
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.Sub != "siti" {
		t.Errorf("body %+v, %v", body, err)
	}

	res = f.ask("GET", "/forward-auth?optional=1", "Sandi-Subject", "root", "Sandi-Identity", "x")
	if res.StatusCode != 200 {
		t.Fatalf("anonymous: %d", res.StatusCode)
	}
	for _, name := range identityHeaders {
		if got := res.Header.Values(name); len(got) != 1 || got[0] != "" {
			t.Errorf("anonymous: %s is %q, want one that is empty", name, got)
		}
	}
}

// What is refused, and how; a requirement that is not understood lets nobody in. secure-defaults 20d, 23a, 23c
func TestForwardRequirements(t *testing.T) {
	t.Parallel()
	f := newForwardFixture(t)
	good := "Bearer " + f.token(nil)
	old := "Bearer " + f.token(map[string]any{"auth_time": forwardNow().Add(-time.Hour).Unix()})
	for _, tt := range []struct {
		name, query, authorization string
		status                     int
		challenge                  string // part of it
	}{
		{"token", "", good, 200, ""},
		{"none", "", "", 401, `Bearer realm="api"`},
		{"expired", "", "Bearer " + f.token(map[string]any{"exp": forwardNow().Unix()}), 401, `error="invalid_token"`},
		{"garbage", "", "Bearer x", 401, `error="invalid_token"`},
		{"bound to a key", "", "DPoP " + f.token(map[string]any{"cnf": map[string]string{"jkt": "x"}}), 401, ""},
		{"malformed is no 400", "", "Bearer a b", 401, `error="invalid_request"`},
		{"optional and bad", "optional=1", "Bearer x", 401, `error="invalid_token"`},
		{"optional and malformed", "optional=1", "Bearer a b", 401, `error="invalid_request"`},
		{"role", "role=clerk", good, 200, ""},
		{"one of the roles", "role=boss&role=clerk", good, 200, ""},
		{"no role", "role=boss", good, 403, `error="insufficient_scope"`},
		{"scopes", "scope=orders.read&scope=orders.write", good, 200, ""},
		{"a scope is missing", "scope=orders.read&scope=orders.delete", good, 403, `scope="orders.read orders.delete"`},
		{"all of it", "role=clerk&scope=orders.read&fresh=5m", good, 200, ""},
		{"fresh", "fresh=5m", old, 401, `max_age="300"`},

		{"unknown", "roles=boss", good, 400, ""},
		{"unknown and anonymous", "optional=1&x=1", "", 400, ""},
		{"misspelt", "role=clerk;scope=a", good, 400, ""},
		{"empty role", "role=", good, 400, ""},
		{"no scope", "scope=a%20b", good, 400, ""},
		{"optional twice", "optional=1&optional=1", "", 400, ""},
		{"optional with a role", "optional=1&role=clerk", "", 400, ""},
		{"fresh without a unit", "fresh=300", good, 400, ""},
		{"fresh below nothing", "fresh=-5m", good, 400, ""},
		{"fresh for ever", "fresh=25h", good, 400, ""},
		{"two audiences", "audience=a&audience=b", good, 400, ""},
	} {
		headers := []string{"X-Original-Method", "GET"}
		if tt.authorization != "" {
			headers = append(headers, "Authorization", tt.authorization)
		}
		res := f.ask("GET", "/forward-auth?"+tt.query, headers...)
		if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != tt.status || !strings.Contains(got, tt.challenge) || tt.status == 401 && got == "" {
			t.Errorf("%s: got %d, challenge %q; want %d with %s", tt.name, res.StatusCode, got, tt.status, tt.challenge)
		}
		if res.StatusCode != 200 && (res.Header.Get("Sandi-Subject") != "" || res.Header.Get("Sandi-Identity") != "") {
			t.Errorf("%s: a refusal says who called", tt.name)
		}
		if res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the answer may be kept", tt.name)
		}
	}
	f.revoked = true
	if res := f.ask("GET", "/forward-auth", "Authorization", good); res.StatusCode != 401 {
		t.Errorf("revoked: %d", res.StatusCode)
	}
}

// Requests as each proxy sends them, with a cookie: what changes something needs the CSRF value, a WebSocket an Origin, and no header of
// the client's makes either rule weaker. secure-defaults 9g, 21a; ASVS 4.4.2
func TestForwardProxies(t *testing.T) {
	t.Parallel()
	f := newForwardFixture(t)
	const at, csrf = "/forward-auth", "X-Csrf-Token"
	nginx := func(method string, more ...string) []string {
		return append([]string{"X-Original-Method", method, "X-Original-Uri", "/orders?x=1", "X-Forwarded-Host", "shop.example"}, more...)
	}
	traefik := func(method string, more ...string) []string {
		return append([]string{
			"X-Forwarded-Method", method, "X-Forwarded-Proto", "https", "X-Forwarded-Host", "shop.example", "X-Forwarded-Uri", "/orders?x=1", "X-Forwarded-For", "192.0.2.1",
		}, more...)
	}
	handshake := []string{"Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-Websocket-Version", "13"}
	for _, tt := range []struct {
		name, method, target string
		headers              []string
		status               int
	}{
		{"nginx", "GET", at, nginx("GET"), 200},
		{"nginx, changing", "GET", at, nginx("POST"), 403},
		{"nginx, changing with the value", "GET", at, nginx("POST", csrf, "csrf-value"), 200},
		{"nginx, changing with another value", "GET", at, nginx("DELETE", csrf, "x"), 403},
		{"nginx, method made up", "GET", at, nginx("BREW"), 403},
		{"nginx, two methods", "GET", at, nginx("GET", "X-Original-Method", "POST"), 403},
		{"nginx, the client adds the other header", "GET", at, nginx("POST", "X-Forwarded-Method", "GET"), 403},
		{"nginx without the method", "GET", at, nil, 403},
		{"nginx, socket", "GET", at, nginx("GET", append(handshake, "Origin", "https://app.example")...), 200},
		{"nginx, socket of its own page", "GET", at, nginx("GET", append(handshake, "Origin", "https://shop.example")...), 200},
		{"nginx, socket of another page", "GET", at, nginx("GET", append(handshake, "Origin", "https://evil.example")...), 403},
		{"nginx, socket without origin", "GET", at, nginx("GET", handshake...), 403},
		{"nginx, upgrade", "GET", at, nginx("GET", "Upgrade", "websocket", "Origin", "https://evil.example"), 403},

		{"Traefik", "GET", at, traefik("GET"), 200},
		{"Traefik, changing", "GET", at, traefik("PUT"), 403},
		{"Traefik, changing with the value", "GET", at, traefik("PUT", csrf, "csrf-value"), 200},
		{"Traefik, socket of another page", "GET", at, traefik("GET", append(handshake, "Origin", "https://evil.example")...), 403},
		{"Traefik, socket of its own page", "GET", at, traefik("GET", append(handshake, "Origin", "https://shop.example")...), 200},
		{"Traefik, socket of its own page without TLS", "GET", at, traefik("GET", append(handshake, "Origin", "http://shop.example")...), 403},
		{"nginx, socket of its own page without TLS", "GET", at, nginx("GET", append(handshake, "Origin", "http://shop.example", "X-Forwarded-Proto", "wss")...), 403},
		{"Traefik, the client adds nginx's header", "GET", at, traefik("PATCH", "X-Original-Method", "GET"), 403},
		{"Caddy, changing", "GET", at, traefik("DELETE"), 403},

		{"Envoy", "GET", at + "/token/orders?x=1", nil, 200},
		{"Envoy, changing", "POST", at + "/token/orders", nil, 403},
		{"Envoy, changing with the value", "POST", at + "/token/orders", []string{csrf, "csrf-value"}, 200},
		{"Envoy, the client names a method", "POST", at + "/token/orders", []string{"X-Original-Method", "GET"}, 403},
		{"Envoy, root", "GET", at + "/token/", nil, 200},
		{"Envoy, roles", "GET", at + "/role=clerk&scope=orders.read/orders", nil, 200},
		{"Envoy, roles missing", "GET", at + "/role=boss/orders", nil, 403},
		{"Envoy, socket of another page", "GET", at + "/token/live", append(handshake, "Origin", "https://evil.example"), 403},
	} {
		headers := append([]string{"Cookie", "__Host-sandi_access=" + f.token(nil)}, tt.headers...)
		if res := f.ask(tt.method, tt.target, headers...); res.StatusCode != tt.status {
			t.Errorf("%s: got %d, want %d", tt.name, res.StatusCode, tt.status)
		}
	}
}

// What follows the requirements below the endpoint is the client's, and weakens nothing.
func TestForwardEnvoyPaths(t *testing.T) {
	t.Parallel()
	f := newForwardFixture(t)
	for target, want := range map[string]int{
		"/forward-auth/token/orders":                        401,
		"/forward-auth/token/orders?optional=1":             401,
		"/forward-auth/token/optional=1/orders":             401,
		"/forward-auth/token//forward-auth/optional=1/":     401,
		"/forward-auth/optional=1/orders":                   200,
		"/forward-auth/optional=1/orders?optional=0&role=x": 200,
		"/forward-auth/orders/1":                            400, // no requirements, which the first segment is not
		"/forward-auth/":                                    400,
		"/forward-auth/token":                               400,
		"/forward-authentic":                                400,
		"/forward-auth/role=boss%2Forders/x":                401,
	} {
		if res := f.ask("GET", target); res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", target, res.StatusCode, want)
		}
	}
	// A token in the client's own query is none.
	if res := f.ask("GET", "/forward-auth/token/orders?access_token="+f.token(nil)); res.StatusCode != 401 {
		t.Errorf("token in the query: %d", res.StatusCode)
	}
}

// Without a key to sign by nobody passes. secure-defaults 23c
func TestForwardFaults(t *testing.T) {
	t.Parallel()
	f := newForwardFixture(t)
	g, err := guard.New(guard.Config{Issuer: forwardIssuer, Audience: []string{forwardAudience}, Keys: mustKeys(t, f.key), Now: forwardNow})
	if err != nil {
		t.Fatal(err)
	}
	f.handler = f.endpoint(g, func() (*jwt.Key, error) { return nil, errors.New("no key") })
	res := f.ask("GET", "/forward-auth", "Authorization", "Bearer "+f.token(nil))
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || res.Header.Get("Sandi-Subject") != "" {
		t.Errorf("got %d %v", res.StatusCode, res.Header)
	}
	if _, err := gateway.NewForward(gateway.ForwardConfig{Guard: g}); err == nil {
		t.Error("an endpoint without a signer is made")
	}
}

func mustKeys(t *testing.T, key *jwt.Key) *jwt.KeySet {
	t.Helper()
	keys, err := jwt.NewKeySet(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
