package console

import (
	"errors"
	"net/http"

	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
)

// devicePage asks for the code that a device shows (RFC 8628 section 3.3).
type devicePage struct {
	frame
	UserCode string
	Username string
	Other    string
}

// decisionPage asks whether that device may have what it asked for.
type decisionPage struct {
	frame
	asked
	UserCode string
	Other    string
}

// outcomes of a decision are titles of the page that tells of it.
var outcomes = map[string]string{"allowed": "device.allowed_title", "denied": "device.denied_title"}

// device shows the form, with the code of verification_uri_complete filled in: it is sent by the user's own click alone (section 5.4).
// With done= it tells what was decided.
func (c *Console) device(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	if title := outcomes[f.get("done")]; title != "" {
		return c.show(w, r, view{name: "device_done", title: title, data: f.get("done") == "allowed"})
	}
	return c.showDevice(w, r, s, f, nil, 0)
}

func (c *Console) showDevice(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form, wrong *fault, status int) error {
	return c.show(w, r, view{name: "device", status: status, data: devicePage{
		frame: frame{CSRF: c.Sessions.CSRF(s.Session.ID), Fault: wrong}, UserCode: f.get("user_code"), Username: s.User.Username,
		Other: target{To: "device", UserCode: f.get("user_code")}.at(pathSignIn, "other", "1"),
	}})
}

// postDevice looks the code up, which changes nothing, and shows who asks.
func (c *Console) postDevice(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	if f.get("user_code") == "" { // 4
		wrong, err := c.mine(r, "user_code", "device.missing")
		if err != nil {
			return err
		}
		return c.showDevice(w, r, s, f, wrong, http.StatusBadRequest)
	}
	d, client, err := c.OAuth.DeviceRequest(r, f.get("user_code")) // 2, 5
	if err != nil {
		return c.wrongCode(w, r, s, f, err)
	}
	return c.show(w, r, view{name: "decision", data: decisionPage{
		frame: frame{CSRF: c.Sessions.CSRF(s.Session.ID)}, asked: c.ask(r, client, s, d.Scope, d.Resources),
		UserCode: spaced(d.UserCode), Other: target{To: "device", UserCode: f.get("user_code")}.at(pathSignIn, "other", "1"),
	}})
}

// decideDevice takes the decision to package oauth.
func (c *Console) decideDevice(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	var err error
	var done string
	switch f.get("decision") {
	case "allow":
		err, done = c.OAuth.ApproveDevice(r, f.get("user_code"), s), "allowed"
	case "deny":
		err, done = c.OAuth.DenyDevice(r, f.get("user_code"), s), "denied"
	default:
		return problem.New(problem.Invalid, "form_unreadable")
	}
	if err != nil {
		return c.wrongCode(w, r, s, f, err)
	}
	return seeOther(w, r, pathDevice+"?done="+done)
}

// wrongCode shows the form again, where the user can do something about it.
func (c *Console) wrongCode(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form, cause error) error {
	wrong, status, err := c.faultOf(w, r, cause, "user_code")
	if err != nil {
		return err
	}
	if errors.Is(cause, problem.Unavailable) {
		return cause
	}
	return c.showDevice(w, r, s, f, wrong, status)
}

// spaced is a user code as the device shows it.
func spaced(code string) string {
	if len(code) != 8 {
		return code
	}
	return code[:4] + "-" + code[4:]
}
