package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// A program with package client signs in, goes on when its token expires, spends each refresh token once, and is not let in
// again by a token that was revoked. secure-defaults 6a
func TestClientPackage(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	var saved []string
	fetch, err := client.Login(client.LoginConfig{
		URL: r.url + "/api/auth", Username: "user1", Password: "password1", Base: plain(t).Transport,
		Save: func(_ context.Context, refresh client.Secret) error {
			saved = append(saved, refresh.Reveal())
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	source := client.New(client.Config{Fetch: fetch})
	defer source.Close()
	tr, err := client.NewTransport(client.TransportConfig{Source: source, Origins: []string{r.url}, Base: plain(t).Transport})
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: tr}
	protected := func() answer { return r.call(c, "GET", "/protected", "", "") }
	if got := r.want(protected(), 200, "").str("logged_in_as"); got != "user1" {
		t.Errorf("logged_in_as: got %q, want user1", got)
	}
	first, err := source.Token(t.Context())
	if life := time.Until(first.ExpiresAt); err != nil || life > 15*time.Minute || life < 14*time.Minute {
		t.Errorf("token lives %v, %v, want 15 min", life, err)
	}
	r.advance(16 * time.Minute)
	r.want(r.call(plain(t), "GET", "/protected", first.Access.Reveal(), ""), 401, "token_expired")
	r.want(protected(), 200, "") // by a retry: here the clock stood still
	if len(saved) != 2 || saved[0] == saved[1] {
		t.Fatalf("%d refresh tokens saved, want that of the login and its successor", len(saved))
	}
	r.want(r.call(c, "DELETE", "/logout", "", ""), 200, "")
	r.want(protected(), 401, "token_revoked")
}

// losing loses the answer to a refresh, when told to.
type losing struct {
	http.RoundTripper
	lose bool
}

func (l *losing) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(r)
	if err == nil && l.lose && strings.HasSuffix(r.URL.Path, "/refresh") {
		l.lose = false
		res.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return res, err
}

// A refresh whose answer was lost is repeated as long as the server takes that for a retry, and the session goes on; one that
// is over ends in a login, or where there is no password in an error that says so. secure-defaults 6c, 6d
func TestClientPackageRotation(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	wire := &losing{RoundTripper: plain(t).Transport}
	login := client.LoginConfig{URL: r.url + "/api/auth", Username: "user1", Password: "password1", Base: wire}
	fetch := func(f client.Fetch) client.Token {
		t.Helper()
		got, err := f(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.want(r.call(plain(t), "GET", "/protected", got.Access.Reveal(), ""), 200, "")
		return got
	}
	robot, err := client.Login(login)
	if err != nil {
		t.Fatal(err)
	}
	first := fetch(robot)
	wire.lose = true
	second := fetch(robot)
	if wire.lose || second.Refresh == first.Refresh {
		t.Error("no answer was lost, or the refresh token was not replaced")
	}
	r.advance(time.Minute)
	login.Username, login.Password, login.RefreshToken = "", "", first.Refresh // stolen, or from an old backup
	stale, err := client.Login(login)
	if err != nil {
		t.Fatal(err)
	}
	_, err = stale(t.Context())
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "invalid_grant" {
		t.Errorf("stale refresh token: got %v, want invalid_grant", err)
	}
	third := fetch(robot) // its session was ended with that; the password makes another
	if claims(t, third.Access.Reveal())["sid"] == claims(t, second.Access.Reveal())["sid"] {
		t.Error("want a new session")
	}
}

// A session in cookies goes on when its access token expires, and may change things.
func TestClientPackageCookies(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	tr, err := client.NewCookieTransport(client.CookieConfig{
		URL: r.url + "/api/auth", Username: "AgentX", Password: "TopSecret123", Base: plain(t).Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	c := &http.Client{Transport: tr}
	r.want(r.call(c, "POST", "/protected", "", ""), 200, "")
	r.advance(16 * time.Minute)
	if got := r.want(r.call(c, "POST", "/protected", "", ""), 200, "").str("logged_in_as"); got != "agentx" {
		t.Errorf("logged_in_as: got %q, want agentx", got)
	}
}
