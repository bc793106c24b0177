package lint

import (
	"slices"
	"strings"
	"time"
)

// flaskKeys are the settings of Flask-JWT-Extended, those of its versions before 4 included.
func flaskKeys() []string {
	return []string{
		"JWT_ACCESS_COOKIE_NAME", "JWT_ACCESS_COOKIE_PATH", "JWT_ACCESS_CSRF_COOKIE_NAME", "JWT_ACCESS_CSRF_COOKIE_PATH", "JWT_ACCESS_CSRF_FIELD_NAME", "JWT_ACCESS_CSRF_HEADER_NAME",
		"JWT_ACCESS_TOKEN_EXPIRES", "JWT_ALGORITHM", "JWT_BLACKLIST_ENABLED", "JWT_BLACKLIST_TOKEN_CHECKS", "JWT_COOKIE_CSRF_PROTECT", "JWT_COOKIE_DOMAIN", "JWT_COOKIE_SAMESITE",
		"JWT_COOKIE_SECURE", "JWT_CSRF_CHECK_FORM", "JWT_CSRF_IN_COOKIES", "JWT_CSRF_METHODS", "JWT_DECODE_ALGORITHMS", "JWT_DECODE_AUDIENCE", "JWT_DECODE_ISSUER", "JWT_DECODE_LEEWAY",
		"JWT_ENCODE_AUDIENCE", "JWT_ENCODE_ISSUER", "JWT_ENCODE_NBF", "JWT_ERROR_MESSAGE_KEY", "JWT_HEADER_NAME", "JWT_HEADER_TYPE", "JWT_IDENTITY_CLAIM", "JWT_JSON_KEY", "JWT_PRIVATE_KEY",
		"JWT_PUBLIC_KEY", "JWT_QUERY_STRING_NAME", "JWT_QUERY_STRING_VALUE_PREFIX", "JWT_REFRESH_COOKIE_NAME", "JWT_REFRESH_COOKIE_PATH", "JWT_REFRESH_CSRF_COOKIE_NAME",
		"JWT_REFRESH_CSRF_COOKIE_PATH", "JWT_REFRESH_CSRF_FIELD_NAME", "JWT_REFRESH_CSRF_HEADER_NAME", "JWT_REFRESH_JSON_KEY", "JWT_REFRESH_TOKEN_EXPIRES", "JWT_SECRET_KEY",
		"JWT_SESSION_COOKIE", "JWT_TOKEN_LOCATION", "JWT_VERIFY_SUB",
	}
}

// flaskCookie is how long a cookie lasts with JWT_SESSION_COOKIE = False: the number in its source.
const flaskCookie = 31_540_000 * time.Second

// flask reads Flask-JWT-Extended: settings wherever they stand, and calls that set a lifetime of their own.
func (c *code) flask(all map[string]*settings) {
	imported := c.imports("flask_jwt_extended")
	names := make([]string, 0, len(all))
	anywhere := map[string]bool{}
	for name, s := range all {
		if name != "SIMPLE_JWT" && name != "OAUTH2_PROVIDER" {
			names = append(names, name)
			for key := range s.values {
				anywhere[key] = true
			}
		}
	}
	slices.Sort(names)
	defaults := false
	for _, name := range names {
		s := all[name]
		ours := s.has("JWT_ACCESS_TOKEN_EXPIRES", "JWT_REFRESH_TOKEN_EXPIRES", "JWT_TOKEN_LOCATION", "JWT_COOKIE_SECURE", "JWT_COOKIE_CSRF_PROTECT", "JWT_SESSION_COOKIE", "JWT_COOKIE_SAMESITE")
		near := slices.ContainsFunc(s.keys("JWT_"), func(key string) bool { return slices.Contains(flaskKeys(), key) || nearest(key, flaskKeys()) != "" })
		if !ours && !near {
			continue
		}
		if !ours && !imported && !c.imports("flask") {
			s.partial = true // some other program with a setting of the same name
		}
		if defaults && !s.partial {
			s.partial = true // one place of a file says what is left to defaults
		}
		defaults = defaults || !s.partial
		c.flaskSettings(s, name, anywhere)
	}
	c.flaskCalls(imported)
}

