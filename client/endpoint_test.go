package client_test

import (
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/client"
)

// Passwords and tokens go out over https or to this machine, and to one place.
func TestURLs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url string
		ok  bool
	}{
		{"https://auth.example", true},
		{"https://auth.example/api/auth/", true},
		{"http://localhost:5000", true},
		{"http://127.0.0.1:5000/api/auth", true},
		{"http://[::1]:5000", true},
		{"http://[::ffff:127.0.0.1]", true},
		{"http://auth.example", false},
		{"http://127.0.0.1.evil.example", false},
		{"http://localhost.evil.example", false},
		{"http://10.0.0.1", false},
		{"//auth.example", false},
		{"auth.example", false},
		{"https://", false},
		{"https://user:hunter2@auth.example", false},
		{"https://auth.example?x=hunter2", false},
		{"https://auth.example#x", false},
		{"ftp://auth.example", false},
		{"", false},
		{"https://auth.example:port", false},
		{"https://user:hunter2@auth.example:port", false},
		{"https://ma\u0130l.example", false}, // in small letters, which net/http does not go by, it would be mail.example
		{"http://localho\u017ft", false},
	} {
		_, err := client.Login(client.LoginConfig{URL: tt.url, Username: "robot", Password: "x"})
		if (err == nil) != tt.ok {
			t.Errorf("%q: got %v, want accepted %v", tt.url, err, tt.ok)
		}
		_, other := client.OAuth(client.OAuthConfig{URL: tt.url, ClientID: "c", ClientSecret: "x"})
		_, third := client.NewCookieTransport(client.CookieConfig{URL: tt.url, Username: "robot", Password: "x"})
		_, fourth := client.NewTransport(client.TransportConfig{Source: client.New(client.Config{Fetch: mint(nil, 0)}), Origins: []string{tt.url}})
		if (other == nil) != tt.ok || (third == nil) != tt.ok || (fourth == nil) != (tt.ok && !strings.Contains(tt.url, "/api")) {
			t.Errorf("%q: OAuth %v, NewCookieTransport %v, NewTransport %v", tt.url, other, third, fourth)
		}
		for _, err := range []error{err, other, third, fourth} {
			if err != nil && (!strings.HasPrefix(err.Error(), "client: ") || strings.Contains(err.Error(), "user:hunter2")) {
				t.Errorf("%q: %v", tt.url, err)
			}
		}
	}
}

func TestMissingSettings(t *testing.T) {
	t.Parallel()
	source := client.New(client.Config{Fetch: mint(nil, 0)})
	_, login := client.Login(client.LoginConfig{URL: authURL, Username: "robot"})
	_, oauth := client.OAuth(client.OAuthConfig{URL: authURL, ClientID: "c"})
	_, cookie := client.NewCookieTransport(client.CookieConfig{URL: authURL, Username: "robot"})
	_, noSource := client.NewTransport(client.TransportConfig{Origins: []string{authURL}})
	_, noOrigins := client.NewTransport(client.TransportConfig{Source: source})
	for _, err := range []error{login, oauth, cookie, noSource, noOrigins} {
		if err == nil || !strings.Contains(err.Error(), " needs ") {
			t.Errorf("got %v, want what is missing", err)
		}
	}
}
