package client_test

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
)

// The token goes to the origins that were named, and nowhere else.
func TestOrigins(t *testing.T) {
	t.Parallel()
	var got string
	tr := newTransport(t, numbered(), inMemory{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
	})}, "https://api.example", "https://Other.Example:8443/", "http://127.0.0.1:5000", "https://[2001:db8::1]")
	for _, tt := range []struct {
		url string
		own string
		out string
	}{
		{"https://ap\u0130.example/x", "", ""}, // in small letters, which net/http does not go by, it would be ours
		{"https://ap%C4%B0.example/x", "", ""},
		{"https://api.example/x", "", "Bearer 1"},
		{"https://API.example:443/x", "", "Bearer 1"},
		{"https://other.example:8443/", "", "Bearer 1"},
		{"http://127.0.0.1:5000/", "", "Bearer 1"},
		{"https://[2001:db8::1]:443/", "", "Bearer 1"},
		{"https://api.example/x", "Basic x", "Basic x"},
		{"http://api.example/x", "", ""},
		{"http://api.example:443/x", "", ""},
		{"https://api.example:8443/", "", ""},
		{"https://api.example.evil.example/", "", ""},
		{"https://evil.example/https://api.example", "", ""},
		{"https://api.example@evil.example/", "", ""},
		{"https://api.example./", "", ""},
		{"https://xapi.example/", "", ""},
		{"https://127.0.0.1:5000/", "", ""},
		{"http://127.0.0.1/", "", ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.own != "" {
			r.Header.Set("Authorization", tt.own)
		}
		res, err := tr.RoundTrip(r)
		read(t, res, err)
		if got != tt.out {
			t.Errorf("%s: sent %q, want %q", tt.url, got, tt.out)
		}
		if r.Header.Get("Authorization") != tt.own || res.Request == nil || res.Request.Header.Get("Authorization") != tt.own {
			t.Errorf("%s: the caller's request has the token", tt.url)
		}
	}
}

// A redirect carries no token to another origin, and another origin sends nobody here with one: it would choose what is done
// in the program's name.
func TestRedirects(t *testing.T) {
	t.Parallel()
	const api, files, evil = "https://api.example", "https://files.example", "https://evil.example"
	for _, tt := range []struct {
		hops []string
		want string // tokens that were sent
	}{
		{[]string{api, api, files, api}, "1 1 1 1"},
		{[]string{api, evil}, "1 -"},
		{[]string{evil, api}, "- -"},
		{[]string{api, evil, api, api}, "1 - - -"},
	} {
		var sent []string
		c := &http.Client{Transport: newTransport(t, numbered(), inMemory{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			sent = append(sent, cmp.Or(token, "-"))
			if r.Method != "POST" || r.Header.Get("Cookie") != "" {
				t.Errorf("%v: %s %v", tt.hops, r.Method, r.Header)
			}
			if n := len(sent); n < len(tt.hops) {
				http.Redirect(w, r, tt.hops[n], http.StatusTemporaryRedirect)
			}
		})}, api, files)}
		res, err := c.Post(tt.hops[0], "text/plain", strings.NewReader("x"))
		read(t, res, err)
		if got := strings.Join(sent, " "); got != tt.want {
			t.Errorf("%v: sent %q, want %q", tt.hops, got, tt.want)
		}
		c.CloseIdleConnections()
	}
}

// A Host header that names another server gets no token: behind one address it may be another tenant's.
func TestHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"": "Bearer 1", "API.example:443": "Bearer 1", "evil.example": "", "api.example:8443": "", "api.example@evil.example": "",
	} {
		var got string
		tr := newTransport(t, numbered(), inMemory{http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = r.Header.Get("Authorization")
		})}, "https://api.example")
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://api.example/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		res, err := tr.RoundTrip(r)
		read(t, res, err)
		if got != want {
			t.Errorf("Host %q: sent %q, want %q", host, got, want)
		}
	}
}
