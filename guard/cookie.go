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

// CookieConfig names what FromCookie reads and Issuer.SetCookies sets.
type CookieConfig struct {
	// Access is the cookie of the access token, default "__Host-sandi_access".
	Access string
	// Refresh is the cookie of the JWT refresh token that Refresh asks for,
	// default "__Secure-sandi_refresh".
	Refresh string
	// RefreshPath is where browsers send the refresh token, default "/". Set it to the one route that
	// takes it, such as "/auth/refresh", so that no other sees it.
	RefreshPath string
	// CSRF is the cookie that scripts can read and send back in CSRFHeader, default
	// "__Host-sandi_csrf".
	CSRF string
	// CSRFHeader is the header that repeats the token's csrf claim on methods
	// that change something, default "X-CSRF-TOKEN".
	CSRFHeader string
	// Origins may open a WebSocket with the cookie ("https://app.example"),
	// beside pages of the very host that is asked.
	Origins []string
	// SameSite says which requests of pages of other sites have the cookies: by default
	// http.SameSiteLaxMode, when a link is followed; http.SameSiteStrictMode, none, so that whoever
	// follows a link is not signed in; http.SameSiteNoneMode, all, for a page in a frame of another site.
	SameSite http.SameSite
	// InsecurePlainCookies is for development on loopback without TLS: cookies are not Secure, and the
	// default names lose their prefix, with which browsers would refuse them.
	InsecurePlainCookies bool
}

func (c CookieConfig) withDefaults() CookieConfig {
	host, secure := "__Host-", "__Secure-"
	if c.InsecurePlainCookies {
		host, secure = "", ""
	}
	c.Access = cmp.Or(c.Access, host+"sandi_access")
	c.Refresh = cmp.Or(c.Refresh, secure+"sandi_refresh")
	c.RefreshPath = cmp.Or(c.RefreshPath, "/")
	c.CSRF = cmp.Or(c.CSRF, host+"sandi_csrf")
	c.SameSite = cmp.Or(c.SameSite, http.SameSiteLaxMode)
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
	if isSafe(r.Method) {
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

// isSafe says that requests of the method change nothing (RFC 9110 section 9.2.1).
func isSafe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
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
