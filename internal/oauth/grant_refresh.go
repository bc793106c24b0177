package oauth

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/internal/session"
)

// grantRefresh redeems a refresh token (RFC 6749 section 6). Scope and resources may be narrowed for this access token; the
// refresh token keeps those of the grant.
type grantRefresh struct {
	*Endpoint
	refresh          string
	scope, resources []string // asked for; empty: those of the grant
}

func (g *grantRefresh) parse(q *tokenRequest) error {
	g.refresh, g.scope, g.resources = q.form.get("refresh_token"), q.form.list("scope"), q.form["resource"]
	if g.refresh == "" {
		return refuse("invalid_request", "refresh_token is missing")
	}
	return nil
}

// permit reads the session where something is asked for, so that a request for too much does not use the refresh token up. What it reads
// does not change while the session lives. A token that is not the client's is redeem's to refuse.
func (g *grantRefresh) permit(ctx context.Context, q *tokenRequest) error {
	if len(g.scope) == 0 && len(g.resources) == 0 {
		return nil
	}
	s, err := g.Sessions.Owner(ctx, g.refresh)
	if errors.Is(err, session.ErrInvalidGrant) || err == nil && s.ClientID != q.client.ID {
		return nil
	}
	if err != nil {
		return err
	}
	if !within(g.scope, strings.Fields(s.Scope)) {
		return refuse("invalid_scope", "scope is wider than what was granted (RFC 6749 section 6)")
	}
	if !within(g.resources, s.Audience) {
		return refuse("invalid_target", "resource was not granted (RFC 8707 section 2.2)")
	}
	return nil
}

func (g *grantRefresh) redeem(ctx context.Context, q *tokenRequest) (issuance, error) {
	_, idle, _ := g.Policy.lifetimes(q.client, nil)
	r, err := g.Sessions.RotateUnder(ctx, g.refresh, session.Terms{
		ClientID: q.client.ID, JKT: q.sessionJKT(), Idle: idle, Keep: !g.Policy.rotates(q.client),
	}, q.from)
	switch {
	case errors.Is(err, session.ErrReused):
		return issuance{}, withCause(refuse("invalid_grant", "the refresh token was used before, and a newer one issued: the session is ended"), err)
	case errors.Is(err, session.ErrInvalidGrant):
		return issuance{}, withCause(refuse("invalid_grant", "the refresh token is not this client's, or does not count any more: begin again"), err)
	case err != nil:
		return issuance{}, err
	}
	i := g.granted(q, r.Session, r.User, r.Refresh, r.At)
	if len(g.scope) > 0 {
		i.scope = g.scope
	}
	if len(g.resources) > 0 {
		i.resources = g.resources
	}
	return i, g.still(&i)
}

// still leaves out what the client may not ask for any more: scopes and resources are read afresh at each refresh.
func (e *Endpoint) still(i *issuance) error {
	had := len(i.scope) > 0
	i.scope = slices.DeleteFunc(i.scope, func(w string) bool { return !slices.Contains(i.client.Scopes, w) })
	if had && len(i.scope) == 0 {
		return refuse("invalid_scope", "the client may not ask for any of the granted scopes any more")
	}
	var allowed []string
	for _, r := range i.resources {
		if one, err := e.Policy.resources(i.client, []string{r}, e.Audience); err == nil {
			allowed = append(allowed, one...)
		}
	}
	if len(allowed) == 0 {
		return refuse("invalid_target", "the client may not ask for the granted resources any more")
	}
	i.resources = allowed
	return nil
}
