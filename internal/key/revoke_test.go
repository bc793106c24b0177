package key_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/jwt"
)

// TestRevokeActive: a leaked key is gone in one step with a successor that signs at once, also on a node whose clock
// is behind; tokens of the successor count where it was not yet heard of.
func TestRevokeActive(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		behind := b.ring(t, func(c *key.Config) { c.Now = func() time.Time { return b.clock.now().Add(-5 * time.Second) } })
		b.clock.advance(time.Hour)
		one := b.ring(t)
		leaked := one.Signer().ID()
		stolen := sign(t, one, b.clock.now())

		dropped, successor, err := one.Revoke(t.Context(), leaked, "laptop lost", audit.From{Actor: "cli"})
		if err != nil {
			t.Fatal(err)
		}
		if dropped.KID != leaked || dropped.State != key.Active || successor.State != key.Active || one.Signer().ID() != successor.KID {
			t.Errorf("dropped %+v, successor %+v, signs with %s", dropped, successor, one.Signer().ID())
		}
		fresh := sign(t, one, b.clock.now())
		if _, err := verifier(t, behind, b.clock.now).Verify(t.Context(), fresh); err != nil {
			t.Errorf("token of the successor where it is new: %v", err)
		}
		for name, r := range map[string]*key.Ring{"one": one, "behind": behind} {
			if r.Signer().ID() != successor.KID {
				t.Errorf("node %s signs with %s, want the successor", name, r.Signer().ID())
			}
			if _, err := verifier(t, r, b.clock.now).Verify(t.Context(), stolen); !errors.Is(err, jwt.ErrUnknownKey) {
				t.Errorf("node %s: %v for a token of the leaked key, want ErrUnknownKey", name, err)
			}
		}
		page, err := b.db.Revocations(t.Context(), 0, 10)
		want := []revocation.Entry{{Seq: 1, Kind: revocation.Key, Handle: leaked, ExpiresAt: b.clock.now().Add(access + time.Minute + cache)}}
		if diff := cmp.Diff(want, page.Entries); err != nil || diff != "" {
			t.Errorf("revocations: %v %s", err, diff)
		}
		checkEvents(t, b,
			audit.Event{Action: audit.KeyRevoked, From: audit.From{Actor: "cli"}, Detail: map[string]string{"kid": leaked, "alg": "ES256", "reason": "laptop lost"}},
			audit.Event{Action: audit.KeyCreated, From: audit.From{Actor: "cli"}, Detail: map[string]string{"kid": successor.KID, "alg": "ES256"}})
		if _, _, err := one.Revoke(t.Context(), leaked, "", audit.From{}); !refusal(err) {
			t.Errorf("again: %v, want a refusal with a hint", err)
		}
	})
}

// checkEvents looks at the last events.
func checkEvents(t *testing.T, b *bench, want ...audit.Event) {
	t.Helper()
	got, err := b.db.Events(t.Context(), 0, 1000)
	if err != nil || len(got) < len(want) {
		t.Fatalf("events: %v, %v", got, err)
	}
	if diff := cmp.Diff(want, got[len(got)-len(want):], cmpopts.IgnoreFields(audit.Event{}, "Seq", "At")); diff != "" {
		t.Errorf("events: %s", diff)
	}
}

// refusal says that err is one that advises something.
func refusal(err error) bool {
	r, ok := errors.AsType[*key.Refusal](err)
	return ok && r.Hint() != ""
}

// A key that does not sign has no successor: nothing else changes.
func TestRevokeOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.ring(t)
	first := r.Signer().ID()
	next, err := r.Rotate(t.Context(), audit.From{})
	if err != nil {
		t.Fatal(err)
	}
	drop := func(kid string, state key.Phase, left ...key.Phase) {
		t.Helper()
		dropped, successor, err := r.Revoke(t.Context(), kid, "", audit.From{})
		if err != nil || dropped.State != state || successor.KID != "" {
			t.Errorf("dropped %+v, successor %+v, %v", dropped, successor, err)
		}
		if diff := cmp.Diff(left, phases(r)); diff != "" {
			t.Error(diff)
		}
	}
	drop(next.KID, key.Next, key.Active)
	if _, err := r.Rotate(t.Context(), audit.From{}); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(ready)
	drop(first, key.Retiring, key.Active)

	// With one that waits, the active one gets a successor all the same: what waits has been where it was.
	waiting, err := r.Rotate(t.Context(), audit.From{})
	if err != nil {
		t.Fatal(err)
	}
	_, successor, err := r.Revoke(t.Context(), r.Signer().ID(), "", audit.From{})
	if err != nil || r.Signer().ID() != successor.KID {
		t.Errorf("signs with %s, want %+v; %v", r.Signer().ID(), successor, err)
	}
	b.clock.advance(ready)
	if r.Signer().ID() != waiting.KID {
		t.Error("what waited did not take over")
	}
}
