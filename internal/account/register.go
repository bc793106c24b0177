package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
)

// NewUser is a user to be added.
type NewUser struct {
	Username, Password string
	Roles              []string
	// InsecureSkipPolicy takes any password, the seeds' demo accounts' too. It is logged.
	InsecureSkipPolicy bool
}

// Register makes a user at his own wish, under a name that does not look like an
// administrator's or Sandi's own (username_reserved). Besides the store's failures the error is a
// *problem.Error: an invalid username or role, weak_password, username_taken or hashing_busy.
func (s *Service) Register(ctx context.Context, username, password string, roles []string, from audit.From) (User, error) {
	subject, err := s.Normalise(username)
	if err != nil {
		return User{}, err
	}
	if posesAs(subject) {
		return User{}, badName("username_reserved")
	}
	return s.Add(ctx, NewUser{Username: username, Password: password, Roles: roles}, from)
}

// Add is Register for the command line and the demo, with any name.
func (s *Service) Add(ctx context.Context, n NewUser, from audit.From) (User, error) {
	u, err := s.build(ctx, n)
	if err != nil {
		return User{}, err
	}
	return u, known(s.store.CreateUser(ctx, u, s.event(audit.UserCreated, u.Subject, from)))
}

// build checks everything about a new user and hashes the password.
func (s *Service) build(ctx context.Context, n NewUser) (User, error) {
	subject, err := s.Normalise(n.Username)
	if err != nil {
		return User{}, err
	}
	if mixed(subject) {
		return User{}, badName("username_characters")
	}
	roles, err := checkRoles(n.Roles)
	if err != nil {
		return User{}, err
	}
	if n.InsecureSkipPolicy {
		s.log.WarnContext(ctx, "password policy skipped for an account", "subject", subject)
	} else if err := s.judge(ctx, "password", n.Password, n.Username, subject); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.hash(ctx, n.Password)
	if err != nil {
		return User{}, err
	}
	now := s.instant()
	return User{
		Subject: subject, Username: n.Username, PasswordHash: hash, Roles: roles,
		CredentialVersion: 1, CreatedAt: now, PasswordChangedAt: now,
	}, nil
}

const (
	bootstrapPrefix = "sdb_"
	bootstrapSize   = 20 // bytes: 160 bits
	bootstrapLife   = time.Hour
	// bootstrapSubject is what tries of the secret are counted for. No user's name has a space.
	bootstrapSubject = "bootstrap secret"
)

// HasAdmin says whether an enabled user holds AdminRole.
func (s *Service) HasAdmin(ctx context.Context) (bool, error) { return s.store.HasRole(ctx, AdminRole) }

// NewBootstrap makes the secret with which the first administrator is made, and
// ends an older one. It is good once, until expires, an hour from now. Only its
// hash is kept, so it must be shown now.
func (s *Service) NewBootstrap(ctx context.Context) (secret string, expires time.Time, err error) {
	b := make([]byte, bootstrapSize)
	rand.Read(b)
	secret = bootstrapPrefix + base64.RawURLEncoding.EncodeToString(b)
	expires = s.instant().Add(bootstrapLife)
	return secret, expires, s.store.PutBootstrap(ctx, sha256.Sum256([]byte(secret)), expires)
}

// RedeemBootstrap makes the first administrator. The errors are Register's, and
// invalid_credentials for a secret that is unknown, spent or expired, tries of
// which are throttled by address.
func (s *Service) RedeemBootstrap(ctx context.Context, secret, username, password string, from audit.From) (User, error) {
	a, err := s.throttle.begin(ctx, bootstrapSubject, from.Address)
	if err != nil {
		return User{}, err
	}
	defer a.end()
	if len(secret) != len(bootstrapPrefix)+base64.RawURLEncoding.EncodedLen(bootstrapSize) || !strings.HasPrefix(secret, bootstrapPrefix) {
		return User{}, known(ErrBootstrap)
	}
	u, err := s.build(ctx, NewUser{Username: username, Password: password, Roles: []string{AdminRole}})
	if err != nil {
		a.abandon(ctx)
		return User{}, err
	}
	err = s.store.Bootstrap(ctx, sha256.Sum256([]byte(secret)), u, s.event(audit.AdminBootstrap, u.Subject, from))
	if !errors.Is(err, ErrBootstrap) {
		a.abandon(ctx)
	}
	return u, known(err)
}
