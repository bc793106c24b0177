package lint

import "time"

func codeTooLong(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, l := range p.of(Code) {
		if l.endless() {
			found = append(found, l.finding(Error, p.good(l, t), "%s sets no limit: an authorization code that was seen in a log or a history never ends.", l.Key))
			continue
		}
		d, ok := l.known()
		if !ok {
			continue
		}
		s, limit := level(d, t.CodeNote, max(t.CodeNote, t.CodeError), t.CodeError)
		found = append(found, least(s, func(s Severity) Finding {
			f := l.finding(s, p.good(l, t), "%s is %s, more than %s: a code is exchanged within seconds, and longer serves only who intercepts it.", l.subject(), words(d), words(limit))
			f.Limit = limit
			return f
		})...)
	}
	return found
}

func sessionAgainstAAL(p *Policy, t Thresholds) []Finding {
	var found []Finding
	for _, limit := range []struct {
		kind Kind
		most time.Duration
	}{{SessionMax, t.SessionMax}, {SessionIdle, t.SessionIdle}} {
		for _, l := range p.of(limit.kind) {
			d, ok := l.known()
			if limit.most == 0 || ok && d <= limit.most || !ok && !l.endless() {
				continue
			}
			is := "has no end"
			if ok {
				is = "is " + words(d)
			}
			f := l.finding(Error, limit.most, "%s %s; NIST SP 800-63B-4 has users prove themselves anew after at most %s of the %s at this assurance level.", l.Key, is, words(limit.most), limit.kind)
			f.Limit = limit.most
			found = append(found, f)
		}
	}
	return found
}

func outlivedByConnection(p *Policy, _ Thresholds) []Finding {
	f, ok := p.Fact(HandshakeOnly)
	if !ok || !f.Bool {
		return nil
	}
	return []Finding{f.finding(Warning, "", "The token is looked at only when the socket connects: the connection lives on after the token has expired or was revoked.")}
}
