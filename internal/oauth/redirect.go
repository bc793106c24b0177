package oauth

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxURI is the length of the longest redirect URI, in bytes.
const maxURI = 2048

// loopbacks are the beginnings of the redirect URIs whose port may differ (RFC 8252 section 7.3). localhost is not among them: what
// answers to that name is for the resolver to say (section 8.3).
var loopbacks = [...]string{"http://127.0.0.1", "http://[::1]"}

// redirects says whether uri is one of the client's, byte for byte; for a native one the port of a loopback address may differ
// (RFC 9700 section 2.1, RFC 8252 section 7.3). secure-defaults 8.
func (c Client) redirects(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	if !c.Native {
		return false
	}
	host, rest, ok := withoutPort(uri)
	return ok && slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		h, r, ok := withoutPort(registered)
		return ok && h == host && r == rest
	})
}

// withoutPort cuts the port out of a loopback URI. What follows it is only ever compared whole with that of a registered one.
func withoutPort(uri string) (host, rest string, ok bool) {
	for _, host := range loopbacks {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if after, has := strings.CutPrefix(rest, ":"); has {
			digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
			if !isPort(after[:digits]) {
				return "", "", false
			}
			rest = after[digits:]
		}
		return host, rest, true
	}
	return "", "", false
}

// isPort says that s is a port in its one spelling.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

// What may be wrong with a redirect URI when it is registered.
var (
	errURILong     = errors.New("is longer than 2048 characters")
	errURIBytes    = errors.New("has a character that no URI has: only ASCII, no spaces, quotes, backslashes, < > { } | ^ `; escape others by %XX")
	errURIFragment = errors.New("has a fragment: leave out what follows the #")
	errURIWildcard = errors.New("holds a *: list every address whole, there are no wildcards")
	errURIForm     = errors.New("is not an absolute URI, such as https://app.example.com/callback")
	errURIUser     = errors.New("holds a user name or an @ before the path")
	errURIHost     = errors.New("has no host name of letters, digits, hyphens and dots, or no valid port")
	errURIDots     = errors.New("has the path segment . or .., which browsers resolve")
	errURIPlain    = errors.New("is plain http: use https; a native client may use http://127.0.0.1, http://[::1] or http://localhost")
	errURINative   = errors.New("is for native clients alone: use https, or register the client as native")
	errURIScheme   = errors.New("has a scheme that no redirect goes to: use https; a native client may use a private one named by its domain in reverse, such as com.example.app:/callback (RFC 8252 section 7.1)")
	errURIAnswer   = errors.New("has a parameter that the answer uses itself, such as code, state, iss or error")
)

// uriBytes are those of a URI (RFC 3986 section 2), without the * of its sub-delims, which in a registration stands for a wildcard.
const uriBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?[]@!$&'()+,;=%"

// validRedirect says why uri may not be registered, nil when it may: absolute, without fragment and user, by https; for native clients also
// plain loopback and private-use schemes (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 2.6).
func validRedirect(uri string, native bool) error {
	switch {
	case len(uri) > maxURI:
		return errURILong
	case strings.Contains(uri, "#"):
		return errURIFragment
	case strings.Contains(uri, "*"):
		return errURIWildcard
	case strings.Trim(uri, uriBytes) != "":
		return errURIBytes
	}
	u, err := url.Parse(uri)
	scheme, _, _ := strings.Cut(uri, ":")
	switch {
	case err != nil && strings.Contains(err.Error(), "invalid port"):
		return errURIHost
	case err != nil || u.Scheme == "":
		return errURIForm
	case u.Scheme != scheme || u.Scheme != "https" && u.Scheme != "http" && !strings.Contains(u.Scheme, "."):
		return errURIScheme
	case u.Opaque != "" || u.Host == "" && !strings.Contains(u.Scheme, "."):
		return errURIForm
	case u.User != nil:
		return errURIUser
	case u.Host != "" && !validHost(u):
		return errURIHost
	}
	if err := checkParts(u); err != nil {
		return err
	}
	return checkScheme(u, native)
}

// validHost wants a name or an IP literal as browsers read it, and a port in its one spelling.
func validHost(u *url.URL) bool {
	name := u.Hostname()
	if strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()) {
		return false
	}
	if strings.HasPrefix(u.Host, "[") {
		a, err := netip.ParseAddr(name)
		return err == nil && a.Is6() && a.Zone() == "" && a.String() == name
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, hostBytes) != "" {
			return false
		}
	}
	// A name whose last label is a number is taken for an IPv4 address by browsers, whatever its spelling: 127.1, 0x7f.1, 2130706433.
	if last := name[strings.LastIndexByte(name, '.')+1:]; last[0] >= '0' && last[0] <= '9' {
		a, err := netip.ParseAddr(name)
		return err == nil && a.Is4()
	}
	return true
}

const hostBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"

// checkParts judges path and query.
func checkParts(u *url.URL) error {
	for segment := range strings.SplitSeq(u.Path, "/") { // as unescaped: %2e%2e is resolved too
		if segment == "." || segment == ".." {
			return errURIDots
		}
	}
	if strings.ContainsFunc(u.Path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return errURIBytes
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errURIForm
	}
	for name, values := range query {
		if slices.Contains([]string{"code", "state", "iss", "error", "error_description", "access_token", "token_type", "id_token", "response"}, name) {
			return errURIAnswer
		}
		for _, v := range append(values, name) {
			if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return errURIBytes
			}
		}
	}
	return nil
}

func checkScheme(u *url.URL, native bool) error {
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		loopback := slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())
		switch {
		case !loopback:
			return errURIPlain
		case !native:
			return errURINative
		}
		return nil
	}
	if !native {
		return errURINative
	}
	return nil
}

// IsResource says that id may name a resource: an absolute URI without a fragment (RFC 8707 section 2).
func IsResource(id string) bool {
	u, err := url.Parse(id)
	return err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "") && !strings.Contains(id, "#") && strings.Trim(id, uriBytes+"*") == "" && len(id) <= maxURI
}
