package lint

import "strings"

// pyJWT reads calls of PyJWT and python-jose: encode without an end, decode without verifying.
func (c *code) pyJWT() {
	c.root.walk(func(n *node, up []*node) {
		if n.kind != callNode {
			return
		}
		callee, ok := strings.CutPrefix(c.called(n.kids[0]), "jose.")
		if !ok && !c.imports("jwt") {
			return
		}
		p := Policy{Product: PyJWT, Name: c.short(n.kids[0]), Source: c.source, At: c.span(n)}
		switch callee {
		case "jwt.encode":
			c.pyEncode(&p, n, up)
		case "jwt.decode":
			c.pyDecode(&p, n)
		}
		c.add(p)
	})
}

func (c *code) pyEncode(p *Policy, n *node, up []*node) {
	claims, key := n.argument(0, "payload"), n.argument(1, "key")
	if v, _ := n.pair("claims"); v != nil {
		claims = v
	}
	kind := purpose(c.around(up, key)...)
	exp, none := c.expiry(claims)
	switch {
	case exp != nil:
		p.Lifetimes = append(p.Lifetimes, c.expires(kind, exp))
	case none:
		p.Lifetimes = append(p.Lifetimes, Lifetime{Kind: kind, Key: "exp", State: Unset, DefaultNever: true, At: p.At, Raw: c.short(n)})
	}
	p.Facts = append(p.Facts, Fact{Name: Mints, Bool: true, At: p.At})
	c.pyAlgorithms(p, n.argument(2, "algorithm"))
	c.pySecret(p, key)
}

func (c *code) pyDecode(p *Policy, n *node) {
	if algorithms, _ := n.pair("algorithms"); algorithms != nil {
		c.pyAlgorithms(p, algorithms)
	} else {
		c.pyAlgorithms(p, n.argument(2, ""))
	}
	c.pySecret(p, n.argument(1, "key"))
	if v, _ := n.pair("verify"); v != nil && isNo(c.value(v)) {
		p.Facts = append(p.Facts, Fact{Name: SkipsVerification, Bool: true, At: c.span(v), Raw: c.raw(v), Write: func(string) string { return "True" }})
		return
	}
	options, _ := n.pair("options")
	options = c.resolved(options)
	off := false
	for _, key := range []string{"verify_signature", "verify_exp"} {
		if v, _ := options.pair(key); v != nil && isNo(c.value(v)) {
			p.Facts = append(p.Facts, Fact{Name: SkipsVerification, Bool: true, At: c.span(v), Raw: c.raw(v)})
			off = true
			break
		}
	}
	if !off {
		p.Facts = append(p.Facts, Fact{Name: SkipsVerification, At: p.At})
	}
}

func (c *code) pyAlgorithms(p *Policy, n *node) {
	if words, ok := c.words(n); ok && n != nil && len(words) > 0 {
		p.Facts = append(p.Facts, Fact{Name: Algorithms, Words: words, At: c.span(n), Raw: c.raw(n)})
	}
}

func (c *code) pySecret(p *Policy, n *node) {
	if f, ok := c.secret(n); ok {
		p.Facts = append(p.Facts, f)
	}
}
