package server_test

import (
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/jwt"
)

const requestURI = "urn:ietf:params:oauth:request_uri:"

// push pushes a request of a client that app made, and returns what names it.
func (g *grants) push(client string, form url.Values, header ...string) string {
	g.t.Helper()
	a := g.post("/oauth/par", client, form, header...)
	uri := a.str("request_uri")
	if a.status != 201 || !strings.HasPrefix(uri, requestURI) || len(uri) != len(requestURI)+43 || a.header.Get("Cache-Control") != "no-store" {
		g.t.Fatalf("got %d %s", a.status, a.raw)
	}
	if life, _ := a.body["expires_in"].(float64); life <= 0 || life >= 600 {
		g.t.Fatalf("expires_in %v", life)
	}
	return uri
}

// pushed is the path of the request in the browser.
func pushed(client, uri string, more ...string) string {
	q := url.Values{"client_id": {client}, "request_uri": {uri}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/oauth/authorize?" + q.Encode()
}

// A pushed request is judged as any other, and by itself: what stands beside its name in the browser changes nothing.
// checklist 125, 126, 127, 128, 131, 133
func TestPushedRequest(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	g.add(app("page", oauth.AuthNone))
	p := g.person(t)
	uri := g.push("app", askedFor("app"))
	s := p.visit(pushed("app", uri, "state", "other", "redirect_uri", "https://evil.example/", "scope", "openid everything", "prompt", "none"))
	q := p.back(p.fill(p.signIn(s, "user1", "password1"), 0, "decision", "allow"), "")
	g.want(g.token("app", redeeming(q.Get("code"))), 200, "")
	p.allowed(pushed("page", g.push("page", askedFor("page"))))

	a := g.call(g.client, "POST", "/oauth/par", "", askedFor("app").Encode())
	g.reason(a, 401, "invalid_client")
	for name, tt := range map[string]struct {
		form url.Values
		code string
	}{
		"request_uri":          {askedFor("app", "request_uri", uri), "invalid_request"},
		"another redirect_uri": {askedFor("app", "redirect_uri", "https://evil.example/"), "invalid_request"},
		"no redirect_uri":      {askedFor("app", "redirect_uri", ""), "invalid_request"},
		"unknown scope":        {askedFor("app", "scope", "everything"), "invalid_scope"},
		"no challenge":         {askedFor("app", "code_challenge", ""), "invalid_request"},
		"token":                {askedFor("app", "response_type", "token"), "unsupported_response_type"},
		"unknown resource":     {askedFor("app", "resource", "https://other.example"), "invalid_target"},
		"request that is none": {askedFor("app", "request", "x"), "invalid_request_object"},
	} {
		t.Run(name, func(t *testing.T) { g.reason(g.post("/oauth/par", "app", tt.form), 400, tt.code) })
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if a := g.call(g.client, method, "/oauth/par", "", ""); a.status != 405 {
			t.Errorf("%s: got %d", method, a.status)
		}
	}
	if a := g.post("/oauth/par", "app", askedFor("app", "x", strings.Repeat("x", 70<<10))); a.status != 413 {
		t.Errorf("70 KiB: got %d", a.status)
	}
	for range 2000 {
		if a := g.call(g.client, "POST", "/oauth/par", "", "client_id=nobody"); a.status == 429 {
			if a.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			return
		}
	}
	t.Error("2000 pushes at once are let through")
}

// A request_uri is one client's, for a while, and good for one decision; loading the page spends nothing.
// checklist 129, 130
func TestPushedRequestIsSpentByADecision(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	g.add(app("other", oauth.AuthPost))
	p := g.person(t)
	refused := func(path string) {
		t.Helper()
		if s := p.visit(path); s.away != nil || s.status != 400 {
			t.Errorf("%s: %d, sent to %v, want a page that refuses", path, s.status, s.away)
		}
	}
	uri := g.push("app", askedFor("app"))
	refused(pushed("other", uri))
	refused(pushed("app", uri[:len(uri)-1]))
	p.at(p.visit(pushed("app", uri)), 200, "/signin") // a preview
	first := p.signIn(p.visit(pushed("app", uri)), "user1", "password1")
	second := p.at(p.visit(pushed("app", uri)), 200, "/consent")
	p.back(p.fill(first, 0, "decision", "allow"), "")
	p.at(p.fill(second, 0, "decision", "allow"), 404, "/consent")
	refused(pushed("app", uri))

	uri = g.push("app", askedFor("app"))
	p.back(p.visit(pushed("app", uri)), "") // allowed before: decided at once
	refused(pushed("app", uri))

	uri = g.push("app", askedFor("app", "prompt", "consent"))
	p.back(p.fill(p.visit(pushed("app", uri)), 0, "decision", "deny"), "access_denied")
	refused(pushed("app", uri))

	late, slow := g.push("app", askedFor("app")), g.push("app", askedFor("app", "prompt", "consent"))
	s := p.at(p.visit(pushed("app", slow)), 200, "/consent")
	g.advance(100 * time.Second)
	refused(pushed("app", late))
	p.back(p.fill(s, 0, "decision", "allow"), "") // whose page was loaded in time
}

// checklist 132
func TestRequestsHaveToBePushed(t *testing.T) {
	t.Parallel()
	for name, all := range map[string]bool{"by the server": true, "by the client": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGrants(t, func(c *config.Config) { c.OAuth.RequirePushed = all })
			one := app("app", oauth.AuthPost)
			one.RequirePushed = !all
			g.add(one)
			p := g.person(t)
			p.back(p.visit(asked("app")), "invalid_request")
			p.back(p.allowed(pushed("app", g.push("app", askedFor("app")))), "")
			m := g.want(g.call(g.client, "GET", "/.well-known/oauth-authorization-server", "", ""), 200, "")
			if m.body["require_pushed_authorization_requests"] != all {
				t.Errorf("metadata says %v", m.body["require_pushed_authorization_requests"])
			}
		})
	}
}

