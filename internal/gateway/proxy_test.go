package gateway_test

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/gateway"
)

// TestRequirements: what a route asks for is asked before the upstream sees anything.
// secure-defaults 20d
func TestRequirements(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	u := mustURLs(t, up.URL)
	w := newWorld(t, nil,
		gateway.Route{Path: "/any", Upstreams: u},
		gateway.Route{Path: "/scope", Scopes: []string{"orders.read", "orders.write"}, Upstreams: u},
		gateway.Route{Path: "/role", Roles: []string{"admin", "clerk"}, Upstreams: u},
		gateway.Route{Path: "/admin", Roles: []string{"admin"}, Upstreams: u},
		gateway.Route{Path: "/fresh", Fresh: time.Minute, Upstreams: u},
		gateway.Route{Path: "/bound", DPoP: true, Upstreams: u},
		gateway.Route{Path: "/public", Public: true, Upstreams: u},
		gateway.Route{Path: "/cookie", CookieAuth: true, Upstreams: u},
	)
	good := "Bearer " + w.token(time.Minute, nil)
	cookie := "sandi_access=" + w.token(time.Minute, nil)
	for _, tt := range []struct {
		method, target string
		status         int
		headers        []string
	}{
		{"GET", "/any", 401, nil},
		{"GET", "/any", 200, []string{"Authorization", good}},
		{"GET", "/any", 401, []string{"Authorization", "Bearer " + w.token(-time.Minute, nil)}},
		{"GET", "/any", 401, []string{"Cookie", cookie}},
		{"GET", "/any?access_token=" + good[7:], 401, nil},
		{"GET", "/scope", 403, []string{"Authorization", good}},
		{"GET", "/scope", 200, []string{"Authorization", "Bearer " + w.token(time.Minute, map[string]any{"scope": "orders.write orders.read"})}},
		{"GET", "/role", 200, []string{"Authorization", good}},
		{"GET", "/admin", 403, []string{"Authorization", good}},
		{"GET", "/fresh", 200, []string{"Authorization", good}},
		{"GET", "/fresh", 401, []string{"Authorization", "Bearer " + w.token(time.Minute, map[string]any{"auth_time": time.Now().Add(-time.Hour).Unix()})}},
		{"GET", "/bound", 403, []string{"Authorization", good}},
		{"GET", "/public", 200, nil},
		{"GET", "/public", 401, []string{"Authorization", "Bearer x.y.z"}},
		{"GET", "/cookie", 200, []string{"Cookie", cookie}},
		{"POST", "/cookie", 403, []string{"Cookie", cookie}},
		{"POST", "/cookie", 200, []string{"Cookie", cookie, "X-CSRF-TOKEN", "csrf-value"}},
		{"GET", "/cookie", 401, []string{"Cookie", cookie, "Authorization", "Bearer x.y.z"}},
	} {
		before := up.count()
		resp, body := w.do(w.request(tt.method, tt.target, tt.headers...))
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s %q: %d %s, want %d", tt.method, tt.target, tt.headers, resp.StatusCode, body, tt.status)
		}
		if (up.count() > before) != (tt.status == 200) {
			t.Errorf("%s %s %q: reached the upstream: %v", tt.method, tt.target, tt.headers, up.count() > before)
		}
	}
	w.revoke("s1")
	if resp, body := w.do(w.request("GET", "/any", "Authorization", good)); resp.StatusCode != 401 || !strings.Contains(body, "token_revoked") {
		t.Errorf("revoked: %d %s", resp.StatusCode, body)
	}
}

// TestCORS: pages of listed origins alone, and the gateway answers preflights.
func TestCORS(t *testing.T) {
	t.Parallel()
	up := newSeen(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Access-Control-Allow-Origin", "*") })
	w := newWorld(t, nil, gateway.Route{Path: "/", Origins: []string{testPage}, Methods: []string{"GET", "PUT"}, Upstreams: mustURLs(t, up.URL)})
	resp, _ := w.do(w.request("OPTIONS", "/x", "Origin", testPage, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "x-mine"))
	h := resp.Header
	if resp.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != testPage || h.Get("Access-Control-Allow-Credentials") != "true" ||
		h.Get("Access-Control-Allow-Methods") != "GET, PUT" || h.Get("Access-Control-Allow-Headers") != "x-mine" || up.count() != 0 {
		t.Errorf("preflight: %d %v", resp.StatusCode, h)
	}
	resp, _ = w.do(w.request("GET", "/x", "Origin", testPage))
	if resp.StatusCode != 401 || resp.Header.Get("Access-Control-Allow-Origin") != testPage {
		t.Errorf("the page cannot read the refusal: %d %v", resp.StatusCode, resp.Header)
	}
	for _, origin := range []string{"https://evil.example", testPage + ".evil.example", "null", "https://APP.example"} {
		resp, _ = w.do(w.request("OPTIONS", "/x", "Origin", origin, "Access-Control-Request-Method", "PUT"))
		if resp.StatusCode == 204 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", origin, resp.StatusCode, resp.Header)
		}
		resp, _ = w.do(w.request("GET", "/x", "Origin", origin, "Authorization", "Bearer "+w.token(time.Minute, nil)))
		if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %v", origin, resp.StatusCode, resp.Header)
		}
	}
}

