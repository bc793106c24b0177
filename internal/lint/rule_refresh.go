package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// refreshKinds are those that end a refresh token, whatever a product calls them.
func refreshKinds() []Kind { return []Kind{Refresh, RefreshIdle, OfflineIdle, OfflineMax} }

// handsOut says whether refresh tokens are issued here, as far as it is known.
func (p *Policy) handsOut() bool {
	if f, ok := p.Fact(RefreshIssued); ok {
		return f.Bool
	}
	words, known := p.grants()
	return !known || slices.ContainsFunc(words, func(w string) bool { return w != "implicit" && w != "client_credentials" })
}

func refreshTooLong(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(refreshKinds()...) {
		d, ok := l.written()
		if !ok {
			continue
		}
		s, limit := level(d, t.RefreshNote, t.RefreshWarning, t.RefreshError)
		found = append(found, least(s, func(s Severity) Finding {
			f := l.finding(s, p.refreshGood(t), "%s is %s, more than %s: each stays in the store, and is worth stealing, for that long.", l.subject(), words(d), words(limit))
			f.Limit = limit
			return f
		})...)
	}
	return found
}

// refreshGood is a day, or more where the access token's life asks for that.
func (p *Policy) refreshGood(t Thresholds) time.Duration {
	good := min(goodRefresh, t.RefreshNote)
	if access, ok := p.access(); ok {
		if d, ok := access.written(); ok && d <= time.Hour {
			good = max(good, 4*d)
		}
	}
	return good
}

func refreshNever(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(Refresh, OfflineMax) {
		switch {
		case l.State == Unset && (!l.DefaultNever || p.Product == Apigee || !p.handsOut()): // SND113 for Apigee: its systems differ
		case l.State == Unset:
			found = append(found, l.finding(Error, p.refreshGood(t), "%s is not set, so that the %s never ends: no theft ever heals by itself, and the store only grows.", l.Key, l.Kind))
		case l.State == Never:
			found = append(found, l.finding(Error, p.refreshGood(t), "%s says that the %s never ends: no theft ever heals by itself, and the store only grows.", l.Key, l.Kind))
		}
	}
	return found
}

func refreshUnset(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(Refresh) {
		if l.State != Unset || l.DefaultNever && p.Product != Apigee || !p.handsOut() {
			continue
		}
		s, what := Warning, "which on some systems is no end"
		if l.Value > 0 {
			s, _ = level(l.Value, t.RefreshNote, t.RefreshWarning, t.RefreshError)
			what = "which is " + words(l.Value)
		}
		found = append(found, least(s, func(s Severity) Finding {
			return l.finding(s, p.refreshGood(t), "%s is not set although refresh tokens are handed out: they live as long as the product's default, %s.", l.Key, what)
		})...)
	}
	return found
}

func refreshAgainstAccess(p *Policy, t Thresholds) []Finding {
	access, ok := p.access()
	if !ok || !p.handsOut() {
		return nil
	}
	a, ok := access.known()
	if !ok {
		return nil
	}
	var found []Finding
	for _, l := range p.of(Refresh, RefreshIdle) {
		r, ok := l.known()
		if !ok || l.State == Unset && access.State == Unset {
			continue
		}
		switch {
		case r <= a:
			good := p.refreshGood(t)
			if a > t.AccessWarning && r <= goodRefresh {
				good = 0 // the access token is at fault, and SND101 mends it
			}
			f := l.finding(Error, good, "%s is %s and the access token lives %s: a refresh token that does not outlive it is of no use, so that users log in again, or access tokens are made long.", l.Key, words(r), words(a))
			f.Limit = a
			found = append(found, f)
		case r < 4*a && l.Kind == Refresh:
			f := l.finding(Note, 0, "%s is %s, less than four lifetimes of the access token (%s): it saves its users few logins.", l.Key, words(r), words(a))
			f.Limit = 4 * a
			found = append(found, f)
		}
	}
	return found
}

