package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// bench is one run of the command.
type bench struct {
	rounds int
	slice  time.Duration
	only   string
	quick  bool
	out    io.Writer

	part   part
	parts  []part // that were begun
	rows   []row
	others []string // what was measured that is not Go, with its versions
	err    error    // the first failure of a side; nothing is measured after it
}

// runner does operations for about d, and says how many and how long they took.
type runner func(d time.Duration) (ops int, took time.Duration, err error)

// side is one of the two things compared.
type side struct {
	name string
	run  runner
}

// comparison is a line of the table: a subject and its reference, taking turns.
type comparison struct {
	name               string
	subject, reference side
	figure             figure
	limit              limit
	// scale makes slices longer or shorter, and fewer or more. Shorter ones resolve a microsecond of a millisecond; a
	// side that collects garbage or crosses a network wants longer ones, so that each has its share of that. Default 1.
	scale float64
	// tolerance is how far the two neighbours of a slice may lie apart for it to count. Default 0.05.
	tolerance float64
	// detail adds to the line when it has been measured; nil adds nothing.
	detail func() string
}

// figure is how a number is made of the time that one operation of the subject and one of its reference take.
type figure int

const (
	overhead figure = iota // how many microseconds more
	share                  // how many times as long
	speed                  // how many times as many
)

func (f figure) of(subject, reference float64) float64 {
	switch f {
	case overhead:
		return (subject - reference) / 1000
	case share:
		return subject / reference
	}
	return reference / subject
}

func (f figure) unit() string { return [...]string{overhead: "µs", share: "x", speed: "x"}[f] }

// begin starts a part, unless it is not asked for.
func (b *bench) begin(p part) bool {
	if id, _, _ := strings.Cut(b.only, "/"); id != "" && id != p.id {
		return false
	}
	b.part = p
	b.parts = append(b.parts, p)
	debug.FreeOSMemory() // what the part before left is not to be collected at this one's cost
	fmt.Fprintf(b.out, "\n%s\n%s\n", p.title, heading)
	return true
}

// wants says whether a line of the part is asked for.
func (b *bench) wants(name string) bool {
	_, text, _ := strings.Cut(b.only, "/")
	return strings.Contains(name, text)
}

// compare measures a line and returns its figure, 0 where it is not asked for or could not be measured.
func (b *bench) compare(c comparison) float64 {
	if b.err != nil || !b.wants(c.name) {
		return 0
	}
	s, err := b.sample(c)
	if err != nil {
		b.err = fmt.Errorf("%s: %w", c.name, err)
		return 0
	}
	detail := "no slice between two that agree"
	if len(s.values) > 0 {
		detail = fmt.Sprintf("%s %s, %s %s", c.subject.name, perOp(median(s.subject)), c.reference.name, perOp(median(s.reference)))
	}
	if c.detail != nil {
		detail += ", " + c.detail()
	}
	r := row{Part: b.part.id, Name: c.name, Unit: c.figure.unit(), Limit: c.limit, Detail: detail, Kept: len(s.values), Of: s.of}
	r.Value, r.Low, r.High = median(s.values), quantile(s.values, 0.25), quantile(s.values, 0.75)
	b.add(r)
	return r.Value
}

// state is a line that is measured once, without a reference.
func (b *bench) state(name string, value float64, unit string, l limit, detail string) {
	if b.wants(name) {
		b.add(row{Part: b.part.id, Name: name, Value: value, Low: value, High: value, Unit: unit, Limit: l, Detail: detail})
	}
}

func (b *bench) add(r row) {
	b.rows = append(b.rows, r)
	fmt.Fprintln(b.out, r)
}

// samples are the slices that were kept, of so many: the figure, and the nanoseconds of an operation of either side.
type samples struct {
	values, subject, reference []float64
	of                         int
}

// sample measures reference, subject, reference, subject and so on, and keeps the slices of the subject whose two
// neighbours agree: between others the machine changed its speed.
func (b *bench) sample(c comparison) (s samples, err error) {
	if c.scale == 0 {
		c.scale = 1
	}
	if c.tolerance == 0 {
		c.tolerance = 0.05
	}
	d := time.Duration(float64(b.slice) * c.scale)
	wanted := max(int(float64(b.rounds)/c.scale), 3)
	measured := func(of side) float64 {
		ops, took, failed := of.run(d)
		err = cmp.Or(err, failed)
		return float64(took) / float64(ops)
	}
	measured(c.reference) // warm up
	measured(c.subject)
	before := measured(c.reference)
	for ; err == nil && s.of < 2*wanted && len(s.values) < wanted; s.of++ {
		subject, after := measured(c.subject), measured(c.reference)
		if max(before, after) <= min(before, after)*(1+c.tolerance) {
			reference := (before + after) / 2
			s.values = append(s.values, c.figure.of(subject, reference))
			s.subject, s.reference = append(s.subject, subject), append(s.reference, reference)
		}
		before = after
	}
	return s, err
}

// quantile of no values is 0.
func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	at := q * float64(len(v)-1)
	i := int(at)
	if i+1 == len(v) {
		return v[i]
	}
	return v[i] + (at-float64(i))*(v[i+1]-v[i])
}

func median(v []float64) float64 { return quantile(v, 0.5) }

// loop does an operation n times.
type loop func(n int) error

// each is a loop around f.
func each(f func() error) loop {
	return func(n int) error {
		for range n {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}

// repeat runs a loop until the time is over. It looks at the clock about sixteen times.
func repeat(l loop) runner {
	n := 1
	return func(d time.Duration) (ops int, took time.Duration, err error) {
		start := time.Now()
		for took < d {
			if err := l(n); err != nil {
				return 0, 0, err
			}
			ops += n
			if took = time.Since(start); took < d/32 {
				n *= 2
			}
		}
		n = max(ops/16, 1)
		return ops, took, nil
	}
}
