package oauth

import (
	"context"
	"errors"

	"github.com/sandi-auth/sandi/internal/account"
)

// grantPassword is the password grant of RFC 6749 section 4.3, which RFC 9700 section 2.4 forbids: it exists for clients with
// InsecurePasswordGrant alone, to migrate from, and in no metadata. Tries are counted as those of the first-party login are.
type grantPassword struct {
	*Endpoint
	username, password string
	scope, resources   []string
}

func (g *grantPassword) parse(q *tokenRequest) error {
	g.username, g.password = q.form.get("username"), q.form.get("password")
	if g.username == "" || g.password == "" {
		return refuse("invalid_request", "username or password is missing")
	}
	return nil
}

func (g *grantPassword) permit(_ context.Context, q *tokenRequest) (err error) {
	g.scope, g.resources, err = g.Policy.target(q.client, q.form.list("scope"), q.form["resource"], g.Audience)
	return err
}

func (g *grantPassword) redeem(ctx context.Context, q *tokenRequest) (issuance, error) {
	u, err := g.Accounts.Verify(ctx, g.username, g.password, q.from)
	if errors.Is(err, account.ErrCredentials) {
		return issuance{}, withCause(refuse("invalid_grant", "wrong username or password"), err)
	}
	if err != nil {
		return issuance{}, err
	}
	factor, err := g.Accounts.HasFactor(ctx, u.Subject)
	if err != nil {
		return issuance{}, err
	}
	if factor { // a password alone is not enough for this user, whoever asks
		return issuance{}, refuse("invalid_grant", "the user has a second factor, which this grant cannot ask for: use authorization_code")
	}
	return g.begin(ctx, q, given{
		subject: u.Subject, credentialVersion: u.CredentialVersion, scope: g.scope, resources: g.resources,
		amr: []string{"pwd"}, acr: ACRPassword,
	})
}
