package server_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
)

const (
	accessType = "urn:ietf:params:oauth:token-type:access_token"
	jwtType    = "urn:ietf:params:oauth:token-type:jwt"
	idType     = "urn:ietf:params:oauth:token-type:id_token"
)

// broker serves resourceA and passes on what it is called with, to resourceB.
func broker(id string, impersonates bool) oauth.Client {
	return oauth.Client{
		ID: id, GrantTypes: []string{oauth.GrantExchange, oauth.GrantClientCredentials}, Scopes: []string{"read", "write", "roles"},
		Resources: []string{resourceB, resourceA}, Serves: []string{resourceA}, MayImpersonate: impersonates,
	}
}

func exchanging(token string, more ...string) url.Values {
	f := url.Values{"grant_type": {oauth.GrantExchange}, "subject_token": {token}, "subject_token_type": {accessType}}
	for i := 0; i < len(more); i += 2 {
		if f.Set(more[i], more[i+1]); more[i+1] == "" {
			f.Del(more[i])
		}
	}
	return f
}

// startExchange has a user's token for resourceA, and brokers with tokens of their own.
func startExchange(t *testing.T, change func(*config.Config)) (g *grants, user answer) {
	t.Helper()
	g = startGrants(t, change)
	g.add(app("web", ""))
	g.add(broker("broker", false))
	g.add(broker("deputy", true))
	form := redeeming(g.code("web", nil))
	form.Set("resource", resourceA)
	return g, g.want(g.token("web", form), 200, "")
}

func (g *grants) own(client string) string {
	g.t.Helper()
	return g.want(g.token(client, credentialsGrant), 200, "").str("access_token")
}

// A client names who may act for its users: that one needs no token of its own, and nobody else may.
// checklist 77
func TestExchangeActor(t *testing.T) {
	t.Parallel()
	g, _ := startExchange(t, nil)
	named := app("shop", "")
	named.Actor = "broker"
	g.add(named)
	form := redeeming(g.code("shop", nil))
	form.Set("resource", resourceA)
	token := g.want(g.token("shop", form), 200, "").str("access_token")
	if may := fmt.Sprint(payload(t, token)["may_act"]); may != "map[client_id:broker]" {
		t.Errorf("may_act: got %s", may)
	}
	after := payload(t, g.want(g.token("broker", exchanging(token)), 200, "").str("access_token"))
	if after["sub"] == "broker" || after["may_act"] != nil || after["client_id"] != "broker" {
		t.Errorf("claims: %v", after)
	}
	g.reason(g.token("deputy", exchanging(token)), 400, "invalid_request")
}

