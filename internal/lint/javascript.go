package lint

import (
	"slices"
	"strings"
)

// readJavaScript reads what a program in JavaScript or TypeScript says of tokens.
func readJavaScript(s *Source) ([]Policy, error) {
	c, err := newCode(s)
	if err != nil {
		return nil, err
	}
	c.meaning = c.javaScriptMeaning
	err = parseJavaScript(c)
	c.collect()
	c.required()
	signed := map[int]int{} // where a call of sign begins -> its policy
	c.root.walk(func(n *node, up []*node) {
		if n.kind == callNode {
			c.javaScriptCall(n, up, signed)
		}
	})
	c.cookies(signed)
	c.sockets()
	c.beside()
	return c.policies, err
}

// required learns what require() gives names.
func (c *code) required() {
	c.root.walk(func(n *node, _ []*node) {
		if n.kind != assignNode {
			return
		}
		module, ok := c.module(n.kids[1])
		if !ok {
			return
		}
		switch target := n.kids[0]; target.kind {
		case nameNode:
			c.origin[target.text] = module
		case mapNode:
			for _, pair := range target.kids {
				if pair.kind == pairNode && pair.kids[0].kind == nameNode {
					c.origin[pair.kids[0].text] = module + "." + pair.text
				}
			}
		}
	})
}

// module is what require("x"), require("x").y and await import("x") name.
func (c *code) module(n *node) (string, bool) {
	switch n.kind {
	case callNode:
		if f := n.kids[0]; f.kind == nameNode && (f.text == "require" || f.text == "import") && len(n.kids) == 2 && n.kids[1].kind == textNode {
			return n.kids[1].text, true
		}
		module, ok := c.module(n.kids[0]) // require("socket.io")(server)
		return module, ok && module == "socket.io"
	case memberNode:
		module, ok := c.module(n.kids[0])
		return module + "." + n.text, ok
	}
	return "", false
}

// javaScriptCall reads one call.
func (c *code) javaScriptCall(n *node, up []*node, signed map[int]int) {
	callee := strings.Replace(c.called(n.kids[0]), "jsonwebtoken.default.", "jsonwebtoken.", 1)
	if len(n.kids[0].kids) == 1 && n.kids[0].kind == memberNode {
		if module, ok := c.module(n.kids[0].kids[0]); ok { // require("jsonwebtoken").sign()
			callee = module + "." + n.kids[0].text
		}
	}
	p := Policy{Product: NodeJWT, Name: c.short(n.kids[0]), Source: c.source, At: c.span(n)}
	switch {
	case callee == "jsonwebtoken.sign":
		c.sign(&p, n, up)
		signed[n.start] = len(c.policies)
	case callee == "jsonwebtoken.verify":
		c.verify(&p, n.argument(0, ""), n.argument(1, ""), n.argument(2, ""))
	case callee == "jsonwebtoken.decode":
		c.decodes(&p, n, up)
	case callee == "@nestjs/jwt.JwtModule.register", callee == "@nestjs/jwt.JwtModule.registerAsync":
		p.Product = NestJWT
		c.nestModule(&p, n)
	case c.imports("@nestjs/jwt") && c.ofService(n.kids[0]):
		p.Product = NestJWT
		c.nestService(&p, n, up)
		if len(p.Lifetimes) > 0 {
			signed[n.start] = len(c.policies)
		}
	case c.imports("passport-jwt") && len(n.kids) > 1:
		c.strategy(&p, n)
	}
	c.add(p)
}

// sign reads sign(claims, key, {expiresIn, algorithm}).
func (c *code) sign(p *Policy, n *node, up []*node) {
	key, options := n.argument(1, ""), n.argument(2, "")
	kind := purpose(c.around(up, key)...)
	p.Facts = append(p.Facts, Fact{Name: Mints, Bool: true, At: p.At})
	c.secretFact(p, key)
	given := c.resolved(options)
	switch {
	case options == nil, given != nil && given.kind == functionNode:
		c.withoutOptions(p, kind, n)
	case given.kind != mapNode:
		p.Lifetimes = append(p.Lifetimes, Lifetime{Kind: kind, Key: "expiresIn", State: Dynamic, Ref: c.short(options), Raw: c.raw(options), At: c.span(options)})
	default:
		c.signOptions(p, kind, given, func() { c.withoutOptions(p, kind, n) })
	}
}

// withoutOptions looks for the end of a token in its claims.
func (c *code) withoutOptions(p *Policy, kind Kind, n *node) {
	exp, none := c.expiry(n.argument(0, ""))
	switch {
	case exp != nil:
		p.Lifetimes = append(p.Lifetimes, c.expires(kind, exp))
	case none:
		p.Lifetimes = append(p.Lifetimes, Lifetime{Kind: kind, Key: "expiresIn", State: Unset, DefaultNever: true, At: p.At, Raw: c.short(n)})
	}
}

