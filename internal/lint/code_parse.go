package lint

// tokenKind is what a token is.
type tokenKind uint8

const (
	signToken tokenKind = iota // an operator or a bracket
	nameToken                  // a name or a keyword
	numberToken
	textToken
	opaqueToken   // a text that is not known before it runs, a regular expression
	lineToken     // the end of a logical line
	templateToken // the beginning of a template with substitutions
	middleToken   // between two of them
	tailToken     // its end
)

// token is one of a program's. broken says that a line ended before it.
type token struct {
	kind       tokenKind
	broken     bool
	start, end int
}

// parser makes a tree of tokens. It takes what it knows and steps over what it does not: a program that its own language refuses is not our
// business, and one that is newer than this must not stop anything.
type parser struct {
	text   string
	tokens []token
	i      int
	depth  int
	deep   int // where the nesting went beyond the limit; -1
	python bool
	types  bool // TypeScript
	// hopeless is up to where no generics begin: they were looked for in vain.
	hopeless int
	origin   map[string]string
}

// maxNesting counts expressions in expressions; a pair of brackets makes up to three.
const maxNesting = 3 * MaxDepth

func (p *parser) end() bool { return p.i >= len(p.tokens) }

// word is the text of the n-th token from here; "" beyond the end, and for texts.
func (p *parser) word(n int) string {
	if p.i+n >= len(p.tokens) || p.i+n < 0 {
		return ""
	}
	switch t := p.tokens[p.i+n]; t.kind {
	case signToken, nameToken:
		return p.text[t.start:t.end]
	}
	return ""
}

func (p *parser) at(words ...string) bool {
	here := p.word(0)
	for _, word := range words {
		if here == word && here != "" {
			return true
		}
	}
	return false
}

func (p *parser) is(kind tokenKind) bool { return !p.end() && p.tokens[p.i].kind == kind }

func (p *parser) accept(word string) bool {
	if p.at(word) {
		p.i++
		return true
	}
	return false
}

// here is where the next token begins, last where the one before ended.
func (p *parser) here() int {
	if p.end() {
		return len(p.text)
	}
	return p.tokens[p.i].start
}

func (p *parser) last() int {
	i := min(p.i, len(p.tokens))
	if i == 0 {
		return 0
	}
	return p.tokens[i-1].end
}

// nested guards recursion: false ends the parsing.
func (p *parser) nested() bool {
	p.depth++
	if p.depth > maxNesting && p.deep < 0 {
		p.deep, p.i = p.here(), len(p.tokens)
	}
	return p.deep < 0
}

func (p *parser) closes() bool {
	return p.at(")", "]", "}") || p.is(middleToken) || p.is(tailToken) || p.end()
}

// list reads up to the end of a bracket, element by element; the commas are gone.
func (p *parser) list(closer string, element func() *node) []*node {
	var all []*node
	for !p.closes() {
		before := p.i
		if p.is(lineToken) || p.at(",") {
			p.i++
			continue
		}
		if n := element(); n != nil {
			all = append(all, n)
		}
		if p.i == before {
			p.i++
		}
	}
	p.accept(closer)
	return all
}

// whole reads an expression with all that can stand in one.
func (p *parser) whole() *node {
	defer func() { p.depth-- }()
	if !p.nested() {
		return nil
	}
	if p.python {
		return p.pythonWhole()
	}
	return p.javaScriptWhole()
}

// binary reads operators that bind at least as tightly as least.
func (p *parser) binary(least int) *node {
	left := p.unary()
	for left != nil {
		operator, strength, width := p.operator()
		if strength == 0 || strength < least {
			break
		}
		p.i += width
		next := strength + 1
		if operator == "**" {
			next = strength
		}
		p.nested()
		right := p.binary(next)
		p.depth--
		if right == nil {
			break
		}
		left = newNode(binaryNode, operator, left.start, right.end, left, right)
	}
	return left
}

// unary reads what stands before an operand, and the operand.
func (p *parser) unary() *node {
	defer func() { p.depth-- }()
	if !p.nested() {
		return nil
	}
	start := p.here()
	word := p.word(0)
	switch {
	case word == "-", word == "+", word == "~", p.python && word == "not", !p.python && (word == "!" || word == "typeof" || word == "void" || word == "delete" || word == "++" || word == "--"):
		p.i++
		operand := p.unary()
		if operand == nil {
			return nil
		}
		return newNode(unaryNode, word, start, operand.end, operand)
	case word == "await", !p.python && (word == "new" || word == "yield"):
		p.i++
		return p.unary()
	case word == "...", p.python && (word == "*" || word == "**"):
		p.i++
		operand := p.unary()
		if operand == nil {
			return nil
		}
		return newNode(spreadNode, word, start, operand.end, operand)
	case p.types && word == "<": // <Type>value
		before := p.i
		if p.skipGenerics(); p.i > before {
			return p.unary()
		}
	}
	if p.python {
		return p.postfix(p.pythonOperand())
	}
	return p.postfix(p.javaScriptOperand())
}

// postfix reads members, indices and calls of an operand.
func (p *parser) postfix(n *node) *node {
	for n != nil && !p.end() {
		if p.python && p.is(lineToken) {
			break
		}
		switch {
		case p.at(".", "?.") && p.i+1 < len(p.tokens) && p.tokens[p.i+1].kind == nameToken:
			p.i += 2
			n = newNode(memberNode, p.word(-1), n.start, p.last(), n)
		case p.at("?."):
			p.i++
		case p.at("["):
			p.i++
			kids := p.list("]", p.whole)
			if len(kids) == 1 {
				n = newNode(indexNode, "", n.start, p.last(), n, kids[0])
			} else {
				n = newNode(otherNode, "", n.start, p.last(), append([]*node{n}, kids...)...)
			}
		case p.at("("):
			p.i++
			kids := p.list(")", p.parameter)
			n = newNode(callNode, "", n.start, p.last(), append([]*node{n}, kids...)...)
		case p.python:
			return n
		default:
			next := p.javaScriptPostfix(n)
			if next == nil {
				return n
			}
			n = next
		}
	}
	return n
}

// parameter is an argument of a call; name=value is a pair in Python.
func (p *parser) parameter() *node {
	if p.python && p.is(nameToken) && p.word(1) == "=" {
		start, name := p.here(), p.word(0)
		p.i += 2
		v := p.whole()
		if v == nil {
			return nil
		}
		return newNode(pairNode, name, start, v.end, v)
	}
	if !p.python {
		return p.element()
	}
	return p.whole()
}
