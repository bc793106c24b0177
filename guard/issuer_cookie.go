package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// maxCookie is how long name and value of a cookie may be together; browsers drop longer ones (RFC
// 6265 section 6.1).
const maxCookie = 4096

// check refuses cookies that browsers would drop (RFC 6265bis section 4.1.3) or mix up.
func (c *CookieConfig) check() error {
	for _, k := range []http.Cookie{{Name: c.Access, Path: "/"}, {Name: c.Refresh, Path: c.RefreshPath}, {Name: c.CSRF, Path: "/"}} {
		name := strings.ToLower(k.Name)
		host := strings.HasPrefix(name, "__host-")
		switch {
		case k.Valid() != nil || !strings.HasPrefix(k.Path, "/"):
			return fmt.Errorf("CookieConfig: cookie %q with path %q is malformed", k.Name, k.Path)
		case host && k.Path != "/":
			return fmt.Errorf("CookieConfig: cookie %q cannot have the path %q: name it __Secure-", k.Name, k.Path)
		case c.InsecurePlainCookies && (host || strings.HasPrefix(name, "__secure-")):
			return fmt.Errorf("CookieConfig: cookie %q must be Secure: drop the prefix or InsecurePlainCookies", k.Name)
		}
	}
	switch c.SameSite {
	case http.SameSiteLaxMode, http.SameSiteStrictMode:
	case http.SameSiteNoneMode:
		if c.InsecurePlainCookies { // RFC 6265bis section 5.7: browsers drop it
			return errors.New("CookieConfig: SameSite None needs Secure cookies: drop InsecurePlainCookies")
		}
	default:
		return errors.New("CookieConfig: SameSite must be Lax, Strict or None")
	}
	if c.Access == c.Refresh || c.Access == c.CSRF || c.Refresh == c.CSRF {
		return errors.New("CookieConfig: two cookies have one name")
	}
	return nil
}

// SetCookies sets the cookies that FromCookie reads, HttpOnly, Secure and with the SameSite of
// CookieConfig, until the tokens expire, and the CSRF cookie, which scripts can read. Either token
// may be "": a refresh that hands out an access token alone leaves the other as it is. Without a
// Domain they are for this very host: a subdomain gets none.
//
// The tokens must have one CSRF value, as those made from one Grant of SignIn or Token.Grant; it
// fails, and sets nothing, where they have not, and for a token too long for a cookie. Call it before
// the status is written.
func (i *Issuer) SetCookies(w http.ResponseWriter, access, refresh string) error {
	c := &i.cfg.Cookie
	csrf := ""
	var cookies []*http.Cookie
	for _, k := range []struct{ token, kind, name, path string }{
		{access, "access", c.Access, "/"},
		{refresh, "refresh", c.Refresh, c.RefreshPath},
	} {
		if k.token == "" {
			continue
		}
		said, err := readOwn(k.token, k.kind)
		if err == nil && csrf != "" && said.CSRF != csrf {
			err = errors.New("the tokens have different CSRF values: make both from one Grant")
		}
		if err == nil && len(k.name)+len(k.token) > maxCookie {
			err = fmt.Errorf("%d bytes do not fit into a cookie: put less into Claims", len(k.token))
		}
		if err != nil {
			return fmt.Errorf("guard: set cookies: %s token: %w", k.kind, err)
		}
		csrf = said.CSRF
		life := time.Unix(said.Expires, 0).Sub(i.now())
		cookies = append(cookies, c.cookie(k.name, k.path, k.token, life))
	}
	if csrf == "" {
		return errors.New("guard: set cookies: no token")
	}
	// It outlives the access token, for the refresh needs it.
	cookies = append(cookies, c.cookie(c.CSRF, "/", csrf, i.cfg.Refresh))
	setAll(w, cookies)
	return nil
}

// ClearCookies removes what SetCookies has set. It revokes nothing: a copy of the token stays good.
func (i *Issuer) ClearCookies(w http.ResponseWriter) {
	c := &i.cfg.Cookie
	setAll(w, []*http.Cookie{
		c.cookie(c.Access, "/", "", 0), c.cookie(c.Refresh, c.RefreshPath, "", 0), c.cookie(c.CSRF, "/", "", 0),
	})
}

func setAll(w http.ResponseWriter, cookies []*http.Cookie) {
	for _, k := range cookies {
		http.SetCookie(w, k)
	}
	w.Header().Set("Cache-Control", "no-store")
}

// cookie lives for life, under a second not at all.
func (c *CookieConfig) cookie(name, path, value string, life time.Duration) *http.Cookie {
	age := int(life / time.Second)
	if age <= 0 {
		age = -1 // net/http writes Max-Age=0
	}
	return &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: age,
		Secure: !c.InsecurePlainCookies, HttpOnly: name != c.CSRF, SameSite: c.SameSite,
	}
}

// readOwn reads a token of this program's own making.
func readOwn(token, kind string) (c grantClaims, err error) {
	_, payload, err := jwt.DecodeUnverified(token)
	if err == nil {
		err = json.Unmarshal(payload, &c)
	}
	switch {
	case err != nil:
		return c, err
	case c.Type != kind:
		return c, errors.New("is of another kind")
	case c.CSRF == "":
		return c, errors.New("has no CSRF value: make it from the Grant of SignIn or Token.Grant")
	}
	return c, nil
}
