package lint

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is what a product says of one of its lifetimes.
type setting struct {
	kind     Kind
	key      string
	unit     time.Duration // of a number; 0 where a duration is written in words: spelling
	usual    time.Duration // the default, 0 where it is not known
	endless  bool          // the default is no end
	min, max time.Duration
	never    []string // what says that there is no end
	zero     zero
}

// zero is what a 0 means.
type zero int

const (
	zeroWrong  zero = iota // an end at once, which nobody means
	zeroUnset              // as if it were not written
	zeroLength             // just that: none
)

// spelling is how a product writes what is no plain number.
type spelling struct {
	parse func(string) (time.Duration, error)
	write func(time.Duration) string
	form  string // "such as 30m; there are no days"
	// refers says what a value comes from that is known only later, and the one that holds meanwhile; nil: filledIn.
	refers func(t *tree) (ref, fallback string, ok bool)
}

// filledIn knows ${NAME}, ${NAME:-fallback}, ${NAME:fallback}, $(NAME), env(NAME) and what Helm fills in.
func filledIn(t *tree) (ref, fallback string, ok bool) {
	s := strings.TrimSpace(t.string())
	switch {
	case strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}"):
		name, rest, _ := strings.Cut(s[2:len(s)-1], ":")
		return name, strings.TrimPrefix(rest, "-"), true
	case strings.HasPrefix(s, "$("), strings.HasPrefix(s, "env("), strings.Contains(s, "{{"), strings.Contains(s, "${"):
		return s, "", true
	}
	return "", "", false
}

func (d *document) dynamic(t *tree) (ref, fallback string, ok bool) {
	if d.refers != nil {
		return d.refers(t)
	}
	return filledIn(t)
}

// lifetime reads one; a nil tree is one that is not there, and would stand at place.
func (d *document) lifetime(s setting, t, place *tree) Lifetime {
	l := Lifetime{Kind: s.kind, Key: s.key, Unit: s.unit, Min: s.min, Max: s.max, At: d.span(t, place)}
	if t == nil || t.shape == scalar && t.text == "" && t.tag == "" {
		l.Value, l.DefaultNever = s.usual, s.endless
		return l
	}
	l.Raw, l.Comment = d.raw(t), d.comment(t)
	if ref, fallback, ok := d.dynamic(t); ok {
		l.State, l.Ref = Dynamic, ref
		if fallback != "" {
			if known := d.lifetime(s, &tree{shape: scalar, start: t.start, end: t.end, text: fallback}, place); known.State == Literal {
				l.Value, l.Number, l.HasFallback = known.Value, known.Number, true
			}
		}
		return l
	}
	if slices.Contains(s.never, t.string()) {
		l.State = Never
	} else {
		d.amount(s, &l, t)
	}
	if l.State == Unset {
		l.Value, l.DefaultNever = s.usual, s.endless
		return l
	}
	spell := d.write
	if s.unit > 0 {
		spell = func(to time.Duration) string { return inUnits(to, s.unit) }
	}
	l.Write = d.writes(t, spell)
	return l
}

// amount reads the number or the duration.
func (d *document) amount(s setting, l *Lifetime, t *tree) {
	l.State = Literal
	var err error
	switch n, ok := integer(t.string()); {
	case t.string() == "":
		l.State, l.Problem = Wrong, "is no number"
	case s.unit == 0:
		if l.Value, err = d.parse(t.text); err != nil {
			l.State, l.Problem = Wrong, "is no duration "+d.form
			if ok {
				l.Problem = "is a number without a unit: write a duration " + d.form
			}
		}
	case !ok:
		l.State, l.Problem = Wrong, "is no whole number of "+unitName(s.unit)
	case n < 0:
		l.State, l.Problem = Wrong, "is less than nothing"
	case n > int64(math.MaxInt64/s.unit):
		l.State, l.Problem = Wrong, "is beyond all numbers that the product can hold"
	default:
		l.Value, l.Number = time.Duration(n)*s.unit, n
	}
	if l.State == Literal && l.Value <= 0 {
		switch {
		case l.Value < 0:
			l.State, l.Problem = Wrong, "is less than nothing"
		case s.zero == zeroWrong:
			l.State, l.Problem = Wrong, "is 0, so that nothing of it is ever valid"
		case s.zero == zeroUnset:
			l.State = Unset
		}
	}
}

// integer reads 3600, "3600" and 3.6e3.
func integer(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
}

// inUnits is a lifetime as a number of units; "" where it is none.
func inUnits(to, unit time.Duration) string {
	if to%unit != 0 {
		return ""
	}
	return strconv.FormatInt(int64(to/unit), 10)
}

// writes spells a value in the quotes that it stands in; nil where it cannot be replaced.
func (d *document) writes(t *tree, spell func(time.Duration) string) func(time.Duration) string {
	if t.shared || t.shape != scalar || t.tag != "" {
		return nil
	}
	quote := d.quote(t)
	return func(to time.Duration) string {
		if text := spell(to); text != "" {
			return quote + text + quote
		}
		return ""
	}
}

// quote is the one that a value stands in, or none.
func (d *document) quote(t *tree) string {
	if raw := d.raw(t); raw != "" && (raw[0] == '"' || raw[0] == '\'') {
		return raw[:1]
	}
	return ""
}

// fact begins one. better is what should stand there; "" where that cannot be written.
func (d *document) fact(name Name, t, place *tree, better string) Fact {
	f := Fact{Name: name, At: d.span(t, place), Raw: d.raw(t), Unset: t == nil}
	if t != nil && better != "" && !t.shared && t.shape == scalar && t.tag == "" {
		quote := d.quote(t)
		f.Write = func(string) string { return quote + better + quote }
	}
	return f
}

// secret adds a literal one; what refers to another place, or is masked by stars, is none.
func (d *document) secret(p *Policy, t *tree) {
	s := t.string()
	if _, _, ok := filledIn(t); s == "" || ok || strings.Trim(s, "*") == "" {
		return
	}
	f := d.fact(Secret, t, nil, "")
	f.Text = s
	p.Facts = append(p.Facts, f)
}

// misspelt finds keys of a mapping that are nearly known ones.
func (d *document) misspelt(t *tree, known ...string) []Fact {
	if t == nil {
		return nil
	}
	var found []Fact
	for _, k := range t.keys {
		want := nearest(k.name, known)
		if want == "" || slices.Contains(known, k.name) {
			continue
		}
		key := &tree{shape: scalar, start: k.start, end: k.end, text: k.name, shared: k.value != nil && k.value.shared}
		f := d.fact(Key, key, nil, want)
		f.Text, f.Want = k.name, want
		found = append(found, f)
	}
	return found
}
