// Command bench measures Sandi beside its peers and its limits, in one run, and prints ratios. The two sides of a pair
// take turns, so that a machine whose speed drifts drifts for both.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// side is one of the two things compared. It runs for about d and says how many operations that were.
type side struct {
	name string
	run  func(d time.Duration) (ops int, took time.Duration)
}

// pair is a comparison: how many times a's rate is of b's.
type pair struct {
	name string
	a, b side
}

func main() {
	rounds := flag.Int("rounds", 7, "how often each side runs")
	slice := flag.Duration("slice", 500*time.Millisecond, "how long a side runs at a time")
	only := flag.String("only", "", "run the pairs whose name contains this")
	flag.Parse()
	if err := run(*rounds, *slice, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int, slice time.Duration, only string) error {
	dir, err := os.MkdirTemp("", "sandi-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var pairs []pair
	for _, make := range []func(string) ([]pair, func(), error){verifyPairs, guardPairs, refreshPairs} {
		ps, closing, err := make(dir)
		if err != nil {
			return err
		}
		defer closing()
		pairs = append(pairs, ps...)
	}
	fmt.Printf("%s, %d cores, %s; medians of %d rounds of %s, taking turns\n\n", runtime.Version(), runtime.NumCPU(), runtime.GOARCH, rounds, slice)
	fmt.Printf("%-44s %16s %16s %8s %15s\n", "pair (A / B)", "A, ops/s", "B, ops/s", "A/B", "lowest..highest")
	for _, p := range pairs {
		if strings.Contains(p.name, only) {
			p.measure(rounds, slice)
		}
	}
	return nil
}

func (p pair) measure(rounds int, slice time.Duration) {
	var as, bs, ratios []float64
	p.a.run(slice / 2) // warm up
	p.b.run(slice / 2)
	for range rounds {
		a, b := rate(p.a.run(slice)), rate(p.b.run(slice))
		as, bs, ratios = append(as, a), append(bs, b), append(ratios, a/b)
	}
	slices.Sort(ratios)
	fmt.Printf("%-44s %16.0f %16.0f %8.2f %7.2f..%.2f\n", p.name+": "+p.a.name+" / "+p.b.name,
		median(as), median(bs), ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1])
}

func rate(ops int, took time.Duration) float64 { return float64(ops) / took.Seconds() }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
