package jwt

import (
	"encoding/binary"
	"iter"
	"math"
	"strconv"
)

// What the scanner has accepted, and reading it.

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

// next is where the next member is to be written.
func (o *object) next() *member {
	o.n++
	if o.n <= inlineMembers {
		return &o.inline[o.n-1]
	}
	o.more = append(o.more, member{})
	return &o.more[len(o.more)-1]
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
		p := scanner{s: raw}
		for i := skip(raw, 1); raw[i] != ']'; {
			k, end := p.value(i)
			if !yield(raw[i:end], k) {
				return
			}
			if i = skip(raw, end); raw[i] == ',' {
				i = skip(raw, i+1)
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
	d, i := date{set: true}, 0
	if len(raw) >= 8 {
		d.sec, i = eightDigits(raw[:8])
	}
	for ; i < len(raw) && i < 13 && raw[i]-'0' <= 9; i++ {
		d.sec = d.sec*10 + int64(raw[i]-'0')
	}
	if d.sec > lastSecond || i < len(raw) && raw[i] != '.' { // too late, a minus sign or an exponent
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

// eightDigits is the number that s stands for, and 8; or 0 and 0 where not all of it is digits. It
// adds up pairs, then pairs of pairs, then the two halves.
func eightDigits(s string) (value int64, n int) {
	const zeros, ones = 0x3030303030303030, 0x0101010101010101
	x := binary.LittleEndian.Uint64(readOnly(s))
	if x&(0xf0*ones) != zeros || (x+6*ones)&(0xf0*ones) != zeros {
		return 0, 0
	}
	x = ((x ^ zeros) * (1 + 10<<8)) >> 8 & 0x00ff00ff00ff00ff
	x = (x * (1 + 100<<16)) >> 16 & 0x0000ffff0000ffff
	return int64(x * (1 + 10000<<32) >> 32), 8
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
