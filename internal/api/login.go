package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/internal/web"
)

// registrations bounds how many accounts one address makes: a handful at once, then two a minute.
var registrations = cluster.Rate{Burst: 20, Every: 30 * time.Second}

// credentials is the body of register and login. Name stands in for username, as some callers spell it.
type credentials struct {
	Username string `json:"username"`
	Name     string `json:"name"`
	Password string `json:"password"`
	OTP      string `json:"otp"` // of a login alone: a code of the second factor, or a recovery code
}

func readCredentials(w http.ResponseWriter, r *http.Request) (c credentials, err error) {
	if err := web.Decode(w, r, &c); err != nil {
		return c, err
	}
	if c.Username == "" {
		c.Username = c.Name
	}
	if err := web.Required("username", c.Username); err != nil {
		return c, err
	}
	return c, web.Required("password", c.Password)
}

func (a *API) register(w http.ResponseWriter, r *http.Request) error {
	if wait := a.Limits.Take(r.Context(), "register:"+cluster.Network(web.Address(r.Context())), registrations); wait > 0 { // 2
		return tooMany(wait)
	}
	c, err := readCredentials(w, r) // 4
	if err != nil {
		return err
	}
	if !a.OpenRegistration { // 5
		return problem.New(problem.Forbidden, "registration_closed")
	}
	u, err := a.Accounts.Register(r.Context(), c.Username, c.Password, nil, from(r)) // 5, 6
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusCreated, accountOf(u)) // 7
}

func tooMany(wait time.Duration) error {
	return &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", RetryAfter: wait}
}

// bootstrap makes the first administrator with the secret that the server printed at its start.
func (a *API) bootstrap(w http.ResponseWriter, r *http.Request) error {
	if wait := a.Limits.Take(r.Context(), "register:"+cluster.Network(web.Address(r.Context())), registrations); wait > 0 { // 2
		return tooMany(wait)
	}
	var in struct {
		Secret   string `json:"secret"`
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := web.Decode(w, r, &in); err != nil { // 4
		return err
	}
	for _, f := range [][2]string{{"secret", in.Secret}, {"username", in.Username}, {"password", in.Password}} {
		if err := web.Required(f[0], f[1]); err != nil {
			return err
		}
	}
	u, err := a.Accounts.RedeemBootstrap(r.Context(), in.Secret, in.Username, in.Password, from(r)) // 5, 6
	if err != nil {
		return err
	}
	return web.JSON(w, http.StatusCreated, accountOf(u)) // 7
}

// login verifies the password, and a code of the second factor where the user has one, begins a session and hands over its tokens.
func (a *API) login(w http.ResponseWriter, r *http.Request) error {
	transport, err := a.transport(r) // 4, before 2: the throttle counts by name
	if err != nil {
		return err
	}
	c, err := readCredentials(w, r)
	if err != nil {
		return err
	}
	u, err := a.Accounts.Verify(r.Context(), c.Username, c.Password, from(r)) // 2, 3, 5
	if err != nil {
		a.metrics.logins.WithLabelValues("refused").Inc()
		return err
	}
	amr, acr, err := a.Accounts.Prove(r.Context(), u, c.OTP, from(r)) // 2, 3, 5
	if err != nil {
		a.metrics.logins.WithLabelValues(unproved(err)).Inc()
		return err
	}
	web.SetSubject(r.Context(), u.Subject)
	replaces, err := a.replaced(r)
	if err != nil {
		return err
	}
	s, refresh, u, err := a.Sessions.Begin(r.Context(), session.Login{ // 6
		User: u, Transport: transport, AMR: amr, ACR: acr, Replaces: replaces,
	}, from(r))
	if err != nil {
		return err
	}
	a.metrics.logins.WithLabelValues("ok").Inc()
	return a.answer(w, r, s, u, refresh, s.CreatedAt, true) // 7
}

// unproved is the result that a login is counted with which failed at its second step. To be asked for a code is no refusal.
func unproved(err error) string {
	if errors.Is(err, account.ErrFactorNeeded) {
		return "otp_required"
	}
	return "refused"
}

// replaced is the session whose cookie the browser still sends: this login takes its place (ASVS 7.2.4), or it would live on with
// nobody to end it. A cookie that counts for nothing is passed over.
func (a *API) replaced(r *http.Request) (session.ID, error) {
	c, err := r.Cookie(a.Cookies.Refresh)
	if err != nil {
		return session.ID{}, nil
	}
	s, err := a.Sessions.Owner(r.Context(), c.Value)
	if errors.Is(err, session.ErrInvalidGrant) {
		return session.ID{}, nil
	}
	return s.ID, err
}

// transport is what the login asks for by ?transport=, else the configured one.
func (a *API) transport(r *http.Request) (string, error) {
	switch t := r.URL.Query().Get("transport"); t {
	case "":
		return a.Transport, nil
	case "bearer", "cookie", "both":
		return t, nil
	default:
		return "", problem.InvalidField("transport", "transport_unknown")
	}
}

// tokens is the answer of login and refresh (RFC 6749 section 5.1).
type tokens struct {
	AccessToken  string `json:"access_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	TokenType    string `json:"token_type,omitempty"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	Msg          string `json:"msg,omitempty"`
}

// answer mints the access token of s and writes both tokens by the session's own transport: a cookie
// session never gets them where a script could read them.
func (a *API) answer(w http.ResponseWriter, r *http.Request, s session.Session, u account.User,
	refresh session.Refresh, at time.Time, fresh bool,
) error {
	mint := token.Access{
		Subject: u.Subject, Session: s.ID.String(), ClientID: s.ClientID, Scope: s.Scope, Roles: u.Roles,
		AuthTime: s.AuthTime, AMR: s.AMR, ACR: s.ACR, JKT: s.JKT, Fresh: fresh, At: at, NotAfter: s.ExpiresAt,
	}
	grant := "refresh"
	if fresh {
		grant = "login"
	}
	if a.Status != nil {
		mint.Status = a.Status(s)
	}
	if s.Transport != "bearer" {
		mint.CSRF = a.Sessions.CSRF(s.ID)
	}
	access, life, err := a.Minter.Access(mint)
	if errors.Is(err, token.ErrLate) { // the store took seconds; a refresh that comes again finds its successor
		return &problem.Error{Kind: problem.Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second, Cause: err}
	}
	if err != nil {
		return err
	}
	a.metrics.minted.WithLabelValues(grant).Inc()
	out := tokens{ExpiresIn: int64(life / time.Second)}
	if s.Transport != "bearer" {
		a.setCookies(w, access, refresh, mint.CSRF)
		out.Msg = a.Web.Sentence(r, grant+"_ok", nil)
	}
	if s.Transport != "cookie" {
		out.AccessToken, out.RefreshToken, out.TokenType = access, refresh.Reveal(), "Bearer"
	}
	return web.JSON(w, http.StatusOK, out)
}
