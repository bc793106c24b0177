package socket_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
)

const goodHandshake = "GET / HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// RFC 6455 section 4.2. No extension is ever agreed to.
// secure-defaults 21b, asvs WS-a, WS-b
func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := newServer(t, listen(t), socket.Config{Protocols: []string{"sandi.v1", "sandi.v2"}}, echo)
	for _, tt := range []struct {
		name     string
		old, new string // what is replaced in goodHandshake
		status   int
		header   string // that the answer must have, name: value
	}{
		{"as in the RFC", "", "", 101, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"upgrade", "", "", 101, "Upgrade: websocket"},
		{"connection", "", "", 101, "Connection: Upgrade"},
		{"any case", "Upgrade: websocket", "upgrade: WebSocket", 101, ""},
		{"as Firefox", "Connection: Upgrade", "Connection: keep-alive, Upgrade", 101, ""},
		{"two headers", "Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade", 101, ""},
		{"compression", "Upgrade: w", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nUpgrade: w", 101, "Sec-WebSocket-Extensions: "},
		{"no protocol", "", "", 101, "Sec-WebSocket-Protocol: "},
		{"a protocol", "Upgrade: w", "Sec-WebSocket-Protocol: sandi.v1\r\nUpgrade: w", 101, "Sec-WebSocket-Protocol: sandi.v1"},
		{"the token is no protocol", "Upgrade: w", "Sec-WebSocket-Protocol: bearer.a.b.c, sandi.v1\r\nUpgrade: w", 101, "Sec-WebSocket-Protocol: sandi.v1"},
		{"the first offered", "Upgrade: w", "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: y,sandi.v2 , sandi.v1\r\nUpgrade: w", 101, "Sec-WebSocket-Protocol: sandi.v2"},
		{"a token alone", "Upgrade: w", "Sec-WebSocket-Protocol: bearer.a.b.c\r\nUpgrade: w", 101, "Sec-WebSocket-Protocol: "},
		{"another case", "Upgrade: w", "Sec-WebSocket-Protocol: SANDI.v1\r\nUpgrade: w", 101, "Sec-WebSocket-Protocol: "},

		{"POST", "GET", "POST", 405, "Allow: GET"},
		{"HEAD", "GET", "HEAD", 405, "Allow: GET"},
		{"HTTP/1.0", "HTTP/1.1", "HTTP/1.0", 400, ""},
		{"no upgrade", "Upgrade: websocket\r\n", "", 426, "Upgrade: websocket"},
		{"another upgrade", "Upgrade: websocket", "Upgrade: websockets", 426, "Upgrade: websocket"},
		{"no connection", "Connection: Upgrade\r\n", "", 426, "Upgrade: websocket"},
		{"connection of another kind", "Connection: Upgrade", "Connection: xupgrade", 426, "Connection: Upgrade"},
		{"no version", "Sec-WebSocket-Version: 13\r\n", "", 426, "Sec-WebSocket-Version: 13"},
		{"hybi", "Version: 13", "Version: 8", 426, "Sec-WebSocket-Version: 13"},
		{"a list of versions", "Version: 13", "Version: 8, 13", 426, "Sec-WebSocket-Version: 13"},
		{"two versions", "Version: 13", "Version: 13\r\nSec-WebSocket-Version: 13", 426, ""},
		{"zeros before", "Version: 13", "Version: 013", 426, ""},
		{"no key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 400, ""},
		{"short key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j", 400, ""},
		{"long key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZWVl", 400, ""},
		{"no base64", "dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZ_==", 400, ""},
		{"two keys", "Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key", 400, ""},
		{"a body", "\r\n\r\n", "\r\nContent-Length: 2\r\n\r\n{}", 400, ""},
		{"chunks", "\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn := s.connect(t)
			if _, err := io.WriteString(conn, strings.Replace(goodHandshake, tt.old, tt.new, 1)); err != nil {
				t.Fatal(err)
			}
			method, _, _ := strings.Cut(strings.Replace(goodHandshake, tt.old, tt.new, 1), " ")
			res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != tt.status {
				t.Errorf("got %s, want %d", res.Status, tt.status)
			}
			if name, want, _ := strings.Cut(tt.header, ": "); res.Header.Get(name) != want {
				t.Errorf("got %s: %q, want %q", name, res.Header.Get(name), want)
			}
		})
	}
}

