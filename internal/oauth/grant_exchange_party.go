package oauth

import (
	"context"
	"slices"
)

// party verifies the subject or the actor token wholly: signature, time, revocation, and that who is bound to a key or a certificate shows it
// here too (RFC 8693 section 2.1). Whatever is wrong with it is invalid_request (section 2.2.2).
func (e *Endpoint) party(ctx context.Context, q *tokenRequest, name, text, typ string) (t *ownToken, err error) {
	switch typ {
	case tokenTypeAccess, tokenTypeJWT:
		t, err = e.own.alive(ctx, text)
	case tokenTypeID:
		t, err = e.own.aliveID(ctx, text)
	default:
		return nil, refuse("invalid_request", name+"_type is not one of access_token, jwt, id_token")
	}
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, refuse("invalid_request", name+" is not a token of this server and of its type that counts now")
	}
	var cnf struct {
		JKT string `json:"jkt"`
		X5T string `json:"x5t#S256"`
	}
	if t.Has("cnf") && (t.Decode("cnf", &cnf) != nil || cnf.JKT == "" && cnf.X5T == "") ||
		cnf.JKT != "" && cnf.JKT != q.jkt || cnf.X5T != "" && cnf.X5T != certificate(q.Request) {
		return nil, refuse("invalid_request", name+" is bound to a key that this request does not prove: send a DPoP proof by that key, or connect with that certificate")
	}
	return t, nil
}

// mayPresent: a client exchanges what it was issued, or was called with as the server of a resource; not what it found.
func (g *grantExchange) mayPresent(c Client) error {
	if g.subjectType == tokenTypeID {
		if !g.subject.HasAudience(c.ID) || !c.MayImpersonate {
			return refuse("invalid_request", "subject_token is an ID token that was not issued to the client, or the client may not exchange those")
		}
		return nil
	}
	if g.subject.ClientID() != c.ID && !slices.ContainsFunc(c.Serves, g.subject.HasAudience) {
		return refuse("invalid_request", "subject_token was neither issued to the client nor to be used at a resource that it serves")
	}
	return nil
}

// mayAct says whether the actor, or without one the client, may act for the subject (RFC 8693 section 4.4): whoever may_act of the subject
// token names, and nobody else; where there is none, any actor, but only clients with MayImpersonate without one.
func (g *grantExchange) mayAct(c Client) error {
	if g.actor != nil {
		ours := g.actor.ClientID() == c.ID || g.actorType == tokenTypeID && g.actor.HasAudience(c.ID)
		if !ours || g.actor.Has("act") {
			return refuse("invalid_request", "actor_token was not issued to the client, or its holder acts for somebody else")
		}
		if g.actor.Subject() == g.subject.Subject() { // impersonation (RFC 8693 section 1.1), which is not for who has a second copy
			return refuse("invalid_request", "actor_token is of the subject itself, which needs nobody to act for it")
		}
	}
	if !g.subject.Has("may_act") {
		if g.actor == nil && !c.MayImpersonate {
			return refuse("invalid_request", "subject_token does not let the client act in its subject's place: send an actor_token")
		}
		return nil
	}
	var may struct {
		Subject  string `json:"sub"`
		ClientID string `json:"client_id"`
		Issuer   string `json:"iss"`
	}
	who := c.ID
	if g.actor != nil {
		who = g.actor.Subject()
	}
	err := g.subject.Decode("may_act", &may)
	if err != nil || may.Subject == "" && may.ClientID == "" || may.Subject != "" && may.Subject != who ||
		may.ClientID != "" && may.ClientID != c.ID || may.Issuer != "" && may.Issuer != g.Issuer {
		return refuse("invalid_request", "may_act of the subject_token names another")
	}
	return nil
}
