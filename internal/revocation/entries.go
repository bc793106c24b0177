package revocation

import (
	"cmp"
	"slices"

	"github.com/sandi-auth/sandi/internal/gaps"
)

// place is where seq stands, or would, in entries that ascend.
func place(entries []Entry, seq int64) int {
	i, _ := slices.BinarySearchFunc(entries, seq, func(e Entry, seq int64) int { return cmp.Compare(e.Seq, seq) })
	return i
}

// within is those of entries, in any order, that lie in ranges, which ascend.
func within(entries []Entry, ranges []gaps.Range) (out []Entry) {
	for _, e := range entries {
		i, _ := slices.BinarySearchFunc(ranges, e.Seq, func(r gaps.Range, seq int64) int { return cmp.Compare(r.To, seq) })
		if i < len(ranges) && ranges[i].From <= e.Seq {
			out = append(out, e)
		}
	}
	return out
}

// upTo is the part of ranges, which ascend, up to seq.
func upTo(ranges []gaps.Range, seq int64) (out []gaps.Range) {
	for _, r := range ranges {
		if r.From <= seq {
			out = append(out, gaps.Range{From: r.From, To: min(r.To, seq)})
		}
	}
	return out
}

// joined is late, in any order, and entries, each Seq once, ascending. It changes late, never entries.
func joined(late, entries []Entry) []Entry {
	if len(late) == 0 {
		return entries
	}
	all := append(late, entries...)
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(all, func(a, b Entry) bool { return a.Seq == b.Seq })
}
