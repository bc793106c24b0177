package revocation_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/gaps"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// A transaction that commits long after later ones counts at the next read, on nodes that run and on those that
// have just started; what never commits is asked for no longer after half a minute.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	for _, delay := range []time.Duration{0, 5 * time.Second, 28 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				l.commit(3, 4)
				running := newNode(t, l)
				defer running.run()()
				l.commit(7, 9)
				running.wantRevoked("s9")
				started := newNode(t, l)
				defer started.run()()
				time.Sleep(delay)
				for _, seq := range []int64{2, 6, 8} { // expired before, in the middle of two, alone
					l.commit(seq)
					running.wantRevoked(fmt.Sprint("s", seq))
					started.wantRevoked(fmt.Sprint("s", seq))
				}
				time.Sleep(gaps.Life)
				l.asked()
				time.Sleep(time.Minute)
				if n := l.asked(); n != 0 {
					t.Errorf("asked %d times for what will not come", n)
				}
			})
		})
	}
}

// What commits late while a node cannot read the store is found when it can, however long that took.
func TestLateCommitInAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.commit(1, 3)
		n := newNode(t, l)
		defer n.run()()
		l.change(func() { l.away = true })
		time.Sleep(time.Hour)
		l.commit(2)
		l.change(func() { l.away = false })
		n.wantRevoked("s2")
	})
}

// Whatever is revoked while a node loads is in its list when it has loaded: beyond what was read, and before it.
func TestLateCommitWhileLoading(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.commit(through(101, 40_100)...)
	pages := int64(0)
	l.onRead = func() {
		pages++
		l.commit(100-pages, 50_000+2*pages)
	}
	n := newNode(t, l)
	if got := len(n.list.handles()); pages != 3 || int64(got) != 40_000+2*pages {
		t.Errorf("%d entries of %d pages, want 40,000 and two for each page", got, pages)
	}
}

// More than can be asked for one by one is read again as a whole, and the list goes on meanwhile.
func TestLateCommitAmongTooMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.commit(1)
		reads, seen := 0, 0
		l.onRead = func() {
			if reads++; reads == seen+1 { // after the one that saw them
				l.commit(2)
			}
		}
		n := newNode(t, l)
		n.list.onReset = func() { t.Error("the list was emptied") }
		var many []int64
		for i := range int64(10_001) {
			many = append(many, 3+2*i)
		}
		l.commit(many...)
		seen = reads + 1
		defer n.run()()
		n.wantRevoked("s2")
		l.commit(20_000)
		time.Sleep(500 * time.Millisecond) // so many are asked for less often
		n.wantRevoked("s20000")
		if n.list.isStale() {
			t.Error("stale, though only what is missing was lost")
		}
	})
}

// readLate expects these seqs of a reader that misses something.
func readLate(t *testing.T, n *node, after int64, missing []gaps.Range, wait time.Duration, want ...int64) {
	t.Helper()
	p, reset, err := n.feed.Read(t.Context(), "orders", revocation.Query{Epoch: "e1", After: after, Missing: missing, Wait: wait})
	var got []int64
	for _, e := range p.Entries {
		got = append(got, e.Seq)
	}
	if err != nil || reset || !slices.Equal(got, want) {
		t.Errorf("after %d and %v: got %v, reset %t, %v; want %v", after, missing, got, reset, err, want)
	}
}

// A reader gets what it misses from whichever node it asks, at once or when it commits, though that node has seen other
// entries than the reader, in another order, and has forgotten most.
func TestFeedOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before, after []int64 // committed before and after the node has started
		read          int64   // the reader has read so far
		missing       string
		has, late     []int64 // what it gets at once, and what commits then
		want          []int64
	}{
		"the node misses it":    {[]int64{1}, []int64{3}, 3, "2", nil, []int64{2}, []int64{2}},
		"it loaded the gap":     {[]int64{1, 3}, nil, 3, "2", nil, []int64{2}, []int64{2}},
		"the node has seen it":  {[]int64{1, 2, 3}, nil, 3, "2", []int64{2}, []int64{4}, []int64{4}},
		"it lags behind":        {[]int64{1}, nil, 1, "1", []int64{1}, []int64{2}, []int64{2}},
		"of a wide gap":         {[]int64{900}, nil, 900, "1-899", nil, []int64{5, 7}, []int64{5, 7}},
		"of the time before":    {through(2, 3000), nil, 3000, "1", nil, []int64{1}, []int64{1}},
		"forgotten by the node": {through(1, 3000), nil, 3000, "4-6,2999", []int64{4, 5, 6, 2999}, []int64{3001}, []int64{3001}},
		"with news":             {[]int64{1, 3, 4}, nil, 3, "2", []int64{4}, []int64{2}, []int64{2}},
		"another's":             {[]int64{1, 4, 6}, nil, 6, "5", nil, []int64{3, 7}, []int64{7}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				l.commit(tt.before...)
				n := newNode(t, l)
				defer n.run()()
				l.commit(tt.after...)
				time.Sleep(time.Second)
				missing, err := gaps.Parse(tt.missing)
				if err != nil {
					t.Fatal(err)
				}
				readLate(t, n, tt.read, missing, 0, tt.has...)
				read := tt.read
				if len(tt.has) > 0 {
					if read = max(read, slices.Max(tt.has)); slices.Min(tt.has) <= tt.read {
						missing = nil
					}
				}
				var wg sync.WaitGroup
				begun := time.Now()
				wg.Go(func() { readLate(t, n, read, missing, time.Minute, tt.want...) })
				time.Sleep(10 * time.Second)
				l.asked()
				l.commit(tt.late...)
				if wg.Wait(); time.Since(begun) > 10*time.Second+250*time.Millisecond {
					t.Errorf("answered after %s", time.Since(begun))
				}
			})
		})
	}
}

// However many readers wait for what is missing, the store is asked by the Follower, and by each of them once.
func TestFeedAsksOnceForWhatIsMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		l.commit(through(2, 3000)...)
		n := newNode(t, l)
		defer n.run()()
		time.Sleep(time.Minute)
		l.commit(3020)
		time.Sleep(time.Second)
		l.asked()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				readLate(t, n, 3020, []gaps.Range{{From: 1, To: 1}, {From: 3001, To: 3001}}, 20*time.Second, 3001)
			})
		}
		for seq := range int64(10) { // wakes them for nothing of theirs
			time.Sleep(time.Second)
			l.commit(3002 + seq)
		}
		l.commit(3001)
		wg.Wait()
		if n := l.asked(); n > 160 {
			t.Errorf("asked %d times, want once for each reader and 4 times a second", n)
		}
	})
}
