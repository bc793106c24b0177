package lint

import "strings"

// parseJavaScript makes the tree of a program.
func parseJavaScript(c *code) error {
	tokens, problem, at := javaScriptTokens(c)
	p := &parser{text: c.text, tokens: tokens, deep: -1, types: hasSuffix(c.source.Name, "ts", ".tsx"), origin: c.origin}
	var kids []*node
	for !p.end() { // a bracket too many does not end the program
		kids = append(kids, p.statements()...)
		p.i++
	}
	c.root = newNode(blockNode, "", 0, len(c.text), kids...)
	switch {
	case p.deep >= 0:
		return c.unreadable(p.deep, "is nested deeper than 200 levels")
	case problem != "":
		return c.unreadable(at, problem)
	}
	return nil
}

func javaScriptKeyword(word string) bool {
	switch word {
	case "if", "else", "for", "while", "do", "return", "const", "let", "var", "export", "default", "class", "extends", "try", "catch", "finally", "switch", "case",
		"throw", "break", "continue", "import", "function", "in", "instanceof", "debugger", "enum", "with":
		return true
	}
	return false
}

// statements reads up to what closes the block, or the end.
func (p *parser) statements() []*node {
	var all []*node
	for !p.closes() {
		before := p.i
		if n := p.statement(); n != nil {
			all = append(all, n...)
		}
		if p.i == before {
			p.i++
		}
	}
	return all
}

// block reads { statements }.
func (p *parser) block() *node {
	defer func() { p.depth-- }()
	start := p.here()
	if !p.nested() || !p.accept("{") {
		return newNode(blockNode, "", start, start)
	}
	kids := p.statements()
	p.accept("}")
	return newNode(blockNode, "", start, p.last(), kids...)
}

// statement reads one, or a part of one that can stand by itself.
func (p *parser) statement() []*node {
	switch {
	case p.at("{"):
		return []*node{p.block()}
	case p.at("const", "let", "var"):
		return p.declaration()
	case p.at("import") && p.word(1) != "(" && p.word(1) != ".":
		return p.javaScriptImport()
	case p.at("function"):
		return []*node{p.whole()}
	case p.at("=>") && p.word(1) == "{":
		p.i++
		return []*node{p.block()}
	case p.at("return", "throw", "default") && p.i+1 < len(p.tokens) && !p.tokens[p.i+1].broken:
		p.i++
		if n := p.whole(); n != nil {
			return []*node{n}
		}
		return nil
	case javaScriptKeyword(p.word(0)), p.at(";", ","):
		p.i++
		return nil
	}
	n := p.whole()
	if n == nil {
		return nil
	}
	before := p.i
	switch {
	case n.kind == nameNode && p.accept(":"): // a property with a type, or a label
		p.skipType()
		if !p.accept("=") {
			p.i = before + 1
			return []*node{n}
		}
		if v := p.whole(); v != nil {
			n = newNode(assignNode, "=", n.start, v.end, n, v)
		}
	case n.kind == callNode && p.at("{") && !p.tokens[p.i].broken, n.kind == callNode && p.at(":"):
		if p.accept(":") {
			p.skipType()
		}
		if !p.at("{") {
			p.i = before
			return []*node{n}
		}
		n = p.function(lastName(n.kids[0]), n.start, n.kids[1:])
	}
	return []*node{n}
}

// lastName is what a callee ends with.
func lastName(n *node) string {
	if n.kind == nameNode || n.kind == memberNode {
		return n.text
	}
	return ""
}

// function makes one of its parameters, with the body that comes.
func (p *parser) function(name string, start int, parameters []*node) *node {
	body := p.block()
	return newNode(functionNode, name, start, body.end, append(append([]*node{}, parameters...), body)...)
}

// declaration reads const a = 1, {b, c: d} = value, e: T = 2.
func (p *parser) declaration() []*node {
	p.i++
	var all []*node
	for {
		target := p.unary()
		if target == nil {
			return all
		}
		if p.accept(":") {
			p.skipType()
		}
		v := newNode(otherNode, "", target.end, target.end)
		if p.accept("=") {
			if w := p.whole(); w != nil {
				v = w
			}
		} else if p.at("of", "in") {
			p.i++
		}
		all = append(all, newNode(assignNode, "=", target.start, max(v.end, target.end), target, v))
		if !p.accept(",") {
			return all
		}
	}
}

