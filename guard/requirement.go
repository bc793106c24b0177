package guard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// Requirement is one thing that a route asks of a request. The functions that
// make one say what it asks. Several must all hold.
type Requirement struct{ apply func(*Guard, *policy) error }

// policy is the requirements of a route, compiled.
type policy struct {
	guard *Guard
	sourceSet
	verifier       *jwt.Cache[Token]
	from           bool // From has chosen the sources
	exempt         *exemption
	optional       bool
	expiredIsNone  bool // OptionalExpired
	refresh        bool // JWT refresh tokens instead of access tokens
	typed          bool // Type: the header typ says what kind of token it is
	types          []string
	once           bool // the token is spent
	fresh          bool
	within         time.Duration // 0: at any age
	acr            []string      // one of them; empty: any
	roles          [][]string    // of each, one
	scopes         []string
	checks         []claimCheck
	proved         *Token // BoundAs
	skipRevocation bool
	onError        ErrorWriter
	flask          bool // FlaskCompat's places, kinds and texts
}

type claimCheck struct {
	name  string
	check func(context.Context, *Token) error
}

// compile panics on a requirement that cannot be: that is a fault of the
// program, and it shows when routes are made.
func (g *Guard) compile(reqs []Requirement) *policy {
	if len(reqs) == 0 {
		return &g.base
	}
	p := g.base
	for _, req := range reqs {
		if req.apply == nil {
			panic("guard: empty Requirement")
		}
		if err := req.apply(g, &p); err != nil {
			panic("guard: " + err.Error())
		}
	}
	if p.refresh && !p.from {
		p.sourceSet = g.refreshSources
	}
	return &p
}

// Optional lets a request without a credential through, with a nil Identity. A
// credential that is there must be good.
func Optional() Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		p.optional = true
		return nil
	}}
}

// OptionalExpired is Optional, and a genuine token that has expired counts as none: for a page that
// greets whoever is signed in and everybody else as a guest, also when a browser comes back after
// lunch. Signature, typ, issuer and audience are checked before exp, so that any other bad token is
// refused; what comes after exp (kind, CSRF value, revocation) is not, as the token gives nothing.
func OptionalExpired() Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		p.optional, p.expiredIsNone = true, true
		return nil
	}}
}

// Fresh asks for a token from a sign-in and not from a refresh (claim fresh)
// and, where within is above 0, for a sign-in no longer ago than that by
// auth_time, or by iat where there is none; an auth_time that is no date, or
// more than a minute ahead, is no sign-in. The refusal tells the client to sign
// in again (RFC 9470).
func Fresh(within time.Duration) Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		if within < 0 {
			return fmt.Errorf("Fresh(%v) is below 0", within)
		}
		if p.within == 0 || within > 0 && within < p.within {
			p.within = within
		}
		p.fresh = true
		return nil
	}}
}

// Refresh asks for a JWT refresh token, claim type "refresh", instead of an
// access token, where Config.RefreshSources say. The opaque refresh tokens of a Sandi server (sdr_)
// are for that server alone and never pass. With Config.Rotation each passes once, and every check
// counts: a handler behind Require takes Identity, and does not Check again.
func Refresh() Requirement {
	return Requirement{func(g *Guard, p *policy) error {
		if p.typed {
			return errors.New("Refresh and Type exclude one another")
		}
		p.refresh, p.verifier, p.types, p.once = true, g.refresh, g.refreshTypes(), g.cfg.Rotation != nil
		return nil
	}}
}

// Type asks for one of these header typ instead of Config.Types, for tokens
// with one purpose such as "reset+jwt". A refresh token never passes.
func Type(any ...string) Requirement {
	return Requirement{func(g *Guard, p *policy) (err error) {
		if len(any) == 0 || p.refresh || p.typed {
			return errors.New("Type needs a typ, stands alone and excludes Refresh and OneTime")
		}
		p.typed, p.types = true, slices.Clone(any)
		p.verifier, err = g.verifier(any, 0)
		return err
	}}
}

// Role asks for any of these roles, by the claim roles (RFC 9068 section
// 2.2.3.1), or role where an issuer gives one as a string.
func Role(any ...string) Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		if len(any) == 0 {
			return errors.New("Role needs a role")
		}
		p.roles = append(p.roles, slices.Clone(any))
		return nil
	}}
}

