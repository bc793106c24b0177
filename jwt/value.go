package jwt

import (
	"iter"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Reading the values that the scanner has accepted.

// escapeLen is the length of the escape that s starts with, a whole surrogate pair where it is
// one; 0 when it is no valid escape (RFC 8259 section 7; a lone surrogate has no UTF-8).
func escapeLen(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hex4(s)
		switch {
		case r < 0:
			return 0
		case !utf16.IsSurrogate(r):
			return 6
		case len(s) >= 12 && s[6] == '\\' && s[7] == 'u' && utf16.DecodeRune(r, hex4(s[6:])) != utf8.RuneError:
			return 12
		}
	}
	return 0
}

// hex4 is the code unit that s, starting with \u, stands for; -1 when it is none.
func hex4(s string) rune {
	if len(s) < 6 {
		return -1
	}
	r := rune(0)
	for i := 2; i < 6; i++ {
		switch c := s[i]; {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case (c|0x20)-'a' <= 5:
			r = r<<4 | rune((c|0x20)-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unescape is the text of a string, between its quotes, that the scanner has accepted.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		n := escapeLen(s[i:])
		switch n {
		case 6:
			out = utf8.AppendRune(out, hex4(s[i:]))
		case 12:
			out = utf8.AppendRune(out, utf16.DecodeRune(hex4(s[i:]), hex4(s[i+6:])))
		default:
			out = append(out, plain(s[i+1]))
		}
		i += n
	}
	return string(out)
}

// plain is what a two-character escape stands for.
func plain(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// name is a member's name. Names are compared as they are, code point by code point: "EXP" is not
// "exp", but "\u0065xp" is.
func (o *object) name(m *member) string {
	s := o.src[m.name.from:m.name.to]
	if m.escaped {
		return unescape(s)
	}
	return s
}

// raw is a member's value as it stands in the text.
func (o *object) raw(m *member) string { return o.src[m.value.from:m.value.to] }

// find returns the member called name, or nil.
func (o *object) find(name string) *member {
	for i := range o.n {
		if m := o.at(i); o.name(m) == name {
			return m
		}
	}
	return nil
}

// text is the string that m holds; ok is false where it holds none.
func (o *object) text(m *member) (s string, ok bool) { return text(o.raw(m), m.kind) }

func text(raw string, k kind) (s string, ok bool) {
	switch k {
	case kindString:
		return raw[1 : len(raw)-1], true
	case kindEscaped:
		return unescape(raw[1 : len(raw)-1]), true
	}
	return "", false
}

// elements are the values of an array that the scanner has accepted.
func elements(raw string) iter.Seq2[string, kind] {
	return func(yield func(string, kind) bool) {
		p := scanner{s: raw, i: 1}
		for !p.take(']') {
			p.take(',')
			p.space()
			from := p.i
			k, ok := p.value()
			if !ok || !yield(raw[from:p.i], k) {
				return
			}
		}
	}
}

// isTexts says whether m is an array of strings.
func (o *object) isTexts(m *member) bool {
	if m.kind != kindArray {
		return false
	}
	for _, k := range elements(o.raw(m)) {
		if k != kindString && k != kindEscaped {
			return false
		}
	}
	return true
}

// texts are the strings of an array; ok is false when m is no array or holds anything else.
func (o *object) texts(m *member) (list []string, ok bool) {
	if !o.isTexts(m) {
		return nil, false
	}
	list = []string{}
	for raw, k := range elements(o.raw(m)) {
		s, _ := text(raw, k)
		list = append(list, s)
	}
	return list, true
}

// date is a NumericDate (RFC 7519 section 2): seconds since 1970, with fractions to the nanosecond.
type date struct {
	sec  int64
	nsec int32
	set  bool
}

// lastSecond is the end of the year 9999, beyond which RFC 3339 has no spelling for a time.
const lastSecond = 253402300799

// date reads a NumericDate between 1970 and 9999. Smaller fractions than a nanosecond are cut off.
func (o *object) date(m *member) (date, bool) {
	if m.kind != kindNumber {
		return date{}, false
	}
	raw := o.raw(m)
	d := date{set: true}
	i := 0
	for ; i < len(raw) && raw[i]-'0' <= 9; i++ {
		if d.sec = d.sec*10 + int64(raw[i]-'0'); d.sec > lastSecond {
			return exponentDate(raw) // which says the same of it
		}
	}
	if i == len(raw) {
		return d, true
	}
	if raw[i] != '.' { // a minus sign or an exponent
		return exponentDate(raw)
	}
	unit := int32(1e8)
	for i++; i < len(raw); i++ {
		if raw[i]-'0' > 9 {
			return exponentDate(raw)
		}
		d.nsec += int32(raw[i]-'0') * unit
		unit /= 10
	}
	return d, true
}

// exponentDate reads the rare spelling with an exponent, to the precision of a float64.
func exponentDate(raw string) (date, bool) {
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || f < 0 || f > lastSecond || math.Signbit(f) {
		return date{}, false
	}
	whole, fraction := math.Modf(f)
	return date{sec: int64(whole), nsec: int32(fraction * 1e9), set: true}, true
}

// appendQuoted appends s, which is UTF-8, as a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
