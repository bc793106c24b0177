package oauth

import (
	"context"
	"time"

	"github.com/sandi-auth/sandi/internal/token"
)

// grantClientCredentials is a client's token for itself (RFC 6749 section 4.4): sub is the client id, which no user has (RFC 9068
// section 5). There is no session and no refresh token, and nothing is written.
type grantClientCredentials struct {
	*Endpoint
	scope, resources []string
}

func (g *grantClientCredentials) parse(*tokenRequest) error { return nil }

func (g *grantClientCredentials) permit(_ context.Context, q *tokenRequest) (err error) {
	g.scope, g.resources, err = g.Policy.target(q.client, q.form.list("scope"), q.form["resource"], g.Audience)
	if err != nil {
		return err
	}
	asked := len(g.scope) > 0
	if g.scope = withoutUser(g.scope); asked && len(g.scope) == 0 {
		return refuse("invalid_scope", "the scope is about a user, and this grant has none")
	}
	return nil
}

func (g *grantClientCredentials) redeem(ctx context.Context, q *tokenRequest) (issuance, error) {
	at := g.Now()
	status, err := g.place(ctx, q.client, g.resources, at)
	return issuance{
		client: q.client, scope: g.scope, resources: g.resources, jkt: q.jkt, x5t: q.x5t,
		access: token.Access{Subject: q.client.ID, Roles: q.client.Roles, At: at, Status: status},
	}, err
}

// withoutUser leaves out the scopes that say something about a user: of a token without one they are not granted.
func withoutUser(scope []string) (kept []string) {
	for _, s := range scope {
		if !isBuiltIn(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// place is that of a token without a session in a status list; nil for no such lists. It is taken from a block that this
// node has.
func (e *Endpoint) place(ctx context.Context, c Client, resources []string, at time.Time) (*token.Status, error) {
	if e.Status == nil {
		return nil, nil
	}
	life, _, _ := e.Policy.lifetimes(c, resources)
	p, err := e.Status.Next(ctx, at.Add(life))
	if err != nil {
		return nil, err
	}
	return e.statusClaim(p), nil
}
