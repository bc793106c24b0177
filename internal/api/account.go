package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/web"
)

// message is the body of an answer that only says that something was done.
type message struct {
	Msg string `json:"msg"`
}

// accountView is what a user sees of the own account. Times are RFC 3339.
type accountView struct {
	Subject           string    `json:"sub"`
	Username          string    `json:"username"`
	Roles             []string  `json:"roles"`
	CreatedAt         time.Time `json:"created_at"`
	PasswordChangedAt time.Time `json:"password_changed_at"`
}

func accountOf(u account.User) accountView {
	roles := u.Roles
	if roles == nil {
		roles = []string{}
	}
	return accountView{u.Subject, u.Username, roles, u.CreatedAt.UTC(), u.PasswordChangedAt.UTC()}
}

func notFound(cause error) error { return problem.Wrap(problem.NotFound, "not_found", cause) }

func (a *API) account(w http.ResponseWriter, r *http.Request) error {
	u, err := a.Accounts.User(r.Context(), guard.Identity(r.Context()).Subject())
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, accountOf(u))
}

// rename changes how the username is spelt. It stays the same name: only another spelling of
// the same subject ("AgentX" for "agentx") is taken.
func (a *API) rename(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Username string `json:"username"`
	}
	if err := web.Decode(w, r, &in); err != nil { // 4
		return err
	}
	if err := web.Required("username", in.Username); err != nil {
		return err
	}
	u, err := a.Accounts.Rename(r.Context(), guard.Identity(r.Context()).Subject(), in.Username, from(r)) // 5, 6
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusOK, accountOf(u)) // 7
}

// password changes the password, given the current one, and ends every other session of the user.
func (a *API) password(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Current string `json:"current_password"`
		New     string `json:"new_password"`
	}
	if err := web.Decode(w, r, &in); err != nil { // 4
		return err
	}
	if err := errors.Join(web.Required("current_password", in.Current), web.Required("new_password", in.New)); err != nil {
		return err
	}
	t := guard.Identity(r.Context())
	if err := a.Accounts.ChangePassword(r.Context(), t.Subject(), in.Current, in.New, t.Session(), from(r)); err != nil { // 2, 5, 6
		return err
	}
	return web.JSON(w, http.StatusOK, message{a.Web.Sentence(r, "password_ok", nil)}) // 7
}

// sessionView is one sign-in as its owner sees it. Times are RFC 3339.
type sessionView struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	Device     string    `json:"device"`
	UserAgent  string    `json:"user_agent"`
	Address    string    `json:"address"`
	Transport  string    `json:"transport"`
	ClientID   string    `json:"client_id,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

func (a *API) sessions(w http.ResponseWriter, r *http.Request) error {
	t := guard.Identity(r.Context())
	list, err := a.Sessions.List(r.Context(), t.Subject())
	if err != nil {
		return err
	}
	out := struct {
		Sessions []sessionView `json:"sessions"`
	}{make([]sessionView, 0, len(list))}
	for _, s := range list {
		out.Sessions = append(out.Sessions, sessionView{
			ID: s.ID.String(), Current: s.ID.String() == t.Session(), Device: web.DeviceName(s.UserAgent), UserAgent: s.UserAgent,
			Address: s.Address, Transport: s.Transport, ClientID: s.ClientID, CreatedAt: s.CreatedAt.UTC(),
			LastUsedAt: s.LastUsedAt.UTC(), ExpiresAt: s.IdleExpiresAt.UTC(),
		})
	}
	return web.JSON(w, http.StatusOK, out)
}

// endSession ends one session of the caller's. Another user's is not found.
func (a *API) endSession(w http.ResponseWriter, r *http.Request) error {
	id, err := session.ParseID(r.PathValue("id"))
	if err != nil {
		return notFound(err)
	}
	t := guard.Identity(r.Context())
	if err := a.Sessions.End(r.Context(), id, t.Subject(), false, session.LoggedOut, from(r)); err != nil {
		return err
	}
	if r.PathValue("id") == t.Session() {
		a.clearCookies(w)
	}
	return web.JSON(w, http.StatusOK, message{a.Web.Sentence(r, "session_ended", nil)})
}

// endSessions logs the user out everywhere, or with ?keep=current everywhere else.
func (a *API) endSessions(w http.ResponseWriter, r *http.Request) error {
	t := guard.Identity(r.Context())
	var keep session.ID
	switch v := r.URL.Query().Get("keep"); v {
	case "":
	case "current":
		id, err := session.ParseID(t.Session())
		if err != nil {
			return notFound(err)
		}
		keep = id
	default:
		return problem.InvalidField("keep", "keep_unknown")
	}
	n, err := a.Sessions.EndAll(r.Context(), t.Subject(), keep, session.LoggedOut, from(r))
	if err != nil {
		return err
	}
	if keep.IsZero() {
		a.clearCookies(w)
	}
	return web.JSON(w, http.StatusOK, struct {
		Ended int    `json:"ended"`
		Msg   string `json:"msg"`
	}{n, a.Web.Sentence(r, "sessions_ended", nil)})
}
