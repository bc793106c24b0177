package server_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/jwt"
)

// elsewhere is a resource server that knows of this one its published keys and status lists alone.
func (g *grants) elsewhere() *guard.Guard {
	g.t.Helper()
	lists, err := guard.NewStatusLists(guard.StatusListsConfig{
		Issuer: g.url, Keys: g.keys(), Now: g.clock.now, Logger: slog.New(slog.DiscardHandler), RequireStatus: true,
		InsecureAllowPrivate: true, InsecureAllowHTTP: true,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	v, err := guard.New(guard.Config{Issuer: g.url, Keys: g.keys(), Audience: []string{resourceA}, Revocations: lists, Now: g.clock.now})
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

// listOf is the address of the status list that a token is in.
func (g *grants) listOf(token string) string {
	g.t.Helper()
	status, _ := payload(g.t, token)["status"].(map[string]any)
	place, _ := status["status_list"].(map[string]any)
	uri, _ := place["uri"].(string)
	if idx, ok := place["idx"].(float64); !ok || idx < 0 || !strings.HasPrefix(uri, g.url+"/oauth/status/") {
		g.t.Fatalf("status %v", status)
	}
	return uri
}

// A verifier elsewhere sees within a minute or so that a grant, or a token without one, was ended.
// checklist 166, 170
func TestStatusListsElsewhere(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	g.add(machine("robot"))
	grant := g.want(g.token("web", redeeming(g.code("web", nil))), 200, "")
	refreshed := g.want(g.token("web", refreshing(grant.str("refresh_token"))), 200, "")
	tokens := map[string]string{
		"grant": grant.str("access_token"), "its refreshed one": refreshed.str("access_token"), "robot": g.own("robot"), "another robot": g.own("robot"),
	}
	if payload(t, tokens["grant"])["status"].(map[string]any)["status_list"] == nil || g.listOf(tokens["grant"]) == g.listOf(tokens["robot"]) {
		t.Errorf("what lives for a month is in the list of what lives for minutes")
	}
	v := g.elsewhere()
	counts := func(want map[string]bool) {
		t.Helper()
		for name, token := range tokens {
			_, err := v.CheckToken(t.Context(), token)
			if (err == nil) != want[name] || err != nil && !errors.Is(err, guard.TokenRevoked) {
				t.Errorf("%s: %v, want it to count: %v", name, err, want[name])
			}
		}
	}
	counts(map[string]bool{"grant": true, "its refreshed one": true, "robot": true, "another robot": true})
	g.want(g.post("/oauth/revoke", "web", url.Values{"token": {refreshed.str("refresh_token")}}), 200, "")
	g.want(g.post("/oauth/revoke", "robot", url.Values{"token": {tokens["robot"]}}), 200, "")
	g.advance(61 * time.Second)
	counts(map[string]bool{"another robot": true})
}

// What is published, and how it may be kept.
// checklist 167, 168, 169
func TestStatusList(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(machine("robot"))
	revoked := g.own("robot")
	uri := g.listOf(revoked)
	path := strings.TrimPrefix(uri, g.url)
	read := func(header ...string) answer { return g.call(g.client, "GET", path, "", "", header...) }
	first := read()
	h := first.header
	if first.status != 200 || h.Get("Content-Type") != "application/statuslist+jwt" || h.Get("Cache-Control") != "public, max-age=5" ||
		h.Get("ETag") == "" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("got %d %v", first.status, h)
	}
	got := header(t, first.raw)
	c := payload(t, first.raw)
	iat, exp := c["iat"].(float64), c["exp"].(float64)
	list := c["status_list"].(map[string]any)
	if got["typ"] != "statuslist+jwt" || c["sub"] != uri || c["iss"] != g.url || c["ttl"] != 60.0 || exp-iat != 900 || list["bits"] != 1.0 {
		t.Errorf("header %v, claims %v", got, c)
	}
	if _, _, err := jwt.VerifySignature(g.keys(), first.raw); err != nil {
		t.Errorf("signature: %v", err)
	}
	if again := read("If-None-Match", h.Get("ETag")); again.status != http.StatusNotModified || again.raw != "" {
		t.Errorf("not changed: %d %q", again.status, again.raw)
	}
	if head := g.call(g.client, "HEAD", path, "", ""); head.status != 200 || head.header.Get("ETag") != h.Get("ETag") {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	g.want(g.post("/oauth/revoke", "robot", url.Values{"token": {revoked}}), 200, "")
	if soon := read(); soon.raw != first.raw {
		t.Error("a list is made anew for each request")
	}
	g.advance(6 * time.Second)
	if later := read("If-None-Match", h.Get("ETag")); later.status != 200 || later.raw == first.raw {
		t.Errorf("after a revocation: %d", later.status)
	}
	g.advance(6 * time.Second)
	same := read()
	g.advance(6 * time.Second)
	if still := read("If-None-Match", same.header.Get("ETag")); still.status != http.StatusNotModified {
		t.Errorf("nothing happened, and it is another: %d", still.status)
	}
	for _, other := range []string{"999", "0", "-1", "x", "01", "+1", "9999999999999999999999", "1%00"} {
		if a := g.call(g.client, "GET", "/oauth/status/"+other, "", ""); a.status != 404 {
			t.Errorf("list %q: %d", other, a.status)
		}
	}
	if a := g.call(g.client, "GET", path+"?time=1", "", ""); a.status != http.StatusNotImplemented {
		t.Errorf("a list of another time: %d", a.status)
	}
	if a := g.call(g.client, "POST", path, "", "a=b"); a.status != 405 {
		t.Errorf("POST: %d", a.status)
	}
}

// Where lists are switched off, no token names one and none is published.
func TestWithoutStatusLists(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.OAuth.StatusLists = false })
	g.add(machine("robot"))
	g.add(app("web", oauth.AuthNone))
	for _, token := range []string{g.own("robot"), g.want(g.token("web", redeeming(g.code("web", nil))), 200, "").str("access_token")} {
		if status, ok := payload(t, token)["status"]; ok {
			t.Errorf("status %v", status)
		}
	}
	if a := g.call(g.client, "GET", "/oauth/status/1", "", ""); a.status != 404 {
		t.Errorf("list: %d", a.status)
	}
}
