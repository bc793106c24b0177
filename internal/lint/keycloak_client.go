package lint

import (
	"slices"
	"time"
)

// off says that a switch is there and off.
func off(t *tree) bool {
	yes, known := t.is()
	return known && !yes
}

// anyClient asks about clients that speak OpenID Connect.
func (r *realm) anyClient(is func(*tree) bool) bool {
	clients := r.t.at("clients")
	return clients != nil && slices.ContainsFunc(clients.items, func(c *tree) bool {
		return !off(c.at("enabled")) && !otherProtocol(c) && is(c)
	})
}

func otherProtocol(c *tree) bool {
	protocol := c.at("protocol").string()
	return c == nil || c.shape != mapping || protocol != "" && protocol != "openid-connect"
}

// clientType is public where one client is that has refresh tokens: they share the realm's settings.
func (r *realm) clientType() ClientType {
	switch {
	case r.anyClient(func(c *tree) bool { return c.at("publicClient").yes() && !c.at("bearerOnly").yes() }):
		return PublicClient
	case r.anyClient(func(*tree) bool { return true }):
		return ConfidentialClient
	}
	return ClientUnknown
}

// clientKeys are the attributes of a client that are read.
func clientKeys() []string {
	return []string{
		"access.token.lifespan", "client.session.idle.timeout", "client.session.max.lifespan", "client.offline.session.idle.timeout",
		"client.offline.session.max.lifespan", "pkce.code.challenge.method", "use.refresh.tokens", "client_credentials.use_refresh_token",
		"dpop.bound.access.tokens", "tls.client.certificate.bound.access.tokens", "oauth2.device.authorization.grant.enabled", "oauth2.device.code.lifespan",
		"access.token.signed.response.alg",
	}
}

// client is what a client has of its own; for the rest the realm's policy speaks.
func (r *realm) client(c *tree) []Policy {
	id := c.at("clientId")
	if otherProtocol(c) || id == nil {
		return nil
	}
	attributes := c.at("attributes")
	p := Policy{
		Product: Keycloak, Name: "client " + id.string(), At: r.span(id, nil), Disabled: off(c.at("enabled")), Client: ConfidentialClient,
		Bound: attributes.at("dpop.bound.access.tokens").yes() || attributes.at("tls.client.certificate.bound.access.tokens").yes(),
		Facts: r.misspelt(attributes, clientKeys()...),
	}
	if c.at("publicClient").yes() {
		p.Client = PublicClient
	}
	r.clientLifetimes(&p, attributes, id)
	words := r.grants(&p, c, id)
	if slices.Contains(words, "authorization_code") {
		p.Facts = append(p.Facts, r.pkce(attributes, id))
	}
	if used := attributes.at("use.refresh.tokens"); off(used) {
		p.Facts = append(p.Facts, r.fact(RefreshIssued, used, nil, ""))
	}
	if !c.at("publicClient").yes() {
		r.secret(&p, c.at("secret"))
	}
	return []Policy{p}
}

func (r *realm) clientLifetimes(p *Policy, attributes, id *tree) {
	for _, s := range []setting{
		{kind: RefreshIdle, key: "client.session.idle.timeout"},
		{kind: Refresh, key: "client.session.max.lifespan"},
		{kind: OfflineIdle, key: "client.offline.session.idle.timeout"},
		{kind: OfflineMax, key: "client.offline.session.max.lifespan"},
	} {
		s.unit, s.zero = time.Second, zeroUnset
		if l := r.lifetime(s, attributes.at(s.key), id); l.State != Unset {
			p.Lifetimes = append(p.Lifetimes, l)
		}
	}
	access := attributes.at("access.token.lifespan")
	if access.string() == "" {
		return
	}
	l := r.access(attributes, "access.token.lifespan", 0)
	p.Lifetimes = append(p.Lifetimes, l)
	if _, ok := p.Lifetime(RefreshIdle); !ok && r.place != nil { // what it has from the realm must outlive the token
		idle := r.inherited(RefreshIdle, 30*time.Minute, "clientSessionIdleTimeout", "ssoSessionIdleTimeout")
		if d, ok := idle.known(); ok {
			p.Lifetimes = append(p.Lifetimes, Lifetime{Kind: RefreshIdle, Key: "client.session.idle.timeout", Value: d, At: l.At, Raw: l.Raw})
		}
	}
}

// grants adds the grant types, standing where the worst of them is allowed. The standard flow is on by default; the others are what is written.
func (r *realm) grants(p *Policy, c, id *tree) []string {
	words := []string{}
	at := id
	for _, grant := range []struct{ key, name string }{{"serviceAccountsEnabled", "client_credentials"}, {"directAccessGrantsEnabled", "password"}, {"implicitFlowEnabled", "implicit"}} {
		if t := c.at(grant.key); t.yes() && !c.at("bearerOnly").yes() {
			words = append(words, grant.name)
			at = t
		}
	}
	if !off(c.at("standardFlowEnabled")) && !c.at("bearerOnly").yes() {
		words = append(words, "authorization_code")
	}
	if c.at("attributes", "oauth2.device.authorization.grant.enabled").yes() {
		words = append(words, "device_code")
	}
	f := r.fact(GrantTypes, at, id, "false")
	if at == id {
		f.Write = nil
	}
	f.Words = words
	p.Facts = append(p.Facts, f)
	return words
}

// pkce is required where a method is set.
func (r *realm) pkce(attributes, id *tree) Fact {
	t := attributes.at("pkce.code.challenge.method")
	if t.string() == "" {
		t = nil
	}
	f := r.fact(PKCE, t, id, "S256")
	f.Text = "none"
	if t != nil {
		f.Text = t.string()
	}
	return f
}
