package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Where advice names a value to begin with, it is this.
const (
	goodAccess  = 30 * time.Minute
	goodRefresh = day
	goodCode    = time.Minute
	goodReuse   = 30 * time.Second
	goodCache   = time.Minute
)

// known is how long a lifetime is in the worst case that can be read: what is written, the fallback of what is not known before it runs, or the
// product's default. ok is false where that is not known or has no end.
func (l *Lifetime) known() (d time.Duration, ok bool) {
	switch l.State {
	case Literal:
		return l.Value, true
	case Dynamic:
		return l.Value, l.HasFallback
	case Unset:
		return l.Value, l.Value > 0 && !l.DefaultNever
	}
	return 0, false
}

// endless says that a lifetime has no end, as written or by default.
func (l *Lifetime) endless() bool { return l.State == Never || l.State == Unset && l.DefaultNever }

// written is known without defaults.
func (l *Lifetime) written() (d time.Duration, ok bool) {
	if l.State == Unset {
		return 0, false
	}
	return l.known()
}

// finding begins one about a lifetime. A good value above 0 is suggested, within what the product takes, and written where that can be done.
func (l *Lifetime) finding(s Severity, good time.Duration, message string, args ...any) Finding {
	f := Finding{Severity: s, At: l.At, Raw: l.Raw, Message: fmt.Sprintf(message, args...)}
	f.Value, _ = l.known()
	if good <= 0 {
		return f
	}
	if l.Max > 0 {
		good = min(good, l.Max)
	}
	good = max(good, l.Min)
	f.Suggest = l.Key + ": " + short(good)
	if l.Write == nil {
		return f
	}
	if text := l.Write(good); text != "" {
		f.Suggest = text
		if _, confused := l.confusion(); !confused || good == f.Value { // else SND104 has the better fix
			f.Fix = &Edit{At: l.At, New: text}
		}
	}
	return f
}

// subject names a lifetime in a sentence: "ExpiresIn" and what it is of; a default is said to be one.
func (l *Lifetime) subject() string {
	if l.State == Unset {
		return fmt.Sprintf("%s is not set, and the default for the %s", l.Key, l.Kind)
	}
	if l.State == Dynamic {
		return fmt.Sprintf("%s falls back to a value that for the %s", l.Key, l.Kind)
	}
	return fmt.Sprintf("%s, the lifetime of the %s,", l.Key, l.Kind)
}

// of are the lifetimes of some kinds.
func (p *Policy) of(kinds ...Kind) []*Lifetime {
	var all []*Lifetime
	for i := range p.Lifetimes {
		if slices.Contains(kinds, p.Lifetimes[i].Kind) {
			all = append(all, &p.Lifetimes[i])
		}
	}
	return all
}

// is says whether a bool fact is known to be want.
func (p *Policy) is(n Name, want bool) bool {
	f, ok := p.Fact(n)
	return ok && f.Bool == want
}

// grants are the grant types of a policy.
func (p *Policy) grants() (words []string, known bool) {
	f, ok := p.Fact(GrantTypes)
	return f.Words, ok
}

// machines says that a policy serves programs alone: client_credentials.
func (p *Policy) machines() bool {
	words, known := p.grants()
	return known && slices.Contains(words, "client_credentials") && !slices.ContainsFunc(words, func(w string) bool {
		return w != "client_credentials" && w != "refresh_token"
	})
}

// least keeps what is found only where it has a severity at all.
func least(s Severity, f func(Severity) Finding) []Finding {
	if s < Note {
		return nil
	}
	return []Finding{f(s)}
}

// level is how bad a duration is by the highest of three limits that it exceeds.
func level(d, note, warning, failure time.Duration) (s Severity, limit time.Duration) {
	switch {
	case d > failure:
		return Error, failure
	case d > warning:
		return Warning, warning
	case d > note:
		return Note, note
	}
	return 0, 0
}

