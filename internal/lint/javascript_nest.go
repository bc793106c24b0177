package lint

import "strings"

// ofService says whether a call is one of Nest's JwtService, by the name that everybody gives it.
func (c *code) ofService(callee *node) bool {
	if callee.kind != memberNode {
		return false
	}
	switch callee.text {
	case "sign", "signAsync", "verify", "verifyAsync", "decode":
		return strings.Contains(strings.ToLower(lastName(callee.kids[0])), "jwt") && !strings.HasPrefix(c.called(callee), "jsonwebtoken")
	}
	return false
}

// nestModule reads JwtModule.register({secret, signOptions}) and registerAsync, whose factory returns the same.
func (c *code) nestModule(p *Policy, n *node) {
	var options *node
	n.walk(func(n *node, _ []*node) {
		if n.kind != mapNode || options != nil {
			return
		}
		for _, key := range []string{"signOptions", "secret", "privateKey", "publicKey", "signOption"} {
			if v, _ := n.pair(key); v != nil {
				options = n
			}
		}
	})
	if options == nil {
		if argument := c.resolved(n.argument(0, "")); argument != nil && argument.kind == mapNode {
			options = argument
		} else {
			return
		}
	}
	for _, key := range []string{"secret", "privateKey"} {
		v, _ := options.pair(key)
		c.secretFact(p, v)
	}
	p.Facts = append(p.Facts, Fact{Name: Mints, Bool: true, At: p.At})
	unset := func() {
		p.Lifetimes = append(p.Lifetimes, Lifetime{Kind: Access, Key: "signOptions.expiresIn", State: Unset, DefaultNever: true, At: p.At, Raw: c.short(n)})
	}
	signs, more := options.pair("signOptions")
	given := c.resolved(signs)
	switch {
	case given != nil && given.kind == mapNode:
		c.signOptions(p, Access, given, unset)
	case signs == nil && !more && strings.HasSuffix(lastName(n.kids[0]), "register") && !c.signsItself():
		unset()
	}
	verifies, _ := options.pair("verifyOptions")
	c.verify(p, nil, nil, verifies)
	for _, pair := range options.kids {
		if pair.kind == pairNode && pair.text == "signOption" {
			p.Facts = append(p.Facts, Fact{Name: Key, Text: pair.text, Want: "signOptions", At: c.lines.span(pair.start, pair.start+len(pair.text)), Raw: pair.text})
		}
	}
}

// signsItself says whether calls of sign give lifetimes of their own.
func (c *code) signsItself() bool {
	return c.once("expiresIn", func() bool {
		return c.root.any(func(n *node) bool { return n.kind == pairNode && n.text == "expiresIn" })
	})
}

// nestService reads jwtService.sign(claims, {expiresIn, secret}). Without a lifetime of its own, the module's holds.
func (c *code) nestService(p *Policy, n *node, up []*node) {
	name := n.kids[0].text
	options := c.resolved(n.argument(1, ""))
	var key *node
	if options != nil {
		key, _ = options.pair("secret")
	}
	switch {
	case strings.HasPrefix(name, "sign"):
		c.secretFact(p, key)
		if options != nil && options.kind == mapNode {
			c.signOptions(p, purpose(c.around(up, key)...), options, nil)
			p.Invalid = nil // secret and the like are options here
		}
		if exp, _ := c.expiry(n.argument(0, "")); exp != nil && len(p.Lifetimes) == 0 {
			p.Lifetimes = append(p.Lifetimes, c.expires(purpose(c.around(up, key)...), exp))
		}
	case strings.HasPrefix(name, "verify"):
		c.verify(p, n.argument(0, ""), key, options)
	default:
		c.decodes(p, n, up)
	}
}

// strategy reads the options of a passport-jwt strategy: super({secretOrKey, ignoreExpiration, jwtFromRequest}).
func (c *code) strategy(p *Policy, n *node) {
	options := c.resolved(n.kids[1])
	if options == nil || options.kind != mapNode {
		return
	}
	from, _ := options.pair("jwtFromRequest")
	key, _ := options.pair("secretOrKey")
	if from == nil && key == nil {
		return
	}
	if c.imports("@nestjs/passport") || c.imports("@nestjs/common") {
		p.Product = NestJWT
	}
	p.Name = "strategy"
	c.verify(p, nil, key, options)
	if from != nil && from.any(func(n *node) bool { return n.kind == memberNode && n.text == "fromUrlQueryParameter" }) {
		p.Facts = append(p.Facts, Fact{Name: TokenIn, Words: []string{"query"}, At: c.span(from), Raw: c.raw(from)})
	}
}
