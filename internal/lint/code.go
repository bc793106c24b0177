package lint

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// PyJWT is the library jwt of Python; python-jose has the same calls.
const PyJWT Product = "pyjwt"

// maxCode is how long a program can be: nobody writes longer ones, and a tree takes about thirty times its text.
const maxCode = 4 << 20

// codeReaders are those of programs: Python, JavaScript, TypeScript, and of the lines of an environment that set them.
func codeReaders() []Reader {
	return []Reader{
		{Format: "python", Is: isPython, Read: readPython},
		{Format: "javascript", Is: isJavaScript, Read: readJavaScript},
		{Format: "dotenv", Is: isDotenv, Read: readDotenv},
	}
}

func isPython(s *Source) bool {
	if s.Name != "-" && !hasSuffix(s.Name, ".py", ".pyw") {
		return false
	}
	words := []string{"SIMPLE_JWT", "OAUTH2_PROVIDER", "flask_jwt_extended", "JWT_ACCESS_TOKEN_EXPIRES", "JWT_REFRESH_TOKEN_EXPIRES"}
	if s.Name != "-" {
		words = append(words, "JWT_SECRET_KEY", "JWT_TOKEN_LOCATION", "JWT_COOKIE_", "import jwt", "from jwt", "from jose", "jwt.encode", "jwt.decode", "cleartokens", "flushexpiredtokens", "rest_framework_simplejwt")
	}
	return contains(s.Text, words...) && (s.Name != "-" || !begins(s.Text))
}

func isJavaScript(s *Source) bool {
	if s.Name != "-" && !hasSuffix(s.Name, ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx") {
		return false
	}
	return contains(s.Text, "jsonwebtoken", "@nestjs/jwt", "passport-jwt", "socket.io") && (s.Name != "-" || !begins(s.Text) && contains(s.Text, "import ", "require("))
}

func isDotenv(s *Source) bool {
	name := path.Base(s.Name)
	return (name == ".env" || strings.HasPrefix(name, ".env.") || strings.HasSuffix(name, ".env")) && contains(s.Text, "JWT_")
}

// begins says that a text is data and no program: XML or JSON.
func begins(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && (text[0] == '<' || text[0] == '{' || text[0] == '[')
}

func hasSuffix(name string, suffixes ...string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(suffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

func contains(text []byte, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return bytes.Contains(text, []byte(word)) })
}

// code is a program that was read: its tree, and what its names are.
type code struct {
	source   *Source
	text     string
	lines    *lines
	root     *node
	comments []piece
	python   bool
	// assigned are the values that a name is given anywhere in the file; nil for one that cannot be followed, as a parameter.
	assigned map[string][]*node
	// origin is what an imported name is: "jsonwebtoken", "jsonwebtoken.sign".
	origin    map[string]string
	known     map[string]value // of names, while it is evaluated too
	evaluated map[*node]value  // of calls and members, the same
	// meaning evaluates what only its language knows: calls, members.
	meaning  func(n *node) value
	policies []Policy
	secrets  map[int]bool     // that were told, by where they begin
	declared map[string]*node // functions by name; nil: not looked for yet
	asked    map[string]bool  // what imports and says answered
	verified map[*node]bool   // functions in which a token is verified
	reaches  map[string]*node // names of functions that verify a token, in the end: what they verify
}

// piece is a comment.
type piece struct{ start, end int }

func newCode(s *Source) (*code, error) {
	c := &code{
		source: s, text: string(s.Text), lines: newLines(s.Text),
		assigned: map[string][]*node{}, origin: map[string]string{}, known: map[string]value{}, evaluated: map[*node]value{}, secrets: map[int]bool{},
		asked: map[string]bool{}, verified: map[*node]bool{}, reaches: map[string]*node{},
	}
	if len(c.text) > maxCode {
		return nil, c.unreadable(0, fmt.Sprintf("is larger than %d MB, which is more than is read of a program", maxCode>>20))
	}
	return c, nil
}

func (c *code) unreadable(at int, problem string) error {
	return &Unreadable{At: c.lines.span(at, at), Problem: problem}
}

// raw is a node as it is written.
func (c *code) raw(n *node) string { return c.text[n.start:n.end] }

func (c *code) span(n *node) Span { return c.lines.span(n.start, n.end) }

// comment is what stands behind a node on its line, or else alone on the lines right before that on which it begins.
func (c *code) comment(n *node) string {
	end := c.lines.span(n.end, n.end).Line
	i, _ := slices.BinarySearchFunc(c.comments, n.end, func(p piece, at int) int { return p.start - at })
	if i < len(c.comments) && c.lines.span(c.comments[i].start, 0).Line == end && !c.otherSetting(n.end, c.comments[i].start) {
		return bare(c.text[c.comments[i].start:c.comments[i].end])
	}
	line := c.lines.span(n.start, n.start).Line
	i, _ = slices.BinarySearchFunc(c.comments, n.start, func(p piece, at int) int { return p.start - at })
	if i == 0 {
		return ""
	}
	p := c.comments[i-1]
	at := c.lines.span(p.start, p.end)
	last := c.lines.span(p.end, p.end).Line
	if last != line-1 || strings.TrimSpace(c.text[c.lines.starts[at.Line-1]:p.start]) != "" {
		return ""
	}
	return bare(c.text[p.start:p.end])
}

