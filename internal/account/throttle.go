package account

import (
	"context"
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

// throttle slows guessing down, as the package comment tells.
type throttle struct {
	limits        *cluster.Memory
	pair, address cluster.Backoff
	familiar      *familiar
}

func newThrottle(c Config) *throttle {
	backoff := func(free int) cluster.Backoff {
		return cluster.Backoff{Free: free, Base: firstWait, Max: c.MaxDelay, Forget: max(forgetAfter, 2*c.MaxDelay)}
	}
	return &throttle{
		limits: c.Limits, familiar: newFamiliar(),
		pair: backoff(c.AccountFailures), address: backoff(c.AddressFailures),
	}
}

// attempt is one try that was let through. It counts as failed unless it is ended otherwise.
type attempt struct {
	t                *throttle
	subject, network string
	known            bool // the user has logged in from here before
}

func (a attempt) pairKey() string    { return "login " + a.subject + " " + a.network }
func (a attempt) addressKey() string { return "login from " + a.network }
func (a attempt) userKey() string    { return "login of " + a.subject }

// begin lets a try through or answers too_many_attempts.
func (t *throttle) begin(ctx context.Context, subject, address string) (attempt, error) {
	a := attempt{t: t, subject: subject, network: cluster.Network(address)}
	a.known = t.familiar.knows(subject, a.network)
	if wait := t.limits.Try(ctx, a.pairKey(), t.pair); wait > 0 {
		return a, tooMany(wait)
	}
	if a.known {
		return a, nil
	}
	if wait := t.limits.Try(ctx, a.addressKey(), t.address); wait > 0 {
		t.limits.Undo(ctx, a.pairKey())
		return a, tooMany(wait)
	}
	if subject == "" { // no name at all: one bound for everybody would lock all out
		return a, nil
	}
	if wait := t.limits.Take(ctx, a.userKey(), strangers); wait > 0 {
		a.abandon(ctx)
		return a, tooMany(wait)
	}
	return a, nil
}

// succeed ends an attempt with the right password.
func (a attempt) succeed(ctx context.Context) {
	a.abandon(ctx)
	a.t.limits.Forget(ctx, a.pairKey())
	a.t.familiar.add(a.subject, a.network)
}

// abandon ends an attempt in which the password was not looked at.
func (a attempt) abandon(ctx context.Context) {
	a.t.limits.Undo(ctx, a.pairKey())
	if !a.known {
		a.t.limits.Undo(ctx, a.addressKey())
	}
}

func tooMany(wait time.Duration) error {
	return &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", RetryAfter: wait}
}
