package lint

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// apigee reads one policy.
type apigee struct {
	text   []byte
	lines  *lines
	root   *xmlElement
	policy Policy
	at     Span // the last one that was asked for
}

// maxFaults is how many of a policy's faults are told, and names in a list of it read: a hostile one has a million.
const maxFaults = 100

// grammar is how an element spells a lifetime.
type grammar struct {
	// read fills in State, Value, Number, Unit and Problem.
	read func(l *Lifetime, text string)
	// write spells one.
	write func(d time.Duration) string
	// Of what is not written.
	fallback time.Duration
	never    bool
	// empty says that an element without text counts as not written.
	empty bool
}

// milliseconds are those of the OAuthV2 policy: "valid values are positive integers and -1".
func milliseconds() grammar {
	return grammar{
		read:  func(l *Lifetime, text string) { l.whole(text, time.Millisecond, true) },
		write: func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) },
	}
}

// cacheSeconds are those of CacheExpiryInSeconds, 180 by default.
func cacheSeconds() grammar {
	return grammar{
		read:     func(l *Lifetime, text string) { l.whole(text, time.Second, false) },
		write:    func(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) },
		fallback: 3 * time.Minute,
	}
}

// interval is that of the JWT policies: a number with ms, s, m, h or d, and milliseconds without.
func interval() grammar {
	return grammar{read: readInterval, write: writeInterval}
}

// jwtExpiry is an interval without which a JWT has no exp.
func jwtExpiry() grammar {
	g := interval()
	g.never, g.empty = true, true
	return g
}

func writeInterval(d time.Duration) string {
	if d%time.Second != 0 {
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	}
	return short(d)
}

// whole reads a whole number of units.
func (l *Lifetime) whole(text string, unit time.Duration, never bool) {
	what := "a positive number of " + unitName(unit)
	if never {
		what += ", or -1"
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		l.State, l.Problem = Wrong, "is a number beyond 64 bits: write "+what
	case err != nil:
		l.State, l.Problem = Wrong, "is no whole number: write "+what
	case n == -1 && never:
		l.State = Never
	case n <= 0:
		l.State, l.Problem = Wrong, "must be "+what
	default:
		l.State, l.Number, l.Unit, l.Value = Literal, n, unit, times(n, unit)
	}
}

// times is n units, or the longest duration there is.
func times(n int64, unit time.Duration) time.Duration {
	if n > math.MaxInt64/int64(unit) {
		return math.MaxInt64
	}
	return time.Duration(n) * unit
}

func readInterval(l *Lifetime, text string) {
	digits := strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' })
	number, suffix := text, ""
	if digits >= 0 {
		number, suffix = text[:digits], text[digits:]
	}
	unit, ok := map[string]time.Duration{"": time.Millisecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}[suffix]
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case !ok, err != nil:
		l.State, l.Problem = Wrong, "is no time: write a number with s, m, h or d, like 30m"
	case n == 0:
		l.State, l.Problem = Wrong, "must be more than 0: write a number with s, m, h or d, like 30m"
	default:
		l.State, l.Value = Literal, times(n, unit)
		if suffix == "" {
			l.Number, l.Unit = n, unit
		}
	}
}

// lifetime reads the child of a name, and adds it to the policy; where there is none, what holds then.
func (a *apigee) lifetime(kind Kind, key string, g grammar) {
	l := Lifetime{Kind: kind, Key: key, At: a.policy.At, Value: g.fallback, DefaultNever: g.never}
	if e := a.root.child(key); e != nil {
		a.written(&l, e, g)
	}
	a.policy.Lifetimes = append(a.policy.Lifetimes, l)
}

