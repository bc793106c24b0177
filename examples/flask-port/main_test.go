package main

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

const credentials = `{"username": "user1", "password": "password1"}`

// client sends what the tutorial sends with curl.
type client struct {
	*testing.T
	*http.Client
	url   string
	later *atomic.Int64 // how far the clock was put forward, in seconds
}

func newClient(t *testing.T) client {
	t.Helper()
	key, err := jwt.GenerateKey(jwt.HS256)
	if err != nil {
		t.Fatal(err)
	}
	later := new(atomic.Int64)
	h, err := routes(key, map[string]string{"user1": "password1"}, func() time.Time { return time.Now().Add(time.Duration(later.Load()) * time.Second) })
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	srv.Client().Jar = jar
	return client{t, srv.Client(), srv.URL, later}
}

// curl answers with the JSON; header lines are "Name: value".
func (c client) curl(status int, method, path, body string, header ...string) map[string]string {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := c.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]string
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != status {
		c.Fatalf("%s %s: %d %v, %v; want %d", method, path, res.StatusCode, answer, err, status)
	}
	return answer
}

func (c client) want(answer map[string]string, name, value string) {
	c.Helper()
	if answer[name] != value {
		c.Errorf("got %v, want %s %q", answer, name, value)
	}
}

func TestTutorial(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for _, bad := range []string{`{"username": "user1", "password": "password2"}`, `{"username": "nobody"}`, `{"username": "", "password": ""}`, `[`} {
		c.want(c.curl(401, "POST", "/login", bad), "msg", "Username atau password salah")
	}
	tokens := c.curl(200, "POST", "/login", credentials)
	access, refresh := "Authorization: Bearer "+tokens["access_token"], "Authorization: Bearer "+tokens["refresh_token"]
	if _, claims, err := jwt.DecodeUnverified(tokens["access_token"]); err != nil || !strings.Contains(string(claims), `"fresh":true`) {
		t.Errorf("login gives no fresh token: %s %v", claims, err)
	}
	c.want(c.curl(200, "GET", "/protected", "", access), "logged_in_as", "user1")
	c.want(c.curl(401, "GET", "/protected", ""), "msg", "Token otorisasi diperlukan")
	c.want(c.curl(422, "GET", "/protected", "", access+"x"), "msg", "Token tidak valid")
	c.want(c.curl(422, "GET", "/protected", "", refresh), "msg", "Token tidak valid")
	c.want(c.curl(422, "POST", "/refresh", "", access), "msg", "Token tidak valid")

	c.later.Store(15 * 60)
	c.want(c.curl(401, "GET", "/protected", "", access), "msg", "Token telah kedaluwarsa")
	refreshed := c.curl(200, "POST", "/refresh", "", refresh)["access_token"]
	if _, claims, err := jwt.DecodeUnverified(refreshed); err != nil || !strings.Contains(string(claims), `"fresh":false`) {
		t.Errorf("refresh gives a fresh token: %s %v", claims, err)
	}
	access = "Authorization: Bearer " + refreshed
	c.want(c.curl(200, "GET", "/protected", "", access), "logged_in_as", "user1")
	c.want(c.curl(200, "DELETE", "/logout", "", access), "msg", "Logout berhasil")
	c.want(c.curl(401, "GET", "/protected", "", access), "error", "token_revoked")
	c.want(c.curl(401, "POST", "/refresh", "", refresh), "error", "token_revoked")
}

func TestCookies(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.want(c.curl(200, "POST", "/login/cookies", credentials), "msg", "Login berhasil")
	r, err := http.NewRequestWithContext(t.Context(), "GET", c.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	csrf := ""
	for _, k := range c.Jar.Cookies(r.URL) {
		if k.Name == "sandi_csrf" {
			csrf = "X-CSRF-TOKEN: " + k.Value
		}
	}
	c.want(c.curl(200, "GET", "/protected", ""), "logged_in_as", "user1")
	c.want(c.curl(403, "POST", "/refresh", ""), "error", "csrf_failed")
	c.want(c.curl(200, "POST", "/refresh", "", csrf), "msg", "Token diperbarui")
	c.want(c.curl(200, "GET", "/protected", ""), "logged_in_as", "user1")
	c.want(c.curl(403, "DELETE", "/logout", ""), "error", "csrf_failed")
	c.want(c.curl(200, "DELETE", "/logout", "", csrf), "msg", "Logout berhasil")
	c.want(c.curl(401, "GET", "/protected", ""), "msg", "Token otorisasi diperlukan")
}

// A secret is given or made up, never compiled in; the tutorial's is refused.
func TestSecret(t *testing.T) {
	t.Parallel()
	if _, err := routes(nil, nil, time.Now); err == nil {
		t.Error("started without a key")
	}
	key, err := jwt.NewKey(jwt.HS256, "", []byte(strings.Repeat("kunci_rahasia_anda", 2)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := routes(key, nil, time.Now); err == nil {
		t.Error("started with a secret that everybody knows")
	}
}
