package console

import (
	"net/http"

	"github.com/sandi-auth/sandi/internal/session"
)

// signOutPage asks whether to sign out: of its own accord, or for a client (RP-Initiated Logout 1.0 section 2).
type signOutPage struct {
	frame
	Request  string
	Client   string
	Username string
}

// signOut asks; with nobody signed in and nothing waiting it says so.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request, browser session.ID, f form) error {
	p := signOutPage{frame: frame{CSRF: c.Sessions.CSRF(browser)}, Request: f.get("request")}
	s, in, err := c.OAuth.SignedIn(r)
	if err != nil {
		return err
	}
	p.Username = s.User.Username
	if p.Request != "" {
		l, err := c.OAuth.PendingLogout(r, p.Request)
		if err != nil {
			return err
		}
		p.Client = nameOf(l.Client)
	}
	if !in && p.Request == "" {
		return c.show(w, r, view{name: "signed_out"})
	}
	return c.show(w, r, view{name: "signout", data: p})
}

func (c *Console) postSignOut(w http.ResponseWriter, r *http.Request, _ session.ID, f form) error {
	if id := f.get("request"); id != "" {
		return c.OAuth.ApproveLogout(w, r, id)
	}
	if err := c.OAuth.SignOut(w, r); err != nil {
		return err
	}
	return seeOther(w, r, pathSignOut)
}
