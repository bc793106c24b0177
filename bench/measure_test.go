package main

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// taking is a side whose operations take, slice after slice, so many nanoseconds; the last again and again.
func taking(ns ...int) runner {
	slice := -1
	return func(time.Duration) (int, time.Duration, error) {
		slice = min(slice+1, len(ns)-1)
		return 1000, time.Duration(1000 * ns[slice]), nil
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name               string
		subject, reference runner
		figure             figure
		limit              limit
		value              float64
		slices, holds      string
	}{
		{"overhead", taking(3000), taking(1000), overhead, atMost(2), 2, "10/10", "yes"},
		{"share, missed", taking(3000), taking(1000), share, atMost(2.9), 3, "10/10", "NO"},
		{"speed", taking(500), taking(1000), speed, atLeast(2), 2, "10/10", "yes"},
		{"no limit", taking(500), taking(1000), speed, limit{}, 2, "10/10", ""},
		// Slices between references that disagree do not count: the first two here after warming up.
		{"disagreement", taking(1, 9000, 9000, 2000), taking(1, 1000, 1100, 1000), overhead, atMost(1), 1, "10/12", "yes"},
		{"agreement within 5 %", taking(2000), taking(1, 980, 1020), overhead, atMost(1), 0.98, "10/10", "yes"},
		{"noise", taking(2000), func() runner {
			ns := 1000
			return func(time.Duration) (int, time.Duration, error) { ns = 3000 - ns; return 1, time.Duration(ns), nil }
		}(), overhead, atMost(1), 0, "0/20", "noise"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := &bench{rounds: 10, slice: time.Millisecond, out: io.Discard}
			got := b.compare(comparison{subject: side{"s", c.subject}, reference: side{"r", c.reference}, figure: c.figure, limit: c.limit})
			if r := b.rows[0]; math.Abs(got-c.value) > 1e-9 || r.Slices() != c.slices || r.Holds() != c.holds {
				t.Errorf("got %v, %s, %q; want %v, %s, %q", got, r.Slices(), r.Holds(), c.value, c.slices, c.holds)
			}
		})
	}
}

func TestFailureStopsTheRun(t *testing.T) {
	t.Parallel()
	failure := errors.New("refused")
	fails := func(time.Duration) (int, time.Duration, error) { return 0, 0, failure }
	b := &bench{rounds: 10, slice: time.Millisecond, out: io.Discard}
	err := b.measure([]part{{id: "p", run: func(b *bench) error {
		b.compare(comparison{name: "bad", subject: side{"s", fails}, reference: side{"r", taking(1)}})
		b.compare(comparison{name: "after", subject: side{"s", taking(1)}, reference: side{"r", taking(1)}})
		return nil
	}}})
	if !errors.Is(err, failure) || len(b.rows) != 0 {
		t.Errorf("got %v and %d rows, want the failure and none", err, len(b.rows))
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.7134: "0.713", 1.5: "1.5", 112.4: "112", 43773: "43773", 0.04217: "0.0422", -2.345: "-2.35"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestReadme(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "README.md")
	b := &bench{rounds: 10, slice: time.Millisecond, out: io.Discard}
	p := part{id: "p", title: "A title", note: "A note.", run: func(b *bench) error {
		b.compare(comparison{name: "a line", subject: side{"s", taking(3000)}, reference: side{"r", taking(1000)}, limit: atMost(1)})
		return nil
	}}
	if err := b.measure([]part{p}); err != nil {
		t.Fatal(err)
	}
	if err := writeReadme(path, b); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, want := range []string{"## A title\n\nA note.\n", "| a line | 2 µs | 2..2 | 10/10 | ≤ 1 | **NO** | s 3 µs, r 1 µs |", "0 limits hold, 1 do not"} {
		if !strings.Contains(page, want) {
			t.Errorf("page lacks %q:\n%s", want, page)
		}
	}
}

func TestParseBenchmark(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, out string
		ops       int
		each      time.Duration
		p99       float64
		fails     bool
	}{
		{name: "metrics", out: "cpu: some\nBenchmarkRound-2 \t 120\t 6990000 ns/op\t 41.5 p99-ms\nPASS\n", ops: 120, each: 6990 * time.Microsecond, p99: 41.5},
		{name: "none", out: "PASS\n", fails: true},
		{name: "two", out: "BenchmarkA 1 1 ns/op\nBenchmarkB 1 1 ns/op\n", fails: true},
		{name: "no time", out: "BenchmarkA 1 1 B/op\n", fails: true},
		{name: "no unit", out: "BenchmarkA 1 1 ns/op 7\n", fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ops, each, metrics, err := parseBenchmark(c.out)
			if ops != c.ops || each != c.each || metrics["p99-ms"] != c.p99 || (err != nil) != c.fails {
				t.Errorf("got %d, %v, %v, %v", ops, each, metrics, err)
			}
		})
	}
}
