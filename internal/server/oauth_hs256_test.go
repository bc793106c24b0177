package server_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// What no client can verify is not promised: under HS256 there is OAuth, and no OpenID Connect and no status list. secure-defaults 3c
func TestOAuthHS256(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) {
		c.Token.Algorithm, c.Token.SecretFile, c.OAuth.StatusLists = "HS256", secretFile(t, 0o600, key.NewSecret()), true
	})
	g.add(app("web", ""))
	m := g.want(g.call(g.client, "GET", "/.well-known/oauth-authorization-server", "", ""), 200, "")
	for _, never := range []string{"openid", "HS256", "id_token", "introspection_signing", "userinfo", "backchannel_logout_supported\":true", "null"} {
		if strings.Contains(m.raw, never) {
			t.Errorf("metadata has %s: %s", never, m.raw)
		}
	}
	a := g.want(g.token("web", redeeming(g.code("web", nil))), 200, "") // a code of a time before HS256, with openid
	c := payload(t, a.str("access_token"))
	if a.body["id_token"] != nil || c["status"] != nil || c["sub"] != "user1" {
		t.Errorf("answer %s, claims %v", a.raw, c)
	}
	a = g.want(g.token("web", refreshing(a.str("refresh_token"))), 200, "")
	if a.body["id_token"] != nil || !g.active("web", a.str("access_token")) {
		t.Errorf("refreshed: %s", a.raw)
	}
	said := g.post("/oauth/introspect", "web", url.Values{"token": {a.str("access_token")}}, "Accept", "application/token-introspection+jwt")
	if said.status != 200 || said.header.Get("Content-Type") != "application/json" || said.body["active"] != true {
		t.Errorf("introspection: %d %s %s", said.status, said.header.Get("Content-Type"), said.raw)
	}
	b := oauth.Client{ID: "asks", GrantTypes: []string{oauth.GrantDevice}, Scopes: []string{"openid", "read"}, Resources: []string{resourceA}}
	g.add(b)
	g.reason(g.post("/oauth/device_authorization", "asks", url.Values{"scope": {"openid"}}), 400, "invalid_scope")
	if !slices.Contains(strings.Fields(a.str("scope")), "read") {
		t.Errorf("scope: %q", a.str("scope"))
	}
}
