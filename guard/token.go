package guard

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// Token is a verified token: its claims, and what they mean here. All methods
// of a nil *Token answer with zero values, so that a handler behind Optional
// need not ask first. In a log it shows iss, sub and jti; but inside a struct the
// JSON handler of log/slog writes all its claims, as encoding/json does: log the
// token itself.
type Token struct {
	*jwt.Claims
	// What follows is found once for each verification; it is zero in a token that a program made itself.
	guard   *Guard       // whose verification it passed
	handles handles      // what a RevocationList looks up
	typ     string       // the header's
	kind    string       // the claim type
	kinded  bool         // there is one
	bound   bool         // claim cnf: to a key,
	jkt     string       // the thumbprint of it where it is a DPoP key,
	x5t     string       // and that of a certificate
	status  *statusPlace // nil for none
}

// claims of a nil token are empty.
func (t *Token) claims() *jwt.Claims {
	if t == nil || t.Claims == nil {
		return new(jwt.Claims)
	}
	return t.Claims
}

// ClientID is the OAuth client that the token was issued to (RFC 9068 section 2.2).
func (t *Token) ClientID() string { return t.claims().String("client_id") }

// Session is the session that ends with a logout, claim sid; empty for tokens
// without one.
func (t *Token) Session() string { return t.claims().String("sid") }

// Scopes are the granted scopes, claim scope (RFC 9068 section 2.2.3).
func (t *Token) Scopes() []string { return strings.Fields(t.claims().String("scope")) }

// HasScope says whether the scope was granted.
func (t *Token) HasScope(scope string) bool {
	for s := range strings.FieldsSeq(t.claims().String("scope")) {
		if s == scope {
			return true
		}
	}
	return false
}

// Roles are the claim roles (RFC 9068 section 2.2.3.1), or the one in the claim
// role where the token has no roles.
func (t *Token) Roles() []string {
	c := t.claims()
	if c.Has("roles") {
		return c.Strings("roles")
	}
	if role := c.String("role"); role != "" {
		return []string{role}
	}
	return nil
}

// HasRole says whether the caller has the role.
func (t *Token) HasRole(role string) bool { return slices.Contains(t.Roles(), role) }

// Fresh says that the token comes from a sign-in and not from a refresh, claim
// fresh.
func (t *Token) Fresh() bool { return t.claims().Bool("fresh") }

// AuthTime is when the user last signed in (RFC 9068 section 2.2.1); zero when
// the token does not say.
func (t *Token) AuthTime() time.Time { return t.claims().Time("auth_time") }

// The methods of jwt.Claims, for a token that may be nil.

// Issuer is iss.
func (t *Token) Issuer() string { return t.claims().Issuer() }

// Subject is sub: the user, or the client where it acts for itself.
func (t *Token) Subject() string { return t.claims().Subject() }

// Audience is aud.
func (t *Token) Audience() []string { return t.claims().Audience() }

// HasAudience says whether aud contains the name.
func (t *Token) HasAudience(name string) bool { return t.claims().HasAudience(name) }

// ID is jti.
func (t *Token) ID() string { return t.claims().ID() }

// ExpiresAt is exp.
func (t *Token) ExpiresAt() time.Time { return t.claims().ExpiresAt() }

// NotBefore is nbf.
func (t *Token) NotBefore() time.Time { return t.claims().NotBefore() }

// IssuedAt is iat.
func (t *Token) IssuedAt() time.Time { return t.claims().IssuedAt() }

// Type is the header's typ.
func (t *Token) Type() string { return t.claims().Type() }

// KeyID is the header's kid.
func (t *Token) KeyID() string { return t.claims().KeyID() }

// Algorithm is the header's alg.
func (t *Token) Algorithm() jwt.Algorithm { return t.claims().Algorithm() }

// Has says whether there is a claim of the name.
func (t *Token) Has(name string) bool { return t.claims().Has(name) }

// String is a claim that is a string, "" for any other.
func (t *Token) String(name string) string { return t.claims().String(name) }

// Bool is a claim that is true or false, false for any other.
func (t *Token) Bool(name string) bool { return t.claims().Bool(name) }

// Strings is a claim that is a string or a list of them, nil for any other.
func (t *Token) Strings(name string) []string { return t.claims().Strings(name) }

// Time is a claim that is a NumericDate, the zero time for any other.
func (t *Token) Time(name string) time.Time { return t.claims().Time(name) }

// Decode unmarshals a claim; jwt.ErrClaimMissing where there is none.
func (t *Token) Decode(name string, v any) error { return t.claims().Decode(name, v) }

// MarshalJSON gives the claims as the token has them.
func (t *Token) MarshalJSON() ([]byte, error) {
	if t == nil || t.Claims == nil {
		return []byte("null"), nil
	}
	return t.Claims.MarshalJSON()
}

// Format writes who the token is for and its id, for every verb.
func (t *Token) Format(f fmt.State, verb rune) { t.claims().Format(f, verb) }

// LogValue is what package slog writes: iss, sub and jti.
func (t *Token) LogValue() slog.Value { return t.claims().LogValue() }
