package console

import (
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// freshFor is how long after the password second factors may be changed without it.
const freshFor = 10 * time.Minute

// signInPage is the first step of a sign-in.
type signInPage struct {
	frame
	target
	Client   string // who asks; empty for our own pages
	Username string
	Again    bool // the user is signed in, and is to prove it once more
	Remember bool
	SignUp   string // the address of the page that makes an account; empty where that is closed
	Other    string // the address of this page for another user
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request, browser session.ID, f form) error {
	p, enough, err := c.signInPage(r, browser, f)
	if err != nil {
		return err
	}
	if enough && f.get("other") == "" {
		return web.NoHead(func(w http.ResponseWriter, r *http.Request) error { return c.goOn(w, r, p.target) })(w, r)
	}
	if f.get("late") != "" {
		if p.Notice, err = c.say(r, "signin.late"); err != nil {
			return err
		}
	}
	return c.showSignIn(w, r, p, 0)
}

// signInPage is the page as the request and the browser's sign-in make it; enough says that the latter is all that is asked for.
func (c *Console) signInPage(r *http.Request, browser session.ID, f form) (p signInPage, enough bool, err error) {
	p = signInPage{frame: frame{CSRF: c.Sessions.CSRF(browser)}, target: targetOf(f)}
	if c.OpenRegistration {
		p.SignUp = p.at(pathSignUp)
	}
	s, in, err := c.OAuth.SignedIn(r)
	if err != nil {
		return p, false, err
	}
	again, same := p.Request == "" && p.To == "factor" && !c.fresh(s), true
	if p.Request != "" {
		pending, err := c.OAuth.Pending(r, p.Request)
		if err != nil {
			return p, false, err
		}
		// Whose name goes with Subject, which anybody may ask for, nobody learns here.
		p.Client, p.Username, again = nameOf(pending.Client), pending.LoginHint, pending.Reauthenticate
		same = pending.Subject == "" || pending.Subject == s.User.Subject
	}
	if in && again && same && f.get("other") == "" {
		p.Again, p.Username, p.Other = true, s.User.Username, p.at(pathSignIn, "other", "1")
	}
	return p, in && !again, nil
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, p signInPage, status int) error {
	v := view{name: "signin", status: status, data: p}
	if p.Again {
		v.title = "signin.again_title"
	}
	return c.show(w, r, v)
}

// fresh says whether the password was given within the last minutes.
func (c *Console) fresh(s oauth.SignIn) bool { return c.Now().Sub(s.Session.AuthTime) < freshFor }

// postSignIn verifies the password. A user with a second factor goes on to the next step; an unknown user, a wrong password and a
// disabled user are answered alike.
func (c *Console) postSignIn(w http.ResponseWriter, r *http.Request, browser session.ID, f form) error {
	p, _, err := c.signInPage(r, browser, f) // 4
	if err != nil {
		return err
	}
	p.Username, p.Remember = f.get("username"), f.get("remember") != ""
	for _, field := range []string{"username", "password"} {
		if f.get(field) == "" {
			if p.Fault, err = c.mine(r, field, field+".missing"); err != nil {
				return err
			}
			return c.showSignIn(w, r, p, http.StatusBadRequest)
		}
	}
	u, err := c.Accounts.Verify(r.Context(), p.Username, f.get("password"), from(r, "")) // 2, 3, 5
	if err != nil {
		var status int
		if p.Fault, status, err = c.faultOf(w, r, err, "password"); err != nil {
			return err
		}
		return c.showSignIn(w, r, p, status)
	}
	web.SetSubject(r.Context(), u.Subject)
	factor, err := c.Accounts.HasFactor(r.Context(), u.Subject)
	if err != nil {
		return err
	}
	if factor {
		return c.beginCode(w, r, browser, u, p)
	}
	return c.finish(w, r, u, false, p.Remember, p.target) // 6, 7
}

// finish begins the sign-in and goes on.
func (c *Console) finish(w http.ResponseWriter, r *http.Request, u account.User, factor, remember bool, t target) error {
	amr, _ := account.Methods(factor)
	if _, err := c.OAuth.SignIn(w, r, u, amr, remember); err != nil {
		return err
	}
	return c.goOn(w, r, t)
}

// goOn leads to where the sign-in was for.
func (c *Console) goOn(w http.ResponseWriter, r *http.Request, t target) error {
	if t.Request != "" {
		return c.OAuth.Resume(w, r, t.Request)
	}
	return seeOther(w, r, t.page())
}

// nameOf is what people know a client by.
func nameOf(c oauth.Client) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}
