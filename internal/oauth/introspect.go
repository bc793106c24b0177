package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/session"
)

// inactive is all that is ever said of a token that does not count, or that is none of the caller's business (RFC 7662 section 2.2).
var inactive = []byte(`{"active":false}`)

// introspect is POST /oauth/introspect (RFC 7662), for confidential clients. An access token is active for the client that has
// it and for those that serve a resource in its aud; a refresh token for its client alone. token_type_hint is not needed: the two cannot be mistaken
// for one another.
func (e *Endpoint) introspect(w http.ResponseWriter, r *http.Request) error {
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
	if c.Public() {
		return refuse("invalid_client", "a public client cannot introspect: it has no secret to be known by")
	}
	text := f.get("token") // 4
	if text == "" {
		return refuse("invalid_request", "token is missing")
	}
	body, err := e.introspection(r.Context(), c, text) // 5, 6
	if err != nil {
		return err
	}
	if (c.SignedIntrospection || acceptsSigned(r)) && !e.Policy.Symmetric { // which nobody could verify
		return e.writeSigned(w, c, body) // 7
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // an answer may be kept no longer than exp, and does not say how long it holds
	_, _ = w.Write(body)                        // the client has gone: nobody is left to tell
	return nil
}

// introspection is the JSON answer for a token.
func (e *Endpoint) introspection(ctx context.Context, c Client, text string) ([]byte, error) {
	if session.IsRefresh(text) {
		return e.introspectRefresh(ctx, c, text)
	}
	t, err := e.own.alive(ctx, text)
	if err != nil {
		return nil, err
	}
	if t == nil || t.ClientID() != c.ID && !slices.ContainsFunc(c.Serves, t.HasAudience) {
		return inactive, nil
	}
	return t.body, nil
}

// introspected is the answer for an access token that is active: its claims (RFC 9068 section 2.2 has them in common with RFC 7662
// section 2.2), cnf among them, and how it is to be sent (RFC 9449 section 6.2).
func introspected(t *guard.Token) []byte {
	claims, err := t.MarshalJSON()
	if err != nil || len(claims) < 2 {
		return inactive
	}
	var cnf struct {
		JKT string `json:"jkt"`
	}
	head := `{"active":true,"token_type":"Bearer",`
	if t.Decode("cnf", &cnf) == nil && cnf.JKT != "" {
		head = `{"active":true,"token_type":"DPoP",`
	}
	return append([]byte(head), claims[1:]...)
}

// introspectRefresh: a refresh token is active where a refresh by it would succeed. Who may ask is confidential, so that it is bound to no key. No resource server ever learns of one (RFC 7662
// section 4).
func (e *Endpoint) introspectRefresh(ctx context.Context, c Client, text string) ([]byte, error) {
	s, err := e.Sessions.Owner(ctx, text)
	if errors.Is(err, session.ErrInvalidGrant) {
		return inactive, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := e.Sessions.Open(text)
	if err != nil || s.ClientID != c.ID || !s.Alive(e.Now()) || p.Generation != s.Generation {
		return inactive, nil
	}
	answer := struct {
		Active   bool     `json:"active"`
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		ClientID string   `json:"client_id"`
		Scope    string   `json:"scope,omitempty"`
		Audience []string `json:"aud,omitempty"`
		IssuedAt int64    `json:"iat"`
		Expires  int64    `json:"exp"`
	}{true, e.Issuer, s.Subject, s.ClientID, s.Scope, s.Audience, s.LastUsedAt.Unix(), s.ExpiresAt.Unix()}
	if s.IdleExpiresAt.Before(s.ExpiresAt) {
		answer.Expires = s.IdleExpiresAt.Unix()
	}
	return json.Marshal(answer)
}
