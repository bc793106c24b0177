package console

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

const (
	// stepKind is the kind of request that a sign-in between its steps is kept as.
	stepKind = "code"
	stepLife = 5 * time.Minute
)

// errLate is a step that is not known any more.
var errLate = errors.New("no such step of a sign-in")

// step is what the first step of a sign-in found out: kept here, so that the second page holds no password and nothing that a
// browser could change. It counts only in the browser that made it.
type step struct {
	Subject           string `json:"sub"`
	CredentialVersion int64  `json:"credential_version"`
	Remember          bool   `json:"remember,omitempty"`
	Browser           string `json:"browser"`
}

// codePage is the second step.
type codePage struct {
	frame
	target
	Step     string
	Username string
	Restart  string // the address of the first step
}

// beginCode keeps the first step and leads to the second.
func (c *Console) beginCode(w http.ResponseWriter, r *http.Request, browser session.ID, u account.User, p signInPage) error {
	id := rand.Text()
	document, err := json.Marshal(step{u.Subject, u.CredentialVersion, p.Remember, browser.String()})
	if err != nil {
		return fmt.Errorf("marshal step: %w", err)
	}
	if err := c.OAuth.Store.KeepRequest(r.Context(), stepKind, sha256.Sum256([]byte(id)), document, c.Now().Add(stepLife)); err != nil {
		return err
	}
	return seeOther(w, r, p.at(pathCode, "step", id))
}

// codePage finds the step again, and whose it is; errLate where it is over, was made in another browser, or where the password changed since.
func (c *Console) codePage(r *http.Request, browser session.ID, f form) (p codePage, s step, u account.User, err error) {
	p = codePage{frame: frame{CSRF: c.Sessions.CSRF(browser)}, target: targetOf(f), Step: f.get("step")}
	p.Restart = p.signIn()
	document, err := c.OAuth.Store.Request(r.Context(), stepKind, sha256.Sum256([]byte(p.Step)))
	if errors.Is(err, oauth.ErrNotFound) {
		return p, s, u, errLate
	}
	if err != nil {
		return p, s, u, err
	}
	if err := json.Unmarshal(document, &s); err != nil {
		return p, s, u, fmt.Errorf("read step: %w", err)
	}
	if s.Browser != browser.String() {
		return p, s, u, errLate
	}
	if u, err = c.Accounts.User(r.Context(), s.Subject); err != nil {
		return p, s, u, err
	}
	if u.CredentialVersion != s.CredentialVersion || u.Disabled {
		return p, s, u, errLate
	}
	p.Username = u.Username
	return p, s, u, nil
}

func (c *Console) code(w http.ResponseWriter, r *http.Request, browser session.ID, f form) error {
	p, _, _, err := c.codePage(r, browser, f)
	if errors.Is(err, errLate) {
		return seeOther(w, r, targetOf(f).at(pathSignIn, "late", "1"))
	}
	if err != nil {
		return err
	}
	return c.show(w, r, view{name: "code", data: p})
}

// postCode checks the code and begins the sign-in. The step is spent once the code was right, so that a typing error does not cost the password
// again; tries are throttled where codes are checked.
func (c *Console) postCode(w http.ResponseWriter, r *http.Request, browser session.ID, f form) error {
	p, s, u, err := c.codePage(r, browser, f) // 4
	if errors.Is(err, errLate) {
		return seeOther(w, r, targetOf(f).at(pathSignIn, "late", "1"))
	}
	if err != nil {
		return err
	}
	web.SetSubject(r.Context(), u.Subject)
	if err := c.Accounts.CheckFactor(r.Context(), u, f.get("otp"), from(r, u.Subject)); err != nil { // 2, 3, 5
		var status int
		if p.Fault, status, err = c.faultOf(w, r, err, "otp"); err != nil {
			return err
		}
		return c.show(w, r, view{name: "code", status: status, data: p})
	}
	err = c.OAuth.Store.DropRequest(r.Context(), stepKind, sha256.Sum256([]byte(p.Step))) // 6
	if errors.Is(err, oauth.ErrNotFound) {                                                // sent twice: the other one signs in
		return seeOther(w, r, p.at(pathSignIn, "late", "1"))
	}
	if err != nil {
		return err
	}
	return c.finish(w, r, u, true, s.Remember, p.target) // 6, 7
}
