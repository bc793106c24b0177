package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
)

// serve runs one request through the whole chain and returns the answer and the log.
func serve(t *testing.T, c web.Config, routes func(*web.Web, *http.ServeMux), r *http.Request) (*http.Response, string) {
	t.Helper()
	var log bytes.Buffer
	c.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	s := web.New(c)
	mux := http.NewServeMux()
	routes(s, mux)
	w := httptest.NewRecorder()
	s.Wrap(s.Mux(mux)).ServeHTTP(w, r)
	return w.Result(), log.String()
}

func body(t *testing.T, res *http.Response) (out map[string]any) {
	t.Helper()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatalf("body: %v", err)
	}
	return out
}

func handle(h web.Handler) func(*web.Web, *http.ServeMux) {
	return func(s *web.Web, mux *http.ServeMux) { mux.Handle("POST /x", s.Handle(h)) }
}

// secure-defaults 15c, 15d
func TestErrorsBecomeAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		err    error
		status int
		code   string
		field  string
	}{
		{"a field", problem.InvalidField("username", "field_missing"), 400, "invalid_request", "username"},
		{"wrapped", errors.Join(nil, problem.New(problem.Conflict, "username_taken")), 409, "username_taken", ""},
		{"unforeseen", errors.New("the password is hunter2"), 500, "server_error", ""},
		{"the client has gone", fmt.Errorf("rotate session: %w", context.Canceled), 503, "temporarily_unavailable", ""},
		{"too slow", fmt.Errorf("rotate session: %w", context.DeadlineExceeded), 503, "temporarily_unavailable", ""},
		{"unavailable", &problem.Error{Kind: problem.Unavailable, Code: "hashing_busy", RetryAfter: 1500e6}, 503, "hashing_busy", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res, log := serve(t, web.Config{}, handle(func(http.ResponseWriter, *http.Request) error { return tt.err }),
				httptest.NewRequest("POST", "/x", nil))
			got := body(t, res)
			if res.StatusCode != tt.status || got["error"] != tt.code {
				t.Errorf("got %d %v, want %d %s", res.StatusCode, got, tt.status, tt.code)
			}
			if f, _ := got["field"].(string); f != tt.field {
				t.Errorf("field: got %q, want %q", f, tt.field)
			}
			if strings.Contains(got["msg"].(string), "hunter2") {
				t.Error("the cause was shown to the caller")
			}
			if tt.status == 500 && !strings.Contains(log, "hunter2") {
				t.Error("the cause is not in the log")
			}
			if tt.code == "hashing_busy" && res.Header.Get("Retry-After") != "2" {
				t.Errorf("Retry-After: got %q, want 2 (rounded up)", res.Header.Get("Retry-After"))
			}
		})
	}
}

func TestPanicIsA500(t *testing.T) {
	t.Parallel()
	res, log := serve(t, web.Config{}, handle(func(http.ResponseWriter, *http.Request) error { panic("boom") }),
		httptest.NewRequest("POST", "/x", nil))
	if res.StatusCode != 500 || body(t, res)["error"] != "server_error" {
		t.Errorf("got %d, want 500 server_error", res.StatusCode)
	}
	if !strings.Contains(log, "boom") {
		t.Error("the panic is not in the log")
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	ok := func(s *web.Web, mux *http.ServeMux) {
		h := s.Handle(func(w http.ResponseWriter, _ *http.Request) error { return web.JSON(w, 200, "ok") })
		mux.Handle("POST /x", h)
		mux.Handle("POST /oauth/x", h)
	}
	for _, tt := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"POST", "/x", 200, ""},
		{"GET", "/x", 405, "POST"},
		{"GET", "/nothing", 404, ""},
		{"POST", "//x", 404, ""},
		{"POST", "/a/../x", 404, ""},
		{"OPTIONS", "*", 404, ""},
		{"GET", "/oauth/x", 405, "POST"},
		{"POST", "/oauth/nothing", 404, ""},
	} {
		res, _ := serve(t, web.Config{}, ok, httptest.NewRequest(tt.method, tt.target, nil))
		if res.StatusCode != tt.status || res.Header.Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %d Allow %q, want %d %q", tt.method, tt.target, res.StatusCode, res.Header.Get("Allow"), tt.status, tt.allow)
		}
		if ct := res.Header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
			t.Errorf("%s %s: content type %q", tt.method, tt.target, ct)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(tt.target, "/oauth/") != strings.Contains(string(body), `{"error":"invalid_request","error_description":`) { // RFC 6749 section 5.2
			t.Errorf("%s %s: %s", tt.method, tt.target, body)
		}
	}
}

