package lint

import "strconv"

// rowBytes is what one token takes in a store: a hash, family, subject, client, scope and times with three indexes, measured on SQLite. Most
// products need more, Hydra about seven times that.
const rowBytes = 310

// rows are how many tokens live at once where rate are made a second: Little's law.
func rows(rate float64, l *Lifetime) float64 { return rate * l.Value.Seconds() }

func storage(p *Policy, t Thresholds) []Finding {
	if t.Rate <= 0 || !p.handsOut() {
		return nil
	}
	var found []Finding
	for _, l := range p.of(Refresh, OfflineMax) {
		if l.endless() {
			found = append(found, l.finding(Warning, p.refreshGood(t), "At %s logins a second, %s without end means %s more rows every day, for ever.", figure(t.Rate), l.Key, figure(t.Rate*day.Seconds())))
			continue
		}
		if _, ok := l.known(); !ok {
			continue
		}
		n := rows(t.Rate, l)
		if n <= t.RowsWarning && n*rowBytes <= t.BytesWarning {
			continue
		}
		found = append(found, l.finding(Warning, p.refreshGood(t), "At %s logins a second, %s of %s means %s live rows, at least %s GB, and the pile is reached only after that time.", figure(t.Rate), l.Key, words(l.Value), figure(n), figure(n*rowBytes/1e9)))
	}
	return found
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
