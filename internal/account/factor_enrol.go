package account

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
)

// EnrolFactor makes the secret of an authenticator application, in base32 for typing and as the otpauth URL
// for a QR code. It replaces one that was not confirmed; factor_exists where one counts already. It does not
// count until ConfirmFactor. Five may follow each other, then one a minute (too_many_attempts).
func (s *Service) EnrolFactor(ctx context.Context, subject string) (secret, otpauthURL string, err error) {
	if wait := s.limits.Take(ctx, "enrol factor of "+subject, ownChanges); wait > 0 {
		return "", "", tooMany(wait)
	}
	u, err := s.User(ctx, subject)
	if err != nil {
		return "", "", err
	}
	key := make([]byte, totpSize)
	rand.Read(key)
	sealed, master, err := s.sealer.Seal(key, FactorPlace(subject))
	if err != nil {
		return "", "", err
	}
	if err := s.store.PutFactor(ctx, subject, sealed, master); err != nil {
		return "", "", factorKnown(err)
	}
	secret = base32Text.EncodeToString(key)
	return secret, otpauth(s.factorIssuer, u.Username, secret), nil
}

// ConfirmFactor makes an enrolled factor count, given the code that its application shows, and returns the
// recovery codes, which are shown this once. Errors are CheckFactor's; factor_exists where it counts already.
func (s *Service) ConfirmFactor(ctx context.Context, subject, code string, from audit.From) (recovery []string, err error) {
	err = s.tryCode(ctx, subject, from, func() error {
		f, err := s.store.Factor(ctx, subject)
		if err != nil {
			return err
		}
		if !f.ConfirmedAt.IsZero() {
			return ErrFactor
		}
		step, err := s.step(f, code)
		if err != nil {
			return err
		}
		plain, hashes := newRecovery()
		e := s.event(audit.FactorAdded, subject, from)
		e.Detail = map[string]string{"kind": "totp"}
		if err := s.store.ConfirmFactor(ctx, f, step, hashes, e); err != nil {
			return err
		}
		recovery = plain
		return nil
	})
	return recovery, err
}

// RemoveFactor takes the second factor away, given a code of it, which may be a recovery code. Errors are CheckFactor's.
func (s *Service) RemoveFactor(ctx context.Context, subject, code string, from audit.From) error {
	if err := s.CheckFactor(ctx, User{Subject: subject}, code, from); err != nil {
		return err
	}
	return s.removeFactor(ctx, subject, from)
}

// ResetFactor is RemoveFactor without a code: the command line, for a user who has lost both application and
// recovery codes. Errors are problem.NotFound for an unknown user, and no_factor.
func (s *Service) ResetFactor(ctx context.Context, username string, from audit.From) error {
	subject, err := s.Normalise(username)
	if err != nil {
		return err
	}
	if _, err := s.User(ctx, subject); err != nil {
		return err
	}
	return s.removeFactor(ctx, subject, from)
}

func (s *Service) removeFactor(ctx context.Context, subject string, from audit.From) error {
	e := s.event(audit.FactorRemoved, subject, from)
	e.Detail = map[string]string{"kind": "totp"}
	return factorKnown(s.store.RemoveFactor(ctx, subject, e))
}

// RenewRecovery replaces the recovery codes, used or not, and returns the new ones, which are shown this once;
// no_factor. Five may follow each other, then one a minute (too_many_attempts).
func (s *Service) RenewRecovery(ctx context.Context, subject string, from audit.From) ([]string, error) {
	if wait := s.limits.Take(ctx, "renew recovery codes of "+subject, ownChanges); wait > 0 {
		return nil, tooMany(wait)
	}
	plain, hashes := newRecovery()
	if err := s.store.ReplaceRecovery(ctx, subject, hashes, s.event(audit.RecoveryRenewed, subject, from)); err != nil {
		return nil, factorKnown(err)
	}
	return plain, nil
}

// noSealer stands in where no master key is at hand.
type noSealer struct{}

var errNoSealer = problem.Wrap(problem.Unavailable, "temporarily_unavailable", errors.New("account: Config has no Sealer"))

func (noSealer) Seal([]byte, string) ([]byte, string, error) { return nil, "", errNoSealer }

func (noSealer) Open([]byte, string) ([]byte, error) { return nil, errNoSealer }
