package oauth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/problem"
)

// grantJWTBearer is a token for a user whom the client vouches for by an assertion that it signed itself (RFC 7523 section 2.1): only
// for clients with MayImpersonate. The user did nothing, so no token of it says when or how they signed in.
type grantJWTBearer struct {
	*Endpoint
	assertion        string
	scope, resources []string
}

func (g *grantJWTBearer) parse(q *tokenRequest) error {
	if g.assertion = q.form.get("assertion"); g.assertion == "" {
		return refuse("invalid_request", "assertion is missing")
	}
	return nil
}

func (g *grantJWTBearer) permit(_ context.Context, q *tokenRequest) (err error) {
	if !q.client.MayImpersonate {
		return refuse("unauthorized_client", "the client may not act for users who are not there")
	}
	g.scope, g.resources, err = g.Policy.target(q.client, q.form.list("scope"), q.form["resource"], g.Audience)
	return err
}

// redeem spends the assertion last of all checks, and then begins the session of a user who is there and enabled.
func (g *grantJWTBearer) redeem(ctx context.Context, q *tokenRequest) (issuance, error) {
	c, err := g.verifyByClient(ctx, q.client, g.assertion, []string{g.Issuer})
	if err != nil {
		return issuance{}, withCause(refuse("invalid_grant", "the assertion is not accepted: it is to be signed by a key of the client, with its id as iss, the issuer as aud, and exp"), err)
	}
	switch {
	case !slices.Contains([]string{"", "jwt", "authorization-grant+jwt"}, c.Type()):
		return issuance{}, refuse("invalid_grant", "typ of the assertion is neither JWT nor authorization-grant+jwt")
	case c.Subject() == "" || len(c.Audience()) != 1:
		return issuance{}, refuse("invalid_grant", "the assertion has no sub, or an aud besides the issuer")
	case c.ID() == "" || len(c.ID()) > 256:
		return issuance{}, refuse("invalid_grant", "the assertion has no jti, or one longer than 256 bytes")
	case c.ExpiresAt().After(g.Now().Add(assertionLife + assertionLeeway)):
		return issuance{}, refuse("invalid_grant", "exp of the assertion is more than an hour ahead")
	}
	u, err := g.Accounts.User(ctx, c.Subject())
	if err != nil && !errors.Is(err, problem.NotFound) {
		return issuance{}, err
	}
	if err != nil || u.Disabled || u.Subject != c.Subject() {
		return issuance{}, withCause(refuse("invalid_grant", "sub of the assertion is no user who may sign in"), err)
	}
	if err := g.spendAssertion(ctx, q.client, c.ID(), c.ExpiresAt()); err != nil {
		return issuance{}, err
	}
	return g.beginFor(ctx, q, u)
}

func (g *grantJWTBearer) beginFor(ctx context.Context, q *tokenRequest, u account.User) (issuance, error) {
	return g.begin(ctx, q, given{subject: u.Subject, credentialVersion: u.CredentialVersion, scope: g.scope, resources: g.resources})
}

// spendAssertion: each counts once (RFC 7523 section 3, point 7).
func (g *grantJWTBearer) spendAssertion(ctx context.Context, c Client, jti string, expires time.Time) error {
	err := g.spend(ctx, "grant assertion", c.ID, jti, expires.Add(assertionLeeway))
	if errors.Is(err, problem.Unauthenticated) { // spend's refusal, as of a client assertion
		return withCause(refuse("invalid_grant", "the assertion was used before"), err)
	}
	return err
}
