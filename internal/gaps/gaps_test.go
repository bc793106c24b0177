package gaps_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sandi-auth/sandi/internal/gaps"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// model is the Tracker's promise, number by number.
type model struct {
	missing map[int64]time.Time // since when
	last    int64
}

func (m *model) ranges() (out []gaps.Range) {
	for seq := int64(1); seq <= m.last; seq++ {
		at, ok := m.missing[seq]
		if !ok {
			continue
		}
		if n := len(out) - 1; n >= 0 && out[n].To == seq-1 && m.missing[seq-1].Equal(at) {
			out[n].To = seq
		} else {
			out = append(out, gaps.Range{From: seq, To: seq})
		}
	}
	return out
}

// TestTracker: whatever is seen, found and given up, what is missing is what was never seen.
func TestTracker(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tracker, m, now := gaps.Tracker{}, model{missing: map[int64]time.Time{}}, start
		t.Repeat(map[string]func(*rapid.T){
			"seen": func(t *rapid.T) {
				after, seqs := m.last, []int64{}
				for range rapid.IntRange(0, 5).Draw(t, "entries") {
					skipped := rapid.Int64Range(0, 4).Draw(t, "skipped")
					for seq := m.last + 1; seq <= m.last+skipped; seq++ {
						m.missing[seq] = now
					}
					m.last += skipped + 1
					seqs = append(seqs, m.last)
				}
				tracker.Seen(after, seqs, now)
			},
			"found": func(t *rapid.T) {
				seq := rapid.Int64Range(0, m.last+1).Draw(t, "seq")
				_, want := m.missing[seq]
				if got := tracker.Found(seq); got != want {
					t.Fatalf("Found(%d) = %t, want %t", seq, got, want)
				}
				delete(m.missing, seq)
			},
			"asked": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
				tracker.Asked(now)
				for seq, at := range m.missing {
					if now.Sub(at) >= gaps.Life {
						delete(m.missing, seq)
					}
				}
			},
			"": func(t *rapid.T) {
				if got, want := tracker.Missing(), m.ranges(); !slices.Equal(got, want) {
					t.Fatalf("missing %v, want %v", got, want)
				}
				if tracker.Overflow() {
					t.Fatal("overflow")
				}
			},
		})
	})
}

// What nobody answered is not given up, however old it is.
func TestTrackerOutage(t *testing.T) {
	t.Parallel()
	var tracker gaps.Tracker
	tracker.Seen(0, []int64{3}, start)
	if got := tracker.Missing(); !slices.Equal(got, []gaps.Range{{1, 2}}) {
		t.Errorf("missing %v", got)
	}
	tracker.Asked(start.Add(gaps.Life - 1))
	if got := tracker.Missing(); len(got) != 1 {
		t.Errorf("given up early: %v", got)
	}
	if tracker.Asked(start.Add(gaps.Life)); tracker.Missing() != nil {
		t.Errorf("never given up: %v", tracker.Missing())
	}
}

// Beyond its bound a Tracker keeps the newest ranges and says so, once.
func TestTrackerOverflow(t *testing.T) {
	t.Parallel()
	var seqs []int64
	for i := range int64(10_001) {
		seqs = append(seqs, 2*(i+1))
	}
	var tracker gaps.Tracker
	tracker.Seen(0, seqs[:10_000], start)
	if tracker.Overflow() || len(tracker.Missing()) != 10_000 {
		t.Fatalf("%d ranges, want 10,000 and no overflow", len(tracker.Missing()))
	}
	tracker.Seen(20_000, seqs[10_000:], start)
	if m := tracker.Missing(); !tracker.Overflow() || tracker.Overflow() || len(m) != 10_000 || m[0].From != 3 || m[9999].To != 20_001 {
		t.Errorf("%d ranges from %v", len(m), m[0])
	}
	few := gaps.Tracker{Max: 1}
	few.Seen(0, []int64{4}, start)
	if few.Found(2); !few.Overflow() || !slices.Equal(few.Missing(), []gaps.Range{{3, 3}}) {
		t.Errorf("a range in two: %v", few.Missing())
	}
}

func TestTrackerPanics(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(*gaps.Tracker){
		"before a hole": func(t *gaps.Tracker) { t.Seen(2, nil, start) },
		"not ascending": func(t *gaps.Tracker) { t.Seen(5, []int64{7, 7}, start) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "gaps: ") {
					t.Errorf("%s: panic %q", name, s)
				}
			}()
			var tracker gaps.Tracker
			tracker.Seen(0, []int64{5}, start)
			call(&tracker)
		}()
	}
}
