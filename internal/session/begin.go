package session

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
)

// Login is a user whose credentials were just verified, and how they came.
type Login struct {
	User      account.User
	ClientID  string // empty for the first-party API
	Transport string // "bearer", "cookie" or "both"
	Scope     string
	AMR       []string // RFC 8176
	ACR       string
	JKT       string // DPoP key thumbprint to bind the refresh token to; empty: unbound
	// Parent is the sign-in that a grant is made from; zero for a sign-in.
	Parent   ID
	Audience []string // of its access tokens; empty: the server's own
	Details  string   // see Session.Details
	Notify   bool     // see Session.Notify
	// AuthTime is when the user proved who they are; zero: now.
	AuthTime time.Time
	// Idle and Absolute are its own limits; zero: the server's.
	Idle, Absolute time.Duration
	// Replaces is a session whose sign-in, with its grants, this one takes the place of; zero for
	// none. It may be another user's: the caller proves that the browser held it, by Owner.
	Replaces ID
}

// Draft is a session that is not begun yet, and the refresh token that will be its first: for who inserts it
// together with something else, in one transaction. Errors are Begin's.
func (s *Service) Draft(ctx context.Context, l Login, from audit.From) (Session, Refresh, error) {
	signer, err := s.signer()
	if err != nil {
		return Session{}, "", err
	}
	now := s.instant()
	c := contents{id: NewID()}
	rand.Read(c.secret[:])
	absolute := cmp.Or(l.Absolute, s.absolute)
	row := Session{
		ID: c.id, Parent: l.Parent, Subject: l.User.Subject, ClientID: l.ClientID, JKT: l.JKT, SecretHash: c.secretHash(),
		CredentialVersion: l.User.CredentialVersion, Transport: l.Transport, Scope: l.Scope, Audience: l.Audience, Details: l.Details,
		AuthTime: l.AuthTime, AMR: l.AMR, ACR: l.ACR, Notify: l.Notify,
		UserAgent: from.UserAgent, Address: from.Address,
		CreatedAt: now, LastUsedAt: now, IdleExpiresAt: now.Add(min(cmp.Or(l.Idle, s.limits.Idle), absolute)), ExpiresAt: now.Add(absolute),
	}
	if row.AuthTime.IsZero() {
		row.AuthTime = now
	}
	if l.ClientID != Browser { // which mints nothing itself
		row.Status, err = s.status(ctx, row.ExpiresAt)
	}
	return row, signer.encode(c), err
}

// ProveAgain is Begin for who holds value already and has proved anew who they are: the same session goes on, with its
// grants, under another secret, so that value counts no more, and with its limits counted from now. Where value
// is another user's, or does not count any more, the error is as Rotate's, wrapping ErrInvalidGrant.
func (s *Service) ProveAgain(ctx context.Context, value string, l Login, from audit.From) (Session, Refresh, account.User, error) {
	held, err := s.decode(value)
	if err != nil {
		return Session{}, "", account.User{}, err
	}
	signer, err := s.signer()
	if err != nil {
		return Session{}, "", account.User{}, err
	}
	next := contents{id: held.id}
	rand.Read(next.secret[:])
	row, _, err := s.Draft(ctx, l, from)
	if err != nil {
		return Session{}, "", account.User{}, err
	}
	row.ID, row.SecretHash = next.id, next.secretHash()
	from.Actor = cmp.Or(from.Actor, l.User.Subject)
	b, err := s.store.ProveSession(ctx, row, held.secretHash(), audit.Event{Action: audit.SessionProved, From: from})
	switch {
	case errors.Is(err, ErrInvalidGrant):
		return Session{}, "", account.User{}, refused("refresh_invalid", err)
	case errors.Is(err, ErrUserGone):
		return Session{}, "", account.User{}, problem.Wrap(problem.Unauthenticated, "invalid_credentials", err)
	}
	return b.Session, signer.encode(next), b.User, err
}

// Begin starts a session and returns it, its first refresh token, and the user as
// the store knows them at that moment, which is the session's CreatedAt. What it
// replaces ends if it begins, and only then. A user who was disabled or changed the
// password since the credentials were verified is problem.Unauthenticated, wrapping ErrUserGone.
func (s *Service) Begin(ctx context.Context, l Login, from audit.From) (Session, Refresh, account.User, error) {
	row, refresh, err := s.Draft(ctx, l, from)
	if err != nil {
		return Session{}, "", account.User{}, err
	}
	from.Actor = cmp.Or(from.Actor, l.User.Subject)
	b, err := s.store.BeginSession(ctx, row, l.Replaces, s.max, audit.Event{Action: audit.SessionBegun, From: from})
	if errors.Is(err, ErrUserGone) {
		return Session{}, "", account.User{}, problem.Wrap(problem.Unauthenticated, "invalid_credentials", err)
	}
	if err != nil {
		return Session{}, "", account.User{}, err
	}
	return b.Session, refresh, b.User, nil
}
