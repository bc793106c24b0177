package guard_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

// secure-defaults 9g: a cookie changes nothing without the CSRF value.
func TestCSRF(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	good, without := s.access(nil), s.access(map[string]any{"csrf": nil})
	tests := map[string]struct {
		method string
		token  string
		value  []string
		ok     bool
	}{
		"GET":                  {"GET", good, nil, true},
		"HEAD":                 {"HEAD", good, nil, true},
		"OPTIONS":              {"OPTIONS", good, nil, true},
		"TRACE":                {"TRACE", good, nil, true},
		"POST":                 {"POST", good, []string{"csrf-value"}, true},
		"POST, none":           {"POST", good, nil, false},
		"POST, another":        {"POST", good, []string{"csrf-valuf"}, false},
		"POST, longer":         {"POST", good, []string{"csrf-value1"}, false},
		"POST, twice":          {"POST", good, []string{"csrf-value", "csrf-value"}, false},
		"POST, empty":          {"POST", good, []string{""}, false},
		"POST, no claim":       {"POST", without, nil, false},
		"POST, empty no claim": {"POST", without, []string{""}, false},
		"PUT, none":            {"PUT", good, nil, false},
		"PATCH, none":          {"PATCH", good, nil, false},
		"DELETE, none":         {"DELETE", good, nil, false},
		"CONNECT, none":        {"CONNECT", good, nil, false},
		"get is not GET":       {"get", good, nil, false},
		"unknown method":       {"FROB", good, nil, false},
	}
	h := s.guard(func(c *guard.Config) { c.Sources = everywhere }).Require()(greet)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := withCookie(get(""), tt.token)
			r.Method = tt.method
			if tt.value != nil {
				withHeader(r, "X-CSRF-TOKEN", tt.value...)
			}
			a := serve(t, h, r)
			if tt.ok && a.Status != http.StatusOK || !tt.ok && (a.Status != http.StatusForbidden || a.Reason != "csrf_failed" || a.Challenge != "") {
				t.Errorf("got %d %s, want ok %v", a.Status, a.Reason, tt.ok)
			}
		})
	}
	t.Run("header needs none", func(t *testing.T) {
		t.Parallel()
		r := get(good)
		r.Method = http.MethodPost
		if a := serve(t, h, r); a.Status != http.StatusOK {
			t.Errorf("got %d %s, want 200", a.Status, a.Reason)
		}
	})
}

// secure-defaults 21a: a socket opened by cookie proves where it is from.
func TestUpgradeByCookie(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	g := s.guard(func(c *guard.Config) {
		c.Sources = everywhere
		c.Cookie.Origins = []string{"https://app.example"}
	})
	tests := map[string]struct {
		origin []string
		tls    bool
		ok     bool
	}{
		"same host":               {[]string{"http://example.com"}, false, true},
		"same host, TLS":          {[]string{"https://example.com"}, true, true},
		"same host, plain to TLS": {[]string{"http://example.com"}, true, false},
		"listed":                  {[]string{"https://app.example"}, true, true},
		"another port":            {[]string{"https://app.example:8443"}, true, false},
		"another":                 {[]string{"https://evil.example"}, false, false},
		"null":                    {[]string{"null"}, false, false},
		"none":                    {nil, false, false},
		"empty":                   {[]string{""}, false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := withHeader(withCookie(get(""), s.access(nil)), "Upgrade", "websocket")
			r.Header["Origin"] = tt.origin
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			_, err := g.Check(r)
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, guard.CSRFFailed) {
				t.Errorf("got %v, want ok %v", err, tt.ok)
			}
		})
	}
	if _, err := g.Check(withHeader(get(s.access(nil)), "Upgrade", "websocket")); err != nil {
		t.Errorf("by header: %v", err)
	}
}

func TestRefreshCookie(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	g := s.guard(func(c *guard.Config) {
		c.Sources = []guard.Source{guard.FromCookie()}
		c.Cookie = guard.CookieConfig{Access: "a", Refresh: "r", CSRFHeader: "X-Proof"}
	})
	r := httptest.NewRequest(http.MethodPost, "/refresh", http.NoBody)
	r.AddCookie(&http.Cookie{Name: "a", Value: s.access(nil)})
	r.AddCookie(&http.Cookie{Name: "r", Value: s.sign("JWT", map[string]any{"type": "refresh", "sub": "refreshed"})})
	r.Header.Set("X-Proof", "csrf-value")
	if got, err := g.Check(r, guard.Refresh()); err != nil || got.Subject() != "refreshed" {
		t.Errorf("refresh: %q, %v", got.Subject(), err)
	}
	if got, err := g.Check(r); err != nil || got.Subject() != "user1" {
		t.Errorf("access: %q, %v", got.Subject(), err)
	}
}
