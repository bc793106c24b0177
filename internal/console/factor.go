package console

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
)

// factorPage is the second factor: whether there is one, and what can be done about it.
type factorPage struct {
	frame
	Factor bool
}

// enrolPage shows the secret of a new one.
type enrolPage struct {
	frame
	QR     template.HTML
	Secret string // grouped, for typing
	URL    string // otpauth, which the form brings back so that a wrong code does not cost the secret
}

// codesPage shows recovery codes, this once.
type codesPage struct {
	Codes []string
	Added bool // together with the factor
}

// mayChange sends who did not give the password lately to the sign-in, and says false.
func (c *Console) mayChange(w http.ResponseWriter, r *http.Request, s oauth.SignIn) bool {
	if c.fresh(s) {
		return true
	}
	_ = seeOther(w, r, target{To: "factor"}.signIn())
	return false
}

func (c *Console) factor(w http.ResponseWriter, r *http.Request, s oauth.SignIn, _ form) error {
	if !c.mayChange(w, r, s) {
		return nil
	}
	return c.showFactor(w, r, s, nil, 0)
}

func (c *Console) showFactor(w http.ResponseWriter, r *http.Request, s oauth.SignIn, wrong *fault, status int) error {
	has, err := c.Accounts.HasFactor(r.Context(), s.User.Subject)
	if err != nil {
		return err
	}
	return c.show(w, r, view{name: "factor", status: status, data: factorPage{frame{CSRF: c.Sessions.CSRF(s.Session.ID), Fault: wrong}, has}})
}

// enrol makes a secret and shows it; it does not count before confirm.
func (c *Console) enrol(w http.ResponseWriter, r *http.Request, s oauth.SignIn, _ form) error {
	if !c.mayChange(w, r, s) {
		return nil
	}
	_, address, err := c.Accounts.EnrolFactor(r.Context(), s.User.Subject)
	if err != nil {
		return c.factorFault(w, r, s, err, "")
	}
	return c.showEnrol(w, r, s, address, nil, 0)
}

func (c *Console) showEnrol(w http.ResponseWriter, r *http.Request, s oauth.SignIn, address string, wrong *fault, status int) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "otpauth" || len(address) > maxQR {
		return problem.Wrap(problem.Invalid, "form_unreadable", err)
	}
	label, err := c.say(r, "enrol.qr")
	if err != nil {
		return err
	}
	image, err := drawQR(address, label)
	if err != nil {
		return err
	}
	return c.show(w, r, view{name: "enrol", status: status, data: enrolPage{
		frame{CSRF: c.Sessions.CSRF(s.Session.ID), Fault: wrong}, image, grouped(u.Query().Get("secret")), address,
	}})
}

// confirm makes the factor count, given a first code, and shows the recovery codes.
func (c *Console) confirm(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	if !c.mayChange(w, r, s) {
		return nil
	}
	codes, err := c.Accounts.ConfirmFactor(r.Context(), s.User.Subject, f.get("otp"), from(r, s.User.Subject))
	if err == nil {
		return c.show(w, r, view{name: "codes", title: "codes.added_title", data: codesPage{codes, true}})
	}
	switch problem.From(err).Kind {
	case problem.Unauthenticated, problem.TooMany: // a wrong code
		wrong, status, err := c.faultOf(w, r, err, "otp")
		if err != nil {
			return err
		}
		return c.showEnrol(w, r, s, f.get("url"), wrong, status)
	}
	return c.factorFault(w, r, s, err, "")
}

// renewRecovery replaces the recovery codes and shows the new ones. Each of them is the factor, so the sign-in is to have proved it: one from
// before it was there, by whoever knew the password, is not enough.
func (c *Console) renewRecovery(w http.ResponseWriter, r *http.Request, s oauth.SignIn, _ form) error {
	if !c.mayChange(w, r, s) {
		return nil
	}
	has, err := c.Accounts.HasFactor(r.Context(), s.User.Subject)
	if err != nil {
		return err
	}
	if has && s.Session.ACR != account.ACRFactor {
		return seeOther(w, r, target{To: "factor"}.at(pathSignIn, "other", "1"))
	}
	codes, err := c.Accounts.RenewRecovery(r.Context(), s.User.Subject, from(r, s.User.Subject))
	if err != nil {
		return c.factorFault(w, r, s, err, "")
	}
	return c.show(w, r, view{name: "codes", data: codesPage{codes, false}})
}

// removeFactor takes the factor away, given a code of it.
func (c *Console) removeFactor(w http.ResponseWriter, r *http.Request, s oauth.SignIn, f form) error {
	if !c.mayChange(w, r, s) {
		return nil
	}
	if err := c.Accounts.RemoveFactor(r.Context(), s.User.Subject, f.get("otp"), from(r, s.User.Subject)); err != nil {
		return c.factorFault(w, r, s, err, "otp")
	}
	return seeOther(w, r, done("no_factor"))
}

// factorFault shows the page as it stands now, with what was wrong.
func (c *Console) factorFault(w http.ResponseWriter, r *http.Request, s oauth.SignIn, cause error, field string) error {
	wrong, status, err := c.faultOf(w, r, cause, field)
	if err != nil {
		return err
	}
	return c.showFactor(w, r, s, wrong, status)
}

// grouped is a secret in groups of four, as people type it.
func grouped(secret string) string {
	var out strings.Builder
	for i, c := range secret {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(c)
	}
	return out.String()
}
