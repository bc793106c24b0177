package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/gateway"
)

// TestSocketRefused: a browser learns why by a close frame, another client by the plain answer; a page of a strange origin gets 403.
// secure-defaults 21a; ASVS 4.4.2; WS-c
func TestSocketRefused(t *testing.T) {
	t.Parallel()
	up := newSeen(t, echo(nil))
	w := newWorld(t, nil,
		gateway.Route{Path: "/", CookieAuth: true, QueryToken: "token", Origins: []string{testPage}, Upstreams: mustURLs(t, up.URL)},
		gateway.Route{Path: "/admin", Roles: []string{"admin"}, Upstreams: mustURLs(t, up.URL)},
		gateway.Route{Path: "/public", Public: true, Upstreams: mustURLs(t, up.URL)},
	)
	good, expired := w.token(time.Minute, nil), w.token(-time.Minute, nil)
	for name, tt := range map[string]struct {
		target  string
		headers []string
		status  int
		code    int // 0: none
	}{
		"nothing":                   {"/", nil, 101, 4001},
		"garbage":                   {"/?token=x", nil, 101, 4001},
		"garbage beside a cookie":   {"/?token=x", []string{"Cookie", "sandi_access=" + good, "Origin", testPage}, 101, 4001},
		"expired":                   {"/?token=" + expired, nil, 101, 4002},
		"role":                      {"/admin", []string{"Authorization", "Bearer " + good}, 101, 4003},
		"garbage protocol":          {"/", []string{"Sec-WebSocket-Protocol", "sandi.v1, bearer.x"}, 101, 4001},
		"plain":                     {"/", []string{"Accept", "application/json"}, 401, 0},
		"plain of a page":           {"/", []string{"Accept", "application/json", "Origin", testPage}, 101, 4001},
		"cookie of a strange page":  {"/", []string{"Cookie", "sandi_access=" + good, "Origin", "https://evil.example"}, 403, 0},
		"cookie of no page":         {"/", []string{"Cookie", "sandi_access=" + good}, 101, 4003},
		"strange page, good token":  {"/?token=" + good, []string{"Origin", "https://evil.example"}, 403, 0},
		"strange page, public":      {"/public", []string{"Origin", "https://evil.example"}, 403, 0},
		"page with a similar name":  {"/", []string{"Cookie", "sandi_access=" + good, "Origin", testPage + ".evil.example"}, 403, 0},
		"no page":                   {"/", []string{"Cookie", "sandi_access=" + good, "Origin", "null"}, 403, 0},
		"two upgrades, one a token": {"/", []string{"Upgrade", "h2c"}, 400, 0},
	} {
		c := w.dial(tt.target, tt.headers...)
		if c.resp.StatusCode != tt.status {
			t.Errorf("%s: status %d, want %d", name, c.resp.StatusCode, tt.status)
			continue
		}
		if tt.code == 0 {
			continue
		}
		if op, p := c.read(); op != ws.OpClose {
			t.Errorf("%s: %v %q", name, op, p)
		} else if code, reason := ws.ParseCloseFrameData([]byte(p)); int(code) != tt.code || reason == "" {
			t.Errorf("%s: close %d %q, want %d", name, code, reason, tt.code)
		}
	}
	if n := up.count(); n != 0 {
		t.Errorf("%d handshakes reached the upstream", n)
	}
	w.sockets.mu.Lock()
	defer w.sockets.mu.Unlock()
	if !slices.Contains(w.sockets.refused, "token_expired") || !slices.Contains(w.sockets.refused, "wrong_origin") {
		t.Errorf("refused: %v", w.sockets.refused)
	}
}

// TestSocketAccepted: what a client may open a socket with, and what the upstream then sees of it.
// secure-defaults 20e, 21b; WS-b
func TestSocketAccepted(t *testing.T) {
	t.Parallel()
	up := newSeen(t, func(w http.ResponseWriter, r *http.Request) {
		ws.HTTPUpgrader{Protocol: func(p string) bool { return p == "chat.v2" }, Header: http.Header{"Set-Cookie": {"theirs=1", "sandi_access=x"}, "Sandi-Subject": {"root"}}}.Upgrade(r, w) //nolint:errcheck // the client sees
	})
	w := newWorld(t, nil, gateway.Route{Path: "/", CookieAuth: true, QueryToken: "token", Origins: []string{testPage}, Upstreams: mustURLs(t, up.URL)})
	token := w.token(time.Minute, nil)
	for name, tt := range map[string]struct {
		target   string
		headers  []string
		offered  string
		protocol string
	}{
		"header":              {"/", []string{"Authorization", "Bearer " + token}, "", ""},
		"query":               {"/?token=" + token, nil, "", ""},
		"cookie":              {"/", []string{"Cookie", "sandi_access=" + token, "Origin", testPage}, "", ""},
		"own page":            {"/", []string{"Cookie", "sandi_access=" + token, "Origin", w.server.URL}, "", ""},
		"protocol":            {"/", []string{"Sec-WebSocket-Protocol", "sandi.v1, bearer." + token}, "", "sandi.v1"},
		"protocol and theirs": {"/", []string{"Sec-WebSocket-Protocol", "sandi.v1", "Sec-WebSocket-Protocol", "chat.v2,bearer." + token}, "chat.v2", "chat.v2"},
		"compression":         {"/", []string{"Authorization", "Bearer " + token, "Sec-WebSocket-Extensions", "permessage-deflate"}, "", ""},
		"removing headers":    {"/", []string{"Authorization", "Bearer " + token, "Connection", "Sandi-Identity, X-Forwarded-For, Sec-WebSocket-Key", "Sandi-Identity", "mine"}, "", ""},
	} {
		c := w.dial(tt.target, tt.headers...)
		h := c.resp.Header
		if c.resp.StatusCode != 101 || h.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" || h.Get("Sec-WebSocket-Protocol") != tt.protocol || h.Get("Sec-WebSocket-Extensions") != "" ||
			!slices.Equal(h["Set-Cookie"], []string{"theirs=1"}) || h.Get("Sandi-Subject") != "" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d %v", name, c.resp.StatusCode, h)
			continue
		}
		r := up.last(t)
		if strings.Contains(fmt.Sprint(r.Header, r.RequestURI), token) || r.Header.Get("Sec-WebSocket-Protocol") != tt.offered || r.Header.Get("Sec-WebSocket-Extensions") != "" ||
			len(r.Header.Get("Sandi-Identity")) < 10 || r.Header.Get("X-Forwarded-For") != "127.0.0.1" {
			t.Errorf("%s: upstream got %s %v", name, r.RequestURI, r.Header)
		}
	}
}