// A code is bound to the DPoP key that the request names, or that proved itself when it was pushed.
// checklist 147, 175
func TestCodeBoundToKey(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	mine, other := newDPoPKey(t), newDPoPKey(t)
	proof := func(k dpopKey) string { return k.proof(t, g.clock.now(), "POST", g.url+"/oauth/par", nil) }
	p.allowed(asked("app"))
	for name, path := range map[string]string{
		"dpop_jkt":           asked("app", "dpop_jkt", mine.thumbprint()),
		"dpop_jkt, pushed":   pushed("app", g.push("app", askedFor("app", "dpop_jkt", mine.thumbprint()))),
		"proof":              pushed("app", g.push("app", askedFor("app"), "DPoP", proof(mine))),
		"proof and dpop_jkt": pushed("app", g.push("app", askedFor("app", "dpop_jkt", mine.thumbprint()), "DPoP", proof(mine))),
	} {
		code := p.back(p.visit(path), "").Get("code")
		if a := g.token("app", redeeming(code)); a.status != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("%s: redeemed without a key: %d %s", name, a.status, a.raw)
		}
		if a := g.token("app", redeeming(code), "DPoP", g.proof(other)); a.status != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("%s: redeemed with another key: %d %s", name, a.status, a.raw)
		}
		if a := g.token("app", redeeming(code), "DPoP", g.proof(mine)); a.status != 200 || a.str("token_type") != "DPoP" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	g.reason(g.post("/oauth/par", "app", askedFor("app", "dpop_jkt", other.thumbprint()), "DPoP", proof(mine)), 400, "invalid_dpop_proof")
	g.reason(g.post("/oauth/par", "app", askedFor("app"), "DPoP", g.proof(mine)), 400, "invalid_dpop_proof") // made for another URL
	g.reason(g.post("/oauth/par", "app", askedFor("app"), "DPoP", "x"), 400, "invalid_dpop_proof")
}

// signer of a client: its private_key_jwt and its request objects.
type clientKey struct {
	*jwt.Key
	id string
}

