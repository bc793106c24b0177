package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/console"
)

// The device is shown by name, its code is confirmed by a click even where a link brought it, and a wrong code says so. checklist 72
func TestPagesDevice(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	begin := func() (device, user string) {
		a := p.call(p.c, "POST", "/oauth/device_authorization", "", "client_id=tv&scope=openid+orders")
		if a.status != 200 {
			t.Fatalf("device authorization: %d %s", a.status, a.raw)
		}
		return a.str("device_code"), a.str("user_code")
	}
	poll := func(device string) answer {
		r.clock.advance(6 * time.Second)
		return p.call(p.c, "POST", "/oauth/token", "", url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {"tv"}, "device_code": {device},
		}.Encode())
	}
	device, user := begin()
	s := p.at(p.visit("/device?user_code="+user), 200, "/signin")
	s = p.at(p.signIn(s, "user1", "password1"), 200, "/device", `value="`+user+`"`)
	if got := poll(device).str("error"); got != "authorization_pending" {
		t.Errorf("the link alone decided: %s", got)
	}
	p.at(p.fill(s, 0, "user_code", ""), 400, "/device", "Enter the code")
	p.at(p.fill(s, 0, "user_code", "BCDF-BCDF"), 404, "/device")
	s = p.at(p.fill(s, 0, "user_code", strings.ToLower(user)), 200, "/device", "Televisi", user, "Read your orders", "in front of you", "user1")
	p.at(p.fill(s, 0, "decision", "allow", "csrf", "x"), 403, "/device/decision")
	p.at(p.fill(s, 0, "decision", "allow"), 200, "/device", "The device is connected")
	if a := poll(device); a.status != 200 || a.str("access_token") == "" {
		t.Errorf("token: %d %s", a.status, a.raw)
	}
	p.at(p.fill(s, 0, "decision", "deny"), 404, "/device/decision") // the back button
	p.at(p.visit("/console/"), 200, "/console/", "Televisi")

	device, user = begin()
	s = p.fill(p.visit("/device"), 0, "user_code", user)
	p.at(p.fill(s, 0, "decision", "deny"), 200, "/device", "The device was refused")
	if got := poll(device).str("error"); got != "access_denied" {
		t.Errorf("got %s, want access_denied", got)
	}
}

// Whatever is sent, nothing is a fault of ours, and every page tells of it in words.
func TestPagesTakeAnything(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	account := p.signIn(p.visit("/signin"), "user1", "password1")
	_, mine := account.form(t, 0)
	_, open := p.visit("/signin?other=1").form(t, 0)
	for _, path := range console.NoCORS() {
		for _, body := range []string{
			"", "csrf=%zz", "a=%00", "a=%ff", strings.Repeat("a", 70<<10), "decision=perhaps", "request=" + strings.Repeat("x", 5000),
			"id=x&client_id=x&user_code=%F0%9F%98%80&otp=1&step=x&url=javascript:x", "username=%F0%9F%98%80&password=x", "id=a&id=b&request=a&request=b",
		} {
			for _, csrf := range []string{mine.Get("csrf"), open.Get("csrf"), ""} {
				a := p.send("POST", path, body+"&csrf="+csrf, "Content-Type", "application/x-www-form-urlencoded")
				if a.status >= 500 || a.status == 200 && path == "/consent" {
					t.Errorf("POST %s %.60q: %d %s", path, body, a.status, a.raw)
				}
				if a.status != http.StatusMethodNotAllowed && a.status != 303 && !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
					t.Errorf("POST %s %.60q: %d %s", path, body, a.status, a.raw)
				}
				if path == "/console/sessions" || path == "/signout" { // these may have ended the sign-in
					p.signIn(p.visit("/signin?other=1"), "user1", "password1")
					r.clock.advance(time.Minute)
				}
			}
			query := strings.ReplaceAll(body, "\xff", "")
			if a := p.send("GET", path+"?"+query[:min(len(query), 6000)], ""); a.status >= 500 {
				t.Errorf("GET %s?%.60s: %d %s", path, query, a.status, a.raw)
			}
		}
		if a := p.send("POST", path, `{"decision":"allow"}`); a.status != 415 && a.status != 405 {
			t.Errorf("POST %s with JSON: got %d, want 415", path, a.status)
		}
	}
}