// TestSocketUpstream: an upstream that does not want the socket answers for itself; one that lies about it is 502.
func TestSocketUpstream(t *testing.T) {
	t.Parallel()
	answer := ""
	up := newSeen(t, func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	})
	w := newWorld(t, nil, gateway.Route{Path: "/", Public: true, Upstreams: mustURLs(t, up.URL)}, gateway.Route{Path: "/gone", Public: true, Upstreams: mustURLs(t, "http://127.0.0.1:1")})
	accepted := "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	for _, tt := range []struct {
		answer string
		status int
	}{
		{"HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nfull", 409},
		{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalo", 200},
		{"HTTP/1.1 103 Early Hints\r\n\r\n" + accepted + "\r\n", 101},
		{strings.Replace(accepted, "s3p", "x3p", 1) + "\r\n", 502},
		{strings.Replace(accepted, "websocket", "h2c", 1) + "\r\n", 502},
		{accepted + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 502},
		{accepted + "Sec-WebSocket-Protocol: odd\r\n\r\n", 502},
		{"garbage\r\n\r\n", 502},
		{"", 502},
	} {
		answer = tt.answer
		if c := w.dial("/"); c.resp.StatusCode != tt.status {
			t.Errorf("%q: status %d, want %d", tt.answer, c.resp.StatusCode, tt.status)
		}
	}
	if c := w.dial("/gone"); c.resp.StatusCode != 502 {
		t.Errorf("gone: %d", c.resp.StatusCode)
	}
}

// TestSocketFrames: what is no WebSocket frame ends the connection, and what is passes as it came, however it is cut.
func TestSocketFrames(t *testing.T) {
	t.Parallel()
	mask := func(f ws.Frame) []byte { return ws.MustCompileFrame(ws.MaskFrameInPlace(f)) }
	bad := map[string][]byte{
		"not masked":          ws.MustCompileFrame(ws.NewTextFrame([]byte("x"))),
		"reserved bit":        append([]byte{0xc1, 0x80}, 1, 2, 3, 4),
		"reserved opcode":     append([]byte{0x83, 0x80}, 1, 2, 3, 4),
		"large control":       append([]byte{0x89, 0xfe, 0, 126}, 1, 2, 3, 4),
		"cut control":         append([]byte{0x09, 0x80}, 1, 2, 3, 4),
		"continues nothing":   append([]byte{0x80, 0x80}, 1, 2, 3, 4),
		"length of 64 bits":   {0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
		"message in messages": append(mask(ws.NewFrame(ws.OpText, false, []byte("a"))), mask(ws.NewTextFrame([]byte("b")))...),
	}
	for name, frame := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil, gateway.Route{Path: "/", Public: true, Upstreams: mustURLs(t, newSeen(t, echo(nil)).URL)})
			c := w.dial("/")
			_, _ = c.conn.Write(frame)
			c.wantClose(1002)
		})
	}
	w := newWorld(t, nil, gateway.Route{Path: "/", Public: true, Upstreams: mustURLs(t, newSeen(t, echo(nil)).URL)})
	c := w.dial("/")
	var sent bytes.Buffer
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		sent.Write(mask(ws.NewBinaryFrame(bytes.Repeat([]byte{7}, n))))
	}
	go func() {
		all := sent.Bytes()
		for len(all) > 0 { // headers come apart
			n := min(len(all), 1+len(all)%977)
			_, _ = c.conn.Write(all[:n])
			all = all[n:]
		}
	}()
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		if op, p := c.read(); op != ws.OpBinary || len(p) != n {
			t.Fatalf("got %v of %d bytes, want %d", op, len(p), n)
		}
	}
	c.send(ws.OpClose, "\x03\xe8bye")
	c.wantClose(1000)
	if _, err := c.br.ReadByte(); err != io.EOF {
		t.Errorf("behind the close frame: %v", err)
	}
}
