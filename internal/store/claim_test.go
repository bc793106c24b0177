package store_test

import (
	"errors"
	"testing"

	"github.com/sandi-auth/sandi/internal/store"
)

// TestClaimDemo: the demo takes a store that is empty or its own, and nobody serves that in earnest.
// secure-defaults 2h
func TestClaimDemo(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		refused := func(err error) bool {
			e, ok := errors.AsType[*store.OpenError](err)
			return ok && e.Hint() != ""
		}
		demo, earnest := newFixture(t), newFixture(t)
		if err := demo.RefuseDemo(t.Context()); err != nil {
			t.Errorf("a new store: got %v", err)
		}
		for range 2 {
			if err := demo.ClaimDemo(t.Context()); err != nil {
				t.Errorf("a new store or the demo's own: got %v", err)
			}
			demo.addUser(t, "user1")
			demo.reopen(t)
			if err := demo.RefuseDemo(t.Context()); !refused(err) {
				t.Errorf("serving the demo's store: got %v, want an OpenError with a hint", err)
			}
			demo.raw(t, `DELETE FROM users`)
		}
		earnest.addUser(t, "ani")
		if err := earnest.ClaimDemo(t.Context()); !refused(err) {
			t.Errorf("a store with users: got %v, want an OpenError with a hint", err)
		}
		if err := earnest.RefuseDemo(t.Context()); err != nil {
			t.Errorf("a store that was refused: got %v", err)
		}
	})
}
