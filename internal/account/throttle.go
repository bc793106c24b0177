package account

import (
	"context"
	"log/slog"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
)

const (
	firstWait = time.Second
	// forgetAfter is how long failures count, after the last one.
	forgetAfter = 24 * time.Hour
)

// strangers bounds the tries of one user's password from all unfamiliar addresses together.
var strangers = cluster.Rate{Burst: 100, Every: time.Minute}

// ownChanges bounds what a logged-in user may do to his own account, of each kind.
var ownChanges = cluster.Rate{Burst: 5, Every: time.Minute}

// Limits counts for all nodes: a *cluster.Memory where there is one, else a *cluster.Redis, whose comments say
// what the methods do. None of them fails.
type Limits interface {
	Take(ctx context.Context, key string, r cluster.Rate) (wait time.Duration)
	Try(ctx context.Context, key string, b cluster.Backoff) (wait time.Duration)
	Undo(ctx context.Context, key string)
	Forget(ctx context.Context, key string)
}

// throttle slows guessing down, as the package comment tells.
type throttle struct {
	limits        Limits
	pair, address cluster.Backoff
	familiar      *familiar
	flights       *flights // by pairKey
	store         Store
	log           *slog.Logger
}

func newThrottle(c Config) *throttle {
	backoff := func(free int) cluster.Backoff {
		return cluster.Backoff{Free: free, Base: firstWait, Max: c.MaxDelay, Forget: max(forgetAfter, 2*c.MaxDelay)}
	}
	return &throttle{
		limits: c.Limits, familiar: newFamiliar(), flights: newFlights(), store: c.Store, log: c.Logger,
		pair: backoff(c.AccountFailures), address: backoff(c.AddressFailures),
	}
}

// attempt is one try that was let through. It counts as failed unless it is
// said otherwise, and is to be ended in any case.
type attempt struct {
	t                *throttle
	subject, network string
	known            bool // the user has logged in from here before
}

func (a attempt) pairKey() string    { return "login " + a.subject + " " + a.network }
func (a attempt) addressKey() string { return "login from " + a.network }
func (a attempt) userKey() string    { return "login of " + a.subject }

// begin lets a try through or answers too_many_attempts. At a familiar place it
// first waits for the tries under way there, for they may be right: a user's
// programs log in all at once. Wrong ones gain nothing by that.
func (t *throttle) begin(ctx context.Context, subject, address string) (attempt, error) {
	a := attempt{t: t, subject: subject, network: Place(address)}
	a.known = t.familiar.knows(subject, a.network)
	wait := t.flights.admit(ctx, a.pairKey(), a.known, func() time.Duration {
		return t.limits.Try(ctx, a.pairKey(), t.pair)
	})
	if wait > 0 {
		return a, tooMany(wait)
	}
	if a.known {
		return a, nil
	}
	if wait = t.tryStranger(ctx, a); wait == 0 {
		return a, nil
	}
	if a.known = t.returns(ctx, a); a.known {
		return a, nil
	}
	t.limits.Undo(ctx, a.pairKey())
	a.end()
	return a, tooMany(wait)
}

// end lets those go on that wait for this try.
func (a attempt) end() { a.t.flights.end(a.pairKey()) }

// tryStranger counts a try from an unfamiliar address, or returns how long it has to wait, and counts nothing.
func (t *throttle) tryStranger(ctx context.Context, a attempt) time.Duration {
	if wait := t.limits.Try(ctx, a.addressKey(), t.address); wait > 0 {
		return wait
	}
	if a.subject == "" || a.subject == bootstrapSubject { // nobody's: one bound for everybody would lock all out
		return 0
	}
	wait := t.limits.Take(ctx, a.userKey(), strangers)
	if wait > 0 {
		t.limits.Undo(ctx, a.addressKey())
	}
	return wait
}

// returns asks the store whether the user has been at a place that this process
// does not know, because it was restarted or has forgotten. It is asked only about a try
// that would be refused, for unknown users too: which of them it is does not show.
func (t *throttle) returns(ctx context.Context, a attempt) bool {
	known, err := t.store.LoggedInFrom(ctx, a.subject, a.network)
	if err != nil && ctx.Err() == nil { // nobody's fault when the client has gone
		t.log.ErrorContext(ctx, "places of a user not looked up; taken for a stranger", "subject", a.subject, "error", err)
	}
	if err != nil || !known {
		return false
	}
	t.familiar.add(a.subject, a.network)
	return true
}

// succeed is said of an attempt with the right password.
func (a attempt) succeed(ctx context.Context) {
	a.abandon(ctx)
	a.t.limits.Forget(ctx, a.pairKey())
	a.t.familiar.add(a.subject, a.network)
}

// abandon is said of an attempt in which the password was not looked at.
func (a attempt) abandon(ctx context.Context) {
	a.t.limits.Undo(ctx, a.pairKey())
	if !a.known {
		a.t.limits.Undo(ctx, a.addressKey())
	}
}

func tooMany(wait time.Duration) error {
	return &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", RetryAfter: wait}
}
