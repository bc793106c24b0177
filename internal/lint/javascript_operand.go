package lint

import "slices"

// javaScriptOperand reads a literal, a name, or what stands in brackets.
func (p *parser) javaScriptOperand() *node {
	if p.end() {
		return nil
	}
	t := p.tokens[p.i]
	raw := p.text[t.start:t.end]
	switch {
	case t.kind == nameToken && !javaScriptKeyword(raw):
		p.i++
		return newNode(nameNode, raw, t.start, t.end)
	case t.kind == nameToken && (raw == "import" || raw == "class" || raw == "function"):
		if raw != "import" {
			return p.wholeFrom(raw)
		}
		p.i++
		return newNode(nameNode, raw, t.start, t.end)
	case t.kind == numberToken:
		p.i++
		return newNode(numberNode, raw, t.start, t.end)
	case t.kind == textToken:
		p.i++
		return newNode(textNode, javaScriptText(raw), t.start, t.end)
	case t.kind == opaqueToken:
		p.i++
		return newNode(otherNode, "", t.start, t.end)
	case t.kind == templateToken:
		return p.template()
	case p.accept("("):
		return p.group(t.start)
	case p.accept("["):
		return newNode(listNode, "", t.start, t.end, p.list("]", p.element)...).upTo(p)
	case p.accept("{"):
		return newNode(mapNode, "", t.start, t.end, p.list("}", p.property)...).upTo(p)
	}
	return nil
}

// wholeFrom reads a function or a class that stands as a value.
func (p *parser) wholeFrom(word string) *node {
	if word == "function" {
		return p.whole()
	}
	start := p.here()
	for !p.end() && !p.at("{") && !p.closes() {
		p.i++
	}
	body := p.block()
	return newNode(otherNode, "", start, body.end, body)
}

// group reads what stands in parentheses: an expression, or the parameters of an arrow function.
func (p *parser) group(start int) *node {
	kids := p.list(")", p.element)
	if p.types && p.at(":") {
		before := p.i
		p.i++
		p.skipType()
		if !p.at("=>") {
			p.i = before
		}
	}
	if len(kids) == 1 && !p.at("=>") {
		return kids[0]
	}
	return newNode(listNode, "", start, p.last(), kids...)
}

// template reads one with substitutions.
func (p *parser) template() *node {
	start := p.here()
	var kids []*node
	for p.is(templateToken) || p.is(middleToken) {
		p.i++
		kids = append(kids, p.list("", p.whole)...)
	}
	if p.is(tailToken) {
		p.i++
	}
	return newNode(otherNode, "", start, p.last(), kids...)
}

// property is one of an object: key: value, a shorthand, a method, or ...value.
func (p *parser) property() *node {
	if p.at("...") {
		return p.unary()
	}
	for p.at("get", "set", "async", "static", "*") && !slices.Contains([]string{":", "(", ",", "}", "="}, p.word(1)) {
		p.i++
	}
	if p.end() {
		return nil
	}
	t := p.tokens[p.i]
	raw := p.text[t.start:t.end]
	key := raw
	switch {
	case t.kind == textToken:
		key = javaScriptText(raw)
	case raw == "[":
		p.i++
		p.list("]", p.whole)
		p.i--
		key = ""
	case t.kind != nameToken && t.kind != numberToken:
		return nil
	}
	p.i++
	v := newNode(nameNode, raw, t.start, t.end)
	switch {
	case p.accept(":"):
		if v = p.whole(); v == nil {
			return nil
		}
	case p.accept("("):
		parameters := p.list(")", p.element)
		if p.accept(":") {
			p.skipType()
		}
		v = p.function(key, t.start, parameters)
	case p.accept("="): // a default, where an object is taken apart
		p.whole()
	}
	return newNode(pairNode, key, t.start, max(v.end, t.end), v)
}

// javaScriptPostfix reads what stands behind an operand in JavaScript and TypeScript alone; nil for nothing.
func (p *parser) javaScriptPostfix(n *node) *node {
	switch {
	case p.at("++", "--") && !p.tokens[p.i].broken:
		p.i++
		return newNode(assignNode, "+=", n.start, p.last(), n, n)
	case p.is(templateToken):
		t := p.template()
		return newNode(otherNode, "", n.start, t.end, n, t)
	case p.at("!") && !p.tokens[p.i].broken:
		p.i++
		return n
	case p.types && p.at("as", "satisfies") && !p.tokens[p.i].broken:
		p.i++
		p.skipType()
		return n
	case p.types && p.at("<") && (n.kind == nameNode || n.kind == memberNode):
		before := p.i
		p.skipGenerics()
		if p.at("(") && p.i > before {
			return n
		}
		p.i = before
	}
	return nil
}
