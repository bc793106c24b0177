package lint

import "strings"

// sockets reads how the tokens of socket.io connections are looked at: in a middleware, or when one connects, and never again.
func (c *code) sockets() {
	if !c.imports("socket.io") {
		return
	}
	ends := c.root.any(func(n *node) bool { return n.kind == callNode && c.timer(n) && n.any(disconnects) })
	told := false
	c.root.walk(func(n *node, _ []*node) {
		if told || n.kind != callNode || !c.handshake(n) {
			return
		}
		token, ok := c.verifiesWithin(n, 20)
		if !ok {
			return
		}
		told = true
		p := Policy{Product: SocketIO, Name: c.short(n.kids[0]), Source: c.source, At: c.span(n.kids[0])}
		p.Facts = append(p.Facts, Fact{Name: HandshakeOnly, Bool: !ends && !c.rechecks(), At: p.At, Raw: c.raw(n.kids[0])})
		c.tokenFrom(&p, token)
		c.handshakeQuery(&p, n)
		c.add(p)
	})
}

// handshake says whether a call sets what runs when a socket connects: io.use(...), io.on("connection", ...).
func (c *code) handshake(n *node) bool {
	f := n.kids[0]
	if f.kind != memberNode || !c.server(f.kids[0], 8) {
		return false
	}
	event := c.value(n.argument(0, "")).text
	return f.text == "use" || f.text == "on" && (event == "connection" || event == "connect")
}

// server says whether an expression is a server of socket.io, or a namespace of one.
func (c *code) server(n *node, depth int) bool {
	if n == nil || depth == 0 {
		return false
	}
	switch n.kind {
	case nameNode:
		if r := c.resolved(n); r != n && c.server(r, depth-1) {
			return true
		}
		return n.text == "io" || c.origin[n.text] == "socket.io"
	case callNode:
		callee := c.called(n.kids[0])
		return strings.HasPrefix(callee, "socket.io") || n.kids[0].kind == memberNode && n.kids[0].text == "of" && c.server(n.kids[0].kids[0], depth-1) ||
			n.kids[0].kind == callNode && c.server(n.kids[0], depth-1) || callee == "require"
	case memberNode:
		return n.text == "io" || n.text == "sockets" && c.server(n.kids[0], depth-1)
	}
	return false
}

// verifiesWithin says whether a token is verified in a call's functions, or in those of this file that they call; and what the token is.
func (c *code) verifiesWithin(n *node, depth int) (token *node, ok bool) {
	ok = n.any(func(inner *node) bool {
		switch {
		case inner.kind == callNode && c.verifies(inner):
			token = inner.argument(0, "")
			if token == nil {
				token = inner
			}
		case inner.kind == nameNode && depth > 0:
			token = c.reach(inner.text, depth-1)
		}
		return token != nil
	})
	return token, ok
}

// reach is what the function of a name verifies, in the end; nil for nothing.
func (c *code) reach(name string, depth int) *node {
	token, known := c.reaches[name]
	if !known {
		c.reaches[name] = nil // a function that calls itself
		if body := c.body(name); body != nil {
			token, _ = c.verifiesWithin(body, depth)
		}
		c.reaches[name] = token
	}
	return token
}

// body is the function of a name; nil for none.
func (c *code) body(name string) *node {
	if values := c.assigned[name]; len(values) == 1 && values[0] != nil && values[0].kind == functionNode {
		return values[0]
	}
	return c.functions()[name]
}

// functions are those that are declared, by name.
func (c *code) functions() map[string]*node {
	if c.declared == nil {
		c.declared = map[string]*node{}
		c.root.walk(func(n *node, _ []*node) {
			if n.kind == functionNode && n.text != "" {
				c.declared[n.text] = n
			}
		})
	}
	return c.declared
}

// timer says whether a call sets a timer.
func (c *code) timer(n *node) bool {
	name := lastName(n.kids[0])
	return name == "setTimeout" || name == "setInterval" || name == "schedule"
}

// disconnects says whether a node closes a connection.
func disconnects(n *node) bool {
	return n.kind == memberNode && (n.text == "disconnect" || n.text == "disconnectSockets" || n.text == "close")
}

// rechecks says whether a token is verified on the open connection: in socket.use, or for an event other than those of the connection.
func (c *code) rechecks() bool {
	return c.root.any(func(n *node) bool {
		if n.kind != callNode || n.kids[0].kind != memberNode || n.kids[0].kids[0].kind != nameNode || c.server(n.kids[0].kids[0], 8) || !strings.Contains(strings.ToLower(n.kids[0].kids[0].text), "sock") {
			return false
		}
		switch n.kids[0].text {
		case "use", "on", "onAny":
			_, ok := c.verifiesWithin(n, 20)
			return ok
		}
		return false
	})
}

// handshakeQuery finds handshake.query.token.
func (c *code) handshakeQuery(p *Policy, n *node) {
	if _, ok := p.Fact(TokenIn); ok {
		return
	}
	n.walk(func(n *node, _ []*node) {
		if n.kind != memberNode || !strings.Contains(strings.ToLower(n.text), "token") || n.kids[0].kind != memberNode || n.kids[0].text != "query" || n.kids[0].kids[0].kind != memberNode || n.kids[0].kids[0].text != "handshake" {
			return
		}
		if _, ok := p.Fact(TokenIn); !ok {
			p.Facts = append(p.Facts, Fact{Name: TokenIn, Words: []string{"query"}, At: c.span(n), Raw: c.raw(n)})
		}
	})
}
