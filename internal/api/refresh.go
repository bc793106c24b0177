package api

import (
	"net/http"
	"strings"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// presented is a token as it came with a request.
type presented struct {
	token  string
	body   bool // it stood in the body, as refresh_token
	cookie bool // ambient: the browser sent it, perhaps for somebody else's page
}

// refreshToken finds the refresh token: Authorization, the JSON body, or the cookie. Two explicit ones are refused, and
// an explicit one makes the cookie ignored.
func (a *API) refreshToken(w http.ResponseWriter, r *http.Request) (presented, error) {
	header, err := bearer(r)
	if err != nil {
		return presented{}, err
	}
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	if r.ContentLength != 0 { // unknown (-1) is read too
		if err := web.Decode(w, r, &body); err != nil {
			return presented{}, err
		}
	}
	switch {
	case header != "" && body.RefreshToken != "":
		return presented{}, twice()
	case header != "":
		return presented{token: header}, nil
	case body.RefreshToken != "":
		return presented{token: body.RefreshToken, body: true}, nil
	}
	switch c := r.CookiesNamed(a.Cookies.Refresh); len(c) {
	case 0:
		return presented{}, nil
	case 1:
		return presented{token: c[0].Value, cookie: true}, nil
	}
	return presented{}, twice()
}

func twice() error {
	e := problem.New(problem.Invalid, "invalid_request")
	e.Sentence = "token_twice"
	return e
}

// bearer is the token of the Authorization header, empty where there is none of that scheme.
func bearer(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", twice()
	}
	scheme, value, _ := strings.Cut(strings.Join(values, ""), " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 section 11.1
		return "", nil
	}
	if value = strings.Trim(value, " "); value == "" {
		e := problem.New(problem.Invalid, "invalid_request")
		e.Sentence = "authorization_malformed"
		return "", e
	}
	return value, nil
}

// checkAmbient asks a request that rides on a cookie for the CSRF value, which only a page of ours can read. The
// token's MAC says whose session it is, without the database.
func (a *API) checkAmbient(r *http.Request, p presented) error {
	if !p.cookie {
		return nil
	}
	opened, err := a.Sessions.Open(p.token)
	if err != nil {
		return err
	}
	if got := r.Header.Values("X-CSRF-TOKEN"); len(got) != 1 || !a.Sessions.IsCSRF(opened.ID, got[0]) {
		return problem.New(problem.Forbidden, "csrf_failed")
	}
	return nil
}

// refresh rotates the refresh token and mints the next access token.
func (a *API) refresh(w http.ResponseWriter, r *http.Request) error {
	p, err := a.refreshToken(w, r) // 4
	if err != nil {
		return err
	}
	if p.token == "" {
		e := problem.New(problem.Unauthenticated, "token_missing")
		e.Sentence = "refresh_missing"
		return e
	}
	if !session.IsRefresh(p.token) { // an access token here is a common slip, and worth its own answer
		return wrongType()
	}
	if err := a.checkAmbient(r, p); err != nil { // 3
		return err
	}
	res, err := a.Sessions.Rotate(r.Context(), p.token, "", "", from(r)) // 5, 6
	if err != nil {
		return err
	}
	web.SetSubject(r.Context(), res.User.Subject)
	return a.answer(w, r, res.Session, res.User, res.Refresh, res.At, false) // 7
}

func wrongType() error {
	e := problem.New(problem.Unauthenticated, "token_wrong_type")
	e.Sentence = "refresh_wanted"
	return e
}

// logout ends the sign-in that the token, access or refresh, belongs to, with all its grants.
func (a *API) logout(w http.ResponseWriter, r *http.Request) error {
	p, err := a.refreshToken(w, r) // 4
	if err != nil {
		return err
	}
	if p.body && !session.IsRefresh(p.token) { // explicit, and not what it says: no cookie rescues it
		return wrongType()
	}
	if !session.IsRefresh(p.token) {
		a.Guard.Require(firstParty)(a.Web.Handle(a.logoutByAccess)).ServeHTTP(w, r) // 3
		return nil
	}
	if err := a.checkAmbient(r, p); err != nil { // 3
		return err
	}
	s, err := a.Sessions.Owner(r.Context(), p.token) // 5
	if err != nil {
		return err
	}
	if s.ClientID != "" {
		return problem.Wrap(problem.Forbidden, "forbidden", errForeign)
	}
	web.SetSubject(r.Context(), s.Subject)
	return a.goodbye(w, r, s.ID, s.Subject)
}

func (a *API) logoutByAccess(w http.ResponseWriter, r *http.Request) error {
	t := guard.Identity(r.Context())
	id, err := session.ParseID(t.Session())
	if err != nil {
		return notFound(err)
	}
	return a.goodbye(w, r, id, t.Subject())
}

func (a *API) goodbye(w http.ResponseWriter, r *http.Request, id session.ID, subject string) error {
	if err := a.Sessions.End(r.Context(), id, subject, true, session.LoggedOut, from(r)); err != nil { // 6
		return err
	}
	a.clearCookies(w)
	return web.JSON(w, http.StatusOK, message{a.Web.Sentence(r, "logout_ok", nil)}) // 7
}