func accessTooLong(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(Access) {
		d, ok := l.written()
		if !ok {
			continue
		}
		s, limit := level(d, t.AccessNote, t.AccessWarning, t.AccessError-1) // 24 hours are an error themselves
		limit = min(limit, t.AccessWarning)
		if s == Note && p.machines() {
			continue
		}
		if p.Bound && s > 0 {
			s--
		}
		found = append(found, least(s, func(s Severity) Finding {
			f := l.finding(s, p.good(l, t), "%s is %s, more than %s: whoever gets hold of the token has it for that long, and nothing that is said of the user in it changes meanwhile.",
				l.subject(), words(d), words(limit))
			f.Limit = limit
			return f
		})...)
	}
	return found
}

func accessNever(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(Access, IDToken, ActionToken) {
		if !l.endless() {
			continue
		}
		how := "says that the " + string(l.Kind) + " never expires"
		if l.State == Unset {
			how = "is not set, so that the " + string(l.Kind) + " never expires"
		}
		found = append(found, l.finding(Error, min(goodAccess, t.AccessNote), "%s %s: a token that leaks once is good for ever.", l.Key, how))
	}
	return found
}

func accessDefault(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(Access) {
		if l.State != Unset || l.DefaultNever {
			continue
		}
		s, what := Note, "which differs from one system to the next"
		if l.Value > 0 {
			what = "which is " + words(l.Value)
			switch {
			case l.Value > t.AccessError:
				s = Error
			case l.Value > t.AccessWarning:
				s = Warning
			}
		}
		found = append(found, l.finding(s, p.good(l, t), "%s is not set: the access token lives as long as the product's default, %s; say what you mean.", l.Key, what))
	}
	return found
}

func lifetimeInvalid(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for i := range p.Lifetimes {
		l := &p.Lifetimes[i]
		d, ok := l.written()
		_, confused := l.confusion()
		switch {
		case l.State == Wrong:
			found = append(found, l.finding(Error, 0, "%s.", l.wrong()))
		case !ok || confused: // SND104 says it better
		case l.Max > 0 && d > l.Max:
			f := l.finding(Error, p.good(l, t), "%s is %s, more than the %s that the product takes.", l.Key, words(d), words(l.Max))
			f.Limit = l.Max
			found = append(found, f)
		case l.Min > 0 && d < l.Min:
			f := l.finding(Error, l.Min, "%s is %s, less than the %s that the product takes.", l.Key, words(d), words(l.Min))
			f.Limit = l.Min
			found = append(found, f)
		}
	}
	for _, fault := range p.Invalid {
		found = append(found, Finding{Severity: Error, At: fault.At, Raw: fault.Raw, Message: strings.TrimSuffix(fault.Problem, ".") + ".", Suggest: fault.Fix})
	}
	return found
}

// good is what to begin with for a lifetime that is too long, whichever rule says so.
func (p *Policy) good(l *Lifetime, t Thresholds) time.Duration {
	switch l.Kind {
	case Access:
		return min(goodAccess, t.AccessNote)
	case Refresh, RefreshIdle, OfflineIdle, OfflineMax:
		return p.refreshGood(t)
	case Code:
		return min(goodCode, t.CodeNote)
	case ReuseWindow:
		return min(goodReuse, t.ReuseWindow)
	case RevocationWait:
		return min(goodCache, t.RevocationNote)
	}
	return l.Max
}

// wrong is a sentence about a value that is none.
func (l *Lifetime) wrong() string {
	problem := strings.TrimSuffix(l.Problem, ".")
	first, _, _ := strings.Cut(problem, " ")
	switch {
	case strings.HasPrefix(problem, l.Key):
		return problem
	case slices.Contains([]string{"is", "has", "must", "cannot", "needs", "takes", "may", "does"}, first):
		return l.Key + " " + problem
	}
	return l.Key + ": " + problem
}

func lifetimeFromOutside(p *Policy, _ Thresholds) []Finding {
	var found []Finding
	for i := range p.Lifetimes {
		l := &p.Lifetimes[i]
		switch {
		case l.State != Dynamic:
		case l.FromRequest:
			found = append(found, l.finding(Error, 0, "%s is taken from %s: whoever asks for the %s chooses how long it lives; take it from the configuration, and cap it.", l.Key, l.Ref, l.Kind))
		case !l.HasFallback && p.Product == Apigee:
			found = append(found, l.finding(Warning, 0, "%s is taken from %s and has no value of its own: where that is not set, the system's default holds, which may be no end.", l.Key, l.Ref))
		}
	}
	return found
}
