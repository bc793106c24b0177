package guard

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// What commits after entries with a higher seq is found within a second, for as long as a transaction
// may take; then the feed is quiet again.
func TestFollowGaps(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before, after []int64       // seqs at Load and afterwards
		late          int64         // one that commits then,
		delay         time.Duration // so much later
	}{
		"in the news":        {[]int64{1}, []int64{3, 5}, 2, 5 * time.Second},
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
				w.add(tt.late)
				time.Sleep(time.Second)
				w.wantRevoked(late, true)
				time.Sleep(gapLife)
				w.requests()
				time.Sleep(10 * time.Minute)
				if n := w.requests(); n > 31 {
					t.Errorf("asked %d times in ten quiet minutes", n)
				}
				if len(w.gaps) != 0 {
					t.Errorf("gaps left: %v", w.gaps)
				}
			})
		})
	}
}

// A gap far behind the end, as expired entries leave one, is asked about once more and not all the
// time, and what it held is found.
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
		time.Sleep(time.Minute)
		w.wantRevoked(late, true)
		w.change(func() {
			if w.sent != 6001 {
				t.Errorf("%d entries were sent, want the 3000 twice and the late one", w.sent)
			}
		})
	})
}
