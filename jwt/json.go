package jwt

import (
	"math/bits"
	"unicode/utf8"
)

// A strict scanner for one JSON object (RFC 8259), in one pass and without reflection. It refuses
// what encoding/json forgives: duplicate names at any level (RFC 7515 section 4, RFC 7519 section
// 4), strings that are not UTF-8, lone surrogates, and nesting deeper than maxDepth.

// maxDepth counts nested objects and arrays, the outermost included.
const maxDepth = 32

// kind is the type of a JSON value.
type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindEscaped // a string with an escape in it
	kindArray
	kindObject
)

// span is a part of the scanned text.
type span struct{ from, to uint32 }

// member is a name and its value: the name without its quotes, the value with them.
type member struct {
	name, value span
	kind        kind
	escaped     bool // the name has an escape in it
}

// object is the index over a scanned object: where its members stand in src. Nested values are
// checked but not indexed.
type object struct {
	src    string
	n      int
	inline [inlineMembers]member // the first ones, so that an ordinary token costs no allocation
	more   []member
}

// inlineMembers covers the claims of RFC 9068 and Sandi's own with room to spare.
const inlineMembers = 20

func (o *object) at(i int) *member {
	if i < inlineMembers {
		return &o.inline[i]
	}
	return &o.more[i-inlineMembers]
}

func (o *object) add(m member) {
	if o.n < inlineMembers {
		o.inline[o.n] = m
	} else {
		o.more = append(o.more, m)
	}
	o.n++
}

// scanner reads s from i on. The first fault stops it and stands in fault.
type scanner struct {
	s     string
	i     int
	depth int
	fault string
}

// scanObject fills o with the members of the one object that s must be. The fault returned is ""
// when s is such an object.
func scanObject(s string, o *object) (fault string) {
	if !utf8.ValidString(s) {
		return "not UTF-8"
	}
	o.src, o.n, o.more = s, 0, nil
	p := scanner{s: s}
	p.space()
	if p.i == len(s) || s[p.i] != '{' {
		return "not a JSON object"
	}
	if !p.object(o) {
		return p.fault
	}
	p.space()
	if p.i != len(s) {
		return "more than one JSON value"
	}
	return ""
}

func (p *scanner) fail(fault string) bool {
	p.fault = fault
	return false
}

// space skips white space, which a compact token rarely has: only the first look is inlined.
func (p *scanner) space() {
	if p.i < len(p.s) && p.s[p.i] <= ' ' {
		p.blank()
	}
}

func (p *scanner) blank() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// take skips white space and then c.
func (p *scanner) take(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

// object reads an object, p.i standing on its brace; into, where not nil, receives the members.
func (p *scanner) object(into *object) bool {
	if p.depth++; p.depth > maxDepth {
		return p.fail("nested too deeply")
	}
	p.i++
	var seen names
	for first := true; !p.take('}'); first = false {
		if !first && !p.take(',') {
			return p.fail("bad JSON object")
		}
		var m member
		if !p.member(&m) {
			return false
		}
		if !seen.add(p.s, m.name, m.escaped) {
			return p.fail("duplicate name")
		}
		if into != nil {
			into.add(m)
		}
	}
	if !seen.unique(p.s) {
		return p.fail("duplicate name")
	}
	p.depth--
	return true
}

func (p *scanner) member(m *member) bool {
	if !p.take('"') {
		return p.fail("bad JSON object")
	}
	m.name.from = uint32(p.i)
	if !p.str(&m.escaped) {
		return false
	}
	m.name.to = uint32(p.i - 1)
	if !p.take(':') {
		return p.fail("bad JSON object")
	}
	p.space()
	m.value.from = uint32(p.i)
	ok := false
	m.kind, ok = p.value()
	m.value.to = uint32(p.i)
	return ok
}

// value reads any value, p.i standing on its first byte.
func (p *scanner) value() (kind, bool) {
	if p.i == len(p.s) {
		return 0, p.fail("bad JSON value")
	}
	switch c := p.s[p.i]; c {
	case '"':
		p.i++
		escaped := false
		ok := p.str(&escaped)
		if escaped {
			return kindEscaped, ok
		}
		return kindString, ok
	case '{':
		return kindObject, p.object(nil)
	case '[':
		return kindArray, p.array()
	case 't':
		return kindTrue, p.literal("true")
	case 'f':
		return kindFalse, p.literal("false")
	case 'n':
		return kindNull, p.literal("null")
	default:
		return kindNumber, p.number()
	}
}

func (p *scanner) literal(word string) bool {
	if end := p.i + len(word); end <= len(p.s) && p.s[p.i:end] == word {
		p.i = end
		return true
	}
	return p.fail("bad JSON value")
}

func (p *scanner) array() bool {
	if p.depth++; p.depth > maxDepth {
		return p.fail("nested too deeply")
	}
	p.i++
	for first := true; !p.take(']'); first = false {
		if !first && !p.take(',') {
			return p.fail("bad JSON array")
		}
		p.space()
		if _, ok := p.value(); !ok {
			return false
		}
	}
	p.depth--
	return true
}

// number reads the grammar of RFC 8259 section 6: no leading zero or plus, digits on both sides
// of the point.
func (p *scanner) number() bool {
	if p.i < len(p.s) && p.s[p.i] == '-' {
		p.i++
	}
	if p.i < len(p.s) && p.s[p.i] == '0' {
		p.i++
	} else if !p.digits() {
		return p.fail("bad JSON value")
	}
	if p.i < len(p.s) && p.s[p.i] == '.' {
		p.i++
		if !p.digits() {
			return p.fail("bad JSON number")
		}
	}
	if p.i < len(p.s) && p.s[p.i]|0x20 == 'e' {
		p.i++
		if p.i < len(p.s) && (p.s[p.i] == '+' || p.s[p.i] == '-') {
			p.i++
		}
		if !p.digits() {
			return p.fail("bad JSON number")
		}
	}
	return true
}

func (p *scanner) digits() bool {
	i := p.i
	for i < len(p.s) && p.s[i]-'0' <= 9 {
		i++
	}
	found := i > p.i
	p.i = i
	return found
}

// str reads a string to past its closing quote, p.i standing past the opening one.
func (p *scanner) str(escaped *bool) bool {
	for {
		i := plainEnd(p.s, p.i)
		p.i = i
		switch {
		case i == len(p.s):
			return p.fail("unterminated JSON string")
		case p.s[i] == '"':
			p.i++
			return true
		case p.s[i] != '\\':
			return p.fail("control character in a JSON string")
		}
		*escaped = true
		n := escapeLen(p.s[i:])
		if n == 0 {
			return p.fail("bad escape in a JSON string")
		}
		p.i += n
	}
}

// plainEnd is where the run of ordinary characters that starts at i ends: at a quote, a backslash,
// a control character or the end of s. It looks at eight bytes at a time: in each of the three
// terms the lowest high bit that is set belongs to the first such byte.
func plainEnd(s string, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(s)-i >= 8; i += 8 {
		w := s[i : i+8]
		x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
			uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
		quote, backslash := x^'"'*ones, x^'\\'*ones
		found := ((quote-ones)&^quote | (backslash-ones)&^backslash | (x-0x20*ones)&^x) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= 0x20 {
		i++
	}
	return i
}