// Scope asks for all of these scopes (RFC 6749 section 3.3).
func Scope(all ...string) Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		if len(all) == 0 || slices.ContainsFunc(all, notScope) {
			return fmt.Errorf("Scope(%q) needs scope tokens", all)
		}
		p.scopes = append(p.scopes, all...)
		return nil
	}}
}

// notScope says that s is no scope-token of RFC 6749 section 3.3.
func notScope(s string) bool {
	return s == "" || strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c > '~' || c == '"' || c == '\\'
	})
}

// Claim asks that the token has a claim of this name and that check, if not
// nil, returns nil. The name may be empty to check the token as a whole.
//
// An error from check is answered with 403 and forbidden, whatever it says; an
// *Error is answered as it is. A panic counts as an error (*PanicError).
func Claim(name string, check func(context.Context, *Token) error) Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		if name == "" && check == nil {
			return errors.New("Claim needs a name or a check")
		}
		p.checks = append(p.checks, claimCheck{name, check})
		return nil
	}}
}

// SkipRevocation does not ask Config.Revocations, for routes where an ended
// session does no harm or where the handler looks for itself.
func SkipRevocation() Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		p.skipRevocation = true
		return nil
	}}
}

// From looks for the token in these places and not in Config.Sources or RefreshSources.
func From(sources ...Source) Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		p.from = true
		return p.read(&p.guard.cfg, sources)
	}}
}

// OnError writes the refusals of this route. Check does not use it.
func OnError(w ErrorWriter) Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		if w == nil {
			return errors.New("OnError needs an ErrorWriter")
		}
		p.onError = w
		return nil
	}}
}

// wrongKind says whether the token, whose header typ the verifier accepted, is
// of another kind than the route wants. The claim type is what
// Flask-JWT-Extended tells its two kinds apart by; it decides where the typ is
// vague and does not tell an access token from an ID token.
func (p *policy) wrongKind(t *Token, anyType bool) bool {
	vague := (p.flask || !anyType) && (t.typ == "" || t.typ == "jwt")
	switch {
	case p.refresh:
		return t.kind != "refresh"
	case t.typ == "refresh+jwt":
		return true
	case t.kind == "access":
		return false
	case t.kinded:
		return !p.typed || vague || t.kind == "refresh"
	}
	return vague || p.flask && !p.typed
}

// meet checks what the route asks beyond a good token. Roles and scopes come
// before freshness, so that nobody signs in again for what they may not do.
func (p *policy) meet(ctx context.Context, t *Token, now func() time.Time) *Error {
	for _, any := range p.roles {
		if !slices.ContainsFunc(any, t.HasRole) {
			return refuse(Forbidden, errRole)
		}
	}
	for _, s := range p.scopes {
		if !t.HasScope(s) {
			return &Error{Reason: Forbidden, Cause: errScope, Scope: p.scopes}
		}
	}
	if p.fresh && !p.isFresh(t, now) {
		return &Error{Reason: TokenNotFresh, MaxAge: p.within, ACRValues: p.acr}
	}
	if len(p.acr) > 0 && !slices.Contains(p.acr, t.String("acr")) {
		return &Error{Reason: StepUp, MaxAge: p.within, ACRValues: p.acr}
	}
	for _, c := range p.checks {
		if err := c.run(ctx, t); err != nil {
			return asForbidden(err)
		}
	}
	return nil
}

var (
	errRole  = errors.New("caller has none of the roles")
	errScope = errors.New("token lacks a scope")
)

func (p *policy) isFresh(t *Token, now func() time.Time) bool {
	fresh := t.Fresh() || p.flask && !now().After(t.Time("fresh")) // fresh until then
	if !fresh || p.within == 0 {
		return fresh
	}
	at := t.AuthTime()
	if !t.Has("auth_time") { // one that is there and says nothing is no sign-in
		at = t.IssuedAt()
	}
	ago := now().Sub(at)
	return !at.IsZero() && ago >= -time.Minute && ago <= p.within // as iat, it may be a minute ahead
}

func (c claimCheck) run(ctx context.Context, t *Token) (err error) {
	if c.name != "" && !t.Has(c.name) {
		return fmt.Errorf("claim %s: %w", c.name, jwt.ErrClaimMissing)
	}
	if c.check == nil {
		return nil
	}
	defer recovered(&err)
	return c.check(ctx, t)
}