// Delegation: the new token is the user's, for the other resource, says who acts, and neither outlives nor out-scopes the old one.
// checklist 75, 77, 78
func TestExchangeDelegation(t *testing.T) {
	t.Parallel()
	g, user := startExchange(t, nil)
	g.advance(11 * time.Minute) // of 15: less than a token of the broker's for resourceB lives
	form := exchanging(user.str("access_token"), "actor_token", g.own("broker"), "actor_token_type", accessType)
	a := g.want(g.token("broker", form), 200, "")
	before, after := payload(t, user.str("access_token")), payload(t, a.str("access_token"))
	if a.str("issued_token_type") != accessType || a.str("token_type") != "Bearer" || a.body["refresh_token"] != nil || a.body["id_token"] != nil || a.str("scope") != "read write" {
		t.Errorf("answer: %s", a.raw)
	}
	for _, name := range []string{"iss", "sub", "sid", "auth_time", "acr", "status"} {
		if fmt.Sprint(after[name]) != fmt.Sprint(before[name]) {
			t.Errorf("%s: got %v, want %v", name, after[name], before[name])
		}
	}
	if left := before["exp"].(float64) - after["exp"].(float64); left < 0 || left > 1 {
		t.Errorf("exp: got %v, want %v", after["exp"], before["exp"])
	}
	if after["aud"] != resourceB || after["client_id"] != "broker" || fmt.Sprint(after["act"]) != "map[sub:broker]" || after["jti"] == before["jti"] || after["fresh"] != false {
		t.Errorf("claims: %v", after)
	}
	if g.audited(audit.TokenExchanged) != 1 {
		t.Error("the exchange was not audited")
	}
	g.add(oauth.Client{
		ID: "next", GrantTypes: []string{oauth.GrantExchange, oauth.GrantClientCredentials}, Scopes: []string{"read"}, Resources: []string{resourceA}, Serves: []string{resourceB},
	})
	chain := exchanging(a.str("access_token"), "actor_token", g.own("next"), "actor_token_type", jwtType, "requested_token_type", jwtType, "audience", resourceA)
	b := g.want(g.token("next", chain), 200, "")
	last := payload(t, b.str("access_token"))
	if b.str("issued_token_type") != jwtType || b.str("scope") != "read" || fmt.Sprint(last["act"]) != "map[act:map[sub:broker] sub:next]" || last["aud"] != resourceA {
		t.Errorf("chain: %s, %v", b.raw, last)
	}
	g.reason(g.token("next", exchanging(a.str("access_token"), "scope", "write", "actor_token", g.own("next"), "actor_token_type", jwtType)), 400, "invalid_scope")
	narrow := exchanging(user.str("access_token"), "scope", "write", "actor_token", g.own("broker"), "actor_token_type", accessType, "resource", resourceA)
	if n := g.want(g.token("broker", narrow), 200, ""); n.str("scope") != "write" || payload(t, n.str("access_token"))["aud"] != resourceA {
		t.Errorf("narrow: %s", n.raw)
	}
}

