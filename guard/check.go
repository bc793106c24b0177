package guard

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// check is the whole decision: one credential, verified, and every requirement
// of the route.
func (g *Guard) check(r *http.Request, p *policy) (*Token, *Error) {
	t, err := g.decide(r, p)
	if g.cfg.Observe != nil {
		if failed := g.observe(r, t, err); failed != nil && err == nil {
			err = refuse(Unavailable, failed)
		}
	}
	if err != nil {
		err.by(p)
		return nil, err
	}
	return t, nil
}

func (g *Guard) observe(r *http.Request, t *Token, refusal *Error) (err error) {
	defer recovered(&err)
	reason := Reason("")
	if refusal != nil {
		reason = refusal.Reason
	}
	g.cfg.Observe(r, t, reason)
	return nil
}

// decide returns the token that was verified beside the refusal, for Observe alone.
func (g *Guard) decide(r *http.Request, p *policy) (*Token, *Error) {
	if p.exempt.has(r) {
		return nil, nil
	}
	cred, err := p.credential(r, &g.cfg.Cookie)
	if err != nil {
		return nil, err
	}
	if !cred.found {
		if p.optional {
			return nil, nil
		}
		return nil, &Error{Reason: TokenMissing, Cause: cred.missing, hint: p.overlooked(r)}
	}
	t, err := g.admit(r, p, cred)
	if err != nil {
		err.dpop = cred.dpop
	}
	return t, err
}

// admit judges a request that brought a credential.
func (g *Guard) admit(r *http.Request, p *policy, cred credential) (*Token, *Error) {
	if cred.sealed {
		return g.admitTicket(r, p, cred.token)
	}
	t, at, err := g.verify(r.Context(), p, cred.token)
	if err != nil && p.expiredIsNone && errors.Is(err, jwt.ErrExpired) {
		return nil, nil
	}
	if err != nil {
		return t, err
	}
	if t.bound || cred.dpop {
		if err := g.checkBound(r, cred, t); err != nil {
			return t, err
		}
	}
	if cred.ambient {
		if err := g.cfg.Cookie.checkCSRF(r, t); err != nil {
			return t, g.inFlask(p, cred.token, refuse(CSRFFailed, err))
		}
	}
	if p.once && isSafe(r.Method) {
		return t, refuse(InvalidRequest, errSafeMethod)
	}
	return t, g.judge(r.Context(), p, t, at)
}

// verify says what the token is: genuine, alive at the time it returns, and of the kind that the
// route wants. Whether its sender has the key that it may be bound to is not said yet.
func (g *Guard) verify(ctx context.Context, p *policy, token string) (*Token, time.Time, *Error) {
	t, at, err := p.verifier.Verify(ctx, token)
	if err != nil && strings.HasPrefix(token, refreshPrefix) {
		return nil, at, refuse(TokenWrongType, errKind)
	}
	if err != nil {
		return nil, at, g.inFlask(p, token, g.refuseVerification(err))
	}
	for _, name := range g.cfg.RequiredClaims {
		if !t.Has(name) {
			return t, at, refuse(TokenInvalid, absentClaim(name))
		}
	}
	if p.wrongKind(t, g.cfg.InsecureAnyType) {
		return t, at, g.inFlask(p, token, refuse(TokenWrongType, errKind))
	}
	if p.proved != nil && !t.boundAs(p.proved) {
		return t, at, refuse(TokenInvalid, errOtherKey)
	}
	return t, at, nil
}

// judge says whether the token still counts and may do what the route does.
func (g *Guard) judge(ctx context.Context, p *policy, t *Token, at time.Time) *Error {
	if err := g.checkRevoked(ctx, p, t, at); err != nil {
		return err
	}
	if err := p.meet(ctx, t, g.cfg.Now); err != nil || !p.once {
		return err
	}
	return g.spend(ctx, p, t)
}

var errKind = errors.New("token is of another kind")

// refreshPrefix begins the opaque refresh tokens of a Sandi server: sending one
// where an access token belongs is a common slip, and worth its own answer.
const refreshPrefix = "sdr_"

// checkRevoked asks whether t counts at a time, or now where that is zero.
func (g *Guard) checkRevoked(ctx context.Context, p *policy, t *Token, at time.Time) *Error {
	if g.cfg.Revocations == nil || p.skipRevocation {
		return nil
	}
	revoked, err := g.askRevoked(ctx, t, at)
	if err != nil { // fail closed
		return refuse(Unavailable, err)
	}
	if revoked {
		return refuse(TokenRevoked, nil)
	}
	return nil
}

func (g *Guard) askRevoked(ctx context.Context, t *Token, at time.Time) (revoked bool, err error) {
	if g.list != nil && !at.IsZero() {
		return g.list.revokedAt(t, at)
	}
	defer recovered(&err)
	return g.cfg.Revocations.Revoked(ctx, t)
}

// refuseVerification gives the sentinels of jwt their stable reasons.
func (g *Guard) refuseVerification(err error) *Error {
	switch {
	case errors.Is(err, jwt.ErrUnknownKey) && g.cfg.Keys.KeySet() == nil:
		if r, ok := g.cfg.Keys.(*RemoteKeys); ok {
			err = r.explain(err)
		}
		return refuse(Unavailable, err) // no keys were ever loaded
	case errors.Is(err, jwt.ErrExpired):
		return refuse(TokenExpired, err)
	case errors.Is(err, jwt.ErrNotYetValid):
		return refuse(TokenNotYetValid, err)
	case errors.Is(err, jwt.ErrType):
		return refuse(TokenWrongType, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return refuse(Unavailable, err)
	}
	return refuse(TokenInvalid, err)
}