// TestLimits: rate by subject, and the size of bodies with and without a length.
func TestLimits(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	u := mustURLs(t, up.URL)
	w := newWorld(t, nil, gateway.Route{Path: "/", Rate: 1, Upstreams: u}, gateway.Route{Path: "/body", Public: true, MaxBody: 10, Upstreams: u})
	got := map[int]int{}
	for range 4 {
		resp, _ := w.do(w.request("GET", "/", "Authorization", "Bearer "+w.token(time.Minute, nil)))
		got[resp.StatusCode]++
		if resp.StatusCode == 429 && resp.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if got[200] < 2 || got[429] < 1 {
		t.Errorf("of four at once: %v", got)
	}
	if resp, _ := w.do(w.request("GET", "/", "Authorization", "Bearer "+w.token(time.Minute, map[string]any{"sub": "budi"}))); resp.StatusCode != 200 {
		t.Errorf("another subject: %d", resp.StatusCode)
	}
	for body, want := range map[string]int{"0123456789": 200, "0123456789a": 413} {
		for _, r := range []io.Reader{strings.NewReader(body), io.MultiReader(strings.NewReader(body))} {
			req, _ := http.NewRequest("POST", w.server.URL+"/body", r)
			if resp, text := w.do(req); resp.StatusCode != want {
				t.Errorf("%d bytes: %d %s, want %d", len(body), resp.StatusCode, text, want)
			}
		}
	}
}

// TestUpstreams: every kind of them takes the request on.
func TestUpstreams(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto, " ", r.Host) })
	secure := httptest.NewUnstartedServer(h)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	defer secure.Close()
	clear2 := httptest.NewUnstartedServer(h)
	clear2.Config.Protocols = new(http.Protocols)
	clear2.Config.Protocols.SetUnencryptedHTTP2(true)
	clear2.Start()
	defer clear2.Close()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	local := &http.Server{Handler: h} //nolint:gosec // a test's
	go func() { _ = local.Serve(l) }()
	defer local.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	w := newWorld(t, nil,
		gateway.Route{Path: "/tls", Public: true, Upstreams: mustURLs(t, secure.URL), RootCAs: roots},
		gateway.Route{Path: "/strange", Public: true, Upstreams: mustURLs(t, secure.URL)},
		gateway.Route{Path: "/h2c", Public: true, Upstreams: mustURLs(t, strings.Replace(clear2.URL, "http:", "h2c:", 1))},
		gateway.Route{Path: "/unix", Public: true, Upstreams: []*url.URL{{Scheme: "unix", Path: path}}},
		gateway.Route{Path: "/gone", Public: true, Upstreams: mustURLs(t, "http://127.0.0.1:1")},
	)
	for target, want := range map[string]string{
		"/tls": "HTTP/2.0 " + secure.Listener.Addr().String(), "/h2c": "HTTP/2.0 " + clear2.Listener.Addr().String(), "/unix": "HTTP/1.1 localhost",
	} {
		if resp, body := w.do(w.request("GET", target)); resp.StatusCode != 200 || body != want {
			t.Errorf("%s: %d %q, want %q", target, resp.StatusCode, body, want)
		}
	}
	for _, target := range []string{"/strange", "/gone"} {
		resp, body := w.do(w.request("GET", target))
		if resp.StatusCode != 502 || strings.Contains(body, "127.0.0.1") || strings.Contains(body, "certificate") || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
	}
	if !strings.Contains(w.log.String(), "connection refused") {
		t.Error("the log does not say what happened")
	}
}

