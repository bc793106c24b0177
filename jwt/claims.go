package jwt

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"
	"unsafe"
)

// Claims are the claims of a verified token. They are immutable and safe for concurrent use: their
// methods return copies, or strings. Names are compared exactly, so "EXP" is not "exp".
//
// Those that VerifyInto fills are the exception: they and every string of theirs hold until the
// next VerifyInto.
type Claims struct {
	_ noCopy
	object
	header    Header
	issuer    string
	subject   string
	id        string
	audience  int // 1 + the index of its member; 0 where there is none
	expires   date
	notBefore date
	issued    date
	shared    bool            // returned by Verify, and so never to be written again
	payload   []byte          // what src is a view of
	room      [roomBytes]byte // for payload, so that ordinary claims are one allocation
}

// noCopy has go vet report a copy of what holds it: strings of the copy would be the original's.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// roomBytes holds the claims of RFC 9068 and Sandi's own, and makes Claims fill a size class of the
// allocator.
const roomBytes = 480

// read decodes a payload: an object whose registered claims have their types (RFC 7519 section
// 4.1). Dates that are strings, negative or beyond the year 9999 are refused.
func (c *Claims) read(t opened) error {
	if c.payload == nil {
		c.payload = c.room[:0]
	}
	payload, ascii, ok := appendText(c.payload[:0], t.body)
	if !ok {
		return because(ErrMalformed, "payload is not base64url")
	}
	c.clear()
	c.payload, c.header = payload, t.header
	if !ascii && !utf8.Valid(payload) {
		return because(ErrMalformed, "claims: not UTF-8")
	}
	if fault := scanUTF8(unsafe.String(unsafe.SliceData(payload), len(payload)), &c.object); fault != "" {
		return because(ErrMalformed, "claims: %s", fault)
	}
	for i := range c.n {
		if m := c.at(i); !c.register(i, m) {
			return because(ErrMalformed, "claim %s is of the wrong type", c.name(m))
		}
	}
	return nil
}

// clear leaves nothing of a token but room for the next.
func (c *Claims) clear() {
	c.src, c.n, c.more = "", 0, c.more[:0]
	c.header, c.issuer, c.subject, c.id, c.audience = Header{}, "", "", "", 0
	c.expires, c.notBefore, c.issued = date{}, date{}, date{}
}

// register keeps a registered claim; false where it is of the wrong type.
func (c *Claims) register(i int, m *member) (ok bool) {
	if m.name.to-m.name.from != 3 && !m.escaped {
		return true
	}
	switch c.name(m) {
	case "iss":
		c.issuer, ok = c.text(m)
	case "sub":
		c.subject, ok = c.text(m)
	case "jti":
		c.id, ok = c.text(m)
	case "exp":
		c.expires, ok = c.date(m)
	case "nbf":
		c.notBefore, ok = c.date(m)
	case "iat":
		c.issued, ok = c.date(m)
	case "aud":
		c.audience = i + 1
		ok = m.kind == kindString || m.kind == kindEscaped || c.isTexts(m)
	default:
		ok = true
	}
	return ok
}

// after says whether d is later than t.
func (d date) after(t time.Time) bool {
	sec := t.Unix()
	return d.set && (d.sec > sec || d.sec == sec && int(d.nsec) > t.Nanosecond())
}

func (d date) time() time.Time {
	if !d.set {
		return time.Time{}
	}
	return time.Unix(d.sec, int64(d.nsec)).UTC()
}

// Issuer is iss; "" where there is none.
func (c *Claims) Issuer() string { return c.issuer }

// Subject is sub; "" where there is none.
func (c *Claims) Subject() string { return c.subject }

// ID is jti; "" where there is none.
func (c *Claims) ID() string { return c.id }

// Audience is aud, as a list also where it is one string; nil where there is none.
func (c *Claims) Audience() []string { return c.Strings("aud") }

// HasAudience says whether aud contains name.
func (c *Claims) HasAudience(name string) bool { return c.hasAudience([]string{name}) }

// hasAudience says whether aud contains any of the names.
func (c *Claims) hasAudience(names []string) bool {
	if c.audience == 0 {
		return false
	}
	m := c.at(c.audience - 1)
	if s, ok := c.text(m); ok {
		return slices.Contains(names, s)
	}
	for raw, k := range elements(c.raw(m)) {
		if s, _ := text(raw, k); slices.Contains(names, s) {
			return true
		}
	}
	return false
}

// ExpiresAt is exp in UTC; the zero time where there is none.
func (c *Claims) ExpiresAt() time.Time { return c.expires.time() }

// NotBefore is nbf in UTC; the zero time where there is none.
func (c *Claims) NotBefore() time.Time { return c.notBefore.time() }

// IssuedAt is iat in UTC; the zero time where there is none.
func (c *Claims) IssuedAt() time.Time { return c.issued.time() }

// Type is the header's typ in lower case and without "application/"; "" where there is none.
func (c *Claims) Type() string { return c.header.Type }

// KeyID is the header's kid; "" where there is none.
func (c *Claims) KeyID() string { return c.header.KeyID }

// Algorithm is the algorithm of the key that signed the token.
func (c *Claims) Algorithm() Algorithm { return c.header.Algorithm }

// Has says whether there is a claim of that name, null included.
func (c *Claims) Has(name string) bool { return c.find(name) != nil }

// String is a claim that is a string; "" for any other.
func (c *Claims) String(name string) string {
	m := c.find(name)
	if m == nil {
		return ""
	}
	s, _ := c.text(m)
	return s
}

// Bool is true for a claim that is true, and for no other.
func (c *Claims) Bool(name string) bool {
	m := c.find(name)
	return m != nil && m.kind == kindTrue
}

// Strings is a claim that is a list of strings, in a slice of the caller's own; a string counts as
// a list of one, anything else as nil.
func (c *Claims) Strings(name string) []string {
	m := c.find(name)
	if m == nil {
		return nil
	}
	if s, ok := c.text(m); ok {
		return []string{s}
	}
	list, _ := c.texts(m)
	return list
}

// Time is a claim that is a NumericDate (RFC 7519 section 2), in UTC; the zero time for any other.
func (c *Claims) Time(name string) time.Time {
	m := c.find(name)
	if m == nil {
		return time.Time{}
	}
	d, _ := c.date(m)
	return d.time()
}

// Decode puts a claim into v as json.Unmarshal does. It returns ErrClaimMissing where there is no
// such claim, and otherwise what json.Unmarshal returns.
func (c *Claims) Decode(name string, v any) error {
	m := c.find(name)
	if m == nil {
		return ErrClaimMissing
	}
	if err := json.Unmarshal([]byte(c.raw(m)), v); err != nil {
		return fmt.Errorf("decode claim: %w", err)
	}
	return nil
}

// MarshalJSON writes the claims as the token has them.
func (c *Claims) MarshalJSON() ([]byte, error) { return []byte(c.src), nil }

// Format writes who the token is for and its id, for every verb: the claims may hold more than a
// log should.
func (c *Claims) Format(f fmt.State, _ rune) {
	if c == nil {
		fmt.Fprint(f, "jwt.Claims(nil)")
		return
	}
	fmt.Fprintf(f, "jwt.Claims(sub %q jti %q)", c.subject, c.id)
}

// LogValue is what package slog writes: iss, sub and jti.
func (c *Claims) LogValue() slog.Value {
	if c == nil {
		return slog.Value{}
	}
	return slog.GroupValue(slog.String("iss", c.issuer), slog.String("sub", c.subject), slog.String("jti", c.id))
}
