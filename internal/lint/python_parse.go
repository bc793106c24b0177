package lint

import "strings"

// pythonBlock is a class or a function whose lines are being read.
type pythonBlock struct {
	indent int
	node   *node
	body   *node
}

// maxIndents is how deep blocks can stand in each other: Python's own limit.
const maxIndents = 100

// parsePython makes the tree of a program.
func parsePython(c *code) (err error) {
	t := pythonTokens{text: c.text}
	t.all()
	c.comments = t.comments
	if t.problem != "" {
		err = c.unreadable(t.i, t.problem)
	}
	p := &parser{text: c.text, tokens: t.tokens, deep: -1, python: true, origin: c.origin}
	c.root = &node{kind: blockNode, end: len(c.text)}
	blocks := []pythonBlock{{indent: -1, body: c.root}}
	for !p.end() {
		if p.is(lineToken) {
			p.i++
			continue
		}
		start := p.i
		indent := indentation(c.text, p.here())
		for len(blocks) > 1 && indent <= blocks[len(blocks)-1].indent {
			blocks = blocks[:len(blocks)-1]
		}
		inner := p.pythonLine()
		top := blocks[len(blocks)-1].body
		top.kids = append(top.kids, inner...)
		if len(inner) > 0 && p.i > start {
			if n := inner[len(inner)-1]; n.kind == classNode || n.kind == functionNode {
				if len(blocks) > maxIndents {
					return c.unreadable(n.start, "is nested deeper than Python itself allows")
				}
				blocks = append(blocks, pythonBlock{indent, n, n.kids[len(n.kids)-1]})
			}
		}
		for i := range blocks[1:] {
			blocks[i+1].node.end, blocks[i+1].body.end = p.last(), p.last()
		}
	}
	if p.deep >= 0 {
		return c.unreadable(p.deep, "is nested deeper than 200 levels")
	}
	return err
}

// indentation is the column of a line's first token, with tabs to the next multiple of eight.
func indentation(text string, at int) int {
	begin := strings.LastIndexAny(text[:at], "\r\n") + 1
	column := 0
	for _, c := range text[begin:at] {
		if c == '\t' {
			column += 8 - column%8
		} else {
			column++
		}
	}
	return column
}

func pythonKeyword(word string) bool {
	switch word {
	case "if", "elif", "else", "while", "for", "in", "try", "except", "finally", "with", "as", "return", "yield", "raise", "from", "import", "global", "nonlocal",
		"assert", "del", "pass", "break", "continue", "async", "def", "class", "is", "and", "or", "not", "lambda":
		return true
	}
	return false
}

// pythonLine reads a logical line: its statements, and in a class or def line its expressions before the node itself, which is last.
func (p *parser) pythonLine() []*node {
	if p.at("async") && p.word(1) == "def" {
		p.i++
	}
	switch {
	case p.at("import", "from"):
		p.pythonImport()
		return nil
	case p.at("class", "def"):
		return p.pythonBlockLine()
	}
	var all []*node
	for first := true; !p.end() && !p.is(lineToken); first = false {
		before := p.i
		switch {
		case pythonKeyword(p.word(0)) && !p.at("lambda", "not"):
			loop := p.at("for")
			p.i++
			if loop {
				all = append(all, p.pythonTargets("in"))
			}
			continue
		case p.at(":") && first, p.at(";", ",", ":", "@", "->"):
			p.i++
			continue
		}
		n := p.whole()
		if n == nil {
			if p.i == before {
				p.i++
			}
			continue
		}
		if first && n.kind == nameNode && p.at(":") { // X: int = 5
			p.i++
			p.whole()
		}
		all = append(all, p.pythonAssignments(n)...)
	}
	return all
}

// pythonTargets are the names that a loop gives values.
func (p *parser) pythonTargets(until string) *node {
	start := p.here()
	var names []*node
	for !p.end() && !p.is(lineToken) && !p.at(until) && !p.closes() {
		if p.is(nameToken) {
			names = append(names, newNode(nameNode, p.word(0), p.here(), p.here()+len(p.word(0))))
		}
		p.i++
	}
	target := newNode(listNode, "", start, p.last(), names...)
	return newNode(assignNode, "=", start, p.last(), target, newNode(otherNode, "", start, start))
}

// pythonAssignments reads a = b = value, and a += value.
func (p *parser) pythonAssignments(n *node) []*node {
	targets := []*node{n}
	operator := ""
	for {
		word := p.word(0)
		if word == "" || !strings.HasSuffix(word, "=") || word == "==" || word == "!=" || word == "<=" || word == ">=" || word == ":=" {
			break
		}
		p.i++
		operator = word
		v := p.whole()
		if v == nil {
			break
		}
		targets = append(targets, v)
		for p.at(",") { // a tuple without brackets
			p.i++
			next := p.whole()
			if next == nil {
				break
			}
			targets[len(targets)-1] = newNode(listNode, "", v.start, next.end, targets[len(targets)-1], next)
		}
	}
	if len(targets) == 1 {
		return targets
	}
	v := targets[len(targets)-1]
	var all []*node
	for _, target := range targets[:len(targets)-1] {
		all = append(all, newNode(assignNode, operator, target.start, v.end, target, v))
	}
	return all
}

// pythonBlockLine reads class X(A, B): and def x(a, b=1) -> T:, and what stands behind the colon on the same line.
func (p *parser) pythonBlockLine() []*node {
	defer func() { p.depth-- }()
	if !p.nested() {
		return nil
	}
	start := p.here()
	kind := classNode
	if p.at("def") {
		kind = functionNode
	}
	p.i++
	name := p.word(0)
	p.i++
	var kids []*node
	if p.accept("[") { // type parameters
		p.list("]", p.whole)
	}
	if p.accept("(") {
		kids = p.list(")", p.parameter)
	}
	if kind == functionNode {
		for i, kid := range kids {
			if kid.kind == pairNode {
				kids[i] = newNode(nameNode, kid.text, kid.start, kid.start+len(kid.text))
			}
		}
	}
	for !p.end() && !p.is(lineToken) && !p.at(":") {
		p.i++
	}
	p.accept(":")
	body := &node{kind: blockNode, start: p.here(), end: p.here()}
	if !p.end() && !p.is(lineToken) {
		body.kids = p.pythonLine()
	}
	n := newNode(kind, name, start, p.last(), append(kids, body)...)
	if len(n.kids) == 0 { // it was too high
		n.kind, n.kids = otherNode, nil
	}
	return []*node{n}
}

// pythonImport learns what names are imported.
func (p *parser) pythonImport() {
	from := p.accept("from")
	if !from {
		p.i++
	}
	module := ""
	if from {
		module = p.dotted()
		p.accept("import")
	}
	p.accept("(")
	for !p.end() && !p.is(lineToken) {
		name := p.dotted()
		if name == "" {
			p.i++
			continue
		}
		local, _, _ := strings.Cut(name, ".")
		origin := local
		if from {
			origin = module + "." + name
		}
		if p.accept("as") {
			local, origin = p.word(0), name
			if from {
				origin = module + "." + name
			}
			p.i++
		}
		p.origin[local] = origin
	}
}

func (p *parser) dotted() string {
	var b strings.Builder
	for !p.end() && (p.is(nameToken) && !p.at("import", "as") || p.at(".", "...")) {
		b.WriteString(p.word(0))
		p.i++
		if p.is(nameToken) && !strings.HasSuffix(b.String(), ".") {
			break
		}
	}
	return b.String()
}
