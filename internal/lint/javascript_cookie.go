package lint

import (
	"strings"
	"time"
)

// cookies reads cookie(name, token, {...}) where it is about tokens, into the policy of the token where that is made here.
func (c *code) cookies(signed map[int]int) {
	c.root.walk(func(n *node, _ []*node) {
		if n.kind != callNode || lastName(n.kids[0]) != "cookie" || len(n.arguments()) < 2 {
			return
		}
		name, token := c.value(n.argument(0, "")), n.argument(1, "")
		words := strings.ToLower(name.text + " " + c.short(token))
		if !strings.Contains(words, "token") && !strings.Contains(words, "jwt") || strings.Contains(words, "csrf") || strings.Contains(words, "xsrf") {
			return
		}
		p := &Policy{Product: NodeJWT, Name: "cookie " + name.text, Source: c.source, At: c.span(n)}
		kind := purpose(words)
		if i, ok := signed[c.start(token)]; ok && i < len(c.policies) {
			p = &c.policies[i]
			if len(p.Lifetimes) > 0 {
				kind = p.Lifetimes[0].Kind
			}
		}
		options := c.resolved(n.argument(2, ""))
		if options == nil || options.kind == mapNode {
			c.cookie(p, kind, name, n, options)
		}
		if p.Name == "cookie "+name.text {
			c.add(*p)
		}
	})
}

// start is where the call begins whose value an expression is; -1 for none.
func (c *code) start(n *node) int {
	if n = c.resolved(n); n != nil && n.kind == callNode {
		return n.start
	}
	return -1
}

// cookie adds the flags and the lifetime of a cookie. A flag that is not known before it runs is none.
func (c *code) cookie(p *Policy, kind Kind, name value, call, options *node) {
	at := c.span(call)
	for _, flag := range []struct {
		name Name
		key  string
	}{{CookieSecure, "secure"}, {CookieHTTPOnly, "httpOnly"}} {
		n, more := options.pair(flag.key)
		switch v := c.value(n); {
		case n == nil && !more:
			p.Facts = append(p.Facts, Fact{Name: flag.name, Unset: true, At: at})
		case v.kind == boolValue && !v.dynamic:
			f := Fact{Name: flag.name, Bool: v.truth, At: c.span(n), Raw: c.raw(n)}
			if n.text == "false" {
				f.Write = func(text string) string { return text }
			}
			p.Facts = append(p.Facts, f)
		}
	}
	n, more := options.pair("sameSite")
	switch v := c.value(n); {
	case n == nil && !more:
		p.Facts = append(p.Facts, Fact{Name: CookieSameSite, Unset: true, At: at})
	case v.kind == boolValue && v.truth && !v.dynamic:
		p.Facts = append(p.Facts, Fact{Name: CookieSameSite, Text: "strict", At: c.span(n), Raw: c.raw(n)})
	case n != nil && !v.dynamic:
		p.Facts = append(p.Facts, Fact{Name: CookieSameSite, Text: v.text, At: c.span(n), Raw: c.raw(n)})
	}
	if name.kind == textValue && !name.dynamic && name.node != nil {
		p.Facts = append(p.Facts, Fact{Name: CookieName, Text: name.text, At: c.span(name.node), Raw: c.raw(name.node)})
	}
	cookieKind := Cookie
	if kind == Refresh {
		cookieKind = RefreshCookie
		path, more := options.pair("path")
		switch v := c.value(path); {
		case path == nil && !more:
			p.Facts = append(p.Facts, Fact{Name: CookiePath, Text: "/", Unset: true, At: at})
		case v.kind == textValue && !v.dynamic:
			p.Facts = append(p.Facts, Fact{Name: CookiePath, Text: v.text, At: c.span(path), Raw: c.raw(path)})
		}
	}
	c.cookieAge(p, cookieKind, options)
}

// cookieAge reads maxAge, in milliseconds.
func (c *code) cookieAge(p *Policy, kind Kind, options *node) {
	n, _ := options.pair("maxAge")
	v := c.value(n)
	if v.kind != numberValue || v.dynamic || v.number <= 0 {
		return
	}
	l := Lifetime{Kind: kind, Key: "maxAge", State: Literal, Value: ofSeconds(v.number / 1000), Unit: time.Millisecond, Number: int64(v.number), At: c.span(n), Raw: c.raw(n), Comment: c.comment(n)}
	if !v.named {
		l.Write = func(d time.Duration) string { return countOf(d, time.Millisecond) }
	}
	p.Lifetimes = append(p.Lifetimes, l)
}
