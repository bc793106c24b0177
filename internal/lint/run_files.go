package lint

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// keptText is how many bytes of sources with findings are held for their reports; beyond it, findings have no source line.
const keptText = 256 << 20

// maxFindings is how many findings one source can have: a file of megabytes that is nothing but faults fills no memory.
const maxFindings = 10_000

// run is one Run.
type run struct {
	Options
	// entries and unpacked are the limits of a zip: maxEntries and maxUnpacked.
	entries  int
	unpacked int64
	rules    []Rule
	readers  []Reader
	files    []file
	stdin    func() ([]byte, error)
	out      []outcome // by file: each is one worker's until all are done

	mu   sync.Mutex // guards what follows
	done int
	kept int
}

// outcome is what one file gave: several sources where it is a zip.
type outcome struct {
	findings, suppressed []Finding
	policies             []Policy // for the rules of bundles
	sources, skipped     int
	count                int
	unknown              []string
}

// all reads the files with several workers, then judges bundles.
func (r *run) all(ctx context.Context) error {
	r.out = make([]outcome, len(r.files))
	workers := r.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(workers, len(r.files)) {
		wait.Go(func() {
			for i := range next {
				r.out[i] = r.file(ctx, r.files[i])
				r.tell()
			}
		})
	}
	for i := range r.files {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("lint: %w", err)
	}
	r.bundles()
	return nil
}

// tell reports progress.
func (r *run) tell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if r.Progress != nil {
		r.Progress(r.done, len(r.files))
	}
}

// file reads and judges one.
func (r *run) file(ctx context.Context, f file) (out outcome) {
	raw, err := r.load(f)
	switch {
	case f.failed != nil, err != nil && len(raw) == 0:
		out.unreadable(r, &Source{Name: f.name}, &Unreadable{Problem: "cannot be read: " + reason(errors.Join(f.failed, err))})
	case isZip(raw) && (f.given || strings.HasSuffix(strings.ToLower(f.name), ".zip")):
		if err == nil {
			out = r.zip(ctx, f, raw)
		} else if f.given {
			out.unreadable(r, &Source{Name: f.name}, &Unreadable{Problem: err.Error()})
		}
	default:
		out = r.text(f, raw, err)
	}
	if f.quiet {
		out = outcome{policies: out.policies}
	}
	return out
}

func (r *run) load(f file) ([]byte, error) {
	switch {
	case f.failed != nil:
		return nil, nil
	case f.name == "-":
		raw, err := r.stdin()
		if err == nil && len(raw) > MaxFile {
			return raw[:beginning], errTooLarge
		}
		return raw, err
	}
	return readFile(f.path)
}

// text judges one text. problem says that it is not to be read, and raw is only its beginning: then it is SND901 if it is ours at all.
func (r *run) text(f file, raw []byte, problem error) (out outcome) {
	text, exact, err := decoded(raw)
	if problem == nil {
		problem = err
	}
	s := &Source{Name: f.name, Text: text, Marked: exact && len(text) < len(raw), Bundle: f.bundle}
	reader, ok := r.reader(s, f.given)
	if !ok {
		out.skipped = 1
		if f.given {
			out.unknown = []string{f.name}
		}
		return out
	}
	out.sources = 1
	if problem != nil {
		out.unreadable(r, s, &Unreadable{Problem: problem.Error()})
		return out
	}
	policies, err := read(reader, s)
	if err != nil {
		out.unreadable(r, s, err)
	}
	out.count = len(policies)
	same := len(text) > 0 && len(s.Text) == len(text) && &s.Text[0] == &text[0] // a reader that decodes puts another text there
	s.Secrets = secrets(policies)
	if !f.quiet {
		r.judge(&out, s, policies, exact && same)
	}
	for i := range policies {
		policies[i].Source = s
		out.policies = append(out.policies, r.reduced(policies[i]))
	}
	if len(out.findings)+len(out.suppressed) == 0 || f.quiet || !r.hold(len(s.Text)) {
		s.Text = nil
	}
	return out
}

// reader is whose format a source has.
func (r *run) reader(s *Source, given bool) (Reader, bool) {
	for _, reader := range r.readers {
		if reader.Is(s) {
			return reader, true
		}
	}
	if r.Format != "" && given {
		return r.readers[0], true
	}
	return Reader{}, false
}

// read is a reader's Read that cannot end the program: whatever a reader does not foresee is a source that cannot be read.
func read(reader Reader, s *Source) (policies []Policy, err error) {
	defer func() {
		if p := recover(); p != nil {
			policies, err = nil, &Unreadable{Problem: fmt.Sprintf("is beyond the %s reader: %v: please report it", reader.Format, p)}
		}
	}()
	return reader.Read(s)
}

// unreadable is SND901.
func (out *outcome) unreadable(r *run, s *Source, err error) {
	if !r.wants("SND901") {
		return
	}
	f := Finding{Rule: "SND901", Severity: Error, Source: s, At: Span{Line: 1, Column: 1}, Message: "This file " + reason(err) + ": it is not judged, or not all of it."}
	if u := (*Unreadable)(nil); errors.As(err, &u) && u.At.Line > 0 {
		f.At = u.At
	}
	out.findings = append(out.findings, f)
}

// wants says whether a rule was asked for.
func (r *run) wants(id string) bool {
	return !slices.Contains(r.Ignore, id) && (len(r.Only) == 0 || slices.Contains(r.Only, id))
}

// result puts all together, in the order of sources and places.
func (r *run) result() *Result {
	var all Result
	for _, o := range r.out {
		all.Findings = append(all.Findings, o.findings...)
		all.Suppressed = append(all.Suppressed, o.suppressed...)
		all.Unknown = append(all.Unknown, o.unknown...)
		all.Sources += o.sources
		all.Skipped += o.skipped
		all.Policies += o.count
		if r.Keep {
			all.All = append(all.All, o.policies...)
		}
	}
	all.Findings, all.Suppressed = ordered(all.Findings), ordered(all.Suppressed)
	return &all
}