func noIdleLimit(p *Policy, _ Thresholds) []Finding {
	var found []Finding
	for _, pair := range pairs() {
		longest, ok := p.Lifetime(pair.longest)
		if !ok {
			continue
		}
		d, known := longest.known()
		for _, idle := range p.of(pair.idle) {
			if idle.endless() && known && d > day {
				found = append(found, idle.finding(Note, 0, "%s sets no limit, so that an unused %s counts for %s: what was forgotten on some device stays usable.", idle.Key, pair.longest, words(d)))
			}
		}
	}
	return found
}

func noAbsoluteLimit(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(SessionMax) {
		if l.endless() && t.SessionMax == 0 { // else SND119
			found = append(found, l.finding(Warning, 0, "%s sets no limit: a session that is used, by whomever, never ends.", l.Key))
		}
	}
	if len(p.of(Refresh, SessionMax)) > 0 || !p.handsOut() {
		return found
	}
	for _, l := range p.of(RefreshIdle) {
		if _, ok := l.written(); ok {
			found = append(found, l.finding(Warning, 0, "%s limits only how long a refresh token lies unused: one that is used, by whomever, never ends.", l.Key))
		}
	}
	return found
}

// pair are a limit of disuse and the absolute one that belongs to it.
type pair struct{ idle, longest Kind }

func pairs() []pair {
	return []pair{{RefreshIdle, Refresh}, {SessionIdle, SessionMax}, {OfflineIdle, OfflineMax}}
}

func idleBeyondAbsolute(p *Policy, _ Thresholds) []Finding {
	var found []Finding
	for _, pair := range pairs() {
		longest, ok := p.Lifetime(pair.longest)
		if !ok {
			continue
		}
		d, known := longest.known()
		for _, idle := range p.of(pair.idle) {
			i, ok := idle.known()
			if ok && known && i > d && (idle.State != Unset || longest.State != Unset) {
				f := idle.finding(Error, 0, "%s is %s, more than the %s of %s: the limit of disuse is never reached, so the two are probably swapped.", idle.Key, words(i), words(d), longest.Key)
				f.Limit = d
				found = append(found, f)
			}
		}
	}
	return found
}

func noRotation(p *Policy, t Thresholds) []Finding {
	f, ok := p.Fact(Rotation)
	if !ok || p.Bound || !p.handsOut() || p.machines() {
		return nil
	}
	if f.Bool {
		return noReuseDetection(p)
	}
	s := Warning
	switch {
	case p.Client == PublicClient:
		s = Error
	case p.Client == ConfidentialClient && t.Profile == "strict": // FAPI 2.0 binds tokens instead
		return nil
	case p.Client == ConfidentialClient:
		s = Note
	}
	return []Finding{f.finding(s, "true", "Refresh tokens are not rotated%s: a stolen one works as long as the true one, and nobody notices.", f.byDefault())}
}

func noReuseDetection(p *Policy) []Finding {
	f, ok := p.Fact(ReuseDetection)
	if !ok || f.Bool {
		return nil
	}
	return []Finding{f.finding(Warning, "true", "Refresh tokens are rotated, but one that was replaced is not refused for good%s: a thief's copy lives on beside the true one.", f.byDefault())}
}

func reuseWindow(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(ReuseWindow) {
		d, ok := l.known()
		if l.State != Never && (!ok || d <= t.ReuseWindow) {
			continue
		}
		is := words(d)
		if !ok {
			is = "without end"
		}
		f := l.finding(Warning, p.good(l, t), "%s is %s, more than %s: in that time a stolen refresh token that was replaced already still works unseen.", l.Key, is, words(t.ReuseWindow))
		f.Limit = t.ReuseWindow
		found = append(found, f)
	}
	return found
}

// byDefault is said of what is not written.
func (f *Fact) byDefault() string {
	if f.Unset {
		return " by default"
	}
	return ""
}

// finding begins one about a fact; good is what should stand there.
func (f *Fact) finding(s Severity, good, message string, args ...any) Finding {
	found := Finding{Severity: s, At: f.At, Raw: f.Raw, Message: fmt.Sprintf(message, args...)}
	if f.Name == Secret {
		found.Raw = "[secret]"
	}
	if f.Write != nil && good != "" {
		if text := f.Write(good); strings.TrimSpace(text) != "" {
			found.Suggest = text
			found.Fix = &Edit{At: f.At, New: text}
		}
	}
	return found
}
