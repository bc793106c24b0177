package api

import (
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/internal/session"
)

// setCookies hands over both tokens and the CSRF value. Access and CSRF cookies go everywhere, the
// refresh cookie only where it is spent.
func (a *API) setCookies(w http.ResponseWriter, access string, refresh session.Refresh, csrf string) {
	a.setCookie(w, a.Cookies.Access, access, "/", a.Cookies.AccessLife, true)
	a.setCookie(w, a.Cookies.Refresh, refresh.Reveal(), a.refreshPath, a.Cookies.RefreshLife, true)
	a.setCookie(w, a.Cookies.CSRF, csrf, "/", a.Cookies.RefreshLife, false)
}

// clearCookies takes them back. A browser finds a cookie by name and path, so both must be the same.
func (a *API) clearCookies(w http.ResponseWriter) {
	a.setCookie(w, a.Cookies.Access, "", "/", -1, true)
	a.setCookie(w, a.Cookies.Refresh, "", a.refreshPath, -1, true)
	a.setCookie(w, a.Cookies.CSRF, "", "/", -1, false)
}

func (a *API) setCookie(w http.ResponseWriter, name, value, path string, life time.Duration, httpOnly bool) {
	age := int(life / time.Second)
	if life < 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: age,
		HttpOnly: httpOnly, Secure: a.Cookies.Secure, SameSite: http.SameSiteLaxMode,
	})
}
