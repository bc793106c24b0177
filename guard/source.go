package guard

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Source is a place in a request where a token may stand.
type Source struct {
	kind sourceKind
	key  string
}

type sourceKind int

const (
	noSource sourceKind = iota
	headerSource
	cookieSource
	querySource
	bodySource
	ticketSource
	protocolSource
)

// FromHeader reads "Authorization: Bearer token" (RFC 6750 section 2.1), and
// with Config.DPoP "Authorization: DPoP token" (RFC 9449 section 7.1). A header
// of another scheme is no credential here.
func FromHeader() Source { return Source{kind: headerSource} }

// FromCookie reads the cookie that CookieConfig names, where no explicit
// credential was sent.
func FromCookie() Source { return Source{kind: cookieSource} }

// InsecureFromQuery reads a query parameter. URLs end up in logs, histories and
// Referer headers: RFC 6750 section 2.3 says that it should not be used, OAuth
// 2.1 that it must not. For systems in the field that still do.
func InsecureFromQuery(key string) Source { return Source{kind: querySource, key: key} }

// InsecureFromBody reads a field of a form or of a JSON object of at most 64
// KiB (RFC 6750 section 2.2, which allows forms alone and advises against it).
// The handler can read the body again. A larger or malformed body is refused.
// Bodies of GET and HEAD, and of other content types, are not looked at.
func InsecureFromBody(key string) Source { return Source{kind: bodySource, key: key} }

// sourceSet is the sources of a route, compiled.
type sourceSet struct {
	header, cookie, protocol bool
	query, body, ticket      []string // keys
	order                    []Source // as configured, for FlaskCompat
}

// read compiles the sources; c says what they can be read with.
func (s *sourceSet) read(c *Config, sources []Source) error {
	if len(sources) == 0 {
		return errors.New("From needs a source")
	}
	*s = sourceSet{order: slices.Clone(sources)}
	for _, src := range sources {
		keyed := src.kind == querySource || src.kind == bodySource || src.kind == ticketSource
		if keyed && (src.key == "" || strings.ContainsFunc(src.key, notPrintable)) {
			return fmt.Errorf("source with the key %q: want printable ASCII", src.key)
		}
		switch src.kind {
		case headerSource:
			s.header = true
		case cookieSource:
			s.cookie = true
		case querySource:
			s.query = append(s.query, src.key)
		case bodySource:
			s.body = append(s.body, src.key)
		case ticketSource:
			s.ticket = append(s.ticket, src.key)
		case protocolSource:
			s.protocol = true
		default:
			return errors.New("empty Source")
		}
	}
	return s.check(c)
}

// check finds fault with sources that could never be read.
func (s *sourceSet) check(c *Config) error {
	if c.flask && (s.protocol || len(s.ticket) > 0) {
		return errors.New("FlaskCompat has no FromTicket and no FromProtocol")
	}
	if len(s.ticket) > 0 && c.Tickets == nil {
		return errors.New("FromTicket needs Config.Tickets")
	}
	for _, key := range s.ticket {
		if slices.Contains(s.query, key) {
			return fmt.Errorf("FromTicket and InsecureFromQuery have the same key %q", key)
		}
	}
	return nil
}

// credential is what a request brought. An empty token that is there counts as
// found: it is a bad credential, not an absent one.
type credential struct {
	token   string
	found   bool
	ambient bool
	sealed  bool  // a ticket, which is to be opened
	dpop    bool  // sent under that scheme
	missing error // why nothing was found, where FlaskCompat says so
}

// The ways in which a request can contradict itself.
var (
	errTwoCredentials = errors.New("more than one credential")
	errAuthorization  = errors.New("malformed Authorization header")
)

// add counts one explicit credential.
func (c *credential) add(token string) *Error {
	if c.found {
		return refuse(InvalidRequest, errTwoCredentials) // RFC 6750 section 2
	}
	c.token, c.found = token, true
	return nil
}

// credential finds the one token of a request. The order of sources does not
// matter: explicit ones must be alone, and a cookie counts where there is none.
func (p *policy) credential(r *http.Request, cookie *CookieConfig) (c credential, err *Error) {
	if p.flask {
		return p.flaskCredential(r, cookie)
	}
	if p.header {
		err = c.readHeader(r.Header["Authorization"], p.guard.cfg.DPoP != nil)
	}
	if err == nil && len(p.query) > 0 && r.URL.RawQuery != "" {
		err = c.readPairs(r.URL.RawQuery, p.query)
	}
	if err == nil && len(p.ticket) > 0 && r.URL.RawQuery != "" {
		err = c.readTicket(r, p.ticket)
	}
	if err == nil && p.protocol {
		err = c.readProtocol(r)
	}
	if err == nil && len(p.body) > 0 {
		err = c.readBody(r, p.body)
	}
	if err == nil && p.cookie && !c.found {
		err = c.readCookie(r, p.cookieName(cookie))
	}
	if err != nil {
		return credential{}, err
	}
	return c, nil
}

// cookieName is the cookie of the kind of token that the route takes.
func (p *policy) cookieName(c *CookieConfig) string {
	if p.refresh {
		return c.Refresh
	}
	return c.Access
}

// readHeader takes the scheme Bearer, and DPoP where there is who checks proofs.
func (c *credential) readHeader(values []string, dpop bool) *Error {
	if len(values) > 1 { // two lines may be read as either by what stands in between
		return refuse(InvalidRequest, errTwoCredentials)
	}
	if len(values) == 0 {
		return nil
	}
	scheme, rest := values[0], ""
	if i := strings.IndexFunc(scheme, notLetter); i >= 0 {
		scheme, rest = scheme[:i], scheme[i:]
	}
	c.dpop = strings.EqualFold(scheme, "DPoP")
	if c.dpop && !dpop { // an explicit credential, which no cookie rescues
		return refuse(TokenInvalid, errBound)
	}
	if !c.dpop && !strings.EqualFold(scheme, "Bearer") { // RFC 9110 section 11.1; a proxy's Basic is none of ours
		return nil
	}
	token := strings.Trim(rest, " ")
	if token == "" || rest[0] != ' ' || strings.IndexByte(token, ' ') >= 0 {
		return refuse(InvalidRequest, errAuthorization)
	}
	return c.add(token)
}

func notPrintable(c rune) bool { return c < ' ' || c > '~' }

func notLetter(c rune) bool { return c|0x20 < 'a' || c|0x20 > 'z' }

func (c *credential) readCookie(r *http.Request, name string) *Error {
	switch found := r.CookiesNamed(name); len(found) {
	case 0:
		return nil
	case 1:
		c.token, c.found, c.ambient = found[0].Value, true, true
		return nil
	}
	// A sibling domain can plant a second cookie of the name; neither is known
	// to be the user's.
	return refuse(InvalidRequest, errTwoCredentials)
}
