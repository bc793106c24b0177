package console

import (
	"crypto/sha256"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// form is what a page was asked with: the query of a GET, the body of a POST, never both.
type form struct{ url.Values }

// get is the one value of a field; a field that was sent twice has none.
func (f form) get(name string) string {
	if v := f.Values[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// anyone is a page that needs no sign-in. browser is the random id that its forms are bound to.
type anyone func(w http.ResponseWriter, r *http.Request, browser session.ID, f form) error

// member is a page for who is signed in, whose forms are bound to that sign-in: one that was loaded as somebody else changes nothing.
type member func(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error

// forAnyone adapts h: 1 method and size, 3 origin and CSRF value, then the page.
func (c *Console) forAnyone(h anyone) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		f, err := c.read(w, r) // 1, 3
		if err != nil {
			return err
		}
		id := c.browser(w, r)
		if r.Method == http.MethodPost && !c.Sessions.IsCSRF(id, f.get("csrf")) { // 3
			return errOutdated
		}
		return h(w, r, id, f)
	}
}

// forMember is forAnyone for who is signed in. Who is not is sent to the sign-in, and comes back.
func (c *Console) forMember(path string, h member) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		f, err := c.read(w, r) // 1, 3
		if err != nil {
			return err
		}
		s, in, err := c.OAuth.SignedIn(r) // 3
		if err != nil {
			return err
		}
		if !in {
			return seeOther(w, r, targetFor(path, f).signIn())
		}
		web.SetSubject(r.Context(), s.User.Subject)
		if r.Method == http.MethodPost && !c.Sessions.IsCSRF(s.Session.ID, f.get("csrf")) { // 3
			return errOutdated
		}
		return h(w, r, s, f)
	}
}

// errOutdated is a form of another browser, of another sign-in, or of nobody: the answer to a forged one.
var errOutdated = problem.New(problem.Forbidden, "page_outdated")

// read parses the fields, and refuses what a page of another origin sends.
func (c *Console) read(w http.ResponseWriter, r *http.Request) (form, error) {
	text := r.URL.RawQuery
	if r.Method == http.MethodPost {
		if err := c.origin.Check(r); err != nil {
			return form{}, problem.Wrap(problem.Forbidden, "page_outdated", err)
		}
		if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
			return form{}, problem.Wrap(problem.UnsupportedMedia, "form_unreadable", err)
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, web.MaxBody))
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return form{}, problem.New(problem.TooLarge, "body_too_large")
		}
		if err != nil {
			return form{}, problem.Wrap(problem.Invalid, "form_unreadable", err)
		}
		text = string(body)
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return form{}, problem.Wrap(problem.Invalid, "form_unreadable", err)
	}
	for _, all := range values {
		for _, v := range all {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return form{}, problem.New(problem.Invalid, "form_unreadable")
			}
		}
	}
	return form{values}, nil
}

// browser is the id of the browser's cookie, a new one where it has none. It says nothing of anybody: only that two requests come
// from one browser. It is Lax, for a Strict one would not come along from a client's page, and a second tab would make the first one's form void.
func (c *Console) browser(w http.ResponseWriter, r *http.Request) session.ID {
	name := "__Host-sandi_page"
	if !c.Secure {
		name = "sandi_page"
	}
	if k, err := r.Cookie(name); err == nil {
		if id, err := session.ParseID(k.Value); err == nil {
			return boundTo(id)
		}
	}
	id := session.NewID()
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: id.String(), Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode,
	})
	return boundTo(id)
}

// boundTo makes an id of the cookie's that is no session's, whatever the cookie says: else whoever knows the id of somebody's session, which
// tokens carry, would read the CSRF value of that session off a page of their own.
func boundTo(cookie session.ID) session.ID {
	sum := sha256.Sum256(append([]byte("page "), cookie[:]...))
	return session.ID(sum[:len(cookie)])
}

// seeOther sends the browser to a page of ours by GET (RFC 9700 section 4.12: never 307, which would send the form along).
func seeOther(w http.ResponseWriter, r *http.Request, to string) error {
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// back answers a GET of what only a form is sent to: a reload after an error lands on the form's page.
func (c *Console) back(to string) member {
	return func(w http.ResponseWriter, r *http.Request, _ oauth.SignIn, _ form) error { return seeOther(w, r, to) }
}
