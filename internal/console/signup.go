package console

import (
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// registrations bounds how many accounts one address makes, counted together with those of the API.
var registrations = cluster.Rate{Burst: 20, Every: 30 * time.Second}

// signUpPage makes an account, where anybody may.
type signUpPage struct {
	frame
	target
	Username string
	SignIn   string // the address of the sign-in
}

func (c *Console) signUpPage(browser session.ID, f form) signUpPage {
	t := targetOf(f)
	return signUpPage{frame: frame{CSRF: c.Sessions.CSRF(browser)}, target: t, Username: f.get("username"), SignIn: t.signIn()}
}

func (c *Console) signUp(w http.ResponseWriter, r *http.Request, browser session.ID, f form) error {
	return c.show(w, r, view{name: "signup", data: c.signUpPage(browser, f)})
}

// postSignUp makes the account and signs in.
func (c *Console) postSignUp(w http.ResponseWriter, r *http.Request, browser session.ID, f form) error {
	p := c.signUpPage(browser, f)
	fail := func(err error, field string) error {
		var status int
		if p.Fault, status, err = c.faultOf(w, r, err, field); err != nil {
			return err
		}
		return c.show(w, r, view{name: "signup", status: status, data: p})
	}
	if wait := c.Limits.Take(r.Context(), "register:"+cluster.Network(web.Address(r.Context())), registrations); wait > 0 { // 2
		return fail(&problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", RetryAfter: wait}, "username")
	}
	if f.get("password") == "" { // 4
		var err error
		if p.Fault, err = c.mine(r, "password", "password.missing"); err != nil {
			return err
		}
		return c.show(w, r, view{name: "signup", status: http.StatusBadRequest, data: p})
	}
	u, err := c.Accounts.Register(r.Context(), p.Username, f.get("password"), nil, from(r, "")) // 5, 6
	if err != nil {
		return fail(err, "username")
	}
	web.SetSubject(r.Context(), u.Subject)
	return c.finish(w, r, u, false, false, p.target) // 6, 7
}
