package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// Whoever has an access token that counts here gets a ticket with it: a user, by header or cookie, and an OAuth client.
// ASVS 4.4.4, secure-defaults 21d
func TestTicketEndpoint(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.Token.Audience = []string{resourceA} })
	c := plain(t)
	access, refresh := g.login(c, "user1", "password1")
	const path = "/api/auth/ticket"
	good := func(a answer) string {
		t.Helper()
		g.want(a, 200, "")
		ticket := a.str("ticket")
		if !strings.HasPrefix(ticket, "sdt_") || a.body["expires_in"] != 30.0 || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %s, %v", a.raw, a.header)
		}
		return ticket
	}
	ticket := good(g.call(c, "POST", path, access, ""))
	if again := good(g.call(c, "POST", "/ticket", access, "")); again == ticket {
		t.Error("two tickets are alike")
	}
	g.want(g.call(c, "POST", path, "", ""), 401, "token_missing")
	g.want(g.call(c, "POST", path, access+"x", ""), 401, "token_invalid")
	g.want(g.call(c, "POST", path, refresh, ""), 401, "token_wrong_type")
	g.want(g.call(c, "POST", path, ticket, ""), 401, "token_invalid")
	g.want(g.call(c, "POST", path+"?ticket="+ticket, "", ""), 401, "token_missing") // here tickets are made
	g.want(g.call(c, "GET", "/protected", ticket, ""), 401, "token_invalid")
	g.want(g.call(c, "POST", path, access, "", "Origin", "https://evil.example"), 403, "origin_refused")
	if a := g.call(c, "GET", path, access, ""); a.status != 405 {
		t.Errorf("GET: got %d", a.status)
	}

	b := browser(t)
	g.want(g.call(b, "POST", "/login?transport=cookie", "", credentials("AgentX", "TopSecret123")), 200, "")
	g.want(g.call(b, "POST", path, "", ""), 403, "csrf_failed")
	good(g.call(b, "POST", path, "", "", "X-CSRF-TOKEN", cookie(b, g.url, "sandi_csrf")))

	g.add(machine("robot"))
	good(g.call(c, "POST", path, g.want(g.token("robot", credentialsGrant), 200, "").str("access_token"), ""))
	elsewhere := url.Values{"grant_type": {"client_credentials"}, "resource": {resourceB}}
	g.add(oauth.Client{ID: "other", GrantTypes: []string{oauth.GrantClientCredentials}, Scopes: []string{"read"}, Resources: []string{resourceB}})
	g.want(g.call(c, "POST", path, g.want(g.token("other", elsewhere), 200, "").str("access_token"), ""), 401, "token_invalid")

	g.want(g.call(c, "DELETE", "/logout", access, ""), 200, "")
	g.want(g.call(c, "POST", path, access, ""), 401, "token_revoked")
	if log := g.log.String(); strings.Contains(log, ticket[4:40]) {
		t.Error("a ticket stands in the log")
	}
}

// A token that is bound to a key gets its ticket with the proof of the key, and never without.
// secure-defaults 21d
func TestTicketDPoP(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.Token.Audience = []string{resourceA} })
	g.add(machine("robot"))
	k, c := newDPoPKey(t), plain(t)
	token := g.want(g.token("robot", credentialsGrant, "DPoP", g.proof(k)), 200, "").str("access_token")
	const path = "/api/auth/ticket"
	hash := sha256.Sum256([]byte(token))
	proof := func(k dpopKey) string {
		return k.proof(t, g.clock.now(), "POST", g.url+path, map[string]any{"ath": base64.RawURLEncoding.EncodeToString(hash[:])})
	}
	g.want(g.call(c, "POST", path, token, ""), 401, "token_invalid")
	g.want(g.call(c, "POST", path, "", "", "Authorization", "DPoP "+token), 401, "invalid_dpop_proof")
	g.want(g.call(c, "POST", path, "", "", "Authorization", "DPoP "+token, "DPoP", proof(newDPoPKey(t))), 401, "token_invalid")
	a := g.want(g.call(c, "POST", path, "", "", "Authorization", "DPoP "+token, "DPoP", proof(k)), 200, "")
	if !strings.HasPrefix(a.str("ticket"), "sdt_") {
		t.Errorf("got %s", a.raw)
	}
}

// A ticket does not outlive its token, and one subject does not get them without end; others are unharmed.
func TestTicketLimits(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	access, _ := r.login(c, "user1", "password1")
	other, _ := r.login(c, "AgentX", "TopSecret123")
	for n := 0; ; n++ {
		a := r.call(c, "POST", "/ticket", access, "")
		if a.status == 429 && n >= 60 && a.str("error") == "too_many_requests" && a.header.Get("Retry-After") != "" {
			break
		}
		if a.status != 200 || n > 1000 {
			t.Fatalf("ticket %d: %d %s", n, a.status, a.raw)
		}
	}
	r.want(r.call(c, "POST", "/ticket", other, ""), 200, "")
	r.advance(15*time.Minute - 20*time.Second)
	a := r.want(r.call(c, "POST", "/ticket", access, ""), 200, "")
	if left, _ := a.body["expires_in"].(float64); left < 1 || left > 20 {
		t.Errorf("of a token with 20 s left: expires_in %s", fmt.Sprint(left))
	}
}