// Impersonation is for who is trusted with it, or for whom the subject's token names.
// checklist 77
func TestExchangeImpersonation(t *testing.T) {
	t.Parallel()
	g, user := startExchange(t, nil)
	access := user.str("access_token")
	g.reason(g.token("broker", exchanging(access)), 400, "invalid_request")
	a := g.want(g.token("deputy", exchanging(access)), 200, "")
	if c := payload(t, a.str("access_token")); c["act"] != nil || c["sub"] != "user1" || c["client_id"] != "deputy" {
		t.Errorf("claims: %v", c)
	}
	for may, want := range map[string]struct{ broker, deputy, delegated int }{
		`{"sub":"broker"}`:                               {200, 400, 200},
		`{"sub":"deputy"}`:                               {400, 200, 400},
		`{"client_id":"broker"}`:                         {200, 400, 200},
		`{"sub":"broker","client_id":"other"}`:           {400, 400, 400},
		`{"sub":"broker","iss":"https://other.example"}`: {400, 400, 400},
		`{}`:       {400, 400, 400},
		`"broker"`: {400, 400, 400},
		`null`:     {400, 400, 400},
	} {
		token := g.sign("at+jwt", access, map[string]any{"may_act": rawJSON(may)})
		for client, status := range map[string]int{"broker": want.broker, "deputy": want.deputy} {
			if got := g.token(client, exchanging(token)); got.status != status {
				t.Errorf("may_act %s: %s got %d %s, want %d", may, client, got.status, got.raw, status)
			}
		}
		got := g.token("broker", exchanging(token, "actor_token", g.own("broker"), "actor_token_type", accessType))
		if got.status != want.delegated {
			t.Errorf("may_act %s: delegation got %d %s, want %d", may, got.status, got.raw, want.delegated)
		}
	}
	// Whoever acted before is not hidden by an impersonation, and not even 8 may have.
	acted := g.sign("at+jwt", access, map[string]any{"act": rawJSON(`{"sub":"first","act":{"sub":"zeroth"}}`)})
	if c := payload(t, g.want(g.token("deputy", exchanging(acted)), 200, "").str("access_token")); fmt.Sprint(c["act"]) != "map[act:map[sub:zeroth] sub:first]" {
		t.Errorf("act: %v", c["act"])
	}
	deep := `{"sub":"x"}`
	for range 9 {
		deep = `{"sub":"x","act":` + deep + `}`
	}
	g.reason(g.token("deputy", exchanging(g.sign("at+jwt", access, map[string]any{"act": rawJSON(deep)}))), 400, "invalid_request")
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// What is not a whole, valid token of this server for this client is refused.
// checklist 73, 74, 76
func TestExchangeRefused(t *testing.T) {
	t.Parallel()
	g, user := startExchange(t, nil)
	access := user.str("access_token")
	own, deputy := g.own("broker"), g.own("deputy")
	g.add(machine("robot"))
	mine := newDPoPKey(t)
	form := redeeming(g.code("web", nil))
	form.Set("resource", resourceA)
	bound := g.want(g.token("web", form, "DPoP", g.proof(mine)), 200, "").str("access_token")
	by := []string{"actor_token", own, "actor_token_type", accessType}
	now := g.clock.now().Unix()
	ended := g.want(g.token("web", redeeming(g.code("web", nil))), 200, "")
	g.want(g.post("/oauth/revoke", "web", url.Values{"token": {ended.str("refresh_token")}}), 200, "")
	with := func(token string, more ...string) url.Values {
		return exchanging(token, append(append([]string{}, by...), more...)...)
	}
	for name, tt := range map[string]struct {
		form url.Values
		code string
	}{
		"no subject_token":           {with(access, "subject_token", ""), "invalid_request"},
		"no subject_token_type":      {with(access, "subject_token_type", ""), "invalid_request"},
		"actor without type":         {with(access, "actor_token_type", ""), "invalid_request"},
		"type without actor":         {with(access, "actor_token", ""), "invalid_request"},
		"unknown type":               {with(access, "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"},
		"refresh token":              {with(user.str("refresh_token"), "subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"},
		"refresh token as access":    {with(user.str("refresh_token")), "invalid_request"},
		"requested refresh token":    {with(access, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"},
		"garbage":                    {with("a.b.c"), "invalid_request"},
		"tampered":                   {with(access[:len(access)-4] + "AAAA"), "invalid_request"},
		"ID token as access token":   {with(user.str("id_token")), "invalid_request"},
		"ID token of another client": {with(user.str("id_token"), "subject_token_type", idType), "invalid_request"},
		"access token as ID token":   {with(access, "subject_token_type", idType), "invalid_request"},
		"expired":                    {with(g.sign("at+jwt", access, map[string]any{"exp": now - 1})), "invalid_request"},
		"not yet valid":              {with(g.sign("at+jwt", access, map[string]any{"nbf": now + 600})), "invalid_request"},
		"another issuer":             {with(g.sign("at+jwt", access, map[string]any{"iss": "https://evil.example"})), "invalid_request"},
		"revoked":                    {with(ended.str("access_token")), "invalid_request"},
		"for another resource":       {with(g.sign("at+jwt", access, map[string]any{"aud": resourceB})), "invalid_request"},
		"bound to a key":             {with(bound), "invalid_request"},
		"bound to a certificate":     {with(g.sign("at+jwt", access, map[string]any{"cnf": rawJSON(`{"x5t#S256":"x"}`)})), "invalid_request"},
		"bound to who knows what":    {with(g.sign("at+jwt", access, map[string]any{"cnf": rawJSON(`{"kid":"x"}`)})), "invalid_request"},
		"another's actor_token":      {with(access, "actor_token", deputy), "invalid_request"},
		"actor who acts for another": {with(access, "actor_token", g.sign("at+jwt", own, map[string]any{"act": rawJSON(`{"sub":"x"}`)})), "invalid_request"},
		"actor_token that is none":   {with(access, "actor_token", "x"), "invalid_request"},
		"wider scope":                {with(access, "scope", "read roles"), "invalid_scope"},
		"unknown resource":           {with(access, "resource", "https://z.example"), "invalid_target"},
		"unknown audience":           {with(access, "audience", "nobody"), "invalid_target"},
	} {
		if a := g.token("broker", tt.form); a.status != 400 || a.str("error") != tt.code {
			t.Errorf("%s: got %d %s, want 400 %s", name, a.status, a.raw, tt.code)
		}
	}
	g.reason(g.token("robot", exchanging(access)), 400, "unauthorized_client")
	a := g.want(g.token("broker", with(bound), "DPoP", g.proof(mine)), 200, "")
	if cnf, _ := payload(t, a.str("access_token"))["cnf"].(map[string]any); a.str("token_type") != "DPoP" || cnf["jkt"] != mine.thumbprint() {
		t.Errorf("bound: %s", a.raw)
	}
	g.reason(g.token("broker", with(bound), "DPoP", g.proof(newDPoPKey(t))), 400, "invalid_request")
}

// An exchanged token ends with its session; revoking it ends it alone.
// checklist 78, 95, 96
func TestExchangedRevocation(t *testing.T) {
	t.Parallel()
	g, user := startExchange(t, nil)
	exchange := func() string {
		g.t.Helper()
		return g.want(g.token("deputy", exchanging(user.str("access_token"), "resource", resourceA)), 200, "").str("access_token")
	}
	one, two := exchange(), exchange()
	g.want(g.post("/oauth/revoke", "deputy", url.Values{"token": {one}}), 200, "")
	if g.active("broker", one) || !g.active("broker", two) || !g.active("broker", user.str("access_token")) {
		t.Error("revoking an exchanged token did not end it alone")
	}
	g.want(g.post("/oauth/revoke", "web", url.Values{"token": {user.str("access_token")}}), 200, "")
	if g.active("broker", two) {
		t.Error("an exchanged token outlived its session")
	}

	// A client's own token for its own use, exchanged and revoked: its session stays.
	c := app("both", "")
	c.GrantTypes, c.MayImpersonate = append(c.GrantTypes, oauth.GrantExchange), true
	g.add(c)
	mine := g.want(g.token("both", redeeming(g.code("both", nil))), 200, "")
	derived := g.want(g.token("both", exchanging(mine.str("access_token"))), 200, "").str("access_token")
	g.want(g.post("/oauth/revoke", "both", url.Values{"token": {derived}}), 200, "")
	if g.active("both", derived) || !g.active("both", mine.str("access_token")) {
		t.Error("revoking the derived token did not end it alone")
	}
	// An ID token of its own is no wider a key than its client already has.
	id := g.want(g.token("both", exchanging(mine.str("id_token"), "subject_token_type", idType, "scope", "read")), 200, "")
	if p := payload(t, id.str("access_token")); p["sub"] != "user1" || p["scope"] != "read" || p["roles"] != nil {
		t.Errorf("by ID token: %v", p)
	}
}

// A token without a session, or one that was exchanged, can be revoked alone: what is exchanged from it outlives that by minutes at most.
// checklist 78
func TestExchangeShort(t *testing.T) {
	t.Parallel()
	g, user := startExchange(t, nil)
	g.add(machine("robot"))
	life := func(subject string) time.Duration {
		g.t.Helper()
		a := g.want(g.token("deputy", exchanging(subject, "resource", resourceA)), 200, "")
		c := payload(t, a.str("access_token"))
		return time.Duration(c["exp"].(float64)-c["iat"].(float64)) * time.Second
	}
	if got := life(user.str("access_token")); got <= 5*time.Minute {
		t.Errorf("of a session's token: %v", got)
	}
	if got := life(g.own("robot")); got != 5*time.Minute {
		t.Errorf("of a client's own token: %v, want 5m", got)
	}
	once := g.want(g.token("deputy", exchanging(user.str("access_token"), "resource", resourceA)), 200, "").str("access_token")
	if got := life(once); got != 5*time.Minute {
		t.Errorf("of an exchanged token: %v, want 5m", got)
	}
	g.advance(12 * time.Minute) // of 15
	if got := life(once); got > 3*time.Minute {
		t.Errorf("near the end: %v", got)
	}
}
