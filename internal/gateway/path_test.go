package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/gateway"
)

// TestOnePath: what is not written in its one form is 400 and reaches no upstream, on any route; what is goes on byte for byte.
// secure-defaults 20b
func TestOnePath(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	w := newWorld(t, nil,
		gateway.Route{Path: "/", Public: true, Upstreams: mustURLs(t, up.URL)},
		gateway.Route{Path: "/admin", Roles: []string{"admin"}, Upstreams: mustURLs(t, up.URL)},
	)
	for _, target := range []string{
		"//admin", "/x//admin", "/./admin", "/x/../admin", "/x/..", "/..", "/%2e%2e/admin", "/x/%2E%2e/admin", "/x/.%2e/admin", "/x%2fadmin", "/x%2Fadmin",
		"/x%5cadmin", `/x\admin`, "/x/..;/admin", "/x/..;a=b/admin", "/x/..%3b/admin", "/;/admin", "/x/;a/admin", "/%61dmin", "/adm%69n", "/%252e%252e/admin",
		"/x%252fadmin", "/x%25%32%66admin", "/%00", "/x%0d%0aHost:y", "/x%7f", "/x%", "/x%2", "/x%zz", "/%c0%ae%c0%ae/admin", "/%ff", "/x#/admin", "/x|y", "/x\"y", "/x<y", "/{x}",
		"http://other.example/admin", "http://127.0.0.1/admin", "*", "/ADMIN", "/Admin/x", "/admin;x=1", "/admin;/x", "/aDmIn;a", "/x\x01", "/\xff", "/x%c2%85",
	} {
		status, _ := w.raw("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
		if status != 400 {
			t.Errorf("%q: status %d, want 400", target, status)
		}
	}
	for _, host := range []string{"", "127.0.0.1.", "a@127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:99999", "..", "[::1", "api.example\\x", "api.example/x", "a..b", "127.0.0.1:080"} {
		status, _ := w.raw("GET / HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
		if status != 400 {
			t.Errorf("Host %q: status %d, want 400", host, status)
		}
	}
	if n := up.count(); n != 0 {
		t.Fatalf("%d requests reached the upstream", n)
	}
	for _, target := range []string{"/", "/a/b/", "/a%20b?c=d%2f..%2f&e", "/~x;v=1/y", "/100%25", "/%E2%82%AC", "/a:b@c,d=e+f!$&'()*[x]", "/%7Ex", "/..x/x..", "/x/...", "/%3Fx", "/q?"} {
		status, _ := w.raw("GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1:443\r\nConnection: close\r\n\r\n")
		if status != 200 {
			t.Errorf("%q: status %d, want 200", target, status)
			continue
		}
		if got := up.last(t).RequestURI; got != strings.TrimSuffix(target, "?") {
			t.Errorf("%q reached the upstream as %q", target, got)
		}
	}
}

// TestRoutes: the longest path of the host counts, at whole segments; all else is unknown.
// secure-defaults 20c, 24b
func TestRoutes(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	u := mustURLs(t, up.URL)
	w := newWorld(t, nil,
		gateway.Route{Path: "/api", Public: true, Upstreams: u, StripPath: true},
		gateway.Route{Path: "/api/v2", Public: true, Upstreams: u, Methods: []string{"GET", "POST"}},
		gateway.Route{Path: "/a b", Public: true, Upstreams: u, StripPath: true},
		gateway.Route{Host: "shop.example", Path: "/", Public: true, Upstreams: u, KeepHost: true},
		gateway.Route{Host: "*.shop.example", Path: "/wild", Public: true, Upstreams: u},
	)
	for _, tt := range []struct {
		request string
		status  int
		path    string
	}{
		{"GET /api HTTP/1.1\r\nHost: 127.0.0.1", 200, "/"},
		{"GET /api/x/y?q=1 HTTP/1.1\r\nHost: API.Example:8443", 200, "/x/y?q=1"},
		{"GET /a%20b/c%20d HTTP/1.1\r\nHost: api.example", 200, "/c%20d"},
		{"GET /apix HTTP/1.1\r\nHost: api.example", 404, ""},
		{"GET / HTTP/1.1\r\nHost: api.example", 404, ""},
		{"GET /api/v2/x HTTP/1.1\r\nHost: api.example", 200, "/api/v2/x"},
		{"DELETE /api/v2/x HTTP/1.1\r\nHost: api.example", 405, ""},
		{"TRACE /api HTTP/1.1\r\nHost: api.example", 405, ""},
		{"CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443", 405, ""},
		{"GET /api HTTP/1.1\r\nHost: shop.example", 200, "/api"},
		{"GET /wild HTTP/1.1\r\nHost: a.shop.example", 200, "/wild"},
		{"GET /wild HTTP/1.1\r\nHost: b.a.shop.example", 421, ""},
		{"GET /api HTTP/1.1\r\nHost: evil.example", 421, ""},
	} {
		before := up.count()
		status, _ := w.raw(tt.request + "\r\nConnection: close\r\n\r\n")
		if status != tt.status {
			t.Errorf("%s: status %d, want %d", tt.request, status, tt.status)
		}
		if reached := up.count() > before; reached != (tt.path != "") {
			t.Errorf("%s: reached the upstream: %v", tt.request, reached)
		} else if reached && up.last(t).RequestURI != tt.path {
			t.Errorf("%s: upstream got %q, want %q", tt.request, up.last(t).RequestURI, tt.path)
		}
	}
	if got := up.last(t).Host; got != strings.TrimPrefix(up.URL, "http://") {
		t.Errorf("upstream's Host is %q", got)
	}
}

// TestSmuggling: bytes that two servers could divide in two ways reach an upstream as what the guard judged, or not at all.
// ASVS 4.2.1
func TestSmuggling(t *testing.T) {
	t.Parallel()
	up := newSeen(t, nil)
	u := mustURLs(t, up.URL)
	w := newWorld(t, nil, gateway.Route{Path: "/", Public: true, Upstreams: u}, gateway.Route{Path: "/admin", Upstreams: u})
	inner := "GET /admin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
	for name, tt := range map[string]struct {
		text   string
		status int
	}{
		"two lengths":        {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
		"list of lengths":    {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4, 4\r\n\r\nabcd", 400},
		"signed length":      {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: +4\r\n\r\nabcd", 400},
		"odd coding":         {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
		"two codings":        {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501},
		"space before colon": {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
		"two hosts":          {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: api.example\r\n\r\n", 400},
		"h2c":                {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 200},
		"odd upgrade":        {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: tls/1.0\r\n\r\n", 400},
		"half upgrade":       {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\r\n", 400},
		"two upgrades":       {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", 400},
		"old websocket":      {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 8\r\n\r\n", 426},
		"websocket's body":   {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nContent-Length: 3\r\n\r\nabc", 400},
		// RFC 9112 section 6.1: the coding counts, the length is taken away, and what follows is a request of its own to the guard.
		"both":            {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner, 200},
		"chunk extension": {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\nx\r\n0\r\n\r\n" + inner, 200},
		"folded":          {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b\r\n Sandi-Subject: root\r\n\r\n", 200},
		"bare LF":         {"GET / HTTP/1.1\nHost: 127.0.0.1\nX-A: b\n\n", 200},
		"trailer":         {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nTrailer: Sandi-Subject\r\n\r\n0\r\nSandi-Subject: root\r\n\r\n", 200},
		"expect":          {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", 200},
		"odd expect":      {"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 200-ok\r\nContent-Length: 0\r\n\r\n", 417},
	} {
		status, _ := w.raw(tt.text)
		if status != tt.status {
			t.Errorf("%s: status %d, want %d", name, status, tt.status)
		}
	}
	w.server.Close() // what came behind has been answered
	for _, r := range up.reqs {
		if r.URL.Path != "/" || r.Header.Get("Upgrade") != "" || r.Header.Get("Http2-Settings") != "" || r.Header.Get("Expect") != "" ||
			r.Header.Get("Sandi-Subject") != "" || r.Trailer.Get("Sandi-Subject") != "" || r.Header.Get("X-Forwarded-For") != "127.0.0.1" {
			t.Errorf("the upstream got %s %v %v", fmt.Sprint(r.URL), r.Header, r.Trailer)
		}
	}
}
