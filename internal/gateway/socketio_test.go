package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/jwt"
)

const refusal = `{"data":{"code":%d,"reason":"%s"},"message":"Akses Tidak Sah - Izin Ditolak!"}`

// engineServer is as much of an Engine.IO server as the tests need: it opens sessions, answers each CONNECT, and echoes messages.
type engineServer struct {
	polls atomic.Int32 // that have come to wait
	mu    sync.Mutex
	got   []string
	queue map[string]chan string
}

func (e *engineServer) packet(p string) (answer string) {
	e.mu.Lock()
	e.got = append(e.got, p)
	e.mu.Unlock()
	switch {
	case strings.HasPrefix(p, "40/"):
		ns, _, _ := strings.Cut(p[2:], ",")
		return "40" + ns + `,{"sid":"s"}`
	case strings.HasPrefix(p, "40"):
		return `40{"sid":"s"}`
	case strings.HasPrefix(p, "42"):
		return p
	}
	return ""
}

func (e *engineServer) seen() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.got...)
}

func (e *engineServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	open := `0{"sid":"u1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	if r.Header.Get("Upgrade") != "" {
		e.websocket(w, r, open)
		return
	}
	sid := r.URL.Query().Get("sid")
	e.mu.Lock()
	queue := e.queue[sid]
	if sid == "" {
		e.queue["u1"] = make(chan string, 100)
	}
	e.mu.Unlock()
	switch {
	case sid == "":
		fmt.Fprint(w, open)
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		for p := range strings.SplitSeq(string(body), "\x1e") {
			if a := e.packet(p); a != "" {
				queue <- a
			}
		}
		fmt.Fprint(w, "ok")
	default:
		e.polls.Add(1)
		select {
		case p := <-queue:
			fmt.Fprint(w, p)
		case <-r.Context().Done():
		}
	}
}

func (e *engineServer) websocket(w http.ResponseWriter, r *http.Request, open string) {
	c, br, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
	if err != nil {
		return
	}
	defer c.Close()
	if r.URL.Query().Get("sid") == "" {
		_ = ws.WriteFrame(c, ws.NewTextFrame([]byte(open)))
	}
	for {
		h, err := ws.ReadHeader(br)
		if err != nil || h.OpCode == ws.OpClose {
			return
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(br, p); err != nil {
			return
		}
		ws.Cipher(p, h.Mask, 0)
		if a := e.packet(string(p)); a != "" {
			_ = ws.WriteFrame(c, ws.NewTextFrame([]byte(a)))
		}
	}
}

func newEngineWorld(t *testing.T, change func(*gateway.Route)) (*world, *engineServer) {
	t.Helper()
	e := &engineServer{queue: map[string]chan string{}}
	up := newSeen(t, e.ServeHTTP)
	r := gateway.Route{Path: "/socket.io", SocketIO: true, Roles: []string{"clerk"}, CookieAuth: true, Upstreams: mustURLs(t, up.URL)}
	if change != nil {
		change(&r)
	}
	return newWorld(t, nil, r), e
}

const enginePath = "/socket.io/?EIO=4&transport="

// want reads one text frame.
func (c *wsClient) want(text string) {
	c.tb.Helper()
	if op, p := c.read(); op != ws.OpText || p != text {
		c.tb.Fatalf("got %v %q, want %q", op, p, text)
	}
}

// TestSocketIO: the token comes in the CONNECT packet, which the upstream gets without it and with who it is; the end is said in the
// client's own words before the close frame.
func TestSocketIO(t *testing.T) {
	t.Parallel()
	w, e := newEngineWorld(t, nil)
	c := w.dial(enginePath + "websocket")
	if c.resp.StatusCode != 101 {
		t.Fatalf("status %d", c.resp.StatusCode)
	}
	_, _ = c.read()
	c.send(ws.OpText, `40{"token":"x.y.z"}`)
	c.want("44" + fmt.Sprintf(refusal, 4001, "Unauthorized: Invalid Token"))
	c.send(ws.OpText, `40/chat,`)
	c.want("44/chat," + fmt.Sprintf(refusal, 4001, "Unauthorized: Invalid Token"))
	c.send(ws.OpText, `40{"token":"`+w.token(time.Minute, map[string]any{"roles": []string{"guest"}})+`"}`)
	c.want("44" + fmt.Sprintf(refusal, 4003, "Forbidden"))
	token := w.token(time.Minute, nil)
	c.send(ws.OpText, `40{"room":1,"sandi_identity":"mine","token":"`+token+`"}`)
	c.want(`40{"sid":"s"}`)
	c.send(ws.OpText, `42["halo"]`)
	c.want(`42["halo"]`)
	c.send(ws.OpText, `40/chat,{}`)
	c.want(`40/chat,{"sid":"s"}`)
	c.send(ws.OpText, `40/other,{"token":"`+w.token(time.Minute, map[string]any{"sub": "budi"})+`"}`)
	c.want("44/other," + fmt.Sprintf(refusal, 4003, "Forbidden"))
	got := e.seen()
	if len(got) != 3 || strings.Contains(strings.Join(got, ""), token) {
		t.Fatalf("upstream got %q", got)
	}
	var auth map[string]any
	if err := json.Unmarshal([]byte(got[0][2:]), &auth); err != nil || auth["room"] != 1.0 || auth["token"] != nil {
		t.Errorf("auth %v, %v", auth, err)
	}
	if sub := subjectOf(t, w, fmt.Sprint(auth["sandi_identity"])); sub != "siti" {
		t.Errorf("identity of %q", sub)
	}
	w.revoke("s1")
	c.want(`42["auth_error",{"code":4004,"reason":"Unauthorized: Token Revoked"}]`)
	c.want(`41`)
	c.want(`42/chat,["auth_error",{"code":4004,"reason":"Unauthorized: Token Revoked"}]`)
	c.want(`41/chat,`)
	c.wantClose(4004)
}

// subjectOf verifies an identity token.
func subjectOf(t *testing.T, w *world, token string) string {
	t.Helper()
	keys, _ := jwt.NewKeySet(w.key.Public())
	v, err := jwt.NewVerifier(jwt.Config{Keys: keys, Issuer: testIssuer, InsecureAnyAudience: true, Types: []string{gateway.IdentityType}})
	if err != nil {
		t.Fatal(err)
	}
	claims, err := v.Verify(context.Background(), token)
	if err != nil {
		t.Fatalf("identity %q: %v", token, err)
	}
	return claims.Subject()
}

// TestSocketIOHeld: nothing but a CONNECT passes before one was let in, however it is cut into frames and bytes.
func TestSocketIOHeld(t *testing.T) {
	t.Parallel()
	frame := func(op ws.OpCode, fin bool, text string) []byte {
		return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewFrame(op, fin, []byte(text))))
	}
	for name, frames := range map[string][]byte{
		"event":     frame(ws.OpText, true, `42["x"]`),
		"binary":    frame(ws.OpBinary, true, "x"),
		"fragments": append(frame(ws.OpText, false, "4"), frame(ws.OpContinuation, true, `0{"a":1}`)...),
		"empty":     frame(ws.OpText, true, ""),
		"long":      frame(ws.OpText, true, "40"+strings.Repeat(" ", 70<<10)),
		"huge":      {0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, e := newEngineWorld(t, nil)
			c := w.dial(enginePath + "websocket")
			_, _ = c.conn.Write(frames)
			c.wantClose(4001)
			if got := e.seen(); len(got) != 0 {
				t.Errorf("upstream got %q", got)
			}
		})
	}
	w, e := newEngineWorld(t, nil)
	c := w.dial(enginePath + "websocket")
	_, _ = c.read()
	for _, b := range append(frame(ws.OpText, true, "2probe"), frame(ws.OpText, true, `40{"token":"`+w.token(time.Minute, nil)+`"}`)...) {
		_, _ = c.conn.Write([]byte{b})
	}
	c.want(`40{"sid":"s"}`)
	_, _ = c.conn.Write(append(frame(ws.OpText, false, "4"), frame(ws.OpContinuation, true, `0{"sandi_identity":"mine"}`)...))
	c.wantClose(4001)
	if got := e.seen(); len(got) != 2 || got[0] != "2probe" {
		t.Errorf("upstream got %q", got)
	}
}

// TestSocketIOSources: an explicit credential of the handshake excludes one in the packet, a cookie gives way to it.
func TestSocketIOSources(t *testing.T) {
	t.Parallel()
	w, _ := newEngineWorld(t, nil)
	token := w.token(time.Minute, nil)
	bearer := []string{"Authorization", "Bearer " + token}
	cookie := []string{"Cookie", "sandi_access=" + token, "Origin", w.server.URL}
	for name, tt := range map[string]struct {
		headers      []string
		packet, want string
	}{
		"header":               {bearer, "40", `40{"sid":"s"}`},
		"header and packet":    {bearer, `40{"token":"` + token + `"}`, "44" + fmt.Sprintf(refusal, 4001, "Unauthorized: Invalid Token")},
		"cookie":               {cookie, "40{}", `40{"sid":"s"}`},
		"cookie, null":         {cookie, `40{"token":null}`, `40{"sid":"s"}`},
		"cookie, bad packet":   {cookie, `40{"token":"x.y.z"}`, "44" + fmt.Sprintf(refusal, 4001, "Unauthorized: Invalid Token")},
		"cookie, good packet":  {cookie, `40{"token":"` + token + `"}`, `40{"sid":"s"}`},
		"cookie, other's":      {cookie, `40{"token":"` + w.token(time.Minute, map[string]any{"sub": "budi"}) + `"}`, "44" + fmt.Sprintf(refusal, 4003, "Forbidden")},
		"nothing":              {nil, "40", "44" + fmt.Sprintf(refusal, 4001, "Unauthorized: Invalid Token")},
		"no object":            {nil, `40["x"]`, "44" + fmt.Sprintf(refusal, 4001, "Unauthorized: Invalid Token")},
		"a number for a token": {nil, `40{"token":1}`, "44" + fmt.Sprintf(refusal, 4001, "Unauthorized: Invalid Token")},
	} {
		c := w.dial(enginePath+"websocket", tt.headers...)
		if c.resp.StatusCode != 101 {
			t.Errorf("%s: status %d", name, c.resp.StatusCode)
			continue
		}
		_, _ = c.read()
		c.send(ws.OpText, tt.packet)
		if _, p := c.read(); p != tt.want {
			t.Errorf("%s: %q, want %q", name, p, tt.want)
		}
	}
	if c := w.dial(enginePath+"websocket", "Authorization", "Bearer x.y.z"); c.resp.StatusCode != 401 {
		t.Errorf("a bad header: %d", c.resp.StatusCode)
	}
	if c := w.dial("/socket.io/?EIO=3&transport=websocket"); c.resp.StatusCode != 401 {
		t.Errorf("the old protocol: %d", c.resp.StatusCode)
	}
	if resp, _ := w.do(w.request("GET", "/socket.io/socket.io.js")); resp.StatusCode != 401 {
		t.Errorf("another path: %d", resp.StatusCode)
	}
}