// javaScriptImport learns what names are imported: default, * as, and those in braces.
func (p *parser) javaScriptImport() []*node {
	start := p.i
	p.i++
	braces := false
	locals := map[string]string{} // local name -> name in the module; "" for the module itself
	for range 2000 {
		if p.end() || p.at(";") || p.is(textToken) {
			break
		}
		name := p.word(0)
		switch {
		case name == "from", name == "type" && p.word(1) != "," && p.word(1) != "}":
		case name == "*" && p.word(1) == "as":
			p.i += 2
			locals[p.word(0)] = ""
		case name == "=" && p.word(1) == "require":
			p.i += 2
		case p.is(nameToken) && p.word(1) == "as":
			locals[p.word(2)] = name
			p.i += 2
		case name == "{", name == "}":
			braces = name == "{"
		case p.is(nameToken) && braces:
			locals[name] = name
		case p.is(nameToken):
			locals[name] = ""
		}
		p.i++
	}
	if !p.is(textToken) {
		p.i = start + 1
		return nil
	}
	module := javaScriptText(p.text[p.here():p.tokens[p.i].end])
	p.i++
	for local, name := range locals {
		p.origin[local] = module
		if name != "" && name != "default" {
			p.origin[local] = module + "." + name
		}
	}
	return nil
}

// javaScriptWhole reads a conditional, an assignment, an arrow function, and anything below.
func (p *parser) javaScriptWhole() *node {
	start := p.here()
	if p.at("async") && p.word(1) == "function" {
		p.i++
	}
	if p.accept("function") {
		p.accept("*")
		name := ""
		if p.is(nameToken) {
			name = p.word(0)
			p.i++
		}
		p.skipGenerics()
		var parameters []*node
		if p.accept("(") {
			parameters = p.list(")", p.element)
		}
		if p.accept(":") {
			p.skipType()
		}
		return p.postfix(p.function(name, start, parameters))
	}
	n := p.binary(1)
	if n == nil {
		return nil
	}
	switch word := p.word(0); {
	case word == "?":
		p.i++
		then := p.whole()
		if then == nil || !p.accept(":") {
			return n
		}
		other := p.whole()
		if other == nil {
			return n
		}
		return newNode(choiceNode, "", start, other.end, n, then, other)
	case word == "=>":
		p.i++
		return p.arrow(n)
	case word == "=", len(word) > 1 && strings.HasSuffix(word, "=") && !strings.Contains("== === != !== <= >=", word):
		p.i++
		if v := p.whole(); v != nil {
			return newNode(assignNode, word, start, v.end, n, v)
		}
	}
	return n
}

// arrow reads the body of an arrow function.
func (p *parser) arrow(parameters *node) *node {
	all := []*node{parameters}
	switch parameters.kind {
	case listNode:
		all = parameters.kids
	case callNode: // async (x) =>
		all = parameters.kids[1:]
	}
	if p.at("{") {
		return p.function("", parameters.start, all)
	}
	body := p.whole()
	if body == nil {
		return parameters
	}
	return newNode(functionNode, "", parameters.start, body.end, append(append([]*node{}, all...), body)...)
}

// element is an argument, a parameter, or one of a list: with a type where it has one.
func (p *parser) element() *node {
	if p.at("const", "let", "var") {
		if all := p.declaration(); len(all) > 0 {
			return newNode(otherNode, "", all[0].start, p.last(), all...)
		}
		return nil
	}
	if p.at("=>") && p.word(1) == "{" {
		p.i++
		return p.block()
	}
	n := p.whole()
	if n != nil && p.types && p.at(":", "?") && (n.kind == nameNode || n.kind == mapNode) {
		p.accept("?")
		p.accept(":")
		p.skipType()
		if p.accept("=") {
			if v := p.whole(); v != nil {
				return newNode(assignNode, "=", n.start, v.end, n, v)
			}
		}
	}
	return n
}
