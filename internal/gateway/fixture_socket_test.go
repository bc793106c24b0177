package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// wsClient is a raw WebSocket client.
type wsClient struct {
	tb   testing.TB
	conn net.Conn
	br   *bufio.Reader
	resp *http.Response
}

// dial opens a WebSocket; headers are pairs. The answer may be a refusal.
func (w *world) dial(target string, headers ...string) *wsClient {
	w.tb.Helper()
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(60 * time.Second))
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", target, w.server.Listener.Addr())
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if _, err := io.WriteString(c, b.String()+"\r\n"); err != nil {
		w.tb.Fatal(err)
	}
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	return &wsClient{w.tb, c, br, resp}
}

func (c *wsClient) send(op ws.OpCode, text string) {
	c.tb.Helper()
	if err := ws.WriteFrame(c.conn, ws.MaskFrameInPlace(ws.NewFrame(op, true, []byte(text)))); err != nil {
		c.tb.Fatal(err)
	}
}

// read is the next frame.
func (c *wsClient) read() (ws.OpCode, string) {
	c.tb.Helper()
	h, err := ws.ReadHeader(c.br)
	if err != nil {
		c.tb.Fatalf("read frame: %v", err)
	}
	p := make([]byte, h.Length)
	if _, err := io.ReadFull(c.br, p); err != nil {
		c.tb.Fatalf("read payload: %v", err)
	}
	return h.OpCode, string(p)
}

// wantClose reads to the close frame, and says what it said.
func (c *wsClient) wantClose(code int) {
	c.tb.Helper()
	for {
		op, p := c.read()
		if op != ws.OpClose {
			continue
		}
		got, reason := ws.ParseCloseFrameData([]byte(p))
		if int(got) != code {
			c.tb.Errorf("close frame %d %q, want %d", got, reason, code)
		}
		return
	}
}

// echo is a WebSocket server that answers every message with itself, and pings by itself where it is told to. ends gets what ended each.
func echo(ends chan<- string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, br, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
		if err != nil {
			return
		}
		defer c.Close()
		end := "cut"
		defer func() {
			if ends != nil {
				ends <- end
			}
		}()
		for {
			h, err := ws.ReadHeader(br)
			if err != nil {
				return
			}
			p := make([]byte, h.Length)
			if _, err := io.ReadFull(br, p); err != nil {
				return
			}
			ws.Cipher(p, h.Mask, 0)
			if h.OpCode == ws.OpClose {
				code, reason := ws.ParseCloseFrameData(p)
				end = fmt.Sprintf("%d %s", code, reason)
				_ = ws.WriteFrame(c, ws.NewCloseFrame(p))
				return
			}
			if h.OpCode == ws.OpPing {
				h.OpCode = ws.OpPong
			}
			h.Masked = false
			if ws.WriteHeader(c, h) != nil {
				return
			}
			if _, err := c.Write(p); err != nil {
				return
			}
		}
	}
}
