package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
)

// Config is what a Service works with. Store, Limits and Now are required.
type Config struct {
	Store  Store
	Limits Limits
	Now    func() time.Time
	Logger *slog.Logger // default slog.DiscardHandler

	Hash        Params // of new hashes; a zero field has the default of Params
	Concurrency int    // hashes at once; 0 means one per core
	Queue       int    // hashes that may wait; default 64
	// InsecureWeakHash allows a cost below the default. It is for tests.
	InsecureWeakHash bool

	MinLength int      // of a password, in characters; default and least 8
	MaxLength int      // in bytes; default 1024
	Words     []string // that make a password guessable: names of the company and its products

	AccountFailures int           // free failures of a user from one address; default 5
	AddressFailures int           // free failures from one address; default 30
	MaxDelay        time.Duration // the longest wait; default 15 min

	// Sealer encrypts the secrets of second factors. Nil: they can be removed, and neither made nor checked.
	Sealer Sealer
	// FactorIssuer is what authenticator applications show beside the username; default "Sandi".
	FactorIssuer string
}

// Service is what can be done with users. It is safe for concurrent use.
type Service struct {
	store    Store
	now      func() time.Time
	log      *slog.Logger
	limits   Limits
	hasher   *hasher
	judging  *gate
	policy   *policy
	throttle *throttle
	refused  chan audit.Event

	sealer       Sealer
	factorIssuer string
}

// New checks the configuration and builds a Service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Limits == nil || c.Now == nil {
		panic("account: New needs Store, Limits and Now")
	}
	c = withDefaults(c)
	if !c.InsecureWeakHash && (c.Hash.MemoryKiB < floor.MemoryKiB || c.Hash.Iterations < floor.Iterations) {
		return nil, fmt.Errorf("password hash is too cheap: at least %d KiB and %d iterations", floor.MemoryKiB, floor.Iterations)
	}
	if c.Hash.Parallelism > 255 || c.Hash.MemoryKiB < 8*c.Hash.Parallelism {
		return nil, errors.New("password hash parallelism must be at most 255, and memory at least 8 KiB for each lane")
	}
	if c.MinLength < 8 || c.MaxLength < 64 || c.MaxLength > 1024 {
		return nil, errors.New("password length must be at least 8 and at most 64 to 1024")
	}
	return &Service{
		store: c.Store, now: c.Now, log: c.Logger, limits: c.Limits,
		hasher:   newHasher(c.Hash, c.Concurrency, c.Queue),
		judging:  newGate(max(1, c.Concurrency/2), c.Queue),
		policy:   newPolicy(c.MinLength, c.MaxLength, c.Words),
		throttle: newThrottle(c),
		refused:  make(chan audit.Event, 256),
		sealer:   c.Sealer, factorIssuer: c.FactorIssuer,
	}, nil
}

func withDefaults(c Config) Config {
	for value, otherwise := range map[*int]int{
		&c.Hash.MemoryKiB: floor.MemoryKiB, &c.Hash.Iterations: floor.Iterations, &c.Hash.Parallelism: floor.Parallelism,
		&c.Concurrency: runtime.GOMAXPROCS(0), &c.Queue: 64, &c.MinLength: 8, &c.MaxLength: 1024,
		&c.AccountFailures: 5, &c.AddressFailures: 30,
	} {
		if *value == 0 {
			*value = otherwise
		}
	}
	if c.MaxDelay == 0 {
		c.MaxDelay = 15 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Sealer == nil {
		c.Sealer = noSealer{}
	}
	c.FactorIssuer = cmp.Or(c.FactorIssuer, "Sandi")
	return c
}

// Hashing is how many password hashes are being computed and how many wait.
func (s *Service) Hashing() (running, waiting int) {
	return len(s.hasher.gate.slots), int(s.hasher.gate.waiting.Load())
}

// Hashes is how many password hashes were ever begun.
func (s *Service) Hashes() uint64 { return s.hasher.count.Load() }

// User reads one by subject; problem.NotFound.
func (s *Service) User(ctx context.Context, subject string) (User, error) {
	u, err := s.store.User(ctx, subject)
	return u, known(err)
}

// List lists at most limit users with a subject greater than after, ascending.
func (s *Service) List(ctx context.Context, after string, limit int) ([]User, error) {
	return s.store.Users(ctx, after, limit)
}

// Rename changes how the username of subject is spelt. The new spelling must
// normalise to the same subject: a name is never another's, not even later. What
// is spelt so already is left as it is; five changes may follow each other, then
// one a minute (too_many_attempts).
func (s *Service) Rename(ctx context.Context, subject, username string, from audit.From) (User, error) {
	same, err := s.Normalise(username)
	if err != nil {
		return User{}, err
	}
	if same != subject {
		return User{}, problem.InvalidField("username", "username_other")
	}
	u, err := s.User(ctx, subject)
	if err != nil || u.Username == username {
		return u, err
	}
	if wait := s.limits.Take(ctx, "rename "+subject, ownChanges); wait > 0 {
		return User{}, tooMany(wait)
	}
	if err := s.store.RenameUser(ctx, subject, username, s.event(audit.UserRenamed, subject, from)); err != nil {
		return User{}, known(err)
	}
	u.Username = username
	return u, nil
}

// SetDisabled disables a user, which ends every session and stops the live
// access tokens, or enables one; problem.NotFound.
func (s *Service) SetDisabled(ctx context.Context, username string, disabled bool, from audit.From) error {
	subject, err := s.Normalise(username)
	if err != nil {
		return err
	}
	action := audit.UserEnabled
	if disabled {
		action = audit.UserDisabled
	}
	return known(s.store.SetDisabled(ctx, subject, disabled, s.event(action, subject, from)))
}

// instant is now, as exactly as it is stored.
func (s *Service) instant() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

func (s *Service) event(action audit.Action, subject string, from audit.From) audit.Event {
	return audit.Event{At: s.now(), Action: action, Subject: subject, From: from}
}

// known gives the sentinels of a Store the answer that a caller gets.
func known(err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return &problem.Error{Kind: problem.NotFound, Code: "not_found", Sentence: "user_not_found", Cause: err}
	case errors.Is(err, ErrTaken):
		return &problem.Error{Kind: problem.Conflict, Code: "username_taken", Field: "username", Cause: err}
	case errors.Is(err, ErrChanged):
		return problem.Wrap(problem.Conflict, "password_changed", err)
	case errors.Is(err, ErrBootstrap):
		return &problem.Error{
			Kind: problem.Unauthenticated, Code: "invalid_credentials", Sentence: "bootstrap_invalid", Field: "secret", Cause: err,
		}
	}
	return err
}
