package session

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// Config is what New needs. Store, MACKeys, Limits and Absolute are required.
type Config struct {
	Store Store
	// MACKeys authenticate refresh tokens and make the values of CSRF: one signs, all verify, so that
	// sessions outlive a change of the master key.
	MACKeys []MACKey
	// Current is the place in MACKeys of the one that signs now, negative while there is none: then nothing
	// is begun or refreshed. Nil means the first.
	Current func() int
	Limits  Limits
	// Absolute is how long after its login a session lives, however often it is refreshed.
	Absolute time.Duration
	// MaxPerUser ends a user's oldest sign-in beyond it; zero means 100.
	MaxPerUser int
	// Status gives a session, which lives until expires, its place in a status list; nil for no such lists.
	Status func(ctx context.Context, expires time.Time) (revocation.Place, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service begins, refreshes and ends sessions.
type Service struct {
	store    Store
	keys     []MACKey
	current  func() int
	limits   Limits
	absolute time.Duration
	max      int
	status   func(ctx context.Context, expires time.Time) (revocation.Place, error)
	now      func() time.Time
}

// New checks c and builds the service.
func New(c Config) (*Service, error) {
	if c.Store == nil || len(c.MACKeys) == 0 {
		return nil, errors.New("session: Store and MACKeys are required")
	}
	short := false
	for i, k := range c.MACKeys {
		short = short || len(k.Key) < minKey || len(k.CSRF) < minKey
		if slices.ContainsFunc(c.MACKeys[:i], func(o MACKey) bool { return o.ID == k.ID }) {
			return nil, errors.New("session: two MAC keys have the same id")
		}
	}
	if short {
		return nil, errors.New("session: a MAC or CSRF key is shorter than 32 bytes")
	}
	if c.Limits.Idle <= 0 || c.Absolute <= 0 || c.Limits.RetryWindow < 0 || c.MaxPerUser < 0 {
		return nil, errors.New("session: Idle and Absolute must be positive, RetryWindow and MaxPerUser not negative")
	}
	s := &Service{
		store: c.Store, keys: slices.Clone(c.MACKeys), current: c.Current, limits: c.Limits, absolute: c.Absolute,
		max: cmp.Or(c.MaxPerUser, 100), status: c.Status, now: c.Now,
	}
	if s.status == nil {
		s.status = func(context.Context, time.Time) (revocation.Place, error) { return revocation.Place{}, nil }
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.current == nil {
		s.current = func() int { return 0 }
	}
	return s, nil
}

// errNoKey is what this node cannot do while the store's master key is unknown to it. Others can.
var errNoKey = &problem.Error{
	Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second,
	Cause: errors.New("the master key of the store is not known here"),
}

// signer is the key that signs.
func (s *Service) signer() (MACKey, error) {
	if i := s.current(); i >= 0 {
		return s.keys[i], nil
	}
	return MACKey{}, errNoKey
}

// decode reads a refresh token. One of a key that is only known elsewhere is not called false.
func (s *Service) decode(token string) (contents, error) {
	c, err := decode(s.keys, token)
	if errors.Is(err, errOtherKey) && s.current() < 0 {
		return contents{}, errNoKey
	}
	if err != nil {
		return contents{}, refused("refresh_invalid", err)
	}
	return c, nil
}

// Result is a refresh that was granted: the session and user as they are now,
// the instant of the refresh, which the access token's lifetime counts from, and
// the refresh token to answer with. In steps 3 and 4 that instant is later than
// the session's own LastUsedAt.
type Result struct {
	Rotation
	Refresh Refresh
}

// Rotate redeems a refresh token for its successor, by the steps of the
// rotation. A token that does not count is problem.Unauthenticated with code
// invalid_grant (RFC 6749 section 5.2), wrapping ErrReused where a newer one had
// been issued, which ends the session, and ErrInvalidGrant otherwise.
func (s *Service) Rotate(ctx context.Context, token, clientID, jkt string, from audit.From) (Result, error) {
	return s.RotateUnder(ctx, token, Terms{ClientID: clientID, JKT: jkt}, from)
}

// Terms are who presents a refresh token, and the client's own rules.
type Terms struct {
	ClientID string
	JKT      string        // thumbprint of the DPoP key that was proven, where the session is bound to one
	Idle     time.Duration // zero: the server's
	Keep     bool          // answer with the same refresh token
}

// RotateUnder is Rotate with the rules of a client.
func (s *Service) RotateUnder(ctx context.Context, token string, t Terms, from audit.From) (Result, error) {
	signer, err := s.signer()
	if err != nil {
		return Result{}, err
	}
	c, err := s.decode(token)
	if err != nil {
		return Result{}, err
	}
	p := Presented{ID: c.id, Generation: c.generation, SecretHash: c.secretHash(), ClientID: t.ClientID, JKT: t.JKT}
	limits := s.limits
	limits.Idle = cmp.Or(t.Idle, limits.Idle)
	limits.Rotate = limits.Rotate && !t.Keep
	r, err := s.store.RotateSession(ctx, p, limits,
		audit.Event{Action: audit.RefreshReused, From: from},
		audit.Event{Action: audit.RolledForward, From: from})
	if err != nil {
		return Result{}, err
	}
	switch r.Step {
	case StepRefused:
		return Result{}, refused("refresh_invalid", ErrInvalidGrant)
	case StepReuse:
		return Result{}, refused("refresh_reused", ErrReused)
	}
	c.generation = r.Session.Generation
	return Result{Rotation: r, Refresh: signer.encode(c)}, nil
}

// refused is an invalid_grant with its sentence.
func refused(sentence string, cause error) error {
	p := problem.Wrap(problem.Unauthenticated, "invalid_grant", cause)
	p.Sentence = sentence
	return p
}

// Open reads a refresh token without asking the store: its checksum and MAC are
// genuine, whether it still counts is not known. Errors are Rotate's.
func (s *Service) Open(token string) (Presented, error) {
	c, err := s.decode(token)
	if err != nil {
		return Presented{}, err
	}
	return Presented{ID: c.id, Generation: c.generation, SecretHash: c.secretHash()}, nil
}

// Owner is the session, alive or not, of a refresh token of any generation: for a
// logout, which any of them may ask for. Errors are Rotate's.
func (s *Service) Owner(ctx context.Context, token string) (Session, error) {
	p, err := s.Open(token)
	if err != nil {
		return Session{}, err
	}
	row, err := s.store.Session(ctx, p.ID)
	return row, owns(p, row, err)
}

// OwnerAndUser is Owner with the user as they are at the same instant.
func (s *Service) OwnerAndUser(ctx context.Context, token string) (Session, account.User, error) {
	p, err := s.Open(token)
	if err != nil {
		return Session{}, account.User{}, err
	}
	row, u, err := s.store.SessionAndUser(ctx, p.ID)
	return row, u, owns(p, row, err)
}

// owns is what is wrong with p, for which err and row were read.
func owns(p Presented, row Session, err error) error {
	if errors.Is(err, ErrNotFound) || err == nil && subtle.ConstantTimeCompare(row.SecretHash[:], p.SecretHash[:]) != 1 {
		return refused("refresh_invalid", ErrInvalidGrant)
	}
	return err
}

// End ends a session and its grants; with whole, a grant's sign-in and all its
// grants. subject, when not empty, must own it. Ending what is ended succeeds;
// an unknown session is problem.NotFound, wrapping ErrNotFound.
func (s *Service) End(ctx context.Context, id ID, subject string, whole bool, reason string, from audit.From) error {
	from.Actor = cmp.Or(from.Actor, subject)
	err := s.store.EndSession(ctx, id, subject, whole, reason, ended(reason, subject, from))
	if errors.Is(err, ErrNotFound) {
		p := problem.Wrap(problem.NotFound, "not_found", err)
		p.Sentence = "session_not_found"
		return p
	}
	return err
}

// EndAll ends all of a user's sessions but the sign-in that keep is or was made
// from, with its grants (the zero ID keeps none), and says how many.
func (s *Service) EndAll(ctx context.Context, subject string, keep ID, reason string, from audit.From) (int, error) {
	return s.store.EndSessionsOf(ctx, subject, keep, reason, ended(reason, subject, from))
}

func ended(reason, subject string, from audit.From) audit.Event {
	return audit.Event{Action: audit.SessionEnded, Subject: subject, From: from, Detail: map[string]string{"reason": reason}}
}

// List is a user's alive sessions, last used first.
func (s *Service) List(ctx context.Context, subject string) ([]Session, error) {
	return s.store.SessionsOf(ctx, subject, s.now())
}

// CSRF is the value that a page must send beside a session's cookie: an HMAC of
// the session id, so that it needs no storage and a reloaded page gets the same.
func (s *Service) CSRF(id ID) string { return s.keys[max(0, s.current())].csrf(id) }

// IsCSRF says whether value is the session's, under whichever of the keys it was made.
func (s *Service) IsCSRF(id ID, value string) bool {
	return slices.ContainsFunc(s.keys, func(k MACKey) bool {
		return subtle.ConstantTimeCompare([]byte(k.csrf(id)), []byte(value)) == 1
	})
}

func (k MACKey) csrf(id ID) string { return base64.RawURLEncoding.EncodeToString(sum(k.CSRF, id[:])) }

// instant is now, as exactly as it is stored.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Millisecond) }