// TestRetries: only what changes nothing goes to the next upstream, and only where there was no answer.
func TestRetries(t *testing.T) {
	t.Parallel()
	cut := newSeen(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	slow := newSeen(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	good := newSeen(t, nil)
	w := newWorld(t, nil,
		gateway.Route{Path: "/", Public: true, Retries: 2, Upstreams: mustURLs(t, "http://127.0.0.1:1", cut.URL, good.URL)},
		gateway.Route{Path: "/slow", Public: true, Retries: 2, Timeout: 50 * time.Millisecond, Upstreams: mustURLs(t, slow.URL)},
	)
	for range 6 {
		if resp, body := w.do(w.request("GET", "/")); resp.StatusCode != 200 {
			t.Errorf("GET: %d %s", resp.StatusCode, body)
		}
	}
	got := map[int]int{}
	for range 6 {
		r, _ := http.NewRequest("POST", w.server.URL+"/", strings.NewReader("x"))
		resp, _ := w.do(r)
		got[resp.StatusCode]++
	}
	if got[200] != 2 || got[502] != 4 {
		t.Errorf("POST in turn: %v", got)
	}
	if resp, _ := w.do(w.request("GET", "/slow")); resp.StatusCode != 504 || slow.count() != 1 {
		t.Errorf("slow: %d after %d tries", resp.StatusCode, slow.count())
	}
}

// TestHealth: an upstream that does not answer well gets no requests until it does.
func TestHealth(t *testing.T) {
	t.Parallel()
	var sick atomic.Bool
	asked := make(chan struct{}, 100)
	h := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" {
			if sick.Load() {
				w.WriteHeader(503)
			}
			asked <- struct{}{}
		}
	}
	sick.Store(true)
	up := newSeen(t, h)
	w := newWorld(t, nil, gateway.Route{Path: "/", Public: true, HealthPath: "/healthz", HealthEvery: 10 * time.Millisecond, Upstreams: mustURLs(t, up.URL)})
	eventually := func(want int) {
		t.Helper()
		for range 200 {
			<-asked
			if resp, _ := w.do(w.request("GET", "/")); resp.StatusCode == want {
				return
			}
		}
		t.Errorf("never %d", want)
	}
	eventually(503)
	sick.Store(false)
	eventually(200)
}

// TestEventStream: a stream of events ends with its token, between two events and with a word of why; another answer is cut.
// secure-defaults 21c
func TestEventStream(t *testing.T) {
	t.Parallel()
	up := newSeen(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		}
		fmt.Fprint(w, ": hello\n\ndata: one\r\n\r\ndata: half\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for path, want := range map[string]string{
		"/events": ": hello\n\ndata: one\r\n\r\nevent: auth_expired\ndata: {\"code\":4004,\"error\":\"token_revoked\",\"reason\":\"Unauthorized: Token Revoked\"}\n\n",
		"/file":   "",
	} {
		w := newWorld(t, nil, gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL)})
		resp, err := w.server.Client().Do(w.request("GET", path, "Authorization", "Bearer "+w.token(time.Minute, nil), "Accept", "text/event-stream"))
		if err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(resp.Body)
		_, _ = br.Peek(1)
		w.revoke("s1")
		all, err := io.ReadAll(br)
		_ = resp.Body.Close()
		if want != "" && (string(all) != want || err != nil) {
			t.Errorf("%s: %q, %v", path, all, err)
		}
		if want == "" && err == nil {
			t.Errorf("%s ended cleanly with %q", path, all)
		}
		if !strings.Contains(w.log.String(), `"error":"token_revoked"`) {
			t.Errorf("%s: the log does not say why: %s", path, w.log)
		}
	}
}

// TestLog: one line a request, without its query.
func TestLog(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	w := newWorld(t, nil, gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL)})
	w.do(w.request("GET", "/a%20b?secret=1", "Authorization", "Bearer "+w.token(time.Minute, nil)))
	var line struct {
		Msg, Method, Host, Path, Route, Subject, Address string
		Status                                           int
	}
	if err := json.Unmarshal([]byte(w.log.String()), &line); err != nil {
		t.Fatalf("%v: %s", err, w.log)
	}
	if line.Msg != "proxied" || line.Method != "GET" || line.Path != "/a%20b" || line.Route != "/" || line.Subject != "siti" || line.Status != 200 || line.Address != "127.0.0.1" {
		t.Errorf("line %+v", line)
	}
	if strings.Contains(w.log.String(), "secret") {
		t.Error("the query stands in the log")
	}
}
