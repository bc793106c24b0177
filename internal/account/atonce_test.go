package account_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sandi-auth/sandi/internal/account"
)

// secure-defaults 13d: a thousand at once are no way around.
func TestTriesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	before := b.Hashes()
	var wg sync.WaitGroup
	var looked atomic.Int32
	for range 50 {
		wg.Go(func() {
			if b.login(t.Context(), "budi", "wrong", "192.0.2.1") == "invalid_credentials" {
				looked.Add(1)
			}
		})
	}
	wg.Wait()
	if looked.Load() != 5 || b.Hashes()-before != 5 {
		t.Errorf("%d tries were looked at with %d hashes, want 5", looked.Load(), b.Hashes()-before)
	}
}

// A user's programs that log in all at once where he is known are let in one after the other.
func TestRightTriesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *account.Config) { c.Concurrency = 8 })
	b.register(t, "budi")
	if got := b.login(t.Context(), "budi", good, "192.0.2.1"); got != "" {
		t.Fatal(got)
	}
	for range 3 { // which leaves two free failures
		b.wait(t, "budi", "192.0.2.1")
	}
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() {
			if got := b.login(t.Context(), "budi", good, "192.0.2.1"); got != "" {
				t.Errorf("the right password: %q", got)
			}
		})
	}
	wg.Wait()
	before := b.Hashes()
	for range 50 {
		wg.Go(func() {
			if got := b.login(t.Context(), "budi", "wrong", "192.0.2.1"); got != "invalid_credentials" && got != "too_many_attempts" {
				t.Errorf("a wrong password: %q", got)
			}
		})
	}
	wg.Wait()
	if got := b.Hashes() - before; got != 5 {
		t.Errorf("%d wrong tries at once were looked at, want 5", got)
	}
}
