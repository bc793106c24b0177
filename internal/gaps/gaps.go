// Package gaps remembers which numbers of an ascending sequence have not been seen yet: transactions take their
// number when they write and show it when they commit, so that a later number may be there before an earlier one.
//
//	Seen(after, seqs) ── holes ──> Missing ── asked for ──> Found
//	                                   └─── for 30 s ─────> Asked gives up: rolled back, or purged
package gaps

import (
	"cmp"
	"slices"
	"time"
)

const (
	// Life is how long a missing number is asked for: six times what a transaction may take.
	Life = 30 * time.Second
	// maxRanges is Tracker.Max where that is zero.
	maxRanges = 10_000
)

// Range is the numbers From to To, both included.
type Range struct{ From, To int64 }

// Tracker is the numbers that are missing. Its zero value misses none. It is for one goroutine.
type Tracker struct {
	// Max is how many ranges are kept, the newest. Zero means 10,000, which 300 transactions that
	// are rolled back each second do not reach.
	Max int

	holes    []hole // ascending
	overflow bool
}

type hole struct {
	Range
	noticed time.Time
}

// Seen notes, at now, the holes between after and the first of seqs, and between them. They ascend and
// lie above after, as after does above all that was missing before; it panics otherwise.
func (t *Tracker) Seen(after int64, seqs []int64, now time.Time) {
	if n := len(t.holes); n > 0 && t.holes[n-1].To > after {
		panic("gaps: Seen goes back")
	}
	for _, seq := range seqs {
		if seq <= after {
			panic("gaps: Seen is not told in order")
		}
		if seq > after+1 {
			t.holes = append(t.holes, hole{Range{after + 1, seq - 1}, now})
		}
		after = seq
	}
	t.bound()
}

// Found takes seq out of what is missing, and says whether it was.
func (t *Tracker) Found(seq int64) bool {
	i, _ := slices.BinarySearchFunc(t.holes, seq, func(h hole, seq int64) int { return cmp.Compare(h.To, seq) })
	if i == len(t.holes) || t.holes[i].From > seq {
		return false
	}
	switch h := &t.holes[i]; {
	case h.From == h.To:
		t.holes = slices.Delete(t.holes, i, i+1)
	case h.From == seq:
		h.From++
	case h.To == seq:
		h.To--
	default:
		before := hole{Range{h.From, seq - 1}, h.noticed}
		h.From = seq + 1
		t.holes = slices.Insert(t.holes, i, before)
		t.bound()
	}
	return true
}

// Missing is what to ask for, ascending.
func (t *Tracker) Missing() []Range {
	if len(t.holes) == 0 {
		return nil
	}
	out := make([]Range, len(t.holes))
	for i, h := range t.holes {
		out[i] = h.Range
	}
	return out
}

// Asked says that all that is missing was asked for at that time, and that what was there has been Found. Holes
// that were noticed 30 s before are given up. Time alone ends none: nobody may have been there to answer.
func (t *Tracker) Asked(at time.Time) {
	t.holes = slices.DeleteFunc(t.holes, func(h hole) bool { return at.Sub(h.noticed) >= Life })
}

// Overflow says whether ranges were dropped for Max since it was last called: whoever follows the
// sequence reads all of it again then.
func (t *Tracker) Overflow() bool {
	was := t.overflow
	t.overflow = false
	return was
}

func (t *Tracker) bound() {
	if n := len(t.holes) - cmp.Or(t.Max, maxRanges); n > 0 {
		t.holes = slices.Delete(t.holes, 0, n)
		t.overflow = true
	}
}