// keys are those with a beginning: the first hundred.
func (s *settings) keys(prefix string) []string {
	var keys []string
	for key := range s.values {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys[:min(len(keys), 100)]
}

func (c *code) flaskSettings(s *settings, name string, anywhere map[string]bool) {
	if name == "" {
		name = "app.config"
	}
	s.at = nil
	for key, at := range s.names { // what is left to defaults is told at the first setting
		if strings.HasPrefix(key, "JWT_") && (s.at == nil || at.start < s.at.start) {
			s.at = at
		}
	}
	p := s.policy(FlaskJWT, name)
	if s.values["JWT_ACCESS_TOKEN_EXPIRES"] != nil || !anywhere["JWT_ACCESS_TOKEN_EXPIRES"] {
		s.lifetime(&p, Access, "JWT_ACCESS_TOKEN_EXPIRES", time.Second, isNo, 15*time.Minute)
	}
	issues := c.says("create_refresh_token")
	if issues || s.has("JWT_REFRESH_TOKEN_EXPIRES") {
		s.lifetime(&p, Refresh, "JWT_REFRESH_TOKEN_EXPIRES", time.Second, isNo, 30*day)
	}
	if issues || c.says("create_access_token") {
		p.Facts = append(p.Facts, Fact{Name: RefreshIssued, Bool: issues, At: p.At})
	}
	s.algorithms(&p, "JWT_ALGORITHM", "JWT_DECODE_ALGORITHMS")
	secret := s.values["JWT_SECRET_KEY"]
	if secret == nil && c.imports("flask_jwt_extended") && !anywhere["JWT_SECRET_KEY"] && !anywhere["JWT_PRIVATE_KEY"] {
		secret = s.values["SECRET_KEY"]
	}
	for _, n := range []*node{secret, s.values["JWT_PRIVATE_KEY"]} {
		if f, ok := c.secret(n); ok {
			p.Facts = append(p.Facts, f)
		}
	}
	c.flaskCookies(s, &p, issues)
	c.flaskRevocation(s, &p)
	s.misspelt(&p, flaskKeys(), func(key string) bool { return strings.HasPrefix(key, "JWT_") })
	c.add(p)
}

// flaskCookies adds where tokens are looked for, and the cookies' flags where that is in them. The cookies are always HttpOnly.
func (c *code) flaskCookies(s *settings, p *Policy, refresh bool) {
	n := s.values["JWT_TOKEN_LOCATION"]
	words, ok := c.words(n)
	if n == nil || !ok {
		if n == nil && !s.partial {
			p.Facts = append(p.Facts, Fact{Name: TokenIn, Words: []string{"header"}, Unset: true, At: p.At})
		}
		return
	}
	f := Fact{Name: TokenIn, At: c.span(n), Raw: c.raw(n)}
	for _, word := range words {
		f.Words = append(f.Words, map[string]string{"headers": "header", "cookies": "cookie", "query_string": "query", "json": "body"}[word])
	}
	p.Facts = append(p.Facts, f)
	if !slices.Contains(f.Words, "cookie") {
		return
	}
	s.flag(p, CookieSecure, "JWT_COOKIE_SECURE", false)
	s.word(p, CookieSameSite, "JWT_COOKIE_SAMESITE", "")
	s.word(p, CookieName, "JWT_ACCESS_COOKIE_NAME", "access_token_cookie")
	if refresh || s.has("JWT_REFRESH_COOKIE_PATH", "JWT_REFRESH_COOKIE_NAME") {
		s.word(p, CookiePath, "JWT_REFRESH_COOKIE_PATH", "/")
	}
	if n := s.values["JWT_SESSION_COOKIE"]; n != nil && isNo(c.value(n)) {
		for _, kind := range []Kind{Cookie, RefreshCookie} {
			p.Lifetimes = append(p.Lifetimes, Lifetime{Kind: kind, Key: "the cookie with JWT_SESSION_COOKIE = False", State: Literal, Value: flaskCookie, At: c.span(n), Raw: c.raw(n)})
		}
	}
}

// flaskRevocation looks for the function that says which tokens are revoked.
func (c *code) flaskRevocation(s *settings, p *Policy) {
	loads := c.says("token_in_blocklist_loader", "token_in_blacklist_loader")
	if loads || s != nil && !s.partial {
		p.Facts = append(p.Facts, Fact{Name: Revocation, Bool: loads, Unset: !loads, At: p.At})
	}
}

// flaskCalls reads create_access_token(expires_delta=...), and a loader of revoked tokens that stands without settings.
func (c *code) flaskCalls(imported bool) {
	c.root.walk(func(n *node, _ []*node) {
		if n.kind != callNode {
			return
		}
		kind := Access
		switch c.called(n.kids[0]) {
		case "flask_jwt_extended.create_access_token":
		case "flask_jwt_extended.create_refresh_token":
			kind = Refresh
		case "flask_jwt_extended.decode_token":
			if v, _ := n.pair("allow_expired"); v != nil && c.value(v).truth {
				c.add(Policy{Product: FlaskJWT, Name: "decode_token", Source: c.source, At: c.span(n), Facts: []Fact{{Name: SkipsVerification, Bool: true, At: c.span(v), Raw: c.raw(v)}}})
			}
			return
		default:
			return
		}
		delta, _ := n.pair("expires_delta")
		if delta == nil || isNone(c.value(delta)) && !c.value(delta).dynamic {
			return
		}
		p := Policy{Product: FlaskJWT, Name: lastName(n.kids[0]), Source: c.source, At: c.span(n)}
		l := c.pythonLifetime(kind, "expires_delta", delta, 0, isNo)
		if l.State == Never {
			l.Write = nil
		}
		p.Lifetimes = append(p.Lifetimes, l)
		p.Facts = append(p.Facts, Fact{Name: Mints, Bool: true, At: p.At})
		c.add(p)
	})
	told := slices.ContainsFunc(c.policies, func(p Policy) bool { _, ok := p.Fact(Revocation); return ok })
	if imported && !told && c.says("token_in_blocklist_loader", "token_in_blacklist_loader") {
		c.add(Policy{Product: FlaskJWT, Name: "blocklist", Source: c.source, At: c.lines.span(0, 0), Facts: []Fact{{Name: Revocation, Bool: true, At: c.lines.span(0, 0)}}})
	}
}
