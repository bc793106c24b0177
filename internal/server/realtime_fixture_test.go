package server_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/config"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// startRealtime runs a demo server with channels of its own: hq is the default, ops is for field operatives.
func startRealtime(t testing.TB, change func(*config.Config)) *running {
	t.Helper()
	return start(t, func(c *config.Config) { realtimeConfig(c, change) })
}

func realtimeConfig(c *config.Config, change func(*config.Config)) {
	rt := &c.Realtime
	rt.Enabled, rt.DefaultChannel, rt.InsecureQueryToken, rt.Origins = true, "hq", true, []string{"https://app.example"}
	rt.DrainTime = 0
	rt.Channels = []config.Channel{
		{Name: "brief", Keep: 1},
		{Name: "hq", Presence: true},
		{Name: "ops", SubscribeRoles: []string{"field-operative"}, PublishRoles: []string{"field-operative"}},
	}
	if change != nil {
		change(c)
	}
}

// frame is a message of the server.
type frame map[string]any

func (f frame) str(name string) string { s, _ := f[name].(string); return s }

// closing is a close frame.
type closing struct {
	code   int
	reason string
}

// wire is the client's end of a WebSocket, read by the test alone.
type wire struct {
	testing.TB
	conn     net.Conn
	in       io.Reader
	protocol string
}

// open makes a WebSocket; status is that of the answer where it is none.
func (r *running) open(path string, header http.Header) (*wire, int) {
	r.t.Helper()
	protocols := header.Values("Sec-WebSocket-Protocol")
	header = header.Clone()
	header.Del("Sec-WebSocket-Protocol")
	d := ws.Dialer{Header: ws.HandshakeHeaderHTTP(header), Protocols: protocols}
	if len(protocols) > 0 { // the dialer expects an answer that it offered
		d.Protocols = strings.Split(strings.ReplaceAll(strings.Join(protocols, ","), " ", ""), ",")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, br, hs, err := d.Dial(ctx, "ws"+strings.TrimPrefix(r.url, "http")+path)
	if status, ok := errors.AsType[ws.StatusError](err); ok {
		return nil, int(status)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	w := &wire{TB: r.t, conn: conn, in: conn, protocol: hs.Protocol}
	if br != nil {
		early, _ := br.Peek(br.Buffered())
		w.in = io.MultiReader(strings.NewReader(string(early)), conn)
	}
	w.in = bufio.NewReader(w.in)
	return w, http.StatusSwitchingProtocols
}

// dial is open for what must succeed. The header is name, value, ...
func (r *running) dial(path string, header ...string) *wire {
	r.t.Helper()
	w, status := r.open(path, headers(header...))
	if w == nil {
		r.t.Fatalf("handshake of %s: %d", path, status)
	}
	return w
}

func headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i+1 < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// read is the next data message, or the close frame. Pings are answered.
func (w *wire) read() (string, *closing) {
	w.Helper()
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		head, err := ws.ReadHeader(w.in)
		if err != nil {
			w.Fatalf("read: %v", err)
		}
		payload := make([]byte, head.Length)
		if _, err := io.ReadFull(w.in, payload); err != nil {
			w.Fatalf("read: %v", err)
		}
		switch head.OpCode {
		case ws.OpClose:
			c := &closing{code: 1005}
			if len(payload) >= 2 {
				c.code, c.reason = int(binary.BigEndian.Uint16(payload)), string(payload[2:])
			}
			_ = ws.WriteFrame(w.conn, ws.MaskFrame(ws.NewCloseFrame(payload)))
			return "", c
		case ws.OpPing:
			_ = ws.WriteFrame(w.conn, ws.MaskFrame(ws.NewPongFrame(payload)))
		case ws.OpText:
			return string(payload), nil
		}
	}
}

// write sends a text message.
func (w *wire) write(text string) {
	w.Helper()
	if err := ws.WriteFrame(w.conn, ws.MaskFrame(ws.NewTextFrame([]byte(text)))); err != nil {
		w.Fatalf("write: %v", err)
	}
}

// say sends a message of the raw protocol.
func (w *wire) say(v frame) {
	w.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		w.Fatal(err)
	}
	w.write(string(b))
}

// any is the next message, whatever it is.
func (w *wire) any() (f frame) {
	w.Helper()
	text, end := w.read()
	if end != nil {
		w.Fatalf("closed with %d %q", end.code, end.reason)
	}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		w.Fatalf("%s: %v", text, err)
	}
	return f
}

// next is the next message of the type; what comes before it is skipped, presence and such. An error or a close is a failure.
func (w *wire) next(name string) frame {
	w.Helper()
	for {
		switch f := w.any(); f.str("type") {
		case name:
			return f
		case "error":
			w.Fatalf("got %v, want %s", f, name)
		}
	}
}

// closed waits for the close frame.
func (w *wire) closed(code int, reason string) {
	w.Helper()
	for {
		_, end := w.read()
		if end == nil {
			continue
		}
		if end.code != code || end.reason != reason {
			w.Errorf("closed with %d %q, want %d %q", end.code, end.reason, code, reason)
		}
		return
	}
}

// member is a raw WebSocket with a good token, welcomed.
func (r *running) member(token string) *wire {
	r.t.Helper()
	w := r.dial("/missions", "Authorization", "Bearer "+token)
	w.next("welcome")
	return w
}

// eventually waits until something holds.
func (r *running) eventually(holds func() bool) {
	r.t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-poll.C {
		if holds() {
			return
		}
	}
	r.t.Fatal("what was waited for did not come")
}