// What a client sends behind its handshake, without waiting for the answer, has been read by net/http already.
func TestUpgradeEarlyFrames(t *testing.T) {
	t.Parallel()
	s := newServer(t, listen(t), socket.Config{}, echo)
	c := &client{Conn: s.connect(t), t: t}
	long := strings.Repeat("x", 3000)
	hasty := masked(textFrame, []byte("one"))
	hasty = append(hasty, masked(textFrame, []byte(long))...)
	hasty = append(hasty, masked(binaryFrame, []byte("cut in two"))...)
	c.write(append([]byte(goodHandshake), hasty[:len(hasty)-3]...)...)
	c.r = bufio.NewReader(c)
	res, err := http.ReadResponse(c.r, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	c.want(textFrame, "one")
	c.want(textFrame, long)
	c.write(hasty[len(hasty)-3:]...)
	c.want(binaryFrame, "cut in two")
}

func TestUpgradeImpossible(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	w := httptest.NewRecorder() // which has no connection to hand over
	if c, err := socket.Upgrade(w, r, socket.Config{}); c != nil || err == nil || w.Code != http.StatusInternalServerError {
		t.Errorf("got %v, %v, %d; want an error and 500", c, err, w.Code)
	}
}

func TestUpgradeHTTP2(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := socket.Upgrade(w, r, socket.Config{}); c != nil || err == nil {
			t.Errorf("got %v, %v; want an error", c, err)
		}
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	res, err := s.Client().Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 || res.StatusCode != http.StatusBadRequest {
		t.Errorf("got %s %s, want HTTP/2 and 400", res.Proto, res.Status)
	}
}

// certificates makes the two ends of TLS.
func certificates(t *testing.T) (forServer, forClient *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	roots := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots, ServerName: "example.com"}
}

// Over TLS a burst leaves in joined records, and the end is told by a close frame and close_notify.
func TestTLS(t *testing.T) {
	t.Parallel()
	forServer, forClient := certificates(t)
	s := newServer(t, listen(t), socket.Config{}, echo, forServer)
	conn := tls.Client(s.connect(t), forClient)
	r, res, err := shake(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	c, far := &client{conn, t, r}, <-s.conns
	c.send(textFrame, strings.Repeat("x", 60_000))
	c.want(textFrame, strings.Repeat("x", 60_000))
	for range 500 {
		far.Send(socket.Text([]byte("a burst")))
	}
	far.Close(socket.Revoked, "Unauthorized: Token Revoked")
	for range 500 {
		c.want(textFrame, "a burst")
	}
	c.wantClose(socket.Revoked, "Unauthorized: Token Revoked")
	c.send(closeFrame, closing(socket.Revoked, ""))
	c.wantEnd()
	s.wantError(t, socket.CloseError{Code: socket.Revoked, Reason: "Unauthorized: Token Revoked"})
}

// A client that does not read could make even the alert of TLS wait.
func TestTLSStuck(t *testing.T) {
	t.Parallel()
	forServer, forClient := certificates(t)
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, newPipes(), socket.Config{}, echo, forServer)
		conn := tls.Client(s.connect(t), forClient)
		if _, res, err := shake(conn, nil); err != nil {
			t.Fatal(err)
		} else {
			_ = res.Body.Close()
		}
		far, start := <-s.conns, time.Now()
		far.Send(socket.Text([]byte("nobody reads this")))
		far.Close(socket.Expired, "")
		<-far.Done()
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("got %s until the end, want 2 s", got)
		}
		s.wantError(t, socket.CloseError{Code: socket.Expired})
	})
}
