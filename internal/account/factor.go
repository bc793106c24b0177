package account

import (
	"context"
	"errors"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
)

// Errors of second factors.
var (
	// ErrFactorNeeded is the answer where a user with a second factor sent no code of it, after the right password.
	ErrFactorNeeded = errors.New("a code of the second factor is needed")
	// ErrFactorCode is any code that does not count: wrong, too old, or used before.
	ErrFactorCode = errors.New("code of the second factor is wrong or was used")
	ErrNoFactor   = errors.New("no such second factor")
	ErrFactor     = errors.New("there is a second factor already")
	// ErrOtherMaster is a seal under a master key that is not the store's any more.
	ErrOtherMaster = errors.New("the master key changed meanwhile")
)

// The values of acr.
const (
	ACRPassword = "urn:sandi:pwd"
	ACRFactor   = "urn:sandi:mfa"
)

// Methods are how a user proved who they are, by password alone or with a second factor: the claims amr (RFC
// 8176 section 2) and acr.
func Methods(factor bool) (amr []string, acr string) {
	if factor {
		return []string{"pwd", "otp", "mfa"}, ACRFactor
	}
	return []string{"pwd"}, ACRPassword
}

// Factor is a user's authenticator application (RFC 6238).
type Factor struct {
	Subject     string
	Sealed      []byte    // the secret
	ConfirmedAt time.Time // zero until the user has shown a first code: it does not count before
	LastStep    int64     // the last time step whose code was used
}

// FactorStore is where second factors are kept. Each change is one transaction with its audit event.
type FactorStore interface {
	// Factor reads a user's; ErrNoFactor.
	Factor(ctx context.Context, subject string) (Factor, error)
	// PutFactor keeps an unconfirmed one in place of another; ErrFactor where a confirmed one is, ErrNotFound
	// without the user, ErrOtherMaster where master is not the fingerprint of the store's master key.
	PutFactor(ctx context.Context, subject string, sealed []byte, master string) error
	// ConfirmFactor makes an unconfirmed one, as it was read, count, with its first step used and these hashes of recovery codes; ErrNoFactor where it is not there any more.
	ConfirmFactor(ctx context.Context, f Factor, step int64, codes [][32]byte, e audit.Event) error
	// UseStep spends a time step of a confirmed one; ErrFactorCode where it or a later one was spent, of any number at once for all but one.
	UseStep(ctx context.Context, f Factor, step int64) error
	// UseRecovery spends a recovery code, of any number at once for one; ErrFactorCode. How many are left stands in the event.
	UseRecovery(ctx context.Context, subject string, code [32]byte, e audit.Event) error
	// ReplaceRecovery replaces the recovery codes of a user with a confirmed factor; ErrNoFactor.
	ReplaceRecovery(ctx context.Context, subject string, codes [][32]byte, e audit.Event) error
	// RemoveFactor deletes a factor, confirmed or not, with its recovery codes; ErrNoFactor.
	RemoveFactor(ctx context.Context, subject string, e audit.Event) error
}

// Sealer encrypts what is kept, as key.Masters does.
type Sealer interface {
	// Seal binds plaintext to its place, and says the fingerprint of the master key that it used.
	Seal(plaintext []byte, place string) (sealed []byte, master string, err error)
	Open(sealed []byte, place string) ([]byte, error)
}

// FactorPlace is the place of a user's secret, for Sealer.
func FactorPlace(subject string) string { return "factor " + subject }

// factorWait slows the guessing of codes down, for a user wherever the tries come from: nobody gets here without the password. At one
// try in 15 min for ever, three of a million codes being right, a guess takes ten years on average.
var factorWait = cluster.Backoff{Free: 5, Base: firstWait, Max: 15 * time.Minute, Forget: forgetAfter}

func factorKey(subject string) string { return "factor of " + subject }

// HasFactor says whether the user has a second factor that counts.
func (s *Service) HasFactor(ctx context.Context, subject string) (bool, error) {
	f, err := s.store.Factor(ctx, subject)
	if errors.Is(err, ErrNoFactor) {
		return false, nil
	}
	return err == nil && !f.ConfirmedAt.IsZero(), err
}

// Prove is the second step of a login, after Verify: it says what was proved (Methods). A user with a second factor
// needs a code of it: without one the error is otp_required, wrapping ErrFactorNeeded, else CheckFactor's.
func (s *Service) Prove(ctx context.Context, u User, code string, from audit.From) (amr []string, acr string, err error) {
	has, err := s.HasFactor(ctx, u.Subject)
	if err == nil && has {
		err = s.CheckFactor(ctx, u, code, from)
	}
	if err != nil {
		return nil, "", err
	}
	amr, acr = Methods(has)
	return amr, acr, nil
}

// CheckFactor spends a code of the user's second factor: six digits of the application, or a recovery code. The
// password was verified before. Every refusal is a *problem.Error: otp_required where code is empty; invalid_otp, the same
// for wrong, late and used ones; too_many_attempts, after which the code was not looked at; no_factor.
func (s *Service) CheckFactor(ctx context.Context, u User, code string, from audit.From) error {
	if code == "" {
		return problem.Wrap(problem.Unauthenticated, "otp_required", ErrFactorNeeded)
	}
	return s.tryCode(ctx, u.Subject, from, func() error {
		if recovery, ok := parseRecovery(code); ok {
			return s.store.UseRecovery(ctx, u.Subject, recovery, s.event(audit.RecoveryUsed, u.Subject, from))
		}
		f, err := s.store.Factor(ctx, u.Subject)
		if err != nil {
			return err
		}
		if f.ConfirmedAt.IsZero() {
			return ErrNoFactor
		}
		step, err := s.step(f, code)
		if err != nil {
			return err
		}
		return s.store.UseStep(ctx, f, step)
	})
}

// tryCode counts a try before the code is looked at, so that a thousand at once are no way around.
func (s *Service) tryCode(ctx context.Context, subject string, from audit.From, check func() error) error {
	if wait := s.limits.Try(ctx, factorKey(subject), factorWait); wait > 0 {
		return tooMany(wait)
	}
	switch err := check(); {
	case err == nil:
		s.limits.Forget(ctx, factorKey(subject))
		return nil
	case errors.Is(err, ErrFactorCode):
		s.noteCode(ctx, subject, from)
		return factorKnown(err)
	default:
		s.limits.Undo(ctx, factorKey(subject))
		return factorKnown(err)
	}
}

// noteCode is noteRefusal for codes.
func (s *Service) noteCode(ctx context.Context, subject string, from audit.From) {
	if s.limits.Take(ctx, "factor audit "+subject+" "+Place(from.Address), cluster.Rate{Burst: 1, Every: time.Minute}) == 0 {
		s.note(ctx, s.event(audit.FactorRefused, subject, from))
	}
}

// factorKnown is known for second factors.
func factorKnown(err error) error {
	switch {
	case errors.Is(err, ErrFactorCode):
		return &problem.Error{Kind: problem.Unauthenticated, Code: "invalid_otp", Field: "otp", Cause: err}
	case errors.Is(err, ErrNoFactor):
		return problem.Wrap(problem.NotFound, "no_factor", err)
	case errors.Is(err, ErrFactor):
		return problem.Wrap(problem.Conflict, "factor_exists", err)
	case errors.Is(err, ErrOtherMaster): // this node follows within 10 s
		return &problem.Error{Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: 10 * time.Second, Cause: err}
	}
	return known(err)
}
