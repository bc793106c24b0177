package oauth

import (
	"context"
	"net/http"
	"strconv"
)

// implicit is the implicit grant (RFC 6749 section 4.2), for clients with InsecureImplicitGrant: the code that was made never leaves
// the server, and is redeemed at once for a grant that lives as long as its one access token. No refresh token and no ID token
// comes of it.
func (e *Endpoint) implicit(r *http.Request, c Client, q *Request, code string) (string, error) {
	c.GrantTypes = []string{GrantImplicit} // whatever else the client may, this refreshes nothing
	g := &grantCode{Endpoint: e, code: code, redirect: q.RedirectURI}
	i, err := g.redeem(r.Context(), &tokenRequest{Request: r, client: c, from: from(r)})
	if err != nil {
		return "", err
	}
	a, err := e.issue(r, i)
	if err != nil {
		return "", err
	}
	pairs := []string{"access_token", a.AccessToken, "token_type", a.TokenType, "expires_in", strconv.FormatInt(a.ExpiresIn, 10)}
	if a.Scope != "" {
		pairs = append(pairs, "scope", a.Scope)
	}
	return q.location(e.Issuer, pairs...), nil
}

// mayImplicit refuses the implicit grant to a user with a second factor: a token in a URL is not what that protects.
func (e *Endpoint) mayImplicit(ctx context.Context, q *Request, in SignIn) error {
	if q.ResponseType != responseToken {
		return nil
	}
	has, err := e.Accounts.HasFactor(ctx, in.User.Subject)
	if err == nil && has {
		err = refuse("access_denied", "a user with a second factor gets no token by response_type=token; use code")
	}
	return err
}
