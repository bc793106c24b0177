package jwt

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Claims are the claims of a verified token. They are immutable and safe for concurrent use: their
// methods return copies, or strings. Names are compared exactly, so "EXP" is not "exp".
type Claims struct {
	object
	header    Header
	issuer    string
	subject   string
	id        string
	audience  *member
	expires   date
	notBefore date
	issued    date
}

// newClaims reads a payload: an object whose registered claims have their types (RFC 7519 section
// 4.1). Dates that are strings, negative or beyond the year 9999 are refused.
func newClaims(t opened) (*Claims, error) {
	c := &Claims{header: t.header}
	if fault := scanObject(t.payload, &c.object); fault != "" {
		return nil, because(ErrMalformed, "claims: %s", fault)
	}
	for i := range c.n {
		m := c.at(i)
		if name := c.name(m); len(name) == 3 && !c.register(name, m) {
			return nil, because(ErrMalformed, "claim %s is of the wrong type", name)
		}
	}
	return c, nil
}

// register keeps a registered claim; false where it is of the wrong type.
func (c *Claims) register(name string, m *member) (ok bool) {
	switch name {
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
		c.audience = m
		ok = m.kind == kindString || m.kind == kindEscaped || c.isTexts(m)
	default:
		ok = true
	}
	return ok
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
func (c *Claims) HasAudience(name string) bool {
	if c.audience == nil {
		return false
	}
	if s, ok := c.text(c.audience); ok {
		return s == name
	}
	for raw, k := range elements(c.raw(c.audience)) {
		if s, _ := text(raw, k); s == name {
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
