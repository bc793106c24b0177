package server

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGiveBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hashes, freed atomic.Uint64
		go func() { _ = giveBack(t.Context(), hashes.Load, func() { freed.Add(1) }) }()
		for _, step := range []struct {
			name   string
			hashes uint64 // every six seconds, for half a minute
			want   uint64
		}{
			{"at the start", 0, 0},
			{"while there are logins", 1, 0},
			{"after them", 0, 1},
			{"once", 0, 1},
			{"while there are others", 1, 1},
			{"after those", 0, 2},
		} {
			for range 5 {
				hashes.Add(step.hashes)
				time.Sleep(6 * time.Second) // the bubble's clock
			}
			synctest.Wait()
			if got := freed.Load(); got != step.want {
				t.Errorf("%s: given back %d times, want %d", step.name, got, step.want)
			}
		}
	})
}
