package gateway_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// poll is one request by polling.
func (w *world) poll(t *testing.T, body, sid string, headers ...string) (int, string) {
	t.Helper()
	method, target := "GET", enginePath+"polling"
	if sid != "" {
		target += "&sid=" + sid
	}
	r := w.request(method, target, headers...)
	if body != "" {
		r.Method, r.Body, r.ContentLength = "POST", io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	resp, text := w.do(r)
	return resp.StatusCode, text
}

// TestPolling: the same by polling, where a refusal and the end come in the answer to the poll that waits, and the session is unknown then.
func TestPolling(t *testing.T) {
	t.Parallel()
	w, e := newEngineWorld(t, nil)
	if code, body := w.poll(t, "", ""); code != 200 || !strings.HasPrefix(body, `0{"sid":"u1"`) {
		t.Fatalf("handshake: %d %q", code, body)
	}
	if code, _ := w.poll(t, "", "other"); code != 400 {
		t.Errorf("unknown session: %d", code)
	}
	if code, _ := w.poll(t, `40{"token":"`+w.token(time.Minute, nil)+`"}`+"\x1e"+`42["x"]`, "u1"); code != 200 {
		t.Errorf("CONNECT: %d", code)
	}
	if _, body := w.poll(t, "", "u1"); body != `40{"sid":"s"}` {
		t.Errorf("answer to CONNECT: %q", body)
	}
	if _, body := w.poll(t, "", "u1"); body != `42["x"]` {
		t.Errorf("echo: %q", body)
	}
	if code, _ := w.poll(t, `42["y"]`, "u1", "Authorization", "Bearer "+w.token(time.Minute, map[string]any{"sub": "budi"})); code != 400 {
		t.Errorf("another's session: %d", code)
	}
	for _, p := range e.seen() {
		if strings.Contains(p, `"token"`) || strings.HasPrefix(p, "40") && !strings.Contains(p, "sandi_identity") {
			t.Errorf("upstream got %q", p)
		}
	}
	go w.revoke("s1")
	if _, body := w.poll(t, "", "u1"); body != `42["auth_error",{"code":4004,"reason":"Unauthorized: Token Revoked"}]`+"\x1e41" {
		t.Errorf("end: %q", body)
	}
	if code, _ := w.poll(t, "", "u1"); code != 400 {
		t.Errorf("after the end: %d", code)
	}
	if code, _ := w.poll(t, `42["y"]`, "u1"); code != 400 {
		t.Errorf("a message after the end: %d", code)
	}
}

// TestPollingRefused: what comes before a good CONNECT stays here.
func TestPollingRefused(t *testing.T) {
	t.Parallel()
	w, e := newEngineWorld(t, nil)
	w.poll(t, "", "")
	if code, body := w.poll(t, `40{"token":"x.y.z"}`, "u1"); code != 200 || body != "ok" {
		t.Errorf("CONNECT: %d %q", code, body)
	}
	if _, body := w.poll(t, "", "u1"); body != "44"+fmt.Sprintf(refusal, 4001, "Unauthorized: Invalid Token") {
		t.Errorf("refusal: %q", body)
	}
	w.poll(t, "", "")
	if code, _ := w.poll(t, `42["x"]`, "u1"); code != 400 {
		t.Errorf("a message before CONNECT: %d", code)
	}
	if got := e.seen(); len(got) != 0 {
		t.Errorf("upstream got %q", got)
	}
}

// TestPollingUpgrade: the websocket that takes the place of polling belongs to who opened the session, and ends with that token.
func TestPollingUpgrade(t *testing.T) {
	t.Parallel()
	w, _ := newEngineWorld(t, nil)
	w.poll(t, "", "")
	w.poll(t, `40{"token":"`+w.token(time.Minute, nil)+`"}`, "u1")
	if c := w.dial(enginePath + "websocket&sid=nobodys"); c.resp.StatusCode != 400 {
		t.Errorf("unknown session: %d", c.resp.StatusCode)
	}
	c := w.dial(enginePath + "websocket&sid=u1")
	c.send(ws.OpText, `42["x"]`)
	c.want(`42["x"]`)
	w.revoke("s1")
	c.want(`42["auth_error",{"code":4004,"reason":"Unauthorized: Token Revoked"}]`)
	c.want("41")
	c.wantClose(4004)
	w.stop()
	w.sockets.mu.Lock()
	defer w.sockets.mu.Unlock()
	if fmt.Sprint(w.sockets.opened, w.sockets.closed) != "[siti] [revoked]" {
		t.Errorf("sockets opened %v, closed %v", w.sockets.opened, w.sockets.closed)
	}
}