// secure-defaults 10a, 10b, 10c, 10d, 10f, 10g; ASVS 3.4.1, 3.4.3, 3.4.4, 3.4.5, 3.4.6, 4.1.1
func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	res, _ := serve(t, web.Config{HSTS: true}, handle(nil), httptest.NewRequest("GET", "/nothing", nil))
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
		"Strict-Transport-Security":    "max-age=31536000; includeSubDomains",
		"Cross-Origin-Resource-Policy": "same-origin", "Server": "",
		"Content-Type": "application/json; charset=utf-8",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if res.Header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
}

// secure-defaults 11a, 11b; ASVS 3.4.2
func TestCORS(t *testing.T) {
	t.Parallel()
	c := web.Config{Origins: []string{"https://app.example"}, NoCORS: []string{"/login"}}
	routes := func(s *web.Web, mux *http.ServeMux) {
		h := s.Handle(func(w http.ResponseWriter, _ *http.Request) error { return web.JSON(w, 200, "ok") })
		mux.Handle("POST /x", h)
		mux.Handle("POST /login", h)
	}
	for _, tt := range []struct {
		name, method, path, origin string
		allowed                    string
		status                     int
	}{
		{"registered", "POST", "/x", "https://app.example", "https://app.example", 200},
		{"preflight", "OPTIONS", "/x", "https://app.example", "https://app.example", 204},
		{"other port", "POST", "/x", "https://app.example:444", "", 200},
		{"longer name", "POST", "/x", "https://app.example.evil", "", 200},
		{"other scheme", "POST", "/x", "http://app.example", "", 200},
		{"null", "POST", "/x", "null", "", 200},
		{"other's preflight", "OPTIONS", "/x", "https://evil.example", "", 405},
		{"never on login", "POST", "/login", "https://app.example", "", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(tt.method, tt.path, nil)
			r.Header.Set("Origin", tt.origin)
			r.Header.Set("Access-Control-Request-Method", "POST")
			res, _ := serve(t, c, routes, r)
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != tt.allowed || res.StatusCode != tt.status {
				t.Errorf("got %d, allowed %q; want %d, %q", res.StatusCode, got, tt.status, tt.allowed)
			}
		})
	}
}

// secure-defaults 24a; ASVS 4.1.3
func TestClientAddress(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tt := range []struct{ name, remote, forwarded, want string }{
		{"no proxy", "192.0.2.1:9", "", "192.0.2.1"},
		{"header of a stranger", "192.0.2.1:9", "198.51.100.7", "192.0.2.1"},
		{"trusted proxy", "10.0.0.1:9", "198.51.100.7", "198.51.100.7"},
		{"client forged the left end", "10.0.0.1:9", "203.0.113.5, 198.51.100.7", "198.51.100.7"},
		{"with a port", "10.0.0.1:9", "198.51.100.7:5555", "198.51.100.7"},
		{"IPv6 with a port", "10.0.0.1:9", "[2001:db8::1]:5555", "2001:db8::1"},
		{"two proxies", "10.0.0.1:9", "198.51.100.7, 10.0.0.2", "198.51.100.7"},
		{"garbage", "10.0.0.1:9", "x", "10.0.0.1"},
		{"mapped", "[::ffff:192.0.2.1]:9", "", "192.0.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/x", nil)
			r.RemoteAddr = tt.remote
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			var got string
			serve(t, web.Config{TrustedProxies: proxies}, handle(func(w http.ResponseWriter, r *http.Request) error {
				got = web.Address(r.Context())
				return nil
			}), r)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// secure-defaults 24b
func TestHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]int{"127.0.0.1:5000": 200, "LOCALHOST": 200, "[::1]:5000": 200, "evil.example": 421, "": 421, "l\u0130nux": 421, "\u212aiosk": 421, "LINUX": 200} {
		r := httptest.NewRequest("POST", "/x", nil)
		r.Host = host
		res, _ := serve(t, web.Config{Hosts: []string{"127.0.0.1", "localhost", "::1", "linux", "kiosk"}},
			handle(func(w http.ResponseWriter, _ *http.Request) error { return web.JSON(w, 200, "ok") }), r)
		if res.StatusCode != want {
			t.Errorf("Host %q: got %d, want %d", host, res.StatusCode, want)
		}
	}
}

