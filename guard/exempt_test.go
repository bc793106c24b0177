package guard_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

// A guard before a whole mux lets through what is exempt, as it is plainly written, and nothing
// else.
func TestExcept(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	mux := http.NewServeMux()
	for _, pattern := range []string{"/", "/static/", "/docs", "POST /login", "/users/{id}/avatar"} {
		mux.Handle(pattern, greet)
	}
	h := s.guard().Require(guard.Except("POST /login", "GET /healthz", "/static/", "/docs/", "/users/{id}/avatar", "/{$}"))(mux)
	tests := []struct {
		method, target string
		exempt         bool
	}{
		{"POST", "/login", true},
		{"POST", "/login?next=/private", true},
		{"GET", "/login", false},
		{"post", "/login", false},
		{"POST", "/login/", false},
		{"POST", "/login/x", false},
		{"POST", "/Login", false},
		{"POST", "//login", false},
		{"POST", "/./login", false},
		{"POST", "/x/../login", false},
		{"POST", "/%6Cogin", false},
		{"POST", "/login%2F", false},
		{"POST", "/login%00", false},
		{"GET", "/healthz", true},
		{"HEAD", "/healthz", true},
		{"DELETE", "/healthz", false},
		{"GET", "/static/app.js", true},
		{"GET", "/static/a%20b.js", true},
		{"GET", "/static", false}, // by redirection only
		{"GET", "/static/../private", false},
		{"GET", "/static/..", false},
		{"GET", "/static/%2e%2e/private", false},
		{"GET", "/static/..%2fprivate", false},
		{"GET", "/static%2fapp.js", false},
		{"GET", "/static/..%5Cprivate", false},
		{"GET", "/static//private", false},
		{"GET", "/docs", false}, // what is exempt is behind the slash
		{"GET", "/docs/a", true},
		{"GET", "/users/1/avatar", true},
		{"GET", "/users/1%2F2/avatar", false},
		{"GET", "/users/1/2/avatar", false},
		{"GET", "/", true},
		{"GET", "//", false},
		{"GET", "/static/" + strings.Repeat("a", 8<<10-8), true},
		{"GET", "/static/" + strings.Repeat("a", 8<<10-7), false},
		{"GET", "/private", false},
		{"CONNECT", "/static/app.js", false},
		{"OPTIONS", "*", false},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", "/", http.NoBody)
		r.Method = tt.method
		u, err := url.ParseRequestURI(tt.target)
		if tt.target == "*" {
			u, err = &url.URL{Path: "*"}, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		if a := serve(t, h, r); (a.Status != http.StatusUnauthorized) != tt.exempt {
			t.Errorf("%s %s: got %d, want exempt %v", tt.method, tt.target, a.Status, tt.exempt)
		}
	}
}

// Nobody is known where nobody was asked for, whatever they brought and whoever let them in before.
func TestExemptHasNoIdentity(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	g := s.guard(func(c *guard.Config) { c.Sources = everywhere })
	h := g.Require(guard.Except("/protected"))(greet)
	for name, r := range map[string]*http.Request{
		"good": get(s.access(nil)), "bad": get("garbage"), "two": withQuery(get(s.access(nil)), "access_token=x"), "cookie": withCookie(get(""), s.access(nil)),
	} {
		if a := serve(t, h, r); a.Status != http.StatusOK || a.Body != "hello " {
			t.Errorf("%s: got %d %q, want nobody let in", name, a.Status, a.Body)
		}
	}
	if a := serve(t, s.guard().Require()(h), get(s.access(nil))); a.Body != "hello " {
		t.Errorf("got %q, want nobody", a.Body)
	}
	if a := serve(t, h, httptest.NewRequest("GET", "/else", http.NoBody)); a.Status != http.StatusUnauthorized {
		t.Errorf("not exempt: %d", a.Status)
	}
	if _, err := g.CheckToken(t.Context(), "garbage", guard.Except("/protected")); err == nil {
		t.Error("CheckToken exempted a token")
	}
}

// However a path is written, without a token nobody gets to what is not exempt.
func FuzzExcept(f *testing.F) {
	for _, target := range []string{"/login", "/static/a", "//login", "/static/../x", "/static/%2e%2e/x", "/static", "/users/a%2Fb/avatar", "/x?/login"} {
		f.Add("POST", target)
	}
	patterns := []string{"POST /login", "/static/", "/users/{id}/avatar"}
	mux := http.NewServeMux()
	for _, pattern := range patterns {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("/static", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := newSigner(f).guard().Require(guard.Except(patterns...))(mux)
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := httptest.NewRequest("GET", "/", http.NoBody)
		r.Method, r.URL = method, u
		if a := serve(t, h, r); a.Status != http.StatusUnauthorized && a.Status != http.StatusOK {
			t.Errorf("%q %q: got %d without a token", method, target, a.Status)
		}
	})
}
