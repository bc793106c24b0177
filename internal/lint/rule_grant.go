package lint

import (
	"slices"
	"strings"
)

func implicitGrant(p *Policy, _ Thresholds) []Finding {
	return p.grant("implicit", "tokens come back in the address of a page, where histories, logs and scripts see them")
}

func passwordGrant(p *Policy, _ Thresholds) []Finding {
	return p.grant("password", "the client sees its users' passwords, and neither a second factor nor a passkey can be asked for")
}

// grant finds one that is no longer to be used.
func (p *Policy) grant(name, why string) []Finding {
	for _, f := range p.Facts { // each may be switched on in a place of its own
		if f.Name == GrantTypes && slices.Contains(f.Words, name) {
			return []Finding{f.finding(Error, "", "The %s grant is allowed%s: %s.", name, f.byDefault(), why)}
		}
	}
	return nil
}

func pkceOff(p *Policy, _ Thresholds) []Finding {
	f, ok := p.Fact(PKCE)
	words, known := p.grants()
	if !ok || f.Text == "S256" || known && !slices.Contains(words, "authorization_code") {
		return nil
	}
	s := Error
	switch {
	case f.Unset && p.Client == PublicClient:
		s = Warning
	case f.Unset:
		s = Note
	}
	how := "PKCE is not required"
	if strings.EqualFold(f.Text, "plain") {
		how = "PKCE takes the method plain"
	}
	return []Finding{f.finding(s, "S256", "%s%s: whoever intercepts an authorization code can exchange it.", how, f.byDefault())}
}

func refreshForMachines(p *Policy, _ Thresholds) []Finding {
	if !p.machines() {
		return nil
	}
	for _, l := range p.of(Refresh) {
		if l.State != Unset {
			return []Finding{l.finding(Note, 0, "%s is set although only client_credentials are allowed: a program that holds its credentials needs no refresh token.", l.Key)}
		}
	}
	return nil
}

// refreshNeverUsed looks at bundles alone: a file by itself does not show what the rest does.
func refreshNeverUsed(ps []*Policy, _ Thresholds) []Finding {
	if ps[0].Source.Bundle == "" {
		return nil
	}
	var found []Finding
	for _, p := range ps {
		if p.is(RefreshUsed, true) && !p.Disabled {
			return nil
		}
		if f, ok := p.Fact(RefreshIssued); ok && f.Bool && len(found) == 0 {
			found = append(found, p.groupFinding(&f, Warning, "Refresh tokens are handed out, but nothing in this bundle takes them: they fill the store and can only be stolen."))
		}
	}
	return found
}

// noRevocation asks per product: one that knows a way to revoke answers for those that merely do not speak of it; one that switches it off is
// found by itself.
func noRevocation(ps []*Policy, _ Thresholds) []Finding {
	found := missing(ps, Revocation, "Tokens cannot be revoked here%s: after a theft, a logout or a dismissal they work until they expire.")
	if ps[0].Source.Bundle == "" || slices.ContainsFunc(ps, func(p *Policy) bool { _, ok := p.Fact(Revocation); return ok }) {
		return found
	}
	for _, p := range ps {
		if p.is(Mints, true) {
			f := Fact{At: p.At}
			return append(found, p.groupFinding(&f, Warning, "Tokens are made, but nothing in this bundle revokes them: after a theft, a logout or a dismissal they work until they expire."))
		}
	}
	return found
}

// missing finds what is switched off where it is written, and what is merely not there once for each product that has it nowhere.
func missing(ps []*Policy, name Name, message string) []Finding {
	present := map[Product]bool{}
	for _, p := range ps {
		present[p.Product] = present[p.Product] || p.is(name, true)
	}
	var found []Finding
	for _, p := range ps {
		f, ok := p.Fact(name)
		if !ok || f.Bool || f.Unset && present[p.Product] {
			continue
		}
		if f.Unset {
			present[p.Product] = true // told once
		}
		found = append(found, p.groupFinding(&f, Warning, message, f.byDefault()))
	}
	return found
}

// groupFinding is a finding of a rule over several policies, that says of which policy it is.
func (p *Policy) groupFinding(f *Fact, s Severity, message string, args ...any) Finding {
	at := *f
	if at.At == (Span{}) {
		at.At = p.At
	}
	found := at.finding(s, "", message, args...)
	found.Source, found.Policy, found.Product = p.Source, p.Name, p.Product
	return found
}
