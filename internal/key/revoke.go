package key

import (
	"context"
	"fmt"
	"slices"

	"github.com/sandi-auth/sandi/internal/audit"
)

// Revoke drops a key that has leaked: no node accepts or signs its tokens any more once it has followed, which
// takes a second. Where the key is the one that signs, a new one takes its place at once. It returns the
// key that was dropped, as it stood, and its successor, zero where there is none. A *Refusal where there is no
// such key, and under HS256.
func (r *Ring) Revoke(ctx context.Context, kid, reason string, from audit.From) (dropped, successor State, err error) {
	if r.shared() {
		return State{}, State{}, refuse("the secret of HS256 is not revoked here",
			"put a new secret into token.secret_file on every node and restart: every token signed before stops counting")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for range 5 {
		if err := r.reload(ctx); err != nil {
			return State{}, State{}, err
		}
		states := r.States()
		i := slices.IndexFunc(states, func(s State) bool { return s.KID == kid })
		if i < 0 {
			return State{}, State{}, refuse("there is no such key; it may be gone already", "'sandi key list' shows those that there are")
		}
		rec, done, err := r.drop(ctx, states[i], reason, from)
		if err != nil || done {
			return states[i], r.state(rec), err
		}
	}
	return State{}, State{}, refuse("the signing keys changed meanwhile, again and again", "try again")
}

// drop removes one key and follows. A successor is made a little active already: nodes whose clocks are behind
// take it over at once too.
func (r *Ring) drop(ctx context.Context, s State, reason string, from audit.From) (successor Record, done bool, err error) {
	now := r.cfg.Now()
	detail := map[string]string{"kid": s.KID, "alg": string(s.Algorithm)}
	if reason != "" {
		detail["reason"] = reason
	}
	events := []audit.Event{{Action: audit.KeyRevoked, From: from, Detail: detail}}
	var add *Record
	if m := r.current.Load(); m.keys[m.signer(now)].ID() == s.KID {
		active := now.Add(-followSlack)
		if s.ActivateAt.After(active) {
			active = s.ActivateAt
		}
		if successor, err = r.make(active, now); err != nil {
			return Record{}, false, err
		}
		add = &successor
		events = append(events, created(successor, from))
	}
	// Verifiers elsewhere go on with their copy of the key until it is refreshed.
	done, err = r.cfg.Store.RevokeKey(ctx, s.KID, add, r.life(), events...)
	if err != nil {
		return Record{}, false, fmt.Errorf("revoke key: %w", err)
	}
	if !done {
		return Record{}, false, nil
	}
	return successor, true, r.reload(ctx)
}

// state is that of a record, zero where there is none.
func (r *Ring) state(rec Record) State {
	for _, s := range r.States() {
		if s.KID == rec.KID {
			return s
		}
	}
	return State{}
}
