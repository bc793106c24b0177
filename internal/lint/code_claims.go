package lint

import (
	"slices"
	"strings"
)

// expiry finds the claim exp of a token's claims. none says that there is surely none; else, without a node, nobody knows.
func (c *code) expiry(claims *node) (exp *node, none bool) {
	if claims == nil {
		return nil, false
	}
	if claims.kind == nameNode {
		if given := c.assigned[claims.text+".exp"]; len(given) > 0 {
			return given[0], false
		}
		values := c.assigned[claims.text]
		if len(values) == 1 {
			if v := c.resolved(claims); v.kind != nameNode { // else it is a parameter, or made of itself
				return c.expiry(v)
			}
			return nil, false
		}
		for _, v := range values[:min(len(values), 20)] {
			if v == nil || v.kind == nameNode {
				return nil, false
			}
			if _, none := c.expiry(v); !none {
				return nil, false
			}
		}
		return nil, len(values) > 0
	}
	if claims.kind != mapNode && (claims.kind != callNode || !c.python || c.called(claims.kids[0]) != "dict" || len(claims.arguments()) > 0) {
		return nil, false
	}
	exp, more := claims.pair("exp")
	return exp, exp == nil && !more
}

// expires is the lifetime that a claim exp gives: a point in time, some time from now.
func (c *code) expires(kind Kind, exp *node) Lifetime {
	v := c.value(exp)
	l := Lifetime{Kind: kind, Key: "exp", At: c.span(exp), Raw: c.raw(exp), Comment: c.comment(exp), State: Dynamic, Ref: v.ref, FromRequest: v.request}
	if l.Ref == "" {
		l.Ref = c.short(exp)
	}
	switch {
	case v.request:
	case v.kind == momentValue && v.scale > 1: // milliseconds where seconds are read: tens of thousands of years
		l.State = Never
	case v.kind == momentValue && !v.dynamic:
		l.State, l.Value = Literal, ofSeconds(v.number+v.duration.Seconds())
	case v.kind == momentValue:
		l.HasFallback, l.Value = true, ofSeconds(v.number+v.duration.Seconds())
	case v.kind == numberValue && !v.dynamic && v.number < 1e9:
		l.State, l.Problem = Wrong, "is a point in time, in seconds since 1970, and not a lifetime: this token has expired when it is made"
	case v.kind == durationValue && !v.dynamic:
		l.State, l.Problem = Wrong, "is a point in time, and not a lifetime: add it to the time now"
	}
	return l
}

// purpose guesses what a token is for from the names around it, the nearest first.
func purpose(words ...string) Kind {
	for _, word := range words {
		word = strings.ToLower(word)
		switch {
		case strings.Contains(word, "access"):
			return Access
		case strings.Contains(word, "refresh"), word == "rt":
			return Refresh
		case slices.ContainsFunc([]string{"reset", "verif", "invit", "activat", "confirm", "magic", "unsubscribe"}, func(s string) bool { return strings.Contains(word, s) }):
			return ActionToken
		}
	}
	return Access
}

// around are the names that say what a token made here is for: of the variable or key that takes it, of its secret, of the function it is made in.
func (c *code) around(up []*node, secret *node) []string {
	var words []string
	for i := len(up) - 1; i >= 0 && i >= len(up)-8; i-- {
		n := up[i]
		switch n.kind {
		case assignNode:
			words = append(words, c.short(n.kids[0]))
		case pairNode:
			words = append(words, n.text)
		case functionNode, blockNode:
			i = 0
		}
	}
	if secret != nil {
		words = append(words, c.short(secret))
	}
	for i := len(up) - 1; i >= 0; i-- {
		if up[i].kind != functionNode {
			continue
		}
		name := up[i].text
		if name == "" && i > 0 && (up[i-1].kind == assignNode || up[i-1].kind == pairNode) {
			name = up[i-1].text
			if up[i-1].kind == assignNode {
				name = c.short(up[i-1].kids[0])
			}
		}
		name = strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
		if slices.ContainsFunc([]string{"generate", "create", "sign", "make", "issue", "get", "new", "build", "gen"}, func(s string) bool { return strings.HasPrefix(name, s) }) {
			words = append(words, name)
		}
	}
	return words
}

// beside tells the policies that make refresh tokens how long access tokens live that this program makes in other calls: of several the shortest,
// since not every token without another name is one; nothing where one of them is not known.
func (c *code) beside() {
	shortest, unknown := map[Product]*Lifetime{}, map[Product]bool{}
	for i := range c.policies {
		p := &c.policies[i]
		for _, l := range p.of(Access) {
			d, ok := l.written()
			unknown[p.Product] = unknown[p.Product] || !ok
			if before := shortest[p.Product]; before == nil || d < before.Value {
				shortest[p.Product] = &Lifetime{Kind: Access, Key: l.Key, State: l.State, Value: d, HasFallback: l.HasFallback}
			}
		}
	}
	for i := range c.policies {
		p := &c.policies[i]
		if len(p.of(Refresh)) > 0 && len(p.of(Access)) == 0 && !unknown[p.Product] {
			p.Beside = shortest[p.Product]
		}
	}
}
