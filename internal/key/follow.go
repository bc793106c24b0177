package key

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// refetchEvery bounds what strangers with made-up key ids cost the store.
const refetchEvery = 100 * time.Millisecond

var _ jwt.Refetcher = (*Ring)(nil)

// Load reads the keys and changes nothing: for whoever looks at a server's store. A store that belongs to
// another master key, or that has no key yet, is a *Refusal.
func (r *Ring) Load(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.reload(ctx); err != nil {
		return err
	}
	if r.current.Load() == nil {
		return refuse("there are no signing keys yet", "start 'sandi serve' once; it makes the first one")
	}
	return nil
}

// Refetch implements jwt.Refetcher. A key that was made at once, for one that was revoked, signs on another node
// before this one has looked: its tokens count here too.
func (r *Ring) Refetch(ctx context.Context) bool {
	if r.shared() {
		return false
	}
	before := r.KeySet()
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.cfg.Now(); r.KeySet() == before && now.Sub(r.refetched).Abs() >= refetchEvery {
		r.refetched = now
		_ = r.reload(ctx) // where it fails the key stays unknown, and Run says why
	}
	return r.KeySet() != before
}

// Ready is a *Refusal while the store is sealed under a master key that this node does not have. Such a node
// can neither sign on nor take over keys, and its refresh tokens would not count for long.
func (r *Ring) Ready() error {
	if r.cfg.Masters.Current() < 0 {
		return refuse("the store is sealed under another master key", "name the file of that key by key.other_master_files, and restart")
	}
	return nil
}

// Fresh says that the keys are those of the store within the last 5 s. A set that is older may lack
// a key that signs soon, and is not to be kept by verifiers.
func (r *Ring) Fresh() bool {
	return r.shared() || r.cfg.Now().UnixNano()-r.refreshed.Load() < int64(followSlack)
}

// reload reads the store. What was opened before is kept, so that a second
// without a change costs a small read, and the set stays the same pointer.
func (r *Ring) reload(ctx context.Context) error {
	stored, err := r.cfg.Store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("load keys: %w", err)
	}
	if err := r.follow(ctx, stored.Master); err != nil {
		return err
	}
	r.lifetime.Store(int64(stored.AccessLifetime))
	if !r.shared() {
		if err := r.take(stored.Keys); err != nil {
			return err
		}
	}
	r.refreshed.Store(r.cfg.Now().UnixNano())
	return nil
}

// follow has refresh tokens authenticated under the store's master key. Where that was changed, it waits until every
// node has seen so: one without the new key must say that it is not ready, not that a token is false.
func (r *Ring) follow(ctx context.Context, fingerprint string) error {
	m, first := r.cfg.Masters, r.master == ""
	if fingerprint == "" {
		return nil
	}
	if _, err := m.known(fingerprint); err != nil {
		m.current.Store(-1)
		return err
	}
	r.master = fingerprint
	place, now := int32(m.find(fingerprint)), r.cfg.Now()
	switch {
	case place == m.current.Load():
		r.switchAt = time.Time{}
	case first || m.current.Load() < 0 || !r.switchAt.IsZero() && !now.Before(r.switchAt):
		m.current.Store(place)
		r.switchAt = time.Time{}
		r.cfg.Logger.InfoContext(ctx, "master key in use", "fingerprint", fingerprint)
	case r.switchAt.IsZero():
		r.switchAt = now.Add(followSlack)
	}
	return nil
}

// take makes the stored keys this node's.
func (r *Ring) take(records []Record) error {
	old := r.current.Load()
	if len(records) == 0 {
		if old != nil {
			return errors.New("load keys: the store has lost all of them")
		}
		return nil
	}
	if old != nil && sameKeys(old.records, records) {
		return nil
	}
	keys, signs := make([]*jwt.Key, len(records)), make([]time.Time, len(records))
	for i, rec := range records {
		j := -1
		if old != nil {
			j = slices.IndexFunc(old.records, func(o Record) bool { return o.KID == rec.KID && o.ActivateAt.Equal(rec.ActivateAt) })
		}
		if j >= 0 {
			keys[i], signs[i] = old.keys[j], old.signs[j]
			continue
		}
		var err error
		if keys[i], err = r.open(rec); err != nil {
			return err
		}
		signs[i] = r.signsFrom(rec)
	}
	return r.setMembers(records, signs, keys)
}

// signsFrom is when this node signs with a key that it has not seen before: not before it has itself published it
// for long enough, whatever its clock says, and whatever the cache time was of who made the key.
func (r *Ring) signsFrom(rec Record) time.Time {
	now := r.cfg.Now()
	if at := now.Add(r.lead()); now.Before(rec.ActivateAt) && rec.ActivateAt.Before(at) {
		return at
	}
	return rec.ActivateAt
}