// secure-defaults 16b, 16c
func TestOneLogLineWithoutTheQuery(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/x?access_token=s3cret", nil)
	r.Header.Set("Authorization", "Bearer s3cret")
	r.Header.Set("User-Agent", "evil\r\n\x1b[31mline")
	var agent string
	_, log := serve(t, web.Config{Metrics: prometheus.NewRegistry()}, handle(func(w http.ResponseWriter, r *http.Request) error {
		web.SetSubject(r.Context(), "siti")
		agent = web.UserAgent(r)
		return web.JSON(w, 200, "ok")
	}), r)
	if strings.Count(log, "\n") != 1 || strings.Contains(log, "s3cret") {
		t.Errorf("log: %s", log)
	}
	for _, want := range []string{`"subject":"siti"`, `"status":200`, `"path":"/x"`, `"request_id":"`} {
		if !strings.Contains(log, want) {
			t.Errorf("log lacks %s: %s", want, log)
		}
	}
	if agent != "evil[31mline" {
		t.Errorf("user agent: got %q", agent)
	}
}

// A connection that was taken over is an upgrade in the log, not an empty answer.
func TestUpgradeIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := web.New(web.Config{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	done := make(chan struct{})
	wrapped := s.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = c.Close()
	}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		wrapped.ServeHTTP(w, r)
	}))
	defer srv.Close()
	if res, err := http.Get(srv.URL); err == nil {
		_ = res.Body.Close()
	}
	<-done
	if !strings.Contains(log.String(), `"status":101`) {
		t.Errorf("log: %s", log.String())
	}
}

// Every sentence that the code names exists in every language, with the same parameters.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	all := map[string]map[string]string{}
	for _, lang := range []string{"en", "id", "zh-Hant"} {
		raw, err := os.ReadFile(filepath.Join("locales", lang+".json"))
		if err != nil {
			t.Fatal(err)
		}
		m := map[string]string{}
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		all[lang] = m
	}
	param := regexp.MustCompile(`{{\.(\w+)}}`)
	for id, en := range all["en"] {
		for _, lang := range []string{"id", "zh-Hant"} {
			other, ok := all[lang][id]
			if !ok {
				t.Errorf("%s: no sentence in %s", id, lang)
			}
			for _, p := range param.FindAllString(en, -1) {
				if !strings.Contains(other, p) {
					t.Errorf("%s: %s lacks %s", id, lang, p)
				}
			}
		}
	}
	for _, lang := range []string{"id", "zh-Hant"} {
		for id := range all[lang] {
			if _, ok := all["en"][id]; !ok {
				t.Errorf("%s: in %s alone", id, lang)
			}
		}
	}
	for id, file := range namedSentences(t) {
		if _, ok := all["en"][id]; !ok {
			t.Errorf("%s names the sentence %q, which the catalogue lacks", file, id)
		}
	}
}

// namedSentences finds the ids in the sources of internal/.
func namedSentences(t *testing.T) map[string]string {
	t.Helper()
	patterns := []*regexp.Regexp{
		regexp.MustCompile(`problem\.(?:New|Wrap)\(problem\.\w+, "(\w+)"`),
		regexp.MustCompile(`problem\.InvalidField\([^,]+(?:\([^)]*\))?, "(\w+)"\)`),
		regexp.MustCompile(`Sentence(?:: | = )"(\w+)"`),
		regexp.MustCompile(`\.Sentence\(r, "(\w+)"`),
		regexp.MustCompile(`Code:\s+"(\w+)"`),
		regexp.MustCompile(`(?:badName\(|weak\(field, |refused\()"(\w+)"`),
		regexp.MustCompile(`e\.Sentence, e\.Field = "(\w+)"`),
	}
	files, err := filepath.Glob(filepath.Join("..", "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.Contains(f, "realtime") { // what sockets say is for programs
			continue
		}
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range patterns {
			for _, m := range p.FindAllSubmatch(src, -1) {
				out[string(m[1])] = f
			}
		}
	}
	if len(out) < 10 {
		t.Fatalf("found only %d sentence ids: the patterns no longer fit the code", len(out))
	}
	return out
}

func TestSentenceLanguage(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"": "is missing", "id": "tidak ada", "zh-TW,en;q=0.5": "缺少", "zh-CN": "缺少", "fr, id;q=0.8": "tidak ada", "en;q=0.1, id;q=0.9": "tidak ada",
	} {
		r := httptest.NewRequest("POST", "/x", nil)
		r.Header.Set("Accept-Language", accept)
		res, _ := serve(t, web.Config{}, handle(func(http.ResponseWriter, *http.Request) error { return web.Required("username", "") }), r)
		if msg := body(t, res)["msg"].(string); !strings.Contains(msg, want) {
			t.Errorf("Accept-Language %q: got %q, want %q in it", accept, msg, want)
		}
	}
}
