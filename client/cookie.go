package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// CookieConfig says how to sign in as a browser does. URL, Username and Password
// are required.
type CookieConfig struct {
	// URL is where login and refresh stand: "https://app.example/api/auth".
	// Requests to its origin get the cookies; others go without.
	URL string
	// Username and Password sign in by POST login.
	Username string
	Password Secret // goes into the body of that request alone
	// OTP gives a code of the user's second factor where the server asks for one,
	// as LoginConfig.OTP does. Default nil.
	OTP func(ctx context.Context) (Secret, error)
	// CSRF is the readable cookie that is repeated as X-CSRF-TOKEN where a request
	// changes something, default "__Host-sandi_csrf", on plain loopback "sandi_csrf".
	CSRF string
	// Base makes the requests, default http.DefaultTransport.
	Base http.RoundTripper
	// OnError is told of every login and refresh that failed; see Config.
	OnError func(error)
}

// CookieTransport is an http.RoundTripper whose session is in cookies, which it keeps
// in a jar of its own: give its http.Client none. It signs in before the first
// request, refreshes as a Source does, and signs in again when the session has
// ended. Where it sends cookies, and what it repeats, is as with a Transport.
type CookieTransport struct{ transport *Transport }

// NewCookieTransport fails where the URL is neither https nor loopback, and without username or password.
func NewCookieTransport(c CookieConfig) (*CookieTransport, error) {
	jar, err := cookiejar.New(nil) // one host: no list of public suffixes is needed
	if err != nil {
		return nil, err
	}
	routes, err := newLoginRoutes(c.URL, newHTTPClient(c.Base, jar))
	if err != nil {
		return nil, fmt.Errorf("client: CookieConfig.URL: %w", err)
	}
	if c.Username == "" || c.Password == "" {
		return nil, errors.New("client: CookieConfig needs Username and Password")
	}
	u, err := url.Parse(routes.url + "/")
	if err != nil {
		return nil, err
	}
	k := &cookies{jar: jar, routes: routes, url: u, csrf: cmp.Or(c.CSRF, map[string]string{
		"https": "__Host-sandi_csrf", "http": "sandi_csrf",
	}[u.Scheme])}
	s := &session{renew: k.refresh, begin: func(ctx context.Context) (Token, error) {
		return inJar(routes.login(ctx, "cookie", c.Username, c.Password, c.OTP))
	}}
	t, err := newTransport(TransportConfig{
		Source: New(Config{Fetch: s.fetch, OnError: c.OnError}), Origins: []string{originOf(u)}, Base: c.Base,
	}, k.authorize)
	if err != nil {
		return nil, err
	}
	t.answered = k.answered
	return &CookieTransport{t}, nil
}

// RoundTrip implements http.RoundTripper. Errors are those of the base, and of the login.
func (t *CookieTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.transport.RoundTrip(r)
}

// CloseIdleConnections closes those of the base; http.Client calls it.
func (t *CookieTransport) CloseIdleConnections() { t.transport.CloseIdleConnections() }

// Close lets a login or refresh under way finish, for 5 s at most, and fails all later requests to the origin.
func (t *CookieTransport) Close() { t.transport.source.Close() }

// cookies are a session that is kept in a jar.
type cookies struct {
	jar    http.CookieJar
	routes *loginRoutes
	url    *url.URL // of the routes, with a last slash
	csrf   string
}

// inJar stands for tokens that only cookies hold: both are in the jar.
func inJar(t Token, err error) (Token, error) {
	t.Access, t.Refresh = "cookie", "cookie"
	return t, err
}

func (k *cookies) refresh(ctx context.Context, _ Secret) (Token, error) {
	return inJar(k.routes.post(ctx, "/refresh", http.Header{"X-Csrf-Token": {k.csrfValue()}}, ""))
}

// csrfValue is the CSRF cookie's, empty where there is none.
func (k *cookies) csrfValue() string {
	for _, c := range k.jar.Cookies(k.url) {
		if c.Name == k.csrf {
			return c.Value
		}
	}
	return ""
}

func (k *cookies) authorize(r *http.Request, _ *lease) {
	for _, c := range k.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	if v := k.csrfValue(); v != "" && !isSafe(r.Method) {
		r.Header.Set("X-CSRF-TOKEN", v)
	}
}

// answered keeps what a handler set: a login elsewhere in the API, a logout.
func (k *cookies) answered(r *http.Request, res *http.Response) {
	if set := res.Cookies(); len(set) > 0 {
		k.jar.SetCookies(r.URL, set)
	}
}

var _ http.RoundTripper = (*CookieTransport)(nil)
