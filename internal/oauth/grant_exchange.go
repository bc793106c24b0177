package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/token"
)

// The token types of RFC 8693 section 3 that there are here.
const (
	tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"
	tokenTypeJWT    = "urn:ietf:params:oauth:token-type:jwt"
	tokenTypeID     = "urn:ietf:params:oauth:token-type:id_token"
)

// grantExchange gives a confidential client a token for another resource in exchange for one that it was issued or was called with (RFC
// 8693): with an actor_token the new token says who acts for its subject (delegation), without one the client becomes the subject
// (impersonation), which may_act or MayImpersonate has to allow.
//
// The new token ends with the old one's time and with its session, is never wider in scope, and has no refresh token. Its client
// may revoke it alone. Where the old one can be revoked alone too, the new one lives for exchangedLife at most.
type grantExchange struct {
	*Endpoint
	subjectToken, subjectType string
	actorToken, actorType     string
	requested                 string
	scope, resources          []string // as asked for until permit, then as granted

	at             time.Time
	subject, actor *ownToken // actor is nil for impersonation
	act            any
	keepRoles      bool
}

func (g *grantExchange) parse(q *tokenRequest) error {
	g.subjectToken, g.subjectType = q.form.get("subject_token"), q.form.get("subject_token_type")
	g.actorToken, g.actorType = q.form.get("actor_token"), q.form.get("actor_token_type")
	g.requested = cmp.Or(q.form.get("requested_token_type"), tokenTypeAccess)
	g.scope = q.form.list("scope")
	g.resources = append(slices.Clone(q.form["resource"]), q.form["audience"]...) // both name resources (section 2.1)
	switch {
	case g.subjectToken == "" || g.subjectType == "":
		return refuse("invalid_request", "subject_token and subject_token_type are required")
	case g.actorToken != "" && g.actorType == "":
		return refuse("invalid_request", "actor_token_type is required with actor_token")
	case g.actorToken == "" && g.actorType != "":
		return refuse("invalid_request", "actor_token_type without actor_token")
	case g.requested != tokenTypeAccess && g.requested != tokenTypeJWT:
		return refuse("invalid_request", "requested_token_type is neither access_token nor jwt")
	}
	return nil
}

// permit verifies both tokens and judges who may act for whom. Its instant is the new token's iat: what is revoked from here on
// covers it.
func (g *grantExchange) permit(ctx context.Context, q *tokenRequest) (err error) {
	g.at = g.Now()
	if g.subject, err = g.party(ctx, q, "subject_token", g.subjectToken, g.subjectType); err != nil {
		return err
	}
	if err := g.mayPresent(q.client); err != nil {
		return err
	}
	if g.actorToken != "" {
		if g.actor, err = g.party(ctx, q, "actor_token", g.actorToken, g.actorType); err != nil {
			return err
		}
	}
	if err := g.mayAct(q.client); err != nil {
		return err
	}
	if g.act, err = g.actors(); err != nil {
		return err
	}
	return g.narrow(q.client)
}

// narrow finds what is granted: of what the client may ask for, no more than the subject token has. An ID token has no scope; only
// clients with MayImpersonate get as far as here with one, and theirs is their own.
func (g *grantExchange) narrow(c Client) (err error) {
	had := strings.Fields(g.subject.String("scope"))
	bounded := g.subjectType != tokenTypeID
	asked := g.scope
	if bounded && !within(asked, had) {
		return refuse("invalid_scope", "scope is wider than that of the subject_token")
	}
	g.keepRoles = bounded && slices.Contains(c.Scopes, ScopeRoles) && (len(asked) == 0 || slices.Contains(asked, ScopeRoles))
	g.scope, g.resources, err = g.Policy.target(c, asked, g.resources, g.Audience)
	if err != nil {
		return err
	}
	g.scope = slices.DeleteFunc(slices.Clone(g.scope), func(s string) bool {
		return isBuiltIn(s) && (s != ScopeRoles || !g.keepRoles) || bounded && !slices.Contains(had, s)
	})
	if len(asked) > 0 && len(g.scope) == 0 {
		return refuse("invalid_scope", "the scope means nothing without a sign-in, which an exchange is not")
	}
	return nil
}

func (g *grantExchange) redeem(ctx context.Context, q *tokenRequest) (issuance, error) {
	s := g.subject
	a := token.Access{
		ID: exchangedPrefix + token.NewID(), Subject: s.Subject(), Session: s.Session(), AuthTime: s.AuthTime(), AMR: s.Strings("amr"), ACR: s.String("acr"),
		Actor: g.act, At: g.at, NotAfter: g.notAfter(),
	}
	if g.keepRoles {
		a.Roles = s.Roles()
	}
	var err error
	if a.Status, err = g.exchangedPlace(ctx, q.client); err != nil {
		return issuance{}, err
	}
	e := audit.Event{Action: audit.TokenExchanged, Subject: a.Subject, Session: a.Session, From: q.from, Detail: map[string]string{
		"client_id": q.client.ID, "resource": strings.Join(g.resources, " "), "jti": a.ID,
	}}
	if g.actor != nil {
		e.Detail["actor"] = g.actor.Subject()
	}
	if err := g.Store.Audit(ctx, e); err != nil {
		return issuance{}, err
	}
	return issuance{
		client: q.client, access: a, scope: g.scope, resources: g.resources, jkt: q.jkt, x5t: q.x5t, issued: g.requested,
	}, nil
}

// exchangedLife is how long a token lives at most that came of one which is revoked by its own jti, or ends with its client: no other token
// has that jti, so nothing else ends the new one.
const exchangedLife = 5 * time.Minute

func (g *grantExchange) notAfter() time.Time {
	end, s := g.subject.ExpiresAt(), g.subject
	if soon := g.at.Add(exchangedLife); end.After(soon) && (s.Session() == "" || strings.HasPrefix(s.ID(), exchangedPrefix)) {
		return soon
	}
	return end
}

// exchangedPlace is that of the subject token where it has a session, so that lists show the session's end; else one of its own.
func (g *grantExchange) exchangedPlace(ctx context.Context, c Client) (*token.Status, error) {
	if g.subject.Session() == "" {
		return g.place(ctx, c, g.resources, g.at)
	}
	var status struct {
		List *token.Status `json:"status_list"`
	}
	if g.subject.Decode("status", &status) != nil {
		return nil, nil // an ID token, or one of a time without lists
	}
	return status.List, nil
}

// maxActors bounds a chain of delegations: each is one more server that a user's token was passed on by.
const maxActors = 8

// actor is the claim act (RFC 8693 section 4.1). Those further in acted before, and count for nothing but history.
type actor struct {
	Subject string          `json:"sub"`
	Actor   json.RawMessage `json:"act,omitempty"`
}

// actors is the claim act of the new token: the actor, and within it whoever acted before. Impersonation hides nobody who did.
func (g *grantExchange) actors() (any, error) {
	var before json.RawMessage
	if g.subject.Has("act") {
		if err := g.subject.Decode("act", &before); err != nil {
			return nil, err
		}
	}
	depth := 0
	for next := before; next != nil; depth++ {
		var a actor
		if json.Unmarshal(next, &a) != nil || depth > maxActors {
			return nil, refuse("invalid_request", "the subject_token was passed on too often")
		}
		next = a.Actor
	}
	if g.actor != nil {
		return actor{g.actor.Subject(), before}, nil
	}
	if before != nil {
		return before, nil
	}
	return nil, nil
}
