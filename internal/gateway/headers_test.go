package gateway_test

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/jwt"
)

// TestStripped: nobody but the gateway says who calls and from where, in whatever spelling, also not by naming what the gateway
// sets in the Connection header.
// secure-defaults 20a, 24a; ASVS 4.1.3
func TestStripped(t *testing.T) {
	t.Parallel()
	up := newSeen(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Sandi-Subject", "root")
		w.Header().Add("Set-Cookie", "sandi_access=x")
		w.Header().Add("Set-Cookie", "theirs=y")
		w.Header().Set("Access-Control-Allow-Origin", "*")
	})
	w := newWorld(t, nil, gateway.Route{Path: "/", Identity: "headers", Public: true, Upstreams: mustURLs(t, up.URL)})
	names := []string{
		"Sandi-Subject", "SANDI-ROLES", "Sandi_Subject", "sandi.subject", "Sandi-Anything", "X-Forwarded-For", "x_forwarded_for", "X-Forwarded-User", "X-Forwarded-Host",
		"X-Forwarded.Proto", "Forwarded", "X-Real-IP", "X_Real_Ip", "X-Auth-Request-User", "X_Auth_User", "Remote-User", "Remote_User", "X-Remote-User", "X-Remote-Groups",
		"Proxy-User", "Proxy", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Method-Override", "X-Envoy-External-Address", "True-Client-IP", "CF-Connecting-IP", "X-Request-Id",
	}
	text := "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Kept: yes\r\nX_Kept: too\r\nConnection: close, Sandi-Subject, Sandi-Roles, X-Forwarded-For, X-Request-Id\r\n"
	for _, n := range names {
		text += n + ": root\r\n"
	}
	if status, _ := w.raw(text + "\r\n"); status != 200 {
		t.Fatalf("status %d", status)
	}
	got := up.last(t).Header
	for name, values := range got {
		if slices.Contains(values, "root") {
			t.Errorf("%s: %q reached the upstream", name, values)
		}
	}
	for name, want := range map[string]string{
		"X-Kept": "yes", "X_kept": "too", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "127.0.0.1",
		"Sandi-Subject": "", "Sandi-Roles": "", "Sandi-Client": "", "Sandi-Scope": "", "Sandi-Session": "", "Sandi-Acr": "",
	} {
		if v, ok := got[name]; !ok || len(v) != 1 || v[0] != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	resp, _ := w.do(w.request("GET", "/", "Authorization", "Bearer "+w.token(time.Minute, map[string]any{"sub": "siti é%", "roles": []string{"a b", "c"}})))
	got = up.last(t).Header
	if got.Get("Sandi-Subject") != "siti%20%C3%A9%25" || got.Get("Sandi-Roles") != "a%20b c" || got.Get("Sandi-Scope") != "orders.read" || got.Get("Sandi-Session") != "s1" {
		t.Errorf("identity: %v", got)
	}
	if resp.Header.Get("Sandi-Subject") != "" || !slices.Equal(resp.Header["Set-Cookie"], []string{"theirs=y"}) || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("answer: %v", resp.Header)
	}
}