// otherSetting says that more than the ends of brackets stands between a value and a comment.
func (c *code) otherSetting(from, to int) bool {
	return strings.Trim(c.text[from:to], " \t)]},;") != ""
}

// bare is a comment without its marks.
func bare(comment string) string {
	return strings.TrimSpace(strings.Trim(strings.TrimSuffix(comment, "*/"), "#/* \t"))
}

// called is what a function is by its import: "jsonwebtoken.sign". A name that is given another one's value once is that one.
func (c *code) called(n *node) string { return c.calledWithin(n, 8) }

func (c *code) calledWithin(n *node, depth int) string {
	if depth == 0 || n == nil {
		return ""
	}
	switch n.kind {
	case nameNode:
		if origin, ok := c.origin[n.text]; ok {
			return origin
		}
		if values := c.assigned[n.text]; len(values) == 1 && values[0] != nil {
			v := values[0]
			if v.kind == callNode && len(v.kids) == 2 && strings.HasSuffix(c.calledWithin(v.kids[0], depth-1), "promisify") {
				return c.calledWithin(v.kids[1], depth-1)
			}
			if v.kind == memberNode || v.kind == nameNode {
				return c.calledWithin(v, depth-1)
			}
		}
		return n.text
	case memberNode:
		return c.calledWithin(n.kids[0], depth-1) + "." + n.text
	case callNode:
		return c.calledWithin(n.kids[0], depth-1) + "()"
	}
	return ""
}

// resolved follows a name to the one value that it is given.
func (c *code) resolved(n *node) *node {
	for range 8 {
		if n == nil || n.kind != nameNode || len(c.assigned[n.text]) != 1 || c.assigned[n.text][0] == nil {
			break
		}
		n = c.assigned[n.text][0]
	}
	return n
}

// collect learns what names are given.
func (c *code) collect() {
	c.root.walk(func(n *node, _ []*node) {
		switch n.kind {
		case assignNode:
			c.assign(n.kids[0], n.kids[1], n.text == "=")
		case callNode: // payload.update({"exp": ...})
			if f := n.kids[0]; f.kind == memberNode && f.text == "update" && f.kids[0].kind == nameNode && len(n.kids) > 1 {
				if exp, _ := n.kids[1].pair("exp"); exp != nil {
					c.assigned[f.kids[0].text+".exp"] = append(c.assigned[f.kids[0].text+".exp"], exp)
				}
			}
		case functionNode:
			for _, parameter := range n.kids[:max(len(n.kids)-1, 0)] {
				c.assign(parameter, nil, true)
			}
		}
	})
}

func (c *code) assign(target, v *node, plain bool) {
	switch target.kind {
	case nameNode:
		if !plain {
			v = nil
		}
		c.assigned[target.text] = append(c.assigned[target.text], v)
	case assignNode: // a parameter with a default
		c.assign(target.kids[0], nil, true)
	case memberNode:
		if target.kids[0].kind == nameNode {
			name := target.kids[0].text + "." + target.text
			c.assigned[name] = append(c.assigned[name], v)
		}
	case indexNode:
		if target.kids[0].kind == nameNode && target.kids[1].kind == textNode {
			name := target.kids[0].text + "." + target.kids[1].text
			c.assigned[name] = append(c.assigned[name], v)
		}
	case mapNode:
		for _, pair := range target.kids {
			if pair.kind != pairNode {
				continue
			}
			var of *node
			if v != nil {
				of = newNode(memberNode, pair.text, pair.start, pair.end, v)
			}
			c.assign(pair.kids[0], of, true)
		}
	case listNode:
		for _, kid := range target.kids {
			c.assign(kid, nil, true)
		}
	}
}

// add takes a policy that says anything.
func (c *code) add(p Policy) {
	if len(p.Lifetimes)+len(p.Facts)+len(p.Invalid) > 0 {
		c.policies = append(c.policies, p)
	}
}

// secret is a fact about a literal secret; false where there is none, or it was told already. Public keys are none.
func (c *code) secret(n *node) (f Fact, ok bool) {
	if n == nil {
		return f, false
	}
	v := c.value(n)
	if v.kind != textValue || v.node == nil || v.text == "" || strings.Contains(v.text, "PUBLIC KEY") || c.secrets[v.node.start] {
		return f, false
	}
	c.secrets[v.node.start] = true
	return Fact{Name: Secret, Text: v.text, At: c.span(v.node)}, true
}

// words are the texts of a list, or of one text.
func (c *code) words(n *node) (all []string, ok bool) {
	n = c.resolved(n)
	if n == nil {
		return nil, false
	}
	if n.kind != listNode {
		v := c.value(n)
		return []string{v.text}, v.kind == textValue && !v.dynamic
	}
	for _, kid := range n.kids {
		if v := c.value(kid); v.kind == textValue {
			all = append(all, v.text)
		}
	}
	return all, true
}

// once remembers the answer to a question about the whole program.
func (c *code) once(question string, answer func() bool) bool {
	a, ok := c.asked[question]
	if !ok {
		a = answer()
		c.asked[question] = a
	}
	return a
}

// imports says whether anything of a module is imported.
func (c *code) imports(module string) bool {
	return c.once("imports "+module, func() bool {
		for _, origin := range c.origin {
			if origin == module || strings.HasPrefix(origin, module+".") {
				return true
			}
		}
		return false
	})
}
