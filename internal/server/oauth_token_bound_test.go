package server_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// DPoP at the token endpoint: tokens are bound to the key, so are public clients' refresh tokens, and who has to prove one does.
// checklist 8, 142, 143, 144, 147, 148
func TestTokenDPoP(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("page", oauth.AuthNone))
	g.add(app("web", ""))
	strict := machine("strict")
	strict.DPoPBound = true
	g.add(strict)
	mine, other := newDPoPKey(t), newDPoPKey(t)
	for _, client := range []string{"page", "web"} {
		a := g.want(g.token(client, redeeming(g.code(client, nil)), "DPoP", g.proof(mine)), 200, "")
		cnf, _ := payload(t, a.str("access_token"))["cnf"].(map[string]any)
		if a.str("token_type") != "DPoP" || cnf["jkt"] != mine.thumbprint() || len(cnf) != 1 {
			t.Fatalf("%s: %s, cnf %v", client, a.raw, cnf)
		}
		refresh := refreshing(a.str("refresh_token"))
		if client == "page" { // bound to the key: no other, and not without
			g.reason(g.token(client, refresh), 400, "invalid_grant")
			g.reason(g.token(client, refresh, "DPoP", g.proof(other)), 400, "invalid_grant")
			g.want(g.token(client, refresh, "DPoP", g.proof(mine)), 200, "")
			continue
		}
		a = g.want(g.token(client, refresh, "DPoP", g.proof(other)), 200, "") // bound by client authentication
		if cnf, _ := payload(t, a.str("access_token"))["cnf"].(map[string]any); cnf["jkt"] != other.thumbprint() {
			t.Errorf("cnf: %v", cnf)
		}
	}
	bound := func() url.Values {
		return redeeming(g.code("page", func(c *oauth.Code) { c.JKT = mine.thumbprint() }))
	}
	g.reason(g.token("page", bound()), 400, "invalid_grant")
	form := bound()
	g.reason(g.token("page", form, "DPoP", g.proof(other)), 400, "invalid_grant")
	g.want(g.token("page", form, "DPoP", g.proof(mine)), 200, "")

	g.reason(g.token("strict", credentialsGrant), 400, "invalid_dpop_proof")
	spent := g.proof(mine)
	g.want(g.token("strict", credentialsGrant, "DPoP", spent), 200, "")
	wrongURL := mine.proof(t, g.clock.now(), "POST", g.url+"/oauth/other", nil)
	wrongMethod := mine.proof(t, g.clock.now(), "GET", g.url+"/oauth/token", nil)
	old := mine.proof(t, g.clock.now().Add(-time.Hour), "POST", g.url+"/oauth/token", nil)
	for name, proof := range map[string]string{"spent": spent, "other URL": wrongURL, "other method": wrongMethod, "old": old, "empty": " ", "garbage": "abc"} {
		a := g.token("strict", credentialsGrant, "DPoP", proof)
		if a.status != 400 || a.str("error") != "invalid_dpop_proof" || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: got %d %s %v", name, a.status, a.raw, a.header)
		}
	}
}

// Where the server asks for nonces, a proof without one is answered with one, and has used nothing up.
// checklist 146
func TestTokenDPoPNonce(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.OAuth.RequireDPoPNonce = true })
	g.add(app("page", oauth.AuthNone))
	k := newDPoPKey(t)
	form := redeeming(g.code("page", nil))
	a := g.token("page", form, "DPoP", g.proof(k))
	g.reason(a, 400, "use_dpop_nonce")
	nonces := a.header.Values("DPoP-Nonce")
	if len(nonces) != 1 || len(nonces[0]) < 22 || a.header.Get("WWW-Authenticate") != "" {
		t.Fatalf("headers: %v", a.header)
	}
	with := func(nonce string) string {
		return k.proof(t, g.clock.now(), "POST", g.url+"/oauth/token", map[string]any{"nonce": nonce})
	}
	g.reason(g.token("page", form, "DPoP", with("made-up")), 400, "use_dpop_nonce")
	a = g.want(g.token("page", form, "DPoP", with(nonces[0])), 200, "")
	if a.header.Get("DPoP-Nonce") == "" {
		t.Error("no nonce for the next proof")
	}
}

// Tokens of a client that is registered for it are bound to the certificate that it connects with, and no other kind is issued to it.
// checklist 154
func TestCertificateBound(t *testing.T) {
	t.Parallel()
	a, f := newAuthority(t), newFiles(t)
	f.put(a, a.issue(90*24*time.Hour))
	f.write(f.clientCA, a.pem(), 0o644)
	r := startTLS(t, f, func(c *config.Config) {
		c.Listen.TLSClientCAFile, c.Listen.TLSClientAuth = f.clientCA, "request"
		c.OAuth.RequireDPoPNonce = false
		c.OAuth.Scopes, c.OAuth.Resources = []config.Scope{{Name: "read"}, {Name: "write"}}, []config.Resource{{ID: resourceA}, {ID: resourceB}}
	})
	mine, other := a.issue(time.Hour), a.issue(time.Hour)
	shows := func(pair ...tls.Certificate) *http.Client {
		return secure(t, &tls.Config{RootCAs: a.pool(), Certificates: pair})
	}
	g := grantsOf(r, shows(mine))
	robot := machine("robot")
	robot.TLSBound = true
	g.add(robot)
	g.add(broker("broker", true))
	token := g.want(g.token("robot", credentialsGrant), 200, "").str("access_token")
	sum := sha256.Sum256(mine.Certificate[0])
	cnf, _ := payload(t, token)["cnf"].(map[string]any)
	if len(cnf) != 1 || cnf["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum[:]) {
		t.Errorf("cnf: %v", cnf)
	}
	got := g.post("/oauth/introspect", "broker", url.Values{"token": {token}})
	if shown, _ := got.body["cnf"].(map[string]any); shown["x5t#S256"] != cnf["x5t#S256"] || got.body["token_type"] != "Bearer" {
		t.Errorf("introspection: %s", got.raw)
	}
	g.reason(g.token("robot", credentialsGrant, "DPoP", g.proof(newDPoPKey(t))), 400, "invalid_request")
	g.want(g.token("broker", exchanging(token)), 200, "") // by the same certificate
	g.client = shows(other)
	g.reason(g.token("broker", exchanging(token)), 400, "invalid_request")
	g.client = shows()
	g.reason(g.token("broker", exchanging(token)), 400, "invalid_request")
	g.reason(g.token("robot", credentialsGrant), 400, "invalid_request")
}
