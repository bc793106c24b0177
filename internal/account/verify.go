package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
)

// Verify is the login: it returns the user whose password this is. Every refusal
// is a *problem.Error: invalid_credentials, the same for a wrong password, an unknown
// and a disabled user; too_many_attempts, after which the password was not looked
// at; hashing_busy.
func (s *Service) Verify(ctx context.Context, username, password string, from audit.From) (User, error) {
	subject, err := s.Normalise(username)
	if err != nil {
		subject = "" // which nobody has
	}
	return s.authenticate(ctx, subject, password, from)
}

func (s *Service) authenticate(ctx context.Context, subject, password string, from audit.From) (User, error) {
	a, err := s.throttle.begin(ctx, subject, from.Address)
	if err != nil {
		return User{}, err
	}
	defer a.end()
	u, err := s.store.User(ctx, subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		a.abandon(ctx)
		return User{}, err
	}
	// An unknown user has no hash; the hasher then spends the same work on a dummy.
	ok, weak, err := s.hasher.verify(ctx, u.PasswordHash, password)
	if err != nil {
		a.abandon(ctx)
		return User{}, err
	}
	if !ok || u.Disabled || u.Subject == "" {
		s.noteRefusal(ctx, u, a.network, from)
		return User{}, problem.Wrap(problem.Unauthenticated, "invalid_credentials", ErrCredentials)
	}
	a.succeed(ctx)
	if weak {
		u.PasswordHash = s.upgradeBestEffort(ctx, u, password, from)
	}
	return u, nil
}

// upgradeBestEffort hashes a password again at the cost configured now. Should
// that fail, the login stands all the same and the next one tries again.
func (s *Service) upgradeBestEffort(ctx context.Context, u User, password string, from audit.From) string {
	hash, err := s.hasher.hash(ctx, password)
	if err == nil {
		err = s.store.RehashPassword(ctx, u.Subject, u.CredentialVersion, hash, s.event(audit.PasswordRehashed, u.Subject, from))
	}
	if err != nil {
		s.log.WarnContext(ctx, "password not hashed again", "subject", u.Subject, "error", err)
		return u.PasswordHash
	}
	return hash
}

// noteRefusal hands a refused login to Run, at most one a minute for each user
// and network, so that strangers cannot fill the disk. It is not written here:
// the write would take a time by which existing users could be told from others.
func (s *Service) noteRefusal(ctx context.Context, u User, network string, from audit.From) {
	if u.Subject == "" || s.limits.Take(ctx, "login audit "+u.Subject+" "+network, cluster.Rate{Burst: 1, Every: time.Minute}) > 0 {
		return
	}
	e := s.event(audit.LoginRefused, u.Subject, from)
	e.Detail = map[string]string{"reason": "password"}
	if u.Disabled {
		e.Detail["reason"] = "disabled"
	}
	s.note(ctx, e)
}

// note hands an event to Run.
func (s *Service) note(ctx context.Context, e audit.Event) {
	select {
	case s.refused <- e:
	default:
		s.log.WarnContext(ctx, "login refusal not audited: too many at once", "subject", e.Subject, "address", e.From.Address)
	}
}

// Run writes refused logins to the audit log until ctx ends and all are written.
// What cannot be written is logged and dropped.
func (s *Service) Run(ctx context.Context) error {
	for {
		select {
		case e := <-s.refused:
			s.write(ctx, e)
			continue
		default:
		}
		select {
		case e := <-s.refused:
			s.write(ctx, e)
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Service) write(ctx context.Context, e audit.Event) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.store.Audit(ctx, e); err != nil {
		s.log.ErrorContext(ctx, "login refusal not audited", "subject", e.Subject, "address", e.From.Address, "error", err)
	}
}

// ChangePassword replaces a password, given the current one, and ends every
// session of the user but keep (its text form; empty ends all). The errors are
// Verify's with the field current_password, and weak_password with the field
// new_password, which only who knows the current one is told. Five tries may
// follow each other, right or wrong, then one a minute (too_many_attempts).
func (s *Service) ChangePassword(ctx context.Context, subject, current, next, keep string, from audit.From) error {
	if wait := s.limits.Take(ctx, "change password of "+subject, ownChanges); wait > 0 {
		return tooMany(wait)
	}
	u, err := s.authenticate(ctx, subject, current, from)
	if e, ok := errors.AsType[*problem.Error](err); ok && errors.Is(err, ErrCredentials) {
		e.Sentence, e.Field = "current_password_wrong", "current_password"
	}
	if err != nil {
		return err
	}
	if err := s.judge(ctx, "new_password", next, subject); err != nil {
		return err
	}
	return s.setPassword(ctx, PasswordChange{Subject: subject, ExpectVersion: u.CredentialVersion, Keep: keep}, next, from)
}

// SetPassword replaces a password without the old one, and ends every session:
// the command line. The errors are Register's, and problem.NotFound.
func (s *Service) SetPassword(ctx context.Context, username, password string, from audit.From) error {
	subject, err := s.Normalise(username)
	if err != nil {
		return err
	}
	if err := s.judge(ctx, "password", password, subject); err != nil {
		return err
	}
	return s.setPassword(ctx, PasswordChange{Subject: subject, Force: true}, password, from)
}

func (s *Service) setPassword(ctx context.Context, c PasswordChange, password string, from audit.From) error {
	var err error
	if c.Hash, err = s.hasher.hash(ctx, password); err != nil {
		return err
	}
	if err := s.store.ChangePassword(ctx, c, s.event(audit.PasswordChanged, c.Subject, from)); err != nil {
		return fmt.Errorf("change password: %w", known(err))
	}
	s.throttle.familiar.only(c.Subject, Place(from.Address))
	return nil
}
