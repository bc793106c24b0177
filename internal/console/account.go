package console

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// accountPage is the user's own security settings.
type accountPage struct {
	frame
	Username     string
	Roles        string
	Sessions     []sessionLine
	Applications []applicationLine
	Factor       bool
}

// sessionLine is one sign-in.
type sessionLine struct {
	ID       string
	Device   string
	Address  string
	Clients  string // that it is a sign-in of, or that have grants made from it
	LastUsed time.Time
	Begun    time.Time
	Current  bool
}

// applicationLine is one client that the user allowed something.
type applicationLine struct {
	ID, Name string
	Scopes   []string
	Granted  time.Time
}

// notices are what may be said of the form before.
var notices = map[string]string{
	"session": "account.session_ended", "sessions": "account.sessions_ended", "application": "account.application_removed",
	"password": "account.password_changed", "factor": "account.factor_added", "no_factor": "account.factor_removed",
}

// done is the address of the account page that says so.
func done(what string) string { return pathAccount + "?done=" + what }

func (c *Console) account(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) (err error) {
	p := accountPage{
		frame:    frame{CSRF: c.Sessions.CSRF(s.Session.ID)},
		Username: s.User.Username, Roles: strings.Join(s.User.Roles, ", "),
	}
	if key := notices[f.get("done")]; key != "" {
		if p.Notice, err = c.say(r, key); err != nil {
			return err
		}
	}
	if p.Factor, err = c.Accounts.HasFactor(r.Context(), s.User.Subject); err != nil {
		return err
	}
	if p.Sessions, err = c.sessionLines(r, s); err != nil {
		return err
	}
	if p.Applications, err = c.applicationLines(r, s); err != nil {
		return err
	}
	return c.show(w, r, view{name: "account", wide: true, data: p})
}

// sessionLines are the user's sign-ins, each with the clients that it is used by.
func (c *Console) sessionLines(r *http.Request, s oauth.SignIn) ([]sessionLine, error) {
	all, err := c.Sessions.List(r.Context(), s.User.Subject)
	if err != nil {
		return nil, err
	}
	clients := map[session.ID][]string{}
	for _, x := range all {
		if x.ClientID == "" || x.ClientID == session.Browser {
			continue
		}
		of := x.Parent
		if of.IsZero() { // a device's
			of = x.ID
		}
		name, err := c.clientName(r, x.ClientID)
		if err != nil {
			return nil, err
		}
		clients[of] = append(clients[of], name)
	}
	var lines []sessionLine
	for _, x := range all {
		if !x.Parent.IsZero() {
			continue
		}
		lines = append(lines, sessionLine{
			ID: x.ID.String(), Device: deviceOf(x.UserAgent), Address: x.Address, Clients: strings.Join(clients[x.ID], ", "),
			LastUsed: x.LastUsedAt, Begun: x.CreatedAt, Current: x.ID == s.Session.ID,
		})
	}
	return lines, nil
}

// deviceOf is a short name of what a session is used by, empty where it says nothing.
func deviceOf(userAgent string) string {
	browser, system := web.Device(userAgent)
	if browser == "" || system == "" {
		return browser + system
	}
	return browser + " · " + system
}

// applicationLines are the user's consents.
func (c *Console) applicationLines(r *http.Request, s oauth.SignIn) (lines []applicationLine, err error) {
	all, err := c.OAuth.Store.Consents(r.Context(), s.User.Subject)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		l := applicationLine{ID: x.ClientID, Granted: x.GrantedAt}
		if l.Name, err = c.clientName(r, x.ClientID); err != nil {
			return nil, err
		}
		for _, one := range c.ask(r, oauth.Client{}, s, x.Scope, nil).Scopes {
			l.Scopes = append(l.Scopes, one.Text)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// clientName is the client's name, its id where it is gone.
func (c *Console) clientName(r *http.Request, id string) (string, error) {
	client, err := c.OAuth.Clients.Client(r.Context(), id)
	if errors.Is(err, oauth.ErrNoClient) {
		return id, nil
	}
	return nameOf(client), err
}

// endSessions ends one sign-in, or all but this one. Ending this very one is signing out.
func (c *Console) endSessions(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	if f.get("others") != "" {
		if _, err := c.Sessions.EndAll(r.Context(), s.User.Subject, s.Session.ID, session.LoggedOut, from(r, s.User.Subject)); err != nil {
			return err
		}
		return seeOther(w, r, done("sessions"))
	}
	id, err := session.ParseID(f.get("id"))
	if err != nil {
		return problem.Wrap(problem.NotFound, "session_not_found", err)
	}
	if id == s.Session.ID {
		if err := c.OAuth.SignOut(w, r); err != nil {
			return err
		}
		return seeOther(w, r, pathSignOut)
	}
	if err := c.Sessions.End(r.Context(), id, s.User.Subject, true, session.LoggedOut, from(r, s.User.Subject)); err != nil {
		return err
	}
	return seeOther(w, r, done("session"))
}

// removeApplication takes back what the user allowed a client. What is gone already is as wanted.
func (c *Console) removeApplication(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	err := c.OAuth.Store.RemoveConsent(r.Context(), s.User.Subject, f.get("client_id"), audit.Event{
		Action: audit.ConsentRemoved, Subject: s.User.Subject, From: from(r, s.User.Subject), Detail: map[string]string{"client_id": f.get("client_id")},
	})
	if err != nil && !errors.Is(err, oauth.ErrNotFound) {
		return err
	}
	return seeOther(w, r, done("application"))
}

// passwordPage changes the password.
type passwordPage struct {
	frame
	Username string
}

func (c *Console) password(w http.ResponseWriter, r *http.Request, s oauth.SignIn, _ form) error {
	return c.showPassword(w, r, s, nil, 0)
}

func (c *Console) showPassword(w http.ResponseWriter, r *http.Request, s oauth.SignIn, wrong *fault, status int) error {
	return c.show(w, r, view{name: "password", status: status, data: passwordPage{
		frame: frame{CSRF: c.Sessions.CSRF(s.Session.ID), Fault: wrong}, Username: s.User.Username,
	}})
}

// postPassword replaces it, given the current one, and ends every other session.
func (c *Console) postPassword(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	for _, field := range []string{"current_password", "new_password"} { // 4
		if f.get(field) == "" {
			wrong, err := c.mine(r, field, "password.both_missing")
			if err != nil {
				return err
			}
			return c.showPassword(w, r, s, wrong, http.StatusBadRequest)
		}
	}
	err := c.Accounts.ChangePassword(r.Context(), s.User.Subject, f.get("current_password"), f.get("new_password"),
		s.Session.ID.String(), from(r, s.User.Subject)) // 2, 5, 6
	if err != nil {
		wrong, status, err := c.faultOf(w, r, err, "current_password")
		if err != nil {
			return err
		}
		return c.showPassword(w, r, s, wrong, status)
	}
	return seeOther(w, r, done("password")) // 7
}
