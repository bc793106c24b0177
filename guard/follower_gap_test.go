package guard

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What commits long after entries with a higher seq counts as soon as it does, for six times what a transaction
// may take; then it is no longer asked for.
func TestFollowGaps(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before, after []int64       // seqs at Load and afterwards
		late          int64         // one that commits then,
		delay         time.Duration // so much later
	}{
		"in the news":        {[]int64{1}, []int64{3, 5}, 2, 5 * time.Second},
		"at the last moment": {[]int64{1}, []int64{3}, 2, 29 * time.Second},
		"second of two gaps": {[]int64{1}, []int64{3, 5}, 4, time.Second},
		"when loaded":        {[]int64{1, 3}, nil, 2, 3 * time.Second},
		"before the first":   {[]int64{4, 5}, nil, 3, 3 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newFollowing(t, newFeedServer())
				late := tokens(t, w.list, fmt.Sprint("s", tt.late))[0]
				w.add(tt.before...)
				if err := w.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer w.run()()
				w.add(tt.after...)
				time.Sleep(tt.delay)
				w.wantRevoked(late, false)
				w.requests()
				w.add(tt.late)
				w.wantRevoked(late, true) // at once: the request that waits asks for it
				time.Sleep(10 * time.Minute)
				if n := w.requests(); n > 32 {
					t.Errorf("asked %d times in ten quiet minutes", n)
				}
				synctest.Wait() // what the follower does at this moment is over
				if m := w.gaps.Missing(); len(m) != 0 {
					t.Errorf("still asks for %v", m)
				}
			})
		})
	}
}

// A gap far behind the end, as expired entries leave one, costs none of what was read a second time.
func TestFollowFarGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		late := tokens(t, w.list, "s7")[0]
		var seqs []int64
		for seq := range int64(3000) {
			seqs = append(seqs, 5001+seq)
		}
		w.add(seqs...)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		time.Sleep(time.Second)
		w.add(7)
		w.wantRevoked(late, true)
		w.change(func() {
			if w.sent != 3001 {
				t.Errorf("%d entries were sent, want the 3000 and the late one", w.sent)
			}
		})
	})
}

// Many gaps are asked for a hundred at a time, and the late entries of one beyond the limit of an answer are all found.
func TestFollowManyGaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		toks := tokens(t, w.list, "s2", "s500", "s2000", "s3000")
		seqs := []int64{1}
		for seq := int64(3); seq <= 999; seq += 2 {
			seqs = append(seqs, seq)
		}
		w.add(append(seqs, 3001)...)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		time.Sleep(10 * time.Second)
		if n := w.requests(); n < 30 || n > 100 {
			t.Errorf("asked %d times in ten seconds about 500 gaps, want six requests a second at most", n)
		}
		w.add(2, 500)
		time.Sleep(2 * time.Second)
		w.wantRevoked(toks[0], true)
		w.wantRevoked(toks[1], true)
		seqs = nil
		for seq := int64(1000); seq <= 3000; seq++ {
			seqs = append(seqs, seq)
		}
		w.add(seqs...)
		time.Sleep(5 * time.Second)
		w.wantRevoked(toks[2], true)
		w.wantRevoked(toks[3], true)
		if got := w.list.Len(); got != 2504 {
			t.Errorf("%d entries, want 2504", got)
		}
	})
}

// With more gaps than are asked for the feed is read again from its beginning, and the list goes on meanwhile.
func TestFollowTooManyGaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newFollowing(t, newFeedServer())
		late := tokens(t, w.list, "s2")[0]
		w.add(1)
		if err := w.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.run()()
		synctest.Wait()
		var seqs []int64
		for i := range int64(maxGaps + 1) {
			seqs = append(seqs, 3+2*i)
		}
		w.add(seqs...)
		synctest.Wait()
		w.add(2) // which is no longer among those asked for
		for range 100 {
			time.Sleep(10 * time.Millisecond)
			if w.stale() {
				t.Fatal("stale, though only what is missing was lost")
			}
		}
		w.wantRevoked(late, true)
		if !strings.Contains(w.log.String(), "too many") || strings.Contains(w.log.String(), "replaced") {
			t.Errorf("log: %s", &w.log)
		}
	})
}
