package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// grantCode redeems an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
type grantCode struct {
	*Endpoint
	code, redirect, verifier string
	resources                []string // asked for; empty: all that were granted
}

func (g *grantCode) parse(q *tokenRequest) error {
	g.code, g.redirect, g.verifier = q.form.get("code"), q.form.get("redirect_uri"), q.form.get("code_verifier")
	g.resources = q.form["resource"]
	if g.code == "" {
		return refuse("invalid_request", "code is missing")
	}
	if g.verifier != "" && !isVerifier(g.verifier) {
		return refuse("invalid_grant", "code_verifier is not 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
	}
	return nil
}

// isVerifier is the form of RFC 7636 section 4.1.
func isVerifier(s string) bool {
	return len(s) >= 43 && len(s) <= 128 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == ""
}

// permit has nothing to judge: what the code stands for is only known where it is spent.
func (g *grantCode) permit(context.Context, *tokenRequest) error { return nil }

// redeem spends the code. An attempt that check refuses leaves it to its rightful client; one with a code that was spent ends the
// session of its first use (RFC 6749 section 4.1.2). A session is drafted for a code that counts alone: a draft has a place in a status
// list, and whoever makes codes up is to use none of them up.
func (g *grantCode) redeem(ctx context.Context, q *tokenRequest) (issuance, error) {
	c, err := g.Store.Code(ctx, hashOf(g.code))
	if err == nil {
		err = g.check(q, c)
	}
	var d draft
	if err == nil {
		d, err = g.draft(ctx, q)
	}
	var b session.Begun
	if err == nil {
		b, err = g.spendCode(ctx, q, d)
	}
	switch {
	case errors.Is(err, ErrCodeReused):
		return issuance{}, withCause(refuse("invalid_grant", "the code was used before: its tokens no longer count"), err)
	case errors.Is(err, ErrNotFound):
		return issuance{}, withCause(refuse("invalid_grant", "the code is unknown or expired: begin again"), err)
	case errors.Is(err, session.ErrUserGone), errors.Is(err, session.ErrNotFound):
		return issuance{}, gone(err)
	case err != nil:
		return issuance{}, err
	}
	i := g.granted(q, b.Session, b.User, d.refresh, b.Session.CreatedAt)
	i.nonce, i.access.Fresh = c.Nonce, true
	if len(g.resources) > 0 {
		i.resources = g.resources // check saw to it
	}
	return i, nil
}

// spendCode is the one state change.
func (g *grantCode) spendCode(ctx context.Context, q *tokenRequest, d draft) (session.Begun, error) {
	detail := map[string]string{"client_id": q.client.ID}
	b, _, err := g.Store.RedeemCode(ctx, hashOf(g.code), func(c Code) (session.Session, error) {
		if err := g.check(q, c); err != nil {
			return session.Session{}, err
		}
		return d.of(given{
			signIn: c.SignIn, subject: c.Subject, credentialVersion: c.CredentialVersion, scope: c.Scope, resources: c.Resources,
			claims: c.Claims, authTime: c.AuthTime, amr: c.AMR, acr: c.ACR,
		})
	}, audit.Event{Action: audit.SessionBegun, From: q.from, Detail: detail}, audit.Event{Action: audit.CodeReused, From: q.from, Detail: detail})
	return b, err
}

// check says whether q may redeem c.
func (g *grantCode) check(q *tokenRequest, c Code) error {
	sum := sha256.Sum256([]byte(g.verifier))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	switch {
	case c.ClientID != q.client.ID:
		return refuse("invalid_grant", "the code was issued to another client")
	case c.RedirectSent && g.redirect == "":
		return refuse("invalid_grant", "redirect_uri stood in the authorization request: repeat it (RFC 6749 section 4.1.3)")
	case g.redirect != "" && g.redirect != c.RedirectURI:
		return refuse("invalid_grant", "redirect_uri is not that of the authorization request")
	case c.Challenge == "" && g.verifier != "":
		return refuse("invalid_grant", "code_verifier without a code_challenge in the authorization request (RFC 9700 section 4.8.2)")
	case c.Challenge != "" && subtle.ConstantTimeCompare([]byte(challenge), []byte(c.Challenge)) != 1:
		return refuse("invalid_grant", "code_verifier is missing or does not fit the code_challenge")
	case c.JKT != "" && c.JKT != q.jkt:
		return refuse("invalid_grant", "the DPoP key is not that of the authorization request (RFC 9449 section 10)")
	case !within(g.resources, c.Resources):
		return refuse("invalid_target", "resource was not granted (RFC 8707 section 2.2)")
	}
	return nil
}
