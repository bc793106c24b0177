package gateway_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/gateway"
)

// TestSocketTLS: the same with TLS on both sides, where the buffers are others.
func TestSocketTLS(t *testing.T) {
	t.Parallel()
	ends := make(chan string, 1)
	up := httptest.NewTLSServer(echo(ends))
	t.Cleanup(up.Close)
	roots := x509.NewCertPool()
	roots.AddCert(up.Certificate())
	w := newWorld(t, nil, gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL), RootCAs: roots})
	front := httptest.NewTLSServer(w.gateway)
	t.Cleanup(front.Close)
	conn, err := tls.Dial("tcp", front.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	r := w.request("GET", "/", "Authorization", "Bearer "+w.token(time.Minute, nil), "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Origin", "https://"+front.Listener.Addr().String())
	r.Host = front.Listener.Addr().String()
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, r)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v, %v", resp, err)
	}
	c := &wsClient{t, conn, br, resp}
	for _, n := range []int{1, 4096, 100_000, 4096, 3} {
		text := strings.Repeat("x", n)
		c.send(ws.OpText, text)
		if _, p := c.read(); p != text {
			t.Fatalf("%d bytes came back as %d", n, len(p))
		}
	}
	w.revoke("s1")
	c.wantClose(4004)
	if got := <-ends; got != "4004 Unauthorized: Token Revoked" {
		t.Errorf("upstream saw %q", got)
	}
}

// TestTrailers: an upstream's trailers pass, but for what only the gateway says.
func TestTrailers(t *testing.T) {
	t.Parallel()
	up := newSeen(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = w.Write([]byte("x"))
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"Sandi-Subject", "root")
	})
	w := newWorld(t, nil, gateway.Route{Path: "/", Public: true, Upstreams: mustURLs(t, up.URL)})
	resp, _ := w.do(w.request("GET", "/"))
	if resp.Trailer.Get("Grpc-Status") != "0" || resp.Trailer.Get("Sandi-Subject") != "" {
		t.Errorf("trailers %v", resp.Trailer)
	}
}
