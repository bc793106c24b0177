package key_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/jwt"
)

// verifier accepts the tokens of a ring's set.
func verifier(t *testing.T, keys jwt.Keys, now func() time.Time) *jwt.Verifier {
	t.Helper()
	v, err := jwt.NewVerifier(jwt.Config{Keys: keys, Now: now, InsecureAnyIssuer: true, InsecureAnyAudience: true, InsecureAnyType: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func sign(t *testing.T, r *key.Ring, now time.Time) string {
	t.Helper()
	token, err := jwt.Sign(r.Signer(), "at+jwt", map[string]any{"exp": now.Add(access).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A rotation on one of two nodes: both go through the same phases without
// talking, a verifier with a cached set never fails, and the old key goes.
func TestRotation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.ring(t), b.ring(t)
	first := one.Signer().ID()
	cached := one.KeySet() // what a verifier holds just before the rotation

	next, err := one.Rotate(t.Context(), audit.From{Actor: "cli"})
	if err != nil {
		t.Fatal(err)
	}
	if next.State != key.Next || !next.ActivateAt.Equal(b.clock.now().Add(ready)) {
		t.Errorf("Rotate = %+v, want a next key that is active after %v", next, ready)
	}
	if s, err := one.Rotate(t.Context(), audit.From{}); !errors.Is(err, key.ErrPending) || s.KID != next.KID {
		t.Errorf("second Rotate = %v, %v, want the waiting key and ErrPending", s.KID, err)
	}
	refresh(t, one, two)

	check := func(after time.Duration, signer string, want ...key.Phase) {
		t.Helper()
		b.clock.advance(after)
		for name, r := range map[string]*key.Ring{"one": one, "two": two} {
			if diff := cmp.Diff(want, phases(r)); diff != "" {
				t.Errorf("node %s: %s", name, diff)
			}
			if got := r.Signer().ID(); got != signer {
				t.Errorf("node %s signs with %s, want %s", name, got, signer)
			}
		}
	}
	check(0, first, key.Active, key.Next)
	check(ready-1, first, key.Active, key.Next)
	last := sign(t, one, b.clock.now())
	if _, err := verifier(t, cached, b.clock.now).Verify(t.Context(), last); err != nil {
		t.Errorf("cached set at the last instant of its life: %v", err)
	}
	check(1, next.KID, key.Retiring, key.Active)
	if _, err := verifier(t, two, b.clock.now).Verify(t.Context(), sign(t, one, b.clock.now())); err != nil {
		t.Errorf("token of the new key on the other node: %v", err)
	}
	check(access-2*time.Second, next.KID, key.Retiring, key.Active)
	if _, err := verifier(t, two, b.clock.now).Verify(t.Context(), last); err != nil {
		t.Errorf("last token of the old key: %v", err)
	}
	check(gone-access+2*time.Second-1, next.KID, key.Retiring, key.Active)
	check(1, next.KID, key.Gone, key.Active)
	set := one.KeySet()
	refresh(t, one, two)
	check(0, next.KID, key.Active)
	if _, ok := two.KeySet().Key(first); ok || one.KeySet() == set {
		t.Error("the old key is still in the set")
	}
}

func TestSetIsStable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.ring(t)
	set := r.KeySet()
	refresh(t, r, r)
	if r.KeySet() != set {
		t.Error("a refresh without a change made a new set")
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.ring(t)
	first := r.Signer().ID()
	b.clock.advance(month - ready - 1)
	refresh(t, r)
	if diff := cmp.Diff([]key.Phase{key.Active}, phases(r)); diff != "" {
		t.Error("too early: " + diff)
	}
	b.clock.advance(1)
	refresh(t, r, r)
	if diff := cmp.Diff([]key.Phase{key.Active, key.Next}, phases(r)); diff != "" {
		t.Error(diff)
	}
	b.clock.advance(ready)
	if r.Signer().ID() == first {
		t.Error("the old key still signs after 30 days")
	}

	never := newBench(t)
	r = never.ring(t, func(c *key.Config) { c.RotateEvery = 0 })
	never.clock.advance(20 * month)
	refresh(t, r)
	if len(r.States()) != 1 {
		t.Error("RotateEvery 0 rotated")
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		r := b.ring(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		if _, err := b.ring(t).Rotate(t.Context(), audit.From{}); err != nil {
			t.Fatal(err)
		}
		<-time.After(1500 * time.Millisecond) // of the bubble's clock
		if diff := cmp.Diff([]key.Phase{key.Active, key.Next}, phases(r)); diff != "" {
			t.Errorf("a second after another node's rotation: %s", diff)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
