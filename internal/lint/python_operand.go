package lint

import "strings"

// pythonWhole reads lambda, a conditional, and anything below.
func (p *parser) pythonWhole() *node {
	start := p.here()
	if p.accept("lambda") {
		for !p.end() && !p.is(lineToken) && !p.at(":") && !p.closes() {
			p.i++
		}
		p.accept(":")
		body := p.whole()
		if body == nil {
			return nil
		}
		return newNode(functionNode, "", start, body.end, body)
	}
	n := p.binary(1)
	if n == nil {
		return nil
	}
	switch {
	case p.at("if"):
		p.i++
		condition := p.binary(1)
		if condition == nil || !p.accept("else") {
			return n
		}
		other := p.whole()
		if other == nil {
			return n
		}
		return newNode(choiceNode, "", start, other.end, condition, n, other)
	case p.at(":="):
		p.i++
		if v := p.whole(); v != nil {
			return newNode(assignNode, "=", start, v.end, n, v)
		}
	}
	return n
}

// pythonOperand reads a literal, a name, or what stands in brackets.
func (p *parser) pythonOperand() *node {
	if p.end() {
		return nil
	}
	t := p.tokens[p.i]
	raw := p.text[t.start:t.end]
	switch {
	case t.kind == nameToken && !pythonKeyword(raw):
		p.i++
		return newNode(nameNode, raw, t.start, t.end)
	case t.kind == numberToken:
		p.i++
		return newNode(numberNode, raw, t.start, t.end)
	case t.kind == textToken:
		return p.pythonTexts()
	case t.kind == opaqueToken:
		p.i++
		return newNode(otherNode, "", t.start, t.end)
	case p.accept("("):
		kids := p.list(")", p.pythonElement)
		if len(kids) == 1 && p.text[p.tokens[p.i-2].start] != ',' {
			return kids[0]
		}
		return newNode(listNode, "", t.start, p.last(), kids...)
	case p.accept("["):
		return newNode(listNode, "", t.start, p.last(), p.list("]", p.pythonElement)...).upTo(p)
	case p.accept("{"):
		return newNode(mapNode, "", t.start, p.last(), p.list("}", p.pythonElement)...).upTo(p)
	}
	return nil
}

// upTo ends a node where the last token does.
func (n *node) upTo(p *parser) *node {
	n.end = p.last()
	return n
}

// pythonTexts reads strings that stand side by side, which are one.
func (p *parser) pythonTexts() *node {
	start := p.here()
	var b strings.Builder
	for p.is(textToken) {
		b.WriteString(pythonText(p.text[p.tokens[p.i].start:p.tokens[p.i].end]))
		p.i++
	}
	if p.is(opaqueToken) {
		p.i++
		return newNode(otherNode, "", start, p.last())
	}
	return newNode(textNode, b.String(), start, p.last())
}

// pythonElement is one of a list, a set or a dictionary: a value, or key: value. The rest of a comprehension is stepped over.
func (p *parser) pythonElement() *node {
	if p.at("for", "async") {
		p.accept("async")
		p.accept("for")
		return p.pythonTargets("in")
	}
	n := p.whole()
	if n == nil || !p.at(":") {
		return n
	}
	p.i++
	v := p.whole()
	if v == nil {
		return n
	}
	key := ""
	if n.kind == textNode {
		key = n.text
	}
	return newNode(pairNode, key, n.start, v.end, v)
}