func newClientKey(t testing.TB, id string) (k clientKey, registered string) {
	t.Helper()
	private, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwt.NewKeySet(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return clientKey{private, id}, string(text)
}

// sign makes a JWT of the client's for the server, good for a minute.
func (k clientKey) sign(g *grants, typ string, more map[string]any) string {
	g.t.Helper()
	c := map[string]any{"iss": k.id, "aud": g.url, "jti": rand.Text(), "exp": g.clock.now().Add(time.Minute).Unix()}
	for name, v := range more {
		c[name] = v
	}
	signed, err := jwt.Sign(k.Key, typ, c)
	if err != nil {
		g.t.Fatal(err)
	}
	return signed
}

// authenticated is the form with a client assertion.
func (k clientKey) authenticated(g *grants, form url.Values) url.Values {
	form = cloneForm(form)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", k.sign(g, "client-authentication+jwt", map[string]any{"sub": k.id}))
	return form
}

// The FAPI 2.0 Security Profile from end to end: pushed requests, key-based authentication, tokens bound to a key.
// checklist 5, 125, 173, 174, 175
func TestFAPI(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) { c.OAuth.CodeLifetime = 10 * time.Minute })
	key, registered := newClientKey(t, "bank")
	bank := app("bank", oauth.AuthPrivateKeyJWT)
	bank.KeySet, bank.FAPI, bank.DPoPBound, bank.RequirePushed = registered, true, true, true
	g.add(bank)
	p := g.person(t)
	dpop := newDPoPKey(t)
	p.back(p.visit(asked("bank")), "invalid_request") // not pushed
	g.reason(g.post("/oauth/par", "bank", askedFor("bank")), 401, "invalid_client")
	nonce, state := strings.Repeat("n", 64), strings.Repeat("s", 1500)
	uri := g.push("bank", key.authenticated(g, askedFor("bank", "nonce", nonce, "state", state)))
	q := p.allowed(pushed("bank", uri)).away.Query()
	if q.Get("state") != state || q.Get("iss") != g.url {
		t.Fatalf("answered with %v", q)
	}
	g.reason(g.token("bank", key.authenticated(g, redeeming(q.Get("code")))), 400, "invalid_dpop_proof")
	a := g.want(g.token("bank", key.authenticated(g, redeeming(q.Get("code"))), "DPoP", g.proof(dpop)), 200, "")
	cnf, _ := payload(t, a.str("access_token"))["cnf"].(map[string]any)
	if a.str("token_type") != "DPoP" || cnf["jkt"] != dpop.thumbprint() || payload(t, a.str("id_token"))["nonce"] != nonce {
		t.Errorf("token_type %q, cnf %v", a.str("token_type"), cnf)
	}
	kept := g.want(g.token("bank", key.authenticated(g, refreshing(a.str("refresh_token"))), "DPoP", g.proof(dpop)), 200, "") // not rotated (checklist 9)
	if r := kept.str("refresh_token"); r != "" && r != a.str("refresh_token") {
		t.Error("the refresh token was rotated")
	}
	late := p.allowed(pushed("bank", g.push("bank", key.authenticated(g, askedFor("bank"))))).away.Query()
	g.advance(61 * time.Second)
	g.reason(g.token("bank", key.authenticated(g, redeeming(late.Get("code"))), "DPoP", g.proof(dpop)), 400, "invalid_grant")
}

// A signed request, in the browser and pushed.
// checklist 134
func TestSignedRequest(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	key, registered := newClientKey(t, "app")
	one := app("app", oauth.AuthPrivateKeyJWT)
	one.KeySet, one.RequireSignedRequest = registered, true
	g.add(one)
	p := g.person(t)
	members := map[string]any{}
	for name, v := range askedFor("app") {
		members[name] = v[0]
	}
	object := func() string { return key.sign(g, "oauth-authz-req+jwt", members) }
	p.back(p.allowed("/oauth/authorize?"+url.Values{"client_id": {"app"}, "request": {object()}, "state": {"outside"}}.Encode()), "")
	p.back(p.visit(pushed("app", g.push("app", key.authenticated(g, url.Values{"request": {object()}})))), "")
	p.back(p.visit(asked("app")), "invalid_request")
	g.reason(g.post("/oauth/par", "app", key.authenticated(g, askedFor("app"))), 400, "invalid_request")
	members["aud"] = "https://other.example"
	if s := p.visit("/oauth/authorize?" + url.Values{"client_id": {"app"}, "request": {object()}}.Encode()); s.status != 400 || s.away != nil {
		t.Errorf("for another server: %d, sent to %v", s.status, s.away)
	}
}
