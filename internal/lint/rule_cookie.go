package lint

import (
	"slices"
	"strings"
)

func tokenInQuery(p *Policy, _ Thresholds) []Finding {
	f, ok := p.Fact(TokenIn)
	if !ok || !slices.Contains(f.Words, "query") {
		return nil
	}
	return []Finding{f.finding(Error, "", "The token is taken from the address: it ends up in logs, histories and Referer headers.")}
}

// cookies says whether tokens travel in cookies here, as far as it is known.
func (p *Policy) cookies() bool {
	f, ok := p.Fact(TokenIn)
	return !ok || slices.Contains(f.Words, "cookie")
}

func cookieFlags(p *Policy, _ Thresholds) []Finding {
	if !p.cookies() {
		return nil
	}
	var found []Finding
	for i := range p.Facts {
		f := &p.Facts[i]
		switch {
		case f.Name == CookieSecure && !f.Bool:
			found = append(found, f.finding(Error, "true", "The cookie with the token is not Secure%s: it travels over plain HTTP, where others read it.", f.byDefault()))
		case f.Name == CookieHTTPOnly && !f.Bool:
			found = append(found, f.finding(Error, "true", "The cookie with the token is not HttpOnly%s: a script on the page can take it.", f.byDefault()))
		case f.Name == CookieSameSite && !strings.EqualFold(f.Text, "lax") && !strings.EqualFold(f.Text, "strict"):
			found = append(found, f.finding(Warning, "Lax", "The cookie with the token has no SameSite limit%s: other sites' pages send it along.", f.byDefault()))
		case f.Name == CookieName && !strings.HasPrefix(f.Text, "__Host-") && !strings.HasPrefix(f.Text, "__Secure-"):
			s := Warning
			if f.Unset {
				s = Note
			}
			found = append(found, f.finding(s, "__Host-"+f.Text, "The name of the cookie with the token begins with neither __Host- nor __Secure-%s: a page on a neighbouring host can plant another one.", f.byDefault()))
		}
	}
	return found
}

func cookieOutlives(p *Policy, _ Thresholds) []Finding {
	if !p.cookies() {
		return nil
	}
	var found []Finding
	for _, pair := range []struct{ cookie, token Kind }{{Cookie, Access}, {RefreshCookie, Refresh}} {
		token, ok := p.Lifetime(pair.token)
		if !ok {
			continue
		}
		d, known := token.known()
		for _, l := range p.of(pair.cookie) {
			c, ok := l.known()
			if !known || !ok && !l.endless() || ok && c <= d || l.State == Unset && token.State == Unset {
				continue
			}
			is := "has no end"
			if ok {
				is = "is " + words(c)
			}
			f := l.finding(Warning, d, "%s %s, longer than the %s in it (%s): the browser keeps sending what is refused, and keeps what should be gone.", l.Key, is, pair.token, words(d))
			f.Limit = d
			found = append(found, f)
		}
	}
	if f, ok := p.Fact(CookiePath); ok && f.Text == "/" {
		found = append(found, f.finding(Warning, "", `The cookie with the refresh token has the path "/"%s: it is sent, and can leak, with every request instead of with refreshes alone.`, f.byDefault()))
	}
	return found
}
