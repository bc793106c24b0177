package web_test

import (
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// page serves one page in a language and returns it.
func page(t *testing.T, h func(*web.Web) web.Handler, accept string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("GET", "/page", nil)
	r.Header.Set("Accept-Language", accept)
	res, _ := serve(t, web.Config{}, func(s *web.Web, mux *http.ServeMux) { mux.Handle("GET /page", s.HandlePage(h(s))) }, r)
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(raw)
}

// secure-defaults 10a, 10b, 10f; checklist 30, 31
func TestPage(t *testing.T) {
	t.Parallel()
	for accept, lang := range map[string]string{"": "en", "id": "id", "zh-TW": "zh-Hant"} {
		res, html := page(t, func(s *web.Web) web.Handler {
			return func(w http.ResponseWriter, r *http.Request) error {
				s.Page(w, r, web.Page{Status: 201, Title: "<b>Hi", Body: template.HTML("<p>body</p>")})
				return nil
			}
		}, accept)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
			"X-Frame-Options":         "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
			"Content-Type": "text/html; charset=utf-8", "Content-Language": lang,
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		if res.StatusCode != 201 || !strings.Contains(html, `<html lang="`+lang+`">`) || !strings.Contains(html, "<h1>&lt;b&gt;Hi</h1>\n<p>body</p>") {
			t.Errorf("%q: %d %s", accept, res.StatusCode, html)
		}
		if m := regexp.MustCompile(`(?i)<script|<img|style=|https?:|refresh`).FindString(html); m != "" {
			t.Errorf("the shell has %q", m)
		}
	}
}

// A page that goes on does so without a script, to an address of any scheme but those that run what they hold.
func TestPageNext(t *testing.T) {
	t.Parallel()
	next := func(url string) func(*web.Web) web.Handler {
		return func(s *web.Web) web.Handler {
			return func(w http.ResponseWriter, r *http.Request) error {
				s.Page(w, r, web.Page{Title: "x", Next: url})
				return nil
			}
		}
	}
	for _, url := range []string{"https://app.example/cb?code=a&state=%22%3E", "com.example.app:/cb?code=a&state=x", "/consent?request=a"} {
		_, html := page(t, next(url), "")
		escaped := template.HTMLEscapeString(url)
		if !strings.Contains(html, `<meta http-equiv="refresh" content="0;url=`+escaped+`">`) || !strings.Contains(html, `href="`+escaped+`"`) {
			t.Errorf("%s: %s", url, html)
		}
	}
	for _, url := range []string{"javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x"} {
		if res, html := page(t, next(url), ""); res.StatusCode != 500 || strings.Contains(html, "alert") {
			t.Errorf("%s: %d %s", url, res.StatusCode, html)
		}
	}
}

func TestPageError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		err    error
		status int
		want   string
	}{
		{"known", problem.New(problem.NotFound, "request_expired"), 404, "kedaluwarsa"},
		{"no challenge", problem.New(problem.Unauthenticated, "invalid_credentials"), 403, "kata sandi salah"},
		{"throttled", &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", RetryAfter: 1500e6}, 429, "Tunggu 2 detik"},
		{"for developers", &problem.Error{Kind: problem.Invalid, Code: "invalid_request", Description: "redirect_uri <is> not registered"}, 400, "redirect_uri &lt;is&gt; not registered"},
		{"unforeseen", errors.New("the password is hunter2"), 500, "Request ID"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res, html := page(t, func(*web.Web) web.Handler {
				return func(http.ResponseWriter, *http.Request) error { return tt.err }
			}, "id")
			if res.StatusCode != tt.status || !strings.Contains(html, tt.want) || strings.Contains(html, "hunter2") {
				t.Errorf("got %d %s", res.StatusCode, html)
			}
			if tt.status == 429 && res.Header.Get("Retry-After") != "2" {
				t.Errorf("Retry-After: %q", res.Header.Get("Retry-After"))
			}
			if res.Header.Get("WWW-Authenticate") != "" {
				t.Error("the browser would ask for a password of its own")
			}
		})
	}
}

// The stylesheet is kept for ever under the name of its content, and answers to that of another version as well.
func TestStylesheet(t *testing.T) {
	t.Parallel()
	_, html := page(t, func(s *web.Web) web.Handler {
		return func(w http.ResponseWriter, r *http.Request) error { s.Page(w, r, web.Page{}); return nil }
	}, "")
	own := regexp.MustCompile(`/assets/page-[0-9a-f]{16}\.css`).FindString(html)
	for path, want := range map[string]struct {
		status int
		cache  string
	}{
		own:                    {200, "public, max-age=31536000, immutable"},
		"/assets/page-old.css": {200, "no-store"},
		"/assets/other.js":     {404, "no-store"},
	} {
		res, _ := serve(t, web.Config{}, func(s *web.Web, mux *http.ServeMux) { s.PageRoutes(mux) }, httptest.NewRequest("GET", path, nil))
		if res.StatusCode != want.status || res.Header.Get("Cache-Control") != want.cache {
			t.Errorf("%s: %d %q, want %v", path, res.StatusCode, res.Header.Get("Cache-Control"), want)
		}
		if want.status == 200 && res.Header.Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%s: %q", path, res.Header.Get("Content-Type"))
		}
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string][2]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                  {"Firefox", "Linux"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": {"Safari", "iPhone"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":           {"Edge", "Windows"},
		"curl/8.5.0": {"curl", ""}, "": {"", ""},
	} {
		if browser, system := web.Device(agent); browser != want[0] || system != want[1] {
			t.Errorf("%q: got %q on %q, want %v", agent, browser, system, want)
		}
	}
}
