package lint

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lifetime adds one to the policy; what holds by default where it is not there, or null.
func (t *terraform) lifetime(s setting, in *tfSection) *Lifetime {
	l := Lifetime{Kind: s.kind, Key: s.key, Unit: s.unit, Min: s.min, Max: s.max, Value: s.usual, DefaultNever: s.endless, At: t.policy.At}
	if a, ok := in.setting(s.key); ok {
		if v := t.value(in, s.key); v.kind != tfNull {
			l.At, l.Raw = t.place(v)
			l.Comment = t.comments.near(t.line(a.start))
			t.written(&l, s, v)
		}
	}
	t.policy.Lifetimes = append(t.policy.Lifetimes, l)
	return &t.policy.Lifetimes[len(t.policy.Lifetimes)-1]
}

// written reads a value that is there.
func (t *terraform) written(l *Lifetime, s setting, v tfValue) {
	l.Value, l.DefaultNever = 0, false
	if v.kind == tfUnknown {
		l.State, l.Ref = Dynamic, v.ref
		return
	}
	l.State = Literal
	if s.unit == 0 {
		t.duration(l, v)
	} else {
		t.number(l, s, v)
	}
	switch {
	case l.State == Unset:
		l.Value, l.DefaultNever = s.usual, s.endless
	case l.State != Wrong && v.constant:
		l.Write = tfWrite(s)
	case l.State == Literal && v.ref != "":
		l.State, l.Ref, l.HasFallback = Dynamic, v.ref, true
	}
}

// tfWrite spells a lifetime in the unit of its key; "" where that takes a fraction.
func tfWrite(s setting) func(time.Duration) string {
	return func(d time.Duration) string {
		if s.unit == 0 {
			return strconv.Quote(goSpelling().write(d))
		}
		return inUnits(d, s.unit)
	}
}

// number reads so many units.
func (t *terraform) number(l *Lifetime, s setting, v tfValue) {
	n, ok := v.asNumber()
	whole := n == math.Trunc(n)
	what := "number of " + unitName(s.unit)
	switch {
	case !ok:
		l.State, l.Problem = Wrong, "is no number: write a "+what
	case n < 0:
		l.State, l.Problem = Wrong, "is less than nothing: write a "+what
	case !whole && s.kind != SessionMax && s.kind != SessionIdle: // Auth0 takes fractions of hours
		l.State, l.Problem = Wrong, "is no whole number: write a whole "+what
	case n > math.MaxInt64/float64(s.unit)/2:
		l.State, l.Problem = Wrong, "is beyond all numbers that the product can hold"
	case n == 0 && slices.Contains(s.never, "0"):
		l.State = Never
	case n == 0 && s.zero == zeroUnset:
		l.State = Unset
	case n == 0 && s.zero == zeroWrong:
		l.State, l.Problem = Wrong, "is 0, so that nothing of it is ever valid: write a "+what
	default:
		l.Value = time.Duration(n * float64(s.unit))
		if whole {
			l.Value, l.Number = time.Duration(n)*s.unit, int64(n)
		}
	}
}

// duration reads one in words.
func (t *terraform) duration(l *Lifetime, v tfValue) {
	by := goSpelling()
	d, err := by.parse(v.text)
	switch {
	case v.kind != tfText || err != nil:
		l.State, l.Problem = Wrong, "is no duration "+by.form
	case d <= 0:
		l.State, l.Problem = Wrong, "must be more than 0: write a duration "+by.form
	}
	l.Value = d
}

// place is where a value stands, and how it is written.
func (t *terraform) place(v tfValue) (at Span, raw string) {
	return t.span(v.start, v.end), string(t.source.Text[v.start:v.end])
}

// fact begins one about an argument; by default, and of the whole policy, where that is not there.
func (t *terraform) fact(name Name, v tfValue) Fact {
	f := Fact{Name: name, At: t.policy.At, Unset: v.kind == tfAbsent || v.kind == tfNull}
	if !f.Unset {
		f.At, f.Raw = t.place(v)
	}
	return f
}

// add adds a fact, with better as what --fix writes in the place of a constant; "" for nothing.
func (t *terraform) add(f Fact, v tfValue, better string) {
	if better != "" && v.constant && !f.Unset {
		f.Write = func(string) string { return better }
	}
	t.policy.Facts = append(t.policy.Facts, f)
}

// flag adds a fact that is true or false, and usual where it is not there; nothing where it is not known.
func (t *terraform) flag(name Name, in *tfSection, key string, usual bool) {
	v := t.value(in, key)
	f := t.fact(name, v)
	yes, known := v.asBool()
	switch {
	case f.Unset:
		f.Bool = usual
	case !known:
		return
	default:
		f.Bool = yes
	}
	t.add(f, v, "true")
}

