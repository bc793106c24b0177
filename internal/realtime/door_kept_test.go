package realtime

import (
	"testing"
	"time"
)

// A subject has so many places at once, for a time; what is free or over counts no more, and leaves nothing behind.
// WS-j
func TestKeeping(t *testing.T) {
	t.Parallel()
	k, now := newKeeping(2, time.Minute), time.Unix(0, 0)
	take := func(subject string, want bool) *keptOne {
		t.Helper()
		one := k.take(subject, now)
		if (one != nil) != want {
			t.Fatalf("%s: %v, want one: %t", subject, one, want)
		}
		return one
	}
	first := take("a", true)
	take("a", true)
	take("a", false)
	take("b", true)
	k.free(first)
	k.free(first) // the second time nothing
	k.free(nil)
	now = now.Add(30 * time.Second)
	take("a", true)
	take("a", false)
	now = now.Add(30 * time.Second) // the second is over
	take("a", true)
	take("a", false)
	now = now.Add(time.Hour)
	if take("c", true); len(k.of) != 1 || len(k.line) != 1 {
		t.Errorf("%d subjects and %d places are left, want 1 of each", len(k.of), len(k.line))
	}
	if k = newKeeping(0, time.Minute); k.take("a", now) == nil {
		t.Error("no limit is one")
	}
}
