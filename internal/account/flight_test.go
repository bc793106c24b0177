package account

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Who waits for a try under way waits for 3 s, and no longer than the request lives.
func TestFlightsAreShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		refuse := func() time.Duration { return time.Minute }
		begun := time.Now()
		if wait := f.admit(t.Context(), "budi", true, refuse); wait != time.Minute || time.Since(begun) != 0 {
			t.Errorf("with no try under way: %v after %v", wait, time.Since(begun))
		}
		if wait := f.admit(t.Context(), "budi", false, func() time.Duration { return 0 }); wait != 0 {
			t.Fatalf("a try that may be made waits %v", wait)
		}
		if wait := f.admit(t.Context(), "budi", true, refuse); wait != time.Minute || time.Since(begun) != longestFlight {
			t.Errorf("with one that does not end: %v after %v", wait, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		if wait := f.admit(ctx, "budi", true, refuse); wait != time.Minute || time.Since(begun) != time.Second {
			t.Errorf("with a client that is gone: %v after %v", wait, time.Since(begun))
		}
		f.end("budi")
		if len(f.of) != 0 {
			t.Errorf("%d keys are left", len(f.of))
		}
	})
}
