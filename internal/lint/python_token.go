package lint

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pythonTokens cuts a program into tokens as section 2 of the language reference has it: lines that are joined, strings of all prefixes.
type pythonTokens struct {
	text     string
	i        int
	tokens   []token
	comments []piece
	open     []byte // brackets
	problem  string // what ended it before the end of the text, at i
}

func (t *pythonTokens) all() {
	for t.i < len(t.text) && t.problem == "" {
		t.next()
	}
	if t.problem == "" && len(t.open) > 0 {
		t.problem = "has a bracket that is never closed"
	}
	t.add(lineToken, t.i)
}

func (t *pythonTokens) add(kind tokenKind, start int) {
	t.tokens = append(t.tokens, token{kind: kind, start: start, end: t.i})
}

func (t *pythonTokens) next() {
	start, c := t.i, t.text[t.i]
	switch {
	case c == '\n' || c == '\r':
		t.i++
		if len(t.open) == 0 && len(t.tokens) > 0 && t.tokens[len(t.tokens)-1].kind != lineToken {
			t.add(lineToken, start)
		}
	case c == ' ', c == '\t', c == '\f', c == '\\':
		t.i++
		if c == '\\' && strings.HasPrefix(t.text[t.i:], "\r\n") {
			t.i += 2
		} else if c == '\\' && t.i < len(t.text) {
			t.i++
		}
	case c == '#':
		if n := strings.IndexAny(t.text[t.i:], "\r\n"); n >= 0 {
			t.i += n
		} else {
			t.i = len(t.text)
		}
		t.comments = append(t.comments, piece{start, t.i})
	case c == '"' || c == '\'':
		t.string("")
	case c >= '0' && c <= '9', c == '.' && t.i+1 < len(t.text) && t.text[t.i+1] >= '0' && t.text[t.i+1] <= '9':
		t.number()
	case c == '_' || c >= utf8.RuneSelf || unicode.IsLetter(rune(c)):
		t.name()
	default:
		t.sign()
	}
}

func (t *pythonTokens) number() {
	start := t.i
	for t.i < len(t.text) {
		c := t.text[t.i]
		exponent := (c == '+' || c == '-') && (t.text[t.i-1] == 'e' || t.text[t.i-1] == 'E') && !strings.HasPrefix(t.text[start:], "0x")
		if c != '.' && c != '_' && !exponent && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		t.i++
	}
	t.add(numberToken, start)
}

func (t *pythonTokens) name() {
	start := t.i
	for t.i < len(t.text) {
		r, n := utf8.DecodeRuneInString(t.text[t.i:])
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) {
			break
		}
		t.i += n
	}
	if t.i == start {
		t.i++ // a sign that is no letter
		return
	}
	if prefix := strings.ToLower(t.text[start:t.i]); len(prefix) <= 2 && t.i < len(t.text) && (t.text[t.i] == '"' || t.text[t.i] == '\'') && strings.Trim(prefix, "rbfut") == "" {
		t.string(prefix)
		return
	}
	t.add(nameToken, start)
}

// string reads one whose quotes begin here.
func (t *pythonTokens) string(prefix string) {
	start := t.i - len(prefix)
	end := pythonString(t.text, t.i, strings.ContainsAny(prefix, "ft"), 0)
	if end < 0 {
		t.problem = "has a string that is never closed"
		return
	}
	kind := textToken
	if body := t.text[t.i:end]; strings.ContainsAny(prefix, "ft") && strings.ContainsAny(body, "{}") {
		kind = opaqueToken
	}
	t.i = end
	t.add(kind, start)
}

// pythonString is where a string ends that begins with its quotes at i; -1 where it does not. What stands in the braces of a formatted one may
// hold strings with the same quotes (PEP 701).
func pythonString(text string, i int, formatted bool, depth int) int {
	quote := text[i : i+1]
	if strings.HasPrefix(text[i:], strings.Repeat(quote, 3)) {
		quote = text[i : i+3]
	}
	begin, braces := i+len(quote), 0
	for i = begin; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			i++
		case (c == '\n' || c == '\r') && len(quote) == 1 && braces == 0:
			return -1
		case formatted && c == '{' && braces == 0 && strings.HasPrefix(text[i:], "{{"):
			i++
		case formatted && c == '{':
			braces++
		case formatted && c == '}' && braces > 0:
			braces--
		case braces > 0 && depth < 8 && (c == '"' || c == '\''):
			end := pythonString(text, i, false, depth+1)
			if end < 0 {
				return pythonString(text, begin-len(quote), false, depth+1)
			}
			i = end - 1
		case braces == 0 && strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		}
	}
	if formatted { // a brace that is never closed: read it as it would have been before
		return pythonString(text, begin-len(quote), false, depth+1)
	}
	return -1
}

func (t *pythonTokens) sign() {
	start := t.i
	n := 1
	for _, sign := range []string{"**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==", "!=", "->", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@="} {
		if strings.HasPrefix(t.text[t.i:], sign) {
			n = len(sign)
			break
		}
	}
	switch c := t.text[t.i]; c {
	case '(', '[', '{':
		t.open = append(t.open, closing(c))
	case ')', ']', '}':
		if len(t.open) == 0 || t.open[len(t.open)-1] != c {
			t.problem = "has a bracket " + string(c) + " that was never opened"
			return
		}
		t.open = t.open[:len(t.open)-1]
	}
	t.i += n
	t.add(signToken, start)
}

func closing(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	}
	return '}'
}

// pythonText is the value of a string literal.
func pythonText(raw string) string {
	i := strings.IndexAny(raw, `"'`)
	if i < 0 {
		return raw
	}
	prefix, body := strings.ToLower(raw[:i]), raw[i:]
	quotes := 1
	if len(body) >= 6 && strings.HasPrefix(body, strings.Repeat(body[:1], 3)) {
		quotes = 3
	}
	body = body[quotes : len(body)-quotes]
	if strings.Contains(prefix, "r") {
		return body
	}
	return unescaped(body)
}

// unescaped replaces what a backslash announces.
func unescaped(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case '\n':
		case 'x':
			if n, err := strconv.ParseUint(s[i+1:min(i+3, len(s))], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
