package account

import (
	"context"
	"sync"
	"time"
)

// longestFlight is how long a try waits for earlier ones to end: a full queue of hashes takes less.
const longestFlight = 3 * time.Second

// flights are the tries that have begun and not ended, by the key that they count for.
type flights struct {
	mu sync.Mutex // guards all
	of map[string]*flight
}

type flight struct {
	tries int
	ended chan struct{} // closed when one of them ends, then replaced
}

func newFlights() *flights { return &flights{of: map[string]*flight{}} }

func (f *flights) end(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.of[key]
	close(one.ended)
	one.ended = make(chan struct{})
	if one.tries--; one.tries == 0 {
		delete(f.of, key)
	}
}

// admit asks try how long to wait, and begins one of key when it says 0. A patient one asks again each time that
// another of key has ended; when none is under way, or after longestFlight, the answer stands.
func (f *flights) admit(ctx context.Context, key string, patient bool, try func() time.Duration) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, longestFlight)
	defer cancel()
	for {
		wait, ended := f.begin(key, try)
		if wait == 0 || ended == nil || !patient {
			return wait
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return wait
		}
	}
}

// begin asks try once. After a refusal, ended is closed when one under way ends, and nil when there is none.
func (f *flights) begin(key string, try func() time.Duration) (wait time.Duration, ended <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.of[key]
	if wait = try(); wait > 0 {
		if one != nil {
			ended = one.ended
		}
		return wait, ended
	}
	if one == nil {
		one = &flight{ended: make(chan struct{})}
		f.of[key] = one
	}
	one.tries++
	return 0, nil
}
