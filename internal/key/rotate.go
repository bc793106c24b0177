package key

import (
	"context"
	"fmt"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
)

// Rotate makes the next key. It becomes active CacheTime and 5 s later, when every
// verifier that caches the published set has it, and is returned. Where a next
// key already waits, that one is returned with ErrPending.
func (r *Ring) Rotate(ctx context.Context, from audit.From) (State, error) {
	if r.shared() {
		return State{}, refuse("the secret of HS256 is not rotated here", "put a new secret into token.secret_file and restart: every token signed before stops counting")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.reload(ctx); err != nil {
		return State{}, err
	}
	if s := r.newest(); s.State == Next {
		return s, ErrPending
	}
	if err := r.add(ctx, r.lead(), from); err != nil {
		return State{}, err
	}
	return r.newest(), nil
}

// Refresh is what a server does each second: it takes over keys that were added elsewhere,
// makes one where there is none, active at once, or where one is due, and removes those that are gone. A
// store that knows no master key yet gets this node's; one that belongs to another is a *Refusal.
func (r *Ring) Refresh(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.reload(ctx); err != nil {
		return err
	}
	if r.master == "" {
		if err := r.claim(ctx); err != nil {
			return err
		}
	}
	if r.shared() {
		return nil
	}
	return r.maintain(ctx)
}

// claim makes this node's master key the store's, unless another was faster.
func (r *Ring) claim(ctx context.Context) error {
	if _, err := r.cfg.Store.MasterFingerprint(ctx, r.cfg.Masters.all[0].Fingerprint()); err != nil {
		return fmt.Errorf("load keys: %w", err)
	}
	return r.reload(ctx)
}

// maintain makes and removes keys.
func (r *Ring) maintain(ctx context.Context) error {
	switch {
	case r.current.Load() == nil:
		if err := r.add(ctx, 0, audit.From{}); err != nil {
			return err
		}
	case r.due():
		if err := r.add(ctx, r.lead(), audit.From{}); err != nil {
			return err
		}
	}
	for _, s := range r.States() {
		if s.State != Gone {
			break
		}
		if err := r.cfg.Store.RemoveKey(ctx, s.KID); err != nil {
			return fmt.Errorf("remove key %s: %w", s.KID, err)
		}
		r.cfg.Logger.InfoContext(ctx, "signing key removed", "kid", s.KID)
	}
	return r.reload(ctx)
}

// Run refreshes every second until ctx ends, and then returns nil. While the
// store cannot be read it goes on with the keys it has, and says so once.
func (r *Ring) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := r.Refresh(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			r.cfg.Logger.ErrorContext(ctx, "signing keys not refreshed", "error", err, "hint", hint(err))
		case err == nil && failing:
			r.cfg.Logger.InfoContext(ctx, "signing keys refreshed again")
		}
		failing = err != nil
	}
}

// newest is the state of the last key; the zero State where there is none.
func (r *Ring) newest() State {
	states := r.States()
	if len(states) == 0 {
		return State{}
	}
	return states[len(states)-1]
}

// due says that the newest key is to be replaced: it is old enough, early
// enough for its successor to be active on the day, or of another algorithm.
func (r *Ring) due() bool {
	s := r.newest()
	if s.State == Next {
		return false
	}
	if s.Algorithm != r.cfg.Algorithm {
		return true
	}
	age := r.cfg.Now().Sub(s.ActivateAt) + r.lead()
	return r.cfg.RotateEvery > 0 && age >= r.cfg.RotateEvery
}

// add makes a key that becomes active after the delay, unless another node just
// did; then that one is taken over.
func (r *Ring) add(ctx context.Context, delay time.Duration, from audit.From) error {
	newest := ""
	if m := r.current.Load(); m != nil {
		newest = m.records[len(m.records)-1].KID
	}
	now := r.cfg.Now()
	rec, err := r.make(now.Add(delay), now)
	if err != nil {
		return err
	}
	ok, err := r.cfg.Store.AddKey(ctx, rec, newest, created(rec, from))
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	if ok {
		r.cfg.Logger.InfoContext(ctx, "signing key made", "kid", rec.KID, "alg", rec.Algorithm, "activate_at", rec.ActivateAt)
	}
	return r.reload(ctx)
}
