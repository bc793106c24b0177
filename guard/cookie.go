package guard

import (
	"cmp"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CookieConfig names what FromCookie reads.
type CookieConfig struct {
	// Access is the cookie of the access token, default "__Host-sandi_access".
	Access string
	// Refresh is the cookie of the JWT refresh token that Refresh asks for,
	// default "__Secure-sandi_refresh".
	Refresh string
	// CSRFHeader is the header that repeats the token's csrf claim on methods
	// that change something, default "X-CSRF-TOKEN".
	CSRFHeader string
	// Origins may open a WebSocket with the cookie ("https://app.example"),
	// beside pages of the very host that is asked.
	Origins []string
}

func (c CookieConfig) withDefaults() CookieConfig {
	c.Access = cmp.Or(c.Access, "__Host-sandi_access")
	c.Refresh = cmp.Or(c.Refresh, "__Secure-sandi_refresh")
	c.Origins = slices.Clone(c.Origins)
	c.CSRFHeader = cmp.Or(c.CSRFHeader, "X-CSRF-TOKEN")
	return c
}

var (
	errCSRFValue = errors.New("CSRF value is missing or is not the token's")
	errOrigin    = errors.New("origin may not open a socket with a cookie")
)

// checkCSRF proves that the page that made the browser send its cookie could
// read the CSRF value, or for a socket, which cannot send one, where it is from.
func (c *CookieConfig) checkCSRF(r *http.Request, t *Token) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace: // safe: RFC 9110 section 9.2.1
		if r.Header["Upgrade"] != nil {
			return c.checkOrigin(r)
		}
		return nil
	}
	want, got := t.String("csrf"), r.Header.Values(c.CSRFHeader)
	if want == "" || len(got) != 1 || subtle.ConstantTimeCompare([]byte(want), []byte(got[0])) != 1 {
		return errCSRFValue
	}
	return nil
}

func (c *CookieConfig) checkOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" { // none, or "null"
		return errOrigin
	}
	sameHost := strings.EqualFold(u.Host, r.Host) && (r.TLS == nil || u.Scheme == "https")
	if !sameHost && !slices.Contains(c.Origins, origin) {
		return errOrigin
	}
	return nil
}
