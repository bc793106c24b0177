package lint

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// Options are what a Run does.
type Options struct {
	// Thresholds are those of the baseline where they name no profile (Rate counts all the same).
	Thresholds Thresholds
	Format     string // read everything as this; "" finds out
	// Only and Ignore name rules; empty: all, none.
	Only, Ignore []string
	// Ignores are suppressions that stand outside of the sources, as in .sandi-lint.yaml.
	Ignores []Ignore
	// Progress is told how many files of how many are done, by one goroutine at a time; nil: nobody.
	Progress func(done, all int)
	// Workers are how many sources are read at once; 0: one per core.
	Workers int
	// Keep fills Result.All.
	Keep bool
	// Now is the clock for the end of suppressions; nil: time.Now.
	Now func() time.Time
}

// Result is what a Run found.
type Result struct {
	Findings   []Finding // by source, then place
	Suppressed []Finding // that a comment ignores
	Sources    int       // that were of a known format
	Skipped    int       // that were of none
	Unknown    []string  // those of Skipped that were given by name
	Policies   int
	All        []Policy // with Options.Keep; their sources keep no text where nothing was found in them
}

// Run reads paths (files, folders, zip bundles, "-" for stdin) and judges what they hold. An error is a path that cannot be read at all, an
// unknown format or rule, or the end of ctx.
//
// Folders are read with all below them, without hidden folders and those of other people's code (node_modules, vendor, .venv). A symbolic link
// found there is not followed: what it names inside of the folder is read in its own place, and what is outside was not given. A file of an
// Apigee bundle brings the rest of its bundle, for the rules that look at all of it, and only for those.
func Run(ctx context.Context, paths []string, stdin func() ([]byte, error), o Options) (*Result, error) {
	r, err := newRun(o)
	if err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find working folder: %w", err)
	}
	w := walk{seen: map[string]int{}, here: here}
	for _, path := range paths {
		if err := w.path(ctx, path); err != nil {
			return nil, err
		}
	}
	if err := w.siblings(ctx); err != nil {
		return nil, err
	}
	r.files, r.stdin = w.files, stdin
	if err := r.all(ctx); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// newRun checks what the options name.
func newRun(o Options) (*run, error) {
	r := &run{Options: o, entries: maxEntries, unpacked: maxUnpacked, rules: Rules(), readers: Readers()}
	if r.Thresholds.Profile == "" {
		rate := r.Thresholds.Rate
		r.Thresholds, _ = Profile("baseline")
		r.Thresholds.Rate = rate
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	for _, id := range slices.Concat(o.Only, o.Ignore) {
		if !slices.ContainsFunc(r.rules, func(rule Rule) bool { return rule.ID == id }) {
			return nil, fmt.Errorf("choose rules: there is no rule %q: see sandi lint rules", id)
		}
	}
	if o.Format != "" {
		r.readers = slices.DeleteFunc(r.readers, func(reader Reader) bool { return reader.Format != o.Format })
		if len(r.readers) == 0 {
			return nil, fmt.Errorf("choose format: there is no format %q: the formats are %s", o.Format, formats())
		}
	}
	r.rules = slices.DeleteFunc(r.rules, func(rule Rule) bool { return !r.wants(rule.ID) })
	return r, nil
}