// TestCredential: the caller's credential stays with the gateway, wherever it stood, and everything else goes on.
// secure-defaults 20e
func TestCredential(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	u := mustURLs(t, up.URL)
	w := newWorld(t, nil,
		gateway.Route{Path: "/", CookieAuth: true, QueryToken: "token", Upstreams: u},
		gateway.Route{Path: "/on", CookieAuth: true, QueryToken: "token", Forward: true, Upstreams: u},
	)
	token := w.token(time.Minute, nil)
	for name, tt := range map[string]struct {
		target  string
		headers []string
	}{
		"header": {"/?a=1", []string{"Authorization", "Bearer " + token}},
		"query":  {"/?a=1&token=" + token, nil},
		"coded":  {"/?a=1&%74oken=" + token, nil},
		"cookie": {"/?a=1", []string{"Cookie", "a=b; sandi_access=" + token + "; c=d", "X-Csrf-Token", "csrf-value", "X_csrf_token", "csrf-value"}},
	} {
		resp, body := w.do(w.request("GET", tt.target, tt.headers...))
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
			continue
		}
		r := up.last(t)
		if r.Header.Get("Authorization") != "" || strings.Contains(r.RequestURI+r.Header.Get("Cookie"), token) || r.RequestURI != "/?a=1" ||
			r.Header.Get("X-Csrf-Token") != "" || r.Header["X_csrf_token"] != nil {
			t.Errorf("%s: %s %v", name, r.RequestURI, r.Header)
		}
		if name == "cookie" && r.Header.Get("Cookie") != "a=b; c=d" {
			t.Errorf("other cookies: %q", r.Header.Get("Cookie"))
		}
		if _, body = w.do(w.request("GET", "/on"+tt.target[1:], tt.headers...)); !strings.Contains(up.last(t).RequestURI+up.last(t).Header.Get("Authorization")+up.last(t).Header.Get("Cookie"), token) {
			t.Errorf("%s: forward_token sent %v %s", name, up.last(t).Header, body)
		}
	}
	if _, _ = w.do(w.request("GET", "/?ticket=x", "Authorization", "Bearer "+token)); up.last(t).RequestURI != "/?ticket=x" {
		t.Error("a ticket of the upstream's own was taken away")
	}
	if strings.Contains(w.log.String(), token) {
		t.Error("the token stands in the log")
	}
}

// TestIdentity: the upstream gets a token of its own, for it alone and for a minute, that says who calls.
func TestIdentity(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	w := newWorld(t, nil, gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL)})
	token := "Bearer " + w.token(time.Minute*10, map[string]any{"acr": "urn:x", "amr": []string{"pwd", "otp"}})
	w.do(w.request("GET", "/", "Authorization", token))
	first := up.last(t).Header.Get(gateway.IdentityHeader)
	keys, _ := jwt.NewKeySet(w.key.Public())
	v, err := jwt.NewVerifier(jwt.Config{Keys: keys, Issuer: testIssuer, Audience: []string{up.URL}, Types: []string{gateway.IdentityType}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Verify(context.Background(), first)
	if err != nil {
		t.Fatalf("identity %q: %v", first, err)
	}
	if c.Subject() != "siti" || c.String("client_id") != "portal" || c.String("scope") != "orders.read" || c.String("sid") != "s1" || c.String("acr") != "urn:x" ||
		!slices.Equal(c.Strings("amr"), []string{"pwd", "otp"}) || c.ExpiresAt().Sub(c.IssuedAt()) != time.Minute || c.ID() == "" || c.Time("auth_time").IsZero() {
		t.Errorf("claims %v", c)
	}
	w.do(w.request("GET", "/", "Authorization", token))
	if up.last(t).Header.Get(gateway.IdentityHeader) != first {
		t.Error("the identity was made anew for the same token")
	}
	w.do(w.request("GET", "/", "Authorization", "Bearer "+w.token(30*time.Second, map[string]any{"sub": "budi"})))
	if c, err = v.Verify(context.Background(), up.last(t).Header.Get(gateway.IdentityHeader)); err != nil || c.Subject() != "budi" || time.Until(c.ExpiresAt()) > 30*time.Second {
		t.Errorf("identity of another caller: %v, %v", c, err)
	}
	if resp, _ := w.do(w.request("GET", "/", "Authorization", "Bearer "+first)); resp.StatusCode != 401 {
		t.Errorf("an identity as access token: status %d", resp.StatusCode)
	}
}

// TestForwardedFor: addresses are believed from listed networks alone.
// secure-defaults 24a
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	w := newWorld(t, func(c *gateway.Config) {
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	}, gateway.Route{Path: "/", Public: true, Upstreams: mustURLs(t, up.URL)})
	w.do(w.request("GET", "/", "X-Forwarded-For", "6.6.6.6, 203.0.113.9, 10.1.2.3", "X-Forwarded-Proto", "https"))
	if h := up.last(t).Header; h.Get("X-Forwarded-For") != "203.0.113.9" || h.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("upstream got %v", h)
	}
}
