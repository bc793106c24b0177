package guard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// flight is one fetch, which all who ask meanwhile wait for.
type flight struct {
	woke    bool          // it fetches keys that were overdue, and KeySet answers nil meanwhile
	done    chan struct{} // closed when it has landed, and then the rest is set
	landed  time.Time
	err     error
	news    bool // the issuer publishes other keys than before
	changed bool // KeySet answers otherwise than before it landed
}

// justWoke says that callers may still come who looked while keys were overdue.
func (f *flight) justWoke(now time.Time) bool {
	return f != nil && f.woke && now.Sub(f.landed) < grace
}

// wait returns the outcome of the flight.
func (f *flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns the flight under way, or starts one, which keys that are overdue wait for. r.mu is
// held.
func (r *RemoteKeys) join() *flight {
	if r.flight == nil {
		r.flight = &flight{done: make(chan struct{}), woke: r.good != nil && r.isOverdue()}
		if r.flight.woke {
			r.set.Store(nil) // before due, which sends others to set
		}
		r.due.Store(false)
		go r.fly(r.flight)
	}
	return r.flight
}

// isOverdue asks the wall clock as well, which goes on while the machine sleeps. r.mu is held.
func (r *RemoteKeys) isOverdue() bool {
	now := r.cfg.Now()
	return now.After(r.overdue) || now.UnixNano() > r.overdue.UnixNano()
}

// fly ends with its time at the latest: whoever started it is not waited for.
func (r *RemoteKeys) fly(f *flight) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), flightTime, errSlow)
	defer cancel()
	set, age, err := r.load(ctx)
	if err != nil {
		f.err = fmt.Errorf("guard: fetch keys: %w", err)
	}
	next := r.land(f, set, age)
	close(f.done)
	switch {
	case err != nil:
		r.cfg.Logger.Error("keys were not fetched", "error", f.err, "retry_after", next)
	case f.news:
		r.cfg.Logger.Info("keys have changed", "keys", set, "ignored", errors.Join(set.Ignored()...))
	}
}

// land takes in what a flight brought, and returns when the next is due.
func (r *RemoteKeys) land(f *flight, set *jwt.KeySet, age time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	r.flight, r.last, f.landed = nil, f, now
	if f.err != nil {
		age = min(firstRetry<<min(r.failures, 6), minAge)
		r.failures++
	} else {
		r.failures = 0
		if f.news = !sameKeys(r.good, set); f.news {
			r.good = set
		}
		r.dropAfter(r.cfg.MaxStale)
	}
	f.changed = r.set.Swap(r.good) != r.good
	r.overdue = now.Add(age + grace)
	age = jittered(age)
	r.age.Reset(age)
	return age
}

// dropAfter drops the set when it has not been fetched again for so long. r.mu is held.
func (r *RemoteKeys) dropAfter(d time.Duration) {
	if d == 0 {
		return
	}
	if r.stale != nil {
		r.stale.Stop()
	}
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.stale == t { // else a flight landed as it fired
			r.good = nil
			r.set.Store(nil)
		}
	})
	r.stale = t
}

// jittered is up to a tenth less than d.
func jittered(d time.Duration) time.Duration {
	var b [1]byte
	rand.Read(b[:]) // never fails: it crashes the program instead
	return d - d/10*time.Duration(b[0])/255
}

// sameKeys says whether two sets of public keys verify the same, whatever their order and spelling.
func sameKeys(a, b *jwt.KeySet) bool {
	if a == nil || a.Len() != b.Len() {
		return false
	}
	for _, k := range a.All() {
		other, ok := b.Key(k.ID())
		if !ok || other.Algorithm() != k.Algorithm() || other.Thumbprint() != k.Thumbprint() {
			return false
		}
	}
	return true
}

// explain adds to err, for logs, why there are no keys yet.
func (r *RemoteKeys) explain(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil || r.last.err == nil {
		return err
	}
	return fmt.Errorf("%w: %w", err, r.last.err)
}
