// Package session is a login and its refresh token: begun, rotated, found
// reused, ended. One row per session, however many tokens it mints.
//
//	Begin ──> alive ── Rotate (g -> g+1) ──> alive ── End, reuse, expiry, disable ──> ended
package session

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// ID is a session's 128-bit random id. Its text form, 22 characters of
// base64url, is the sid claim and the handle of its revocation.
type ID [16]byte

// NewID makes a random ID.
func NewID() (id ID) {
	rand.Read(id[:])
	return id
}

// String is the text form.
func (id ID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// IsZero says that id names no session.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads the text form; anything else is ErrNotFound.
func ParseID(s string) (id ID, err error) {
	if len(s) != 22 {
		return ID{}, ErrNotFound
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(s)); err != nil || n != len(id) {
		return ID{}, ErrNotFound
	}
	return id, nil
}

// Session is one row.
type Session struct {
	ID       ID
	Parent   ID // the sign-in that a grant to a client was made from; zero for a sign-in
	Subject  string
	ClientID string // empty for the first-party API
	JKT      string // thumbprint of the DPoP key, or of the certificate, that the refresh token is bound to; empty when unbound
	// Generation is the number of rotations so far; the current refresh token carries it.
	Generation        uint32
	SecretHash        [32]byte // SHA-256 of the session secret inside every refresh token
	CredentialVersion int64    // of the user, when the session began or the password change that kept it
	Transport         string   // "bearer", "cookie" or "both"
	Scope             string
	Audience          []string // of its access tokens; empty: the server's own
	// Details are what package oauth needs again at a refresh, as JSON; empty for none.
	Details       string
	AuthTime      time.Time // when the user last proved who they are
	AMR           []string  // RFC 8176
	ACR           string
	UserAgent     string
	Address       string
	CreatedAt     time.Time
	RotatedAt     time.Time // zero when never rotated
	LastUsedAt    time.Time
	IdleExpiresAt time.Time
	ExpiresAt     time.Time
	EndedAt       time.Time // zero while it is not ended; IdleExpiresAt is then not later
	EndReason     string
	// Status is its place in a status list, which its access tokens name; zero for none.
	Status revocation.Place
	// Notify says that the client is told when the sign-in that this is a grant of ends.
	Notify bool
}

// Alive says that the session itself has neither ended nor expired. Whether its
// user still may refresh is Classify's to say.
func (s Session) Alive(now time.Time) bool {
	return s.EndedAt.IsZero() && now.Before(s.IdleExpiresAt) && now.Before(s.ExpiresAt)
}

// The reasons that sessions end for, as their EndReason and the audit's detail.
const (
	LoggedOut       = "logout"
	Reused          = "refresh_reused"
	TooMany         = "too_many_sessions"
	PasswordChanged = "password_changed"
	UserDisabled    = "user_disabled"
	Replaced        = "replaced" // by another login of the same browser
	CodeReused      = "code_reused"
	RevokedByClient = "revoked_by_client" // RFC 7009
	ConsentRemoved  = "consent_removed"
	ClientRemoved   = "client_removed"
)

// Browser is the ClientID of the sign-ins that browsers hold at this server itself: what they carry refreshes nothing.
// No client may have it as its id, and no user as a name.
const Browser = "sandi-browser"

// Errors of this package and of every Store.
var (
	ErrNotFound = errors.New("no such session")
	// ErrInvalidGrant is any refresh token that does not count: nothing changed.
	ErrInvalidGrant = errors.New("refresh token does not count")
	// ErrReused is a refresh token that had been replaced: the session is ended.
	ErrReused = errors.New("refresh token was already used; a newer one had been issued")
	// ErrUserGone means the user is disabled, unknown, or changed the password since
	// the credentials were verified.
	ErrUserGone = errors.New("user is disabled or the password changed")
)

// Store is where sessions are kept. Every method is one transaction; ends are
// committed together with their revocation entries and audit events.
type Store interface {
	// BeginSession inserts s while the user's row is locked, only if the user is enabled and
	// has s.CredentialVersion (else ErrUserGone) and, for a grant, its sign-in is alive (else
	// ErrNotFound). It ends the user's oldest alive sign-ins beyond limit, none when that is 0,
	// and returns the user as read in that transaction, and s as it begins then (BegunAt). Before it counts, it ends the sign-in that
	// replaces is or was made from, with its grants; none when that is zero, unknown or ended.
	BeginSession(ctx context.Context, s Session, replaces ID, limit int, e audit.Event) (Begun, error)
	// ProveSession gives the session of s.ID and s.Subject the secret, limits and proof of s, where its secret is old and it is alive (else
	// ErrInvalidGrant), under the conditions of BeginSession for its user.
	ProveSession(ctx context.Context, s Session, old [32]byte, e audit.Event) (Begun, error)
	// RotateSession applies steps 2 to 6 (Classify) as of the change: one UPDATE, and at most one read. reuse and forward are the events
	// committed with steps 5 and 6. A Rotation with StepRefused or StepReuse comes with a nil error.
	RotateSession(ctx context.Context, p Presented, l Limits, reuse, forward audit.Event) (Rotation, error)
	// Session reads one, alive or not; ErrNotFound.
	Session(ctx context.Context, id ID) (Session, error)
	// SessionAndUser reads one with its user as they are at the same instant; ErrNotFound.
	SessionAndUser(ctx context.Context, id ID) (Session, account.User, error)
	// SessionsOf lists the alive sessions of a user, last used first.
	SessionsOf(ctx context.Context, subject string, now time.Time) ([]Session, error)
	// EndSession ends the session and the grants made from it. Where it is a grant and
	// whole is true, its sign-in and all of that one's grants end too. Ending what is ended succeeds and
	// changes nothing; ErrNotFound for an unknown id. subject, when not empty, must own it (else ErrNotFound).
	EndSession(ctx context.Context, id ID, subject string, whole bool, reason string, e audit.Event) error
	// EndSessionsOf ends all sessions of a user that have not ended, but the sign-in that keep is or was made from,
	// with its grants (zero: all); says how many.
	EndSessionsOf(ctx context.Context, subject string, keep ID, reason string, e audit.Event) (int, error)
	// PurgeSessions deletes sessions that ended or expired before the given time, at most limit; says how many.
	PurgeSessions(ctx context.Context, before time.Time, limit int) (int, error)
	// CountSessions counts the alive ones, for metrics.
	CountSessions(ctx context.Context, now time.Time) (int, error)
}
