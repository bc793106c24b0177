package guard

import (
	"errors"
	"net/http"
	"strings"
	"unicode"

	"github.com/sandi-auth/sandi/jwt"
)

// FlaskCompat is a Config for the tokens of a Flask-JWT-Extended service (4.x) and for front ends
// written against one. It differs from a Config of one's own in this:
//
//   - Issuer and audience are waived, for that library sets none. Name them where the service does:
//     c.Issuer = "https://api.example"; c.InsecureAnyIssuer = false.
//   - Types are "JWT", which that library writes, and "at+jwt", which an Issuer does. Where the
//     service sets typ to something else: c.Types, c.InsecureAnyType = nil, true.
//   - The claim type must be "access", or "refresh" for Refresh, so that an ID token of the same
//     key still fails; a token without sub fails too (RequiredClaims).
//   - Sources are tried in their order and the first that has a token is taken, good or bad.
//     InsecureFromBody reads JSON alone. A place that has two tokens is refused all the same.
//   - Fresh also takes a token that is fresh until a time: its claim fresh is a NumericDate.
//   - Cookies are access_token_cookie and refresh_token_cookie, and csrf_access_token for both.
//   - Refusals are FlaskErrors, with that library's statuses and texts.
//
// What is stricter than the library on purpose stands in docs/guides/from-flask-jwt-extended.md.
func FlaskCompat(keys jwt.Keys) Config {
	return Config{
		Keys:                keys,
		InsecureAnyIssuer:   true,
		InsecureAnyAudience: true,
		Types:               []string{"JWT", "at+jwt"},
		RequiredClaims:      []string{"sub"},
		Cookie:              CookieConfig{Access: "access_token_cookie", Refresh: "refresh_token_cookie", CSRF: "csrf_access_token"},
		OnError:             FlaskErrors{}.Write,
		flask:               true,
	}
}

// flaskPlace is what that library calls the source.
func (s Source) flaskPlace() string {
	return [...]string{headerSource: "headers", cookieSource: "cookies", querySource: "query_string", bodySource: "json"}[s.kind]
}

// flaskCredential asks one place after the other. What is missing from each makes the sentence of
// the refusal.
func (p *policy) flaskCredential(r *http.Request, cookie *CookieConfig) (credential, *Error) {
	var places, missing []string
	for _, src := range p.order {
		c, absent, err := p.flaskSource(r, cookie, src)
		if err != nil {
			return credential{}, err
		}
		if c.token != "" { // that library takes an empty one for none
			c.found = true
			return c, nil
		}
		places, missing = append(places, src.flaskPlace()), append(missing, absent)
	}
	text := missing[0]
	if last := len(places) - 1; last > 0 {
		text = "Missing JWT in " + strings.Join(places[:last], ", ") + " or " + places[last] +
			" (" + strings.Join(missing, "; ") + ")"
	}
	return credential{missing: &flaskCause{text: text}}, nil
}

// flaskSource looks in one place; absent says what is missing where the credential has no token.
func (p *policy) flaskSource(r *http.Request, cookie *CookieConfig, src Source) (c credential, absent string, err *Error) {
	switch src.kind {
	case headerSource:
		return flaskHeader(r.Header["Authorization"])
	case bodySource:
		return flaskJSON(r, src.key)
	case querySource:
		err = c.readPairs(r.URL.RawQuery, []string{src.key})
		return c, "Missing '" + src.key + "' query paramater", err // sic
	}
	name := p.cookieName(cookie)
	err = c.readCookie(r, name)
	if err == nil && c.token != "" && !isSafe(r.Method) && r.Header.Get(cookie.CSRFHeader) == "" {
		err = refuse(CSRFFailed, &flaskCause{"Missing CSRF token", errCSRFValue})
	}
	return c, `Missing cookie "` + name + `"`, err
}

// flaskHeader reads "Bearer token". That library also picks the one Bearer of several credentials:
// here they are refused, for what stands in between may pick another.
func flaskHeader(lines []string) (c credential, absent string, err *Error) {
	const expected = "Expected 'Authorization: Bearer <JWT>'"
	const most = 32 // credentials that are looked at
	fields, bearers, token := 0, 0, ""
	for _, line := range lines {
		if line = strings.Trim(strings.TrimSpace(line), ","); line == "" {
			continue
		}
		for field := range strings.SplitSeq(line, ",") {
			if fields++; fields > most {
				break
			}
			if scheme, rest, _ := strings.Cut(strings.TrimSpace(field), " "); strings.EqualFold(scheme, "Bearer") {
				bearers, token = bearers+1, strings.TrimSpace(rest)
			}
		}
	}
	switch {
	case fields == 0:
		return c, "Missing Authorization Header", nil
	case bearers == 0 && fields <= most:
		return c, "Missing 'Bearer' type in 'Authorization' header. " + expected, nil
	case fields > 1, token == "", strings.ContainsFunc(token, unicode.IsSpace):
		return c, "", refuse(InvalidRequest, &flaskCause{"Bad Authorization header. " + expected, errAuthorization})
	}
	return credential{token: token}, "", nil
}

// flaskJSON reads a field of a JSON object, of a body that InsecureFromBody would look at.
func flaskJSON(r *http.Request, key string) (c credential, absent string, err *Error) {
	typ, _, _ := strings.Cut(shortMediaType(r), ";")
	typ = strings.ToLower(strings.TrimSpace(typ))
	if typ != "application/json" && (!strings.HasPrefix(typ, "application/") || !strings.HasSuffix(typ, "+json")) {
		return c, "Invalid content-type. Must be application/json.", nil
	}
	absent = `Missing "` + key + `" key in json data.`
	if r.Body == nil || r.Body == http.NoBody || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return c, absent, nil
	}
	body, cause := peekBody(r)
	if cause != nil {
		return c, "", refuse(InvalidRequest, cause)
	}
	err = c.readJSON(body, []string{key})
	if err != nil && errors.Is(err, errBody) { // no object in which anybody could find a token
		return credential{}, absent, nil
	}
	return c, absent, err
}
