package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// LoginConfig says how to sign in to a Sandi server, or one that has the routes
// of Flask-JWT-Extended. Username with Password, or RefreshToken, or both.
type LoginConfig struct {
	// URL is where login and refresh stand: "https://auth.example/api/auth". Required.
	URL string
	// Username and Password sign in by POST login when there is no refresh token
	// that counts.
	Username string
	Password Secret // goes into the body of that request alone
	// OTP gives a code of the user's second factor, or a recovery code. It is called
	// where the server answers a login with otp_required (a Sandi server does), each
	// time anew, for a code counts once; its error is the login's. A program that
	// signs in unattended keeps the factor's secret and computes the code
	// (RFC 6238); a person who types one needs a longer Config.Timeout. Default nil: such a login fails with otp_required.
	OTP func(ctx context.Context) (Secret, error)
	// RefreshToken is one to begin with, as Save was given it.
	RefreshToken Secret
	// Save keeps a new refresh token for the next start of the program, before
	// its access token is used. It is called once at a time. Where it fails, so
	// does the fetch, and is made good when Save is called again; one that
	// should not stop the program logs its error and returns nil.
	Save func(ctx context.Context, refresh Secret) error
	// Base makes the requests, default http.DefaultTransport.
	Base http.RoundTripper
}

// Login is a Fetch that signs in, refreshes, and signs in again when the session
// has ended. It fails where the URL is neither https nor loopback, and without
// something to sign in with.
func Login(c LoginConfig) (Fetch, error) {
	l, err := newLoginRoutes(c.URL, newHTTPClient(c.Base, nil))
	if err != nil {
		return nil, fmt.Errorf("client: LoginConfig.URL: %w", err)
	}
	s := &session{renew: l.refresh, save: c.Save, refresh: c.RefreshToken}
	if c.Username != "" && c.Password != "" {
		s.begin = func(ctx context.Context) (Token, error) { return l.login(ctx, "bearer", c.Username, c.Password, c.OTP) }
	} else if c.RefreshToken == "" {
		return nil, errors.New("client: LoginConfig needs Username and Password, or RefreshToken")
	}
	return s.fetch, nil
}

// loginRoutes are the first-party routes.
type loginRoutes struct {
	url  string // without the last slash
	http *http.Client
}

func newLoginRoutes(rawURL string, c *http.Client) (*loginRoutes, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	return &loginRoutes{url: strings.TrimSuffix(u.String(), "/"), http: c}, nil
}

// login sends the password, and once more with a code of the second factor where the server asks for one.
func (l *loginRoutes) login(ctx context.Context, transport, username string, password Secret, otp func(context.Context) (Secret, error)) (Token, error) {
	in := map[string]string{"username": username, "password": password.Reveal()}
	t, err := l.send(ctx, transport, in)
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != "otp_required" || otp == nil {
		return t, err
	}
	code, err := otp(ctx)
	if err != nil {
		return Token{}, fmt.Errorf("second factor: %w", err)
	}
	in["otp"] = code.Reveal()
	return l.send(ctx, transport, in)
}

func (l *loginRoutes) send(ctx context.Context, transport string, in map[string]string) (Token, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return Token{}, err
	}
	return l.post(ctx, "/login?transport="+transport, http.Header{"Content-Type": {"application/json"}}, string(body))
}

func (l *loginRoutes) refresh(ctx context.Context, refresh Secret) (Token, error) {
	return l.post(ctx, "/refresh", http.Header{"Authorization": {"Bearer " + refresh.Reveal()}}, "")
}

func (l *loginRoutes) post(ctx context.Context, path string, header http.Header, body string) (Token, error) {
	start := time.Now()
	a, err := post(ctx, l.http, l.url+path, header, body)
	if err != nil {
		return Token{}, err
	}
	return a.token(start)
}