// written reads an element: its text, or the variable that ref names, of which the text is the fallback.
func (a *apigee) written(l *Lifetime, e *xmlElement, g grammar) {
	text, ref := string(e.value), strings.Trim(e.ref, " \t\r\n{}")
	l.Comment = e.beside
	if l.Comment == "" {
		l.Comment = e.before
	}
	l.At, l.Raw = a.place(e)
	switch {
	case text != "" && placeholder(text):
		ref, text = text, ""
	case text == "" && ref == "" && g.empty:
		return
	case text == "" && ref == "":
		l.State, l.Value, l.Problem = Wrong, 0, "is empty: write a number, or leave the element out"
		return
	case text == "":
		l.At, l.Raw = a.attribute(e, "ref")
	}
	l.Value, l.DefaultNever, l.State = 0, false, Dynamic
	if text != "" {
		g.read(l, text)
		if e.plain {
			l.Write = g.write
		}
	}
	if ref == "" || l.State == Wrong {
		return
	}
	l.Ref, l.FromRequest = ref, fromRequest(ref)
	if l.State == Literal {
		l.State, l.HasFallback = Dynamic, true
	}
	if l.FromRequest { // more urgent than a fallback without end
		l.State = Dynamic
	}
}

// placeholder says whether a text is put in when the policy is deployed.
func placeholder(text string) bool {
	for _, marks := range [][2]string{{"${", "}"}, {"{{", "}}"}, {"#{", "}"}, {"@", "@"}, {"%%", "%%"}, {"__", "__"}} {
		if len(text) > len(marks[0])+len(marks[1]) && strings.HasPrefix(text, marks[0]) && strings.HasSuffix(text, marks[1]) {
			return true
		}
	}
	return false
}

// fromRequest says whether a flow variable is what the caller sends.
func fromRequest(variable string) bool {
	return strings.HasPrefix(variable, "request.") || strings.HasPrefix(variable, "message.")
}

// place is where the text of an element stands, or its start tag where it has none.
func (a *apigee) place(e *xmlElement) (at Span, raw string) {
	from, to := e.from, e.to
	if len(e.value) == 0 {
		from, to = e.start, e.tag
	}
	return a.span(from, to), string(a.text[from:to])
}

// attribute is where the value of an attribute stands.
func (a *apigee) attribute(e *xmlElement, name string) (at Span, raw string) {
	from, to := e.attributeAt(a.text, name)
	if from == 0 {
		return a.place(e)
	}
	return a.span(from, to), string(a.text[from:to])
}

// named is where the name of an element stands, without its prefix.
func (a *apigee) named(e *xmlElement) Span {
	end := e.start + bytes.IndexAny(a.text[e.start:e.tag], " \t\r\n/>")
	return a.span(end-len(e.name), end)
}

// span is that of the lines. A policy asks for places that are near to each other, and columns are counted from the last one: in a text of
// megabytes on one line that is not ASCII, counting each from the line's beginning takes for ever.
func (a *apigee) span(from, to int) Span {
	if a.lines.plain || a.at.Line == 0 {
		a.at = a.lines.span(from, to)
		return a.at
	}
	between := a.text[min(from, a.at.Start):max(from, a.at.Start)]
	if breaks(between) > 0 {
		a.at = a.lines.span(from, to)
		return a.at
	}
	n := utf8.RuneCount(between)
	if from < a.at.Start {
		n = -n
	}
	a.at = Span{Start: from, End: to, Line: a.at.Line, Column: a.at.Column + n}
	return a.at
}

// fault adds one at an element's text.
func (a *apigee) fault(e *xmlElement, problem, fix string) {
	at, raw := a.place(e)
	a.invalid(Fault{At: at, Raw: raw, Problem: problem, Fix: fix})
}

func (a *apigee) invalid(f Fault) {
	if len(a.policy.Invalid) < maxFaults {
		a.policy.Invalid = append(a.policy.Invalid, f)
	}
}

// fact adds one.
func (a *apigee) fact(f Fact) { a.policy.Facts = append(a.policy.Facts, f) }

// boolean reads a child that is true or false, and false where there is none.
func (a *apigee) boolean(key string) (value bool, e *xmlElement) {
	e = a.root.child(key)
	if e == nil {
		return false, nil
	}
	switch strings.ToLower(string(e.value)) {
	case "true", "1":
		return true, e
	case "false", "0", "":
	default:
		a.fault(e, key+" is neither true nor false", "<"+key+">false</"+key+">")
	}
	return false, e
}