// signOptionKeys are those that sign takes; it throws for others.
func signOptionKeys() []string {
	return []string{"algorithm", "allowInsecureKeySizes", "allowInvalidAsymmetricKeyTypes", "audience", "encoding", "expiresIn", "header", "issuer", "jwtid", "keyid", "mutatePayload", "noTimestamp", "notBefore", "subject"}
}

// signOptions reads options; without a lifetime it calls without.
func (c *code) signOptions(p *Policy, kind Kind, options *node, without func()) {
	expires, more := options.pair("expiresIn")
	switch {
	case expires != nil:
		p.Lifetimes = append(p.Lifetimes, c.javaScriptLifetime(kind, expires))
	case !more && without != nil:
		without()
	}
	if n, _ := options.pair("algorithm"); n != nil {
		c.algorithmFact(p, n)
	}
	for _, pair := range options.kids {
		if pair.kind == pairNode && len(p.Invalid) < maxFaults && !slices.Contains(signOptionKeys(), pair.text) {
			if want := nearest(pair.text, signOptionKeys()); want != "" {
				p.Invalid = append(p.Invalid, Fault{At: c.span(pair), Raw: c.raw(pair), Problem: pair.text + " is no option of sign, which throws", Fix: want})
			}
		}
	}
}

func (c *code) algorithmFact(p *Policy, n *node) {
	if words, ok := c.words(n); ok && len(words) > 0 {
		p.Facts = append(p.Facts, Fact{Name: Algorithms, Words: words, At: c.span(n), Raw: c.raw(n)})
	}
}

func (c *code) secretFact(p *Policy, n *node) {
	if f, ok := c.secret(n); ok {
		p.Facts = append(p.Facts, f)
	}
}

// verify reads verify(token, key, {algorithms, ignoreExpiration}).
func (c *code) verify(p *Policy, token, key, options *node) {
	c.secretFact(p, key)
	c.tokenFrom(p, token)
	skips := Fact{Name: SkipsVerification, At: p.At}
	if given := c.resolved(options); given != nil && given.kind == mapNode {
		if n, _ := given.pair("algorithms"); n != nil {
			c.algorithmFact(p, n)
		}
		if n, _ := given.pair("ignoreExpiration"); n != nil {
			if v := c.value(n); v.kind == boolValue && v.truth && !v.dynamic {
				skips = Fact{Name: SkipsVerification, Bool: true, At: c.span(n), Raw: c.raw(n)}
				if n.kind == nameNode && n.text == "true" {
					skips.Write = func(string) string { return "false" }
				}
			}
		}
	}
	p.Facts = append(p.Facts, skips)
}

// tokenFrom adds that a token is taken from the address: req.query, handshake.query.
func (c *code) tokenFrom(p *Policy, token *node) {
	for range 4 {
		token = c.resolved(token)
		if token == nil {
			return
		}
		ofSocket := p.Product != SocketIO && token.any(func(n *node) bool { return n.kind == memberNode && n.text == "handshake" })
		if memberOf(token, "query", "searchParams") && !ofSocket {
			p.Facts = append(p.Facts, Fact{Name: TokenIn, Words: []string{"query"}, At: c.span(token), Raw: c.raw(token)})
			return
		}
		if token.kind != memberNode {
			return
		}
		token = token.kids[0]
	}
}

// memberOf says whether an expression reads a member of something that has one of the names.
func memberOf(n *node, names ...string) bool {
	return n.any(func(n *node) bool {
		return (n.kind == memberNode || n.kind == indexNode) && n.kids[0].kind == memberNode && slices.Contains(names, n.kids[0].text)
	})
}

// decodes reads decode(token). With complete, or beside a verify in the same function, it looks for the key to verify with.
func (c *code) decodes(p *Policy, n *node, up []*node) {
	if options := c.resolved(n.argument(1, "")); options != nil {
		if v, _ := options.pair("complete"); v != nil && c.value(v).truth {
			return
		}
	}
	for i := len(up) - 1; i >= 0; i-- {
		if up[i].kind == functionNode || i == 0 {
			beside, known := c.verified[up[i]]
			if !known {
				beside = up[i].any(func(n *node) bool { return n.kind == callNode && c.verifies(n) })
				c.verified[up[i]] = beside
			}
			if beside {
				return
			}
			break
		}
	}
	p.Facts = append(p.Facts, Fact{Name: SkipsVerification, Bool: true, At: p.At, Raw: c.short(n)})
}

// verifies says whether a call verifies a token.
func (c *code) verifies(n *node) bool {
	callee := c.called(n.kids[0])
	return strings.HasSuffix(callee, "jsonwebtoken.verify") || c.ofService(n.kids[0]) && strings.HasPrefix(lastName(n.kids[0]), "verify")
}
