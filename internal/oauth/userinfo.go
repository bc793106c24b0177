package oauth

import (
	"context"
	"errors"
	"net/http"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

const userInfoPath = "/oauth/userinfo"

// userInfo stands behind the guard, which answers by RFC 6750 and RFC 9449: it wants a token with the scope openid that is for this
// server, whatever other resources it is for.
func (e *Endpoint) userInfo() http.Handler {
	mine := guard.Claim("aud", func(_ context.Context, t *guard.Token) error {
		if !t.HasAudience(e.Issuer) {
			return &guard.Error{Reason: guard.TokenInvalid, Cause: errors.New("token is not for this server")}
		}
		return nil
	})
	return e.Guard.Require(guard.Scope(ScopeOpenID), mine)(e.Web.HandleOAuth(e.describeUser))
}

// describeUser is the UserInfo endpoint (OpenID Connect Core section 5.3), for GET and POST alike.
func (e *Endpoint) describeUser(w http.ResponseWriter, r *http.Request) error {
	t := guard.Identity(r.Context())
	u, err := e.Accounts.User(r.Context(), t.Subject())
	if errors.Is(err, problem.NotFound) || err == nil && u.Disabled { // a client's own token, or a node that learns of it before its list does
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return problem.Wrap(problem.Unauthenticated, "invalid_token", err)
	}
	if err != nil {
		return err
	}
	claims := scopeClaims(u, t.Scopes())
	claims["sub"] = u.Subject
	return web.JSON(w, http.StatusOK, claims)
}
