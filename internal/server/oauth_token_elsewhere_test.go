package server_test

import (
	"net/url"
	"testing"

	"github.com/sandi-auth/sandi/internal/oauth"
)

// A grant ends with the sign-in that it was made from, and one of a sign-in that has ended is never made.
func TestGrantOfSignIn(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	access, _ := g.login(g.client, "user1", "password1")
	signIn := g.signIn("user1", "password1")
	of := func(c *oauth.Code) { c.SignIn = signIn }
	a := g.want(g.token("web", redeeming(g.code("web", of))), 200, "")
	late := g.code("web", of)
	g.want(g.call(g.client, "DELETE", "/account/sessions/"+signIn.String(), access, ""), 200, "")
	g.reason(g.token("web", redeeming(late)), 400, "invalid_grant")
	g.reason(g.token("web", refreshing(a.str("refresh_token"))), 400, "invalid_grant")
	if g.active("web", a.str("access_token")) {
		t.Error("the access token outlived the sign-in")
	}
}

// No access token of a client opens the account itself, nor does an ID token open anything.
// checklist 163
func TestTokensOfClientsElsewhere(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	c := app("web", "")
	c.Resources = nil
	g.add(c)
	audience := testConfig("").Resolved("127.0.0.1:1").Token.Audience
	a := g.want(g.token("web", redeeming(g.code("web", func(c *oauth.Code) { c.Resources = audience }))), 200, "")
	g.want(g.call(g.client, "GET", "/protected", a.str("access_token"), ""), 200, "")
	g.want(g.call(g.client, "GET", "/account", a.str("access_token"), ""), 403, "forbidden")
	g.want(g.call(g.client, "GET", "/protected", a.str("id_token"), ""), 401, "token_wrong_type")
	if got := g.post("/oauth/introspect", "web", url.Values{"token": {a.str("id_token")}}); got.raw != `{"active":false}` {
		t.Errorf("introspected ID token: %s", got.raw)
	}
}
