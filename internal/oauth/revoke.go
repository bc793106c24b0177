package oauth

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
)

// exchangedPrefix marks, in its jti, a token that came of a token exchange: it has the sid of a session that is not its client's to end. No
// other jti has a dot.
const exchangedPrefix = "x."

// revoke is POST /oauth/revoke (RFC 7009), for the client that the token was issued to. What is unknown or does not count any
// more is 200: the client wanted it gone. Another client's token is invalid_grant, for "issued to another client" (RFC 6749 section 5.2)
// is what RFC 7009 section 2.1 refuses. token_type_hint is not needed: the kinds cannot be mistaken for one another.
func (e *Endpoint) revoke(w http.ResponseWriter, r *http.Request) error {
	f, err := parseBody(w, r) // 1
	if err != nil {
		return err
	}
	if err := e.admit(r); err != nil { // 2
		return err
	}
	c, err := e.authenticate(r, f) // 3
	if err != nil {
		return err
	}
	text := f.get("token") // 4
	if text == "" {
		return refuse("invalid_request", "token is missing")
	}
	if session.IsRefresh(text) { // 5, 6
		err = e.revokeRefresh(r, c, text)
	} else {
		err = e.revokeAccess(r, c, text)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store") // 7
	w.WriteHeader(http.StatusOK)
	return nil
}

var errOthers = refuse("invalid_grant", "the token was issued to another client, which alone may revoke it")

// revokeRefresh ends the grant, and with it all its access tokens (RFC 7009 section 2.1). The token may be of any generation.
func (e *Endpoint) revokeRefresh(r *http.Request, c Client, text string) error {
	s, err := e.Sessions.Owner(r.Context(), text)
	switch {
	case errors.Is(err, session.ErrInvalidGrant):
		return nil
	case err != nil:
		return err
	case s.ClientID != c.ID:
		return errOthers
	}
	return e.endGrant(r, s.ID, s.Subject)
}

// endGrant ends the grant alone: the sign-in and its other grants are not this client's.
func (e *Endpoint) endGrant(r *http.Request, id session.ID, subject string) error {
	err := e.Sessions.End(r.Context(), id, subject, false, session.RevokedByClient, from(r))
	if errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

// revokeAccess ends the grant that the token is of, or, where it has none of its own, the token alone.
func (e *Endpoint) revokeAccess(r *http.Request, c Client, text string) error {
	t, err := e.own.alive(r.Context(), text)
	switch {
	case err != nil:
		return err
	case t == nil:
		return e.notAccess(r.Context(), c, text)
	case t.ClientID() != c.ID:
		return errOthers
	}
	id, err := session.ParseID(t.Session())
	if err == nil && !strings.HasPrefix(t.ID(), exchangedPrefix) {
		return e.endGrant(r, id, t.Subject())
	}
	return e.Store.RevokeToken(r.Context(), t.ID(), t.ExpiresAt(), e.placeOf(t), audit.Event{
		Action: audit.TokenRevoked, Subject: t.Subject(), From: from(r), Detail: map[string]string{"client_id": c.ID, "jti": t.ID()},
	})
}

// notAccess is what is said of a text that is no access token which counts: an ID token cannot be revoked (RFC 7009 section 2.2.1).
func (e *Endpoint) notAccess(ctx context.Context, c Client, text string) error {
	t, err := e.own.aliveID(ctx, text)
	if err != nil || t == nil || !t.HasAudience(c.ID) {
		return err
	}
	return &problem.Error{Kind: problem.Invalid, Code: "unsupported_token_type", Description: "an ID token is not revoked: end the session at the end_session_endpoint"}
}

// placeOf is the place in a status list that is the token's own: not that of the session which an exchanged one has, for others share it.
func (e *Endpoint) placeOf(t *ownToken) revocation.Place {
	var status struct {
		List struct {
			Index int    `json:"idx"`
			URI   string `json:"uri"`
		} `json:"status_list"`
	}
	if e.Status == nil || t.Session() != "" || t.Decode("status", &status) != nil {
		return revocation.Place{}
	}
	list, err := strconv.ParseInt(status.List.URI[strings.LastIndexByte(status.List.URI, '/')+1:], 10, 64)
	p := revocation.Place{List: list, Bit: status.List.Index}
	if err != nil || e.Status.URI(p) != status.List.URI {
		return revocation.Place{}
	}
	return p
}

// TokenStore keeps the revocations of tokens that have no session to end, and what is to be known of tokens that leave no row.
type TokenStore interface {
	// RevokeToken revokes a token by its jti, and sets its bit in its status list, unless place is zero. One that expired needs nothing.
	RevokeToken(ctx context.Context, jti string, expires time.Time, place revocation.Place, e audit.Event) error
	// Audit appends an event that changes nothing else (a token exchange).
	Audit(ctx context.Context, e audit.Event) error
}
