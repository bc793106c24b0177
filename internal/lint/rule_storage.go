package lint

import (
	"slices"
	"strconv"
)

// rowBytes is what one token takes in a store: a hash, family, subject, client, scope and times with three indexes, measured on SQLite. Most
// products need more, Hydra about seven times that.
const rowBytes = 310

func storage(p *Policy, t Thresholds) []Finding {
	if t.Rate <= 0 || !p.handsOut() || p.machines() {
		return nil
	}
	var found []Finding
	for _, l := range p.storedFor() {
		if l.endless() {
			found = append(found, l.finding(Warning, p.refreshGood(t), "At %s logins a second, %s without end means %s more rows every day, for ever.", figure(t.Rate), l.Key, figure(t.Rate*day.Seconds())))
			continue
		}
		d, ok := l.known()
		n := t.Rate * d.Seconds() // Little's law
		if !ok || n <= t.RowsWarning && n*rowBytes <= t.BytesWarning {
			continue
		}
		found = append(found, l.finding(Warning, p.refreshGood(t), "At %s logins a second, %s of %s means %s live rows, at least %s GB, and the pile is reached only after that time.", figure(t.Rate), l.Key, words(d), figure(n), figure(n*rowBytes/1e9)))
	}
	return found
}

// storedFor are the lifetimes for which refresh tokens and offline sessions stay in the store where nobody uses them, as in a forecast: the absolute
// limit, or a shorter one of disuse.
func (p *Policy) storedFor() []*Lifetime {
	var all []*Lifetime
	for _, pair := range []pair{{RefreshIdle, Refresh}, {OfflineIdle, OfflineMax}} {
		longest, idle := p.of(pair.longest), p.of(pair.idle)
		if len(idle) == 0 {
			all = append(all, longest...)
			continue
		}
		i, limited := idle[0].known()
		if len(longest) == 0 && limited {
			all = append(all, idle[0])
		}
		for _, l := range longest {
			if d, ok := l.known(); limited && (l.endless() || ok && d > i) {
				l = idle[0]
			}
			if !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	return all
}

// figure is a number for people: 172.8 million.
func figure(n float64) string {
	switch {
	case n >= 1e9:
		return rounded(n/1e9) + " billion"
	case n >= 1e6:
		return rounded(n/1e6) + " million"
	case n >= 1e4:
		return rounded(n/1e3) + " thousand"
	}
	return rounded(n)
}

func rounded(n float64) string {
	s := strconv.FormatFloat(n, 'f', 1, 64)
	if s[len(s)-2:] == ".0" {
		return s[:len(s)-2]
	}
	return s
}

func noPurge(ps []*Policy, _ Thresholds) []Finding {
	return missing(ps, Purge, "Nothing that is seen here deletes expired tokens%s: the table only grows, until a cleaning is too large to finish.")
}

func revocationLag(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(RevocationWait) {
		d, ok := l.known()
		s, limit := level(d, t.RevocationNote, t.RevocationWarning, 1<<62)
		if l.endless() {
			s, limit = Warning, t.RevocationWarning
		} else if !ok {
			continue
		}
		found = append(found, least(s, func(s Severity) Finding {
			is := "without end"
			if ok {
				is = words(d)
			}
			f := l.finding(s, p.good(l, t), "%s is %s%s, more than %s: for that long a revoked token still passes.", l.Key, is, l.byDefault(), words(limit))
			f.Limit = limit
			return f
		})...)
	}
	return found
}

// byDefault is said of what is not written.
func (l *Lifetime) byDefault() string {
	if l.State == Unset {
		return " by default"
	}
	return ""
}

func unknownKey(p *Policy, _ Thresholds) []Finding {
	var found []Finding
	for _, f := range p.Facts {
		if f.Name == Key {
			found = append(found, f.finding(Warning, f.Want, "%s is nothing that this product knows, and it is ignored, or refused when it is used; %s was probably meant.", f.Text, f.Want))
		}
	}
	return found
}
