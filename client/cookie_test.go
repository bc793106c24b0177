package client_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sandi-auth/sandi/client"
)

// cookieServer keeps sessions in cookies as a Sandi server does, and calls expired the access cookies that a test names.
type cookieServer struct {
	t       *testing.T
	prefix  string // of the cookies' names
	mu      sync.Mutex
	n       int    // of tokens
	session int    // the one that counts
	expired string // access cookie
	log     []string
}

func (c *cookieServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, r.Method+" "+r.URL.RequestURI())
	value := func(name string) string {
		switch found := r.CookiesNamed(name); len(found) {
		case 0:
			return ""
		case 1:
			return found[0].Value
		}
		c.t.Errorf("%s: two cookies %s", r.URL.Path, name)
		return ""
	}
	if r.Method == "GET" && r.Header.Get("X-CSRF-TOKEN") != "" {
		c.t.Error("the CSRF value was sent where nothing changes")
	}
	access, refresh := value(strings.Replace(c.prefix, "__Secure-", "__Host-", 1)+"access"), value(c.prefix+"refresh")
	csrf := r.Header.Get("X-CSRF-TOKEN") == fmt.Sprint("csrf", c.session)
	switch path := r.URL.Path; {
	case path == "/api/auth/login":
		c.session++
		c.set(w)
	case path == "/api/auth/refresh" && refresh != fmt.Sprint("refresh", c.session):
		fail(w, 401, "invalid_grant", "")
	case access == "" && path != "/api/auth/refresh":
		fail(w, 401, "token_missing", "")
	case access == c.expired && path != "/api/auth/refresh":
		fail(w, 401, "token_expired", "")
	case r.Method != "GET" && !csrf:
		fail(w, 403, "csrf_failed", "")
	case path == "/api/auth/refresh":
		c.set(w)
	default:
		fmt.Fprint(w, access)
	}
}

func (c *cookieServer) set(w http.ResponseWriter) {
	c.n++
	secure := c.prefix == "__Secure-sandi_"
	host := strings.Replace(c.prefix, "__Secure-", "__Host-", 1)
	for _, k := range []http.Cookie{
		{Name: host + "access", Value: fmt.Sprint("access", c.n), Path: "/"},
		{Name: c.prefix + "refresh", Value: fmt.Sprint("refresh", c.session), Path: "/api/auth"},
		{Name: host + "csrf", Value: fmt.Sprint("csrf", c.session), Path: "/"},
	} {
		k.Secure, k.HttpOnly, k.MaxAge = secure, !strings.HasSuffix(k.Name, "csrf"), 900
		http.SetCookie(w, &k)
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"expires_in":900,"msg":"Logged in."}`)
}

// A session in cookies: signed in before the first request, the CSRF value sent where something changes, refreshed once for
// all when the access token expires, signed in again when the session ends, and nothing of it sent elsewhere.
func TestCookieTransport(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		start  func(*httptest.Server)
		prefix string
	}{{"plain loopback", (*httptest.Server).Start, "sandi_"}, {"TLS", (*httptest.Server).StartTLS, "__Secure-sandi_"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := &cookieServer{t: t, prefix: tt.prefix}
			serve := func(h http.Handler) *httptest.Server {
				s := httptest.NewUnstartedServer(h)
				s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // connections of the 20 that were not needed
				tt.start(s)
				t.Cleanup(s.Close)
				return s
			}
			s := serve(h)
			foreign := serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if len(r.Cookies()) > 0 || r.Header.Get("X-CSRF-TOKEN") != "" {
					t.Errorf("another origin got %v", r.Header)
				}
			}))
			tr, err := client.NewCookieTransport(client.CookieConfig{
				URL: s.URL + "/api/auth", Username: "robot", Password: "hunter2", Base: s.Client().Transport,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			c := &http.Client{Transport: tr}
			call := func(method, url string) (int, string) {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("x"))
				if err != nil {
					t.Fatal(err)
				}
				res, err := c.Do(r)
				if len(r.Header) > 0 {
					t.Errorf("the caller's request was changed: %v", r.Header)
				}
				return read(t, res, err)
			}
			expect := func(method, access string, log ...string) {
				t.Helper()
				if status, got := call(method, s.URL+"/orders"); status != 200 || got != access {
					t.Errorf("%s: got %d %s, want %s", method, status, got, access)
				}
				h.mu.Lock()
				defer h.mu.Unlock()
				if log = append(log, method+" /orders"); !slices.Equal(h.log, log) {
					t.Errorf("%s: asked %q, want %q", method, h.log, log)
				}
				h.log = nil
			}
			const refreshed = "POST /api/auth/refresh"
			expect("POST", "access1", "POST /api/auth/login?transport=cookie")
			expect("GET", "access1")
			h.expired = "access1"
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if status, got := call("PUT", s.URL+"/orders"); status != 200 || got != "access2" {
						t.Errorf("expired: got %d %s", status, got)
					}
				})
			}
			wg.Wait()
			if n := len(slices.DeleteFunc(h.log, func(s string) bool { return s != refreshed })); n != 1 {
				t.Errorf("%d refreshes for 20 requests, want 1", n)
			}
			h.log = nil
			expect("DELETE", "access2")
			call("POST", foreign.URL)
			tr.Close()
			if _, err := c.Get(s.URL); err == nil {
				t.Error("a request after Close went out")
			}
		})
	}
}

func TestCookieSessionEnds(t *testing.T) {
	t.Parallel()
	h := &cookieServer{t: t, prefix: "sandi_"}
	s := httptest.NewServer(h)
	defer s.Close()
	tr, err := client.NewCookieTransport(client.CookieConfig{
		URL: s.URL + "/api/auth", Username: "robot", Password: "hunter2", Base: s.Client().Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	c := &http.Client{Transport: tr}
	res, err := c.Get(s.URL)
	read(t, res, err)
	h.session, h.expired, h.log = 7, "access1", nil // as if an administrator had ended ours
	res, err = c.Get(s.URL)
	if status, got := read(t, res, err); status != 200 || got != "access2" {
		t.Errorf("got %d %s", status, got)
	}
	want := []string{"GET /", "POST /api/auth/refresh", "POST /api/auth/login?transport=cookie", "GET /"}
	if !slices.Equal(h.log, want) {
		t.Errorf("asked %q, want %q", h.log, want)
	}
}
