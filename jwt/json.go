package jwt

import "unicode/utf8"

// A strict scanner for one JSON object (RFC 8259), in one pass and without reflection. It refuses
// what encoding/json forgives: duplicate names at any level (RFC 7515 section 4, RFC 7519 section
// 4), strings that are not UTF-8, lone surrogates, and nesting deeper than maxDepth.

// maxDepth counts nested objects and arrays, the outermost included.
const maxDepth = 32

// scanner checks s. Its methods take the index at which something begins and return the one after
// its end, or failed, with the fault in fault: an index in a register is much faster than one in
// the struct.
type scanner struct {
	s     string
	depth int
	fault string
}

const failed = -1

func (p *scanner) fail(fault string) int {
	p.fault = fault
	return failed
}

// scanObject fills o with the members of the one object that s must be. The fault returned is ""
// when s is such an object.
func scanObject(s string, o *object) (fault string) {
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	return scanUTF8(s, o)
}

// scanUTF8 is scanObject for what is known to be UTF-8.
func scanUTF8(s string, o *object) (fault string) {
	o.src, o.n, o.more = s, 0, o.more[:0]
	p := scanner{s: s}
	i := skip(s, 0)
	if i == len(s) || s[i] != '{' {
		return "not a JSON object"
	}
	if i = p.object(i, o); i == failed {
		return p.fault
	}
	if skip(s, i) != len(s) {
		return "more than one JSON value"
	}
	return ""
}

// skip skips white space, which a compact token rarely has.
func skip(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// object reads the object whose brace stands at i; into, where not nil, receives the members.
func (p *scanner) object(i int, into *object) int {
	if p.depth++; p.depth > maxDepth {
		return p.fail("nested too deeply")
	}
	s := p.s
	var seen names
	if i = skip(s, i+1); i < len(s) && s[i] == '}' {
		p.depth--
		return i + 1
	}
	var unindexed member
	for m := &unindexed; ; {
		if into != nil {
			m = into.next()
		}
		if i = p.member(i, m); i == failed {
			return failed
		}
		if (m.escaped || seen.all != nil || !seen.first(s, m.name)) && !seen.add(s, m.name, m.escaped) {
			return p.fail("duplicate name")
		}
		if i = skip(s, i); i < len(s) && s[i] == ',' {
			i = skip(s, i+1)
			continue
		}
		break
	}
	if i == len(s) || s[i] != '}' {
		return p.fail("bad JSON object")
	}
	if !seen.unique(s) {
		return p.fail("duplicate name")
	}
	p.depth--
	return i + 1
}

// member reads a name and its value. What most members of most tokens are, a plain name, a colon and
// a plain string or a whole number, is read here and the rest by the methods below.
func (p *scanner) member(i int, m *member) int {
	s := p.s
	if i == len(s) || s[i] != '"' {
		return p.fail("bad JSON object")
	}
	from := i + 1
	m.escaped = false
	if i = plainEnd(s, from); i < len(s)-2 && s[i] == '"' && s[i+1] == ':' {
		m.name = span{uint32(from), uint32(i)}
		from = i + 2
		switch c := s[from]; {
		case c == '"':
			if i = plainEnd(s, from+1); i < len(s) && s[i] == '"' {
				m.kind, m.value = kindString, span{uint32(from), uint32(i + 1)}
				return i + 1
			}
		case c-'1' <= 8:
			if i = digits(s, from+1); i < len(s) && (s[i] == ',' || s[i] == '}') {
				m.kind, m.value = kindNumber, span{uint32(from), uint32(i)}
				return i
			}
		}
	} else {
		if i = p.str(from, &m.escaped); i == failed {
			return failed
		}
		m.name = span{uint32(from), uint32(i - 1)}
		if i = skip(s, i); i == len(s) || s[i] != ':' {
			return p.fail("bad JSON object")
		}
		from = i + 1
	}
	from = skip(s, from)
	m.kind, i = p.value(from)
	m.value = span{uint32(from), uint32(i)}
	return i
}

// value reads any value, whose first byte stands at i.
func (p *scanner) value(i int) (kind, int) {
	if i == len(p.s) {
		return 0, p.fail("bad JSON value")
	}
	switch p.s[i] {
	case '"':
		escaped := false
		if i = p.str(i+1, &escaped); escaped {
			return kindEscaped, i
		}
		return kindString, i
	case '{':
		return kindObject, p.object(i, nil)
	case '[':
		return kindArray, p.array(i)
	case 't':
		return kindTrue, p.literal(i, "true")
	case 'f':
		return kindFalse, p.literal(i, "false")
	case 'n':
		return kindNull, p.literal(i, "null")
	default:
		return kindNumber, p.number(i)
	}
}

func (p *scanner) literal(i int, word string) int {
	if end := i + len(word); end <= len(p.s) && p.s[i:end] == word {
		return end
	}
	return p.fail("bad JSON value")
}

// array reads the array whose bracket stands at i.
func (p *scanner) array(i int) int {
	if p.depth++; p.depth > maxDepth {
		return p.fail("nested too deeply")
	}
	s := p.s
	if i = skip(s, i+1); i < len(s) && s[i] == ']' {
		p.depth--
		return i + 1
	}
	for {
		if _, i = p.value(i); i == failed {
			return failed
		}
		if i = skip(s, i); i < len(s) && s[i] == ',' {
			i = skip(s, i+1)
			continue
		}
		break
	}
	if i == len(s) || s[i] != ']' {
		return p.fail("bad JSON array")
	}
	p.depth--
	return i + 1
}

// number reads the grammar of RFC 8259 section 6: no leading zero or plus, digits on both sides
// of the point.
func (p *scanner) number(i int) int {
	s := p.s
	if i < len(s) && s[i] == '-' {
		i++
	}
	end := digits(s, i)
	if i == end || s[i] == '0' && end > i+1 {
		return p.fail("bad JSON value")
	}
	if i = end; i < len(s) && s[i] == '.' {
		if end = digits(s, i+1); end == i+1 {
			return p.fail("bad JSON number")
		}
		i = end
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if end = digits(s, i); end == i {
			return p.fail("bad JSON number")
		}
		i = end
	}
	return i
}

// digits is where the digits that stand at i end.
func digits(s string, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

// str reads a string whose text begins at i, to past its closing quote.
func (p *scanner) str(i int, escaped *bool) int {
	for {
		i = plainEnd(p.s, i)
		switch {
		case i == len(p.s):
			return p.fail("unterminated JSON string")
		case p.s[i] == '"':
			return i + 1
		case p.s[i] != '\\':
			return p.fail("control character in a JSON string")
		}
		*escaped = true
		n := escapeLen(p.s[i:])
		if n == 0 {
			return p.fail("bad escape in a JSON string")
		}
		i += n
	}
}