// choice adds a fact that is true where an argument is good, and false where it is bad or, with unset, not there.
func (t *terraform) choice(name Name, in *tfSection, key, good, bad string, unset bool) {
	v := t.value(in, key)
	f := t.fact(name, v)
	switch {
	case f.Unset && unset:
	case v.kind == tfText && v.text != good && v.text != bad:
		t.invalid(v, key+" is neither "+good+" nor "+bad, strconv.Quote(good))
		return
	case v.kind != tfText:
		return
	}
	f.Bool = v.text == good
	t.add(f, v, strconv.Quote(good))
}

// invalid is what the provider refuses.
func (t *terraform) invalid(v tfValue, problem, fix string) {
	if at, raw := t.place(v); len(t.policy.Invalid) < maxFaults {
		t.policy.Invalid = append(t.policy.Invalid, Fault{At: at, Raw: raw, Problem: problem, Fix: fix})
	}
}

// listed are the words of lists of text, renamed to those of RFC 6749, with where the first bad one stands, or else the first list. known is false
// where one of the lists cannot be followed; a list that is not there is empty.
func (t *terraform) listed(in *tfSection, rename map[string]string, keys ...string) (words []string, at tfValue, known bool) {
	bad := false
	for _, key := range keys {
		v := t.value(in, key)
		switch v.kind {
		case tfAbsent, tfNull:
			continue
		case tfList:
		default:
			return nil, tfValue{}, false
		}
		if at.kind == tfAbsent {
			at = v
		}
		for _, item := range v.items[:min(len(v.items), maxFaults)] {
			if item.kind != tfText {
				return nil, tfValue{}, false
			}
			word := strings.ToLower(item.text)
			if renamed, ok := rename[word]; ok {
				word = renamed
			}
			words = append(words, word)
			if (word == "implicit" || word == "password") && !bad {
				bad = true
				if at = v; v.constant && item.start >= v.start && item.end <= v.end {
					at = item
				}
			}
		}
	}
	return words, at, true
}

// grants adds the grant types; nothing where they are not known, or not there.
func (t *terraform) grants(in *tfSection, rename map[string]string, key string) (words []string, ok bool) {
	words, at, known := t.listed(in, rename, key)
	if !known || at.kind == tfAbsent {
		return nil, false
	}
	f := t.fact(GrantTypes, at)
	f.Words = words
	t.add(f, at, "")
	return words, true
}

// secret adds a secret that stands here in full.
func (t *terraform) secret(in *tfSection, key string) {
	v := t.value(in, key)
	if v.kind != tfText || v.text == "" || v.ref != "" || !v.constant {
		return
	}
	start, end := v.start, v.end
	if text := t.source.Text[start:end]; len(text) > 2 && text[0] == '"' && text[len(text)-1] == '"' {
		start, end = start+1, end-1
	}
	t.policy.Facts = append(t.policy.Facts, Fact{Name: Secret, Text: v.text, At: t.span(start, end), Raw: string(t.source.Text[start:end])})
}

// misspelt finds arguments and blocks that are nearly one that is known.
func (t *terraform) misspelt(in *tfSection, known ...string) {
	if in == nil {
		return
	}
	seen := 0
	tell := func(name string, start, end int) {
		if slices.Contains(known, name) || seen > maxFaults {
			return
		}
		seen++
		if want := tfMeant(name, known); want != "" {
			t.policy.Facts = append(t.policy.Facts, Fact{Name: Key, Text: name, Want: want, At: t.span(start, end), Raw: string(t.source.Text[start:end]), Write: func(string) string { return want }})
		}
	}
	for _, a := range in.settings {
		tell(a.name, a.start, a.end)
	}
	for _, b := range in.blocks {
		tell(b.name, b.start, b.end)
	}
}

// tfMeant is the known name that another one misspells, or of which it has no unit, or another one.
func tfMeant(name string, known []string) string {
	if want := nearest(name, known); want != "" {
		return want
	}
	bare := tfBare(name)
	for _, k := range known {
		if (k != tfBare(k) || name != bare) && tfBare(k) == bare {
			return k
		}
	}
	return ""
}

// tfBare is a name without its unit.
func tfBare(name string) string {
	for _, unit := range []string{"_seconds", "_minutes", "_hours", "_days"} {
		if bare, ok := strings.CutSuffix(name, unit); ok {
			return strings.TrimSuffix(bare, "_in")
		}
	}
	return name
}
