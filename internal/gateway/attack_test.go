package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/gateway"
)

// TestSocketIODetached: no second transport of a session takes its websocket off the token, whatever becomes of that transport.
func TestSocketIODetached(t *testing.T) {
	t.Parallel()
	for name, detach := range map[string]func(w *world){
		"a second websocket that closes": func(w *world) {
			second := w.dial(enginePath + "websocket&sid=u1")
			second.send(ws.OpText, "2probe")
			second.send(ws.OpClose, "")
			_, _ = io.Copy(io.Discard, second.br)
		},
		"a second websocket that stays": func(w *world) { w.dial(enginePath + "websocket&sid=u1") },
		"a poll that the upstream refuses": func(w *world) {
			if code, body := w.poll(w.tb.(*testing.T), "", "u1&refuse=1"); code != 400 || !strings.Contains(body, "Bad request") {
				w.tb.Errorf("poll: %d %q", code, body)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := &engineServer{queue: map[string]chan string{}}
			up := newSeen(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("refuse") {
					http.Error(w, `{"code":3,"message":"Bad request"}`, http.StatusBadRequest)
					return
				}
				e.ServeHTTP(w, r)
			})
			w := newWorld(t, nil, gateway.Route{Path: "/socket.io", SocketIO: true, Upstreams: mustURLs(t, up.URL)})
			w.poll(t, "", "")
			w.poll(t, `40{"token":"`+w.token(time.Minute, nil)+`"}`, "u1")
			c := w.dial(enginePath + "websocket&sid=u1")
			c.send(ws.OpText, `42["x"]`)
			c.want(`42["x"]`)
			detach(w)
			w.revoke("s1")
			_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.Copy(io.Discard, c.br); err != nil {
				t.Errorf("the websocket outlives its token: %v", err)
			}
		})
	}
}

// atOnce refuses every socket before Opened returns, as a hub does that has too many.
type atOnce struct{ *socketBook }

func (b atOnce) Opened(_ *guard.Token, _ audit.From, kick func()) func(string) {
	kick()
	return func(string) {}
}

// TestKickedAtOnce: who lists sockets may end one while it is being listed.
func TestKickedAtOnce(t *testing.T) {
	t.Parallel()
	e := &engineServer{queue: map[string]chan string{}}
	up, engine := newSeen(t, echo(nil)), newSeen(t, e.ServeHTTP)
	w := newWorld(t, func(c *gateway.Config) { c.Sockets = atOnce{c.Sockets.(*socketBook)} },
		gateway.Route{Path: "/ws", Upstreams: mustURLs(t, up.URL)}, gateway.Route{Path: "/socket.io", SocketIO: true, Upstreams: mustURLs(t, engine.URL)})
	bearer := "Bearer " + w.token(time.Minute, nil)
	for range 20 {
		w.dial("/ws", "Authorization", bearer).wantClose(4003)
	}
	w.dial(enginePath+"websocket", "Authorization", bearer).wantClose(4003)
	c := w.dial(enginePath + "websocket")
	_, _ = c.read()
	c.send(ws.OpText, `40{"token":"`+w.token(time.Minute, nil)+`"}`)
	c.wantClose(4003)
}

// TestSocketIOQuery: which session and protocol a request is of has one reading. Where a name stands twice, Node sees a list, and a server of
// the old protocol lets clients into the first namespace without a CONNECT.
func TestSocketIOQuery(t *testing.T) {
	t.Parallel()
	w, e := newEngineWorld(t, func(r *gateway.Route) { r.QueryToken = "access_token" })
	for _, query := range []string{
		"EIO=4&EIO=3&transport=websocket", "EIO=4&transport=websocket&EIO=3", "EIO=4&transport=websocket&sid=a&sid=b", "EIO=4&transport=websocket&transport=polling",
		"EIO=4&transport=websocket&sid=a;b", "EIO=4&transport=websocket&sid=%zz", "EIO=4&transport=websocket&%45IO=3", "EIO=4&transport=websocket&EIO[]=3",
		"EIO=4&transport=websocket&sid[]=a", "EIO=4&transport=websocket&eio=3",
	} {
		if c := w.dial("/socket.io/?" + query); c.resp.StatusCode != 400 {
			t.Errorf("websocket %s: %d, want 400", query, c.resp.StatusCode)
		}
		if resp, _ := w.do(w.request("GET", "/socket.io/?"+strings.ReplaceAll(query, "websocket", "polling"))); resp.StatusCode != 400 {
			t.Errorf("polling %s: %d, want 400", query, resp.StatusCode)
		}
	}
	if got := e.seen(); len(got) != 0 {
		t.Errorf("upstream got %q", got)
	}
}

// TestPollingLatePost: a body that was begun before the token ended, and is whole after it, goes no further.
func TestPollingLatePost(t *testing.T) {
	t.Parallel()
	w, e := newEngineWorld(t, nil)
	w.poll(t, "", "")
	w.poll(t, `40{"token":"`+w.token(time.Minute, nil)+`"}`, "u1")
	w.poll(t, "", "u1")
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %spolling&sid=u1 HTTP/1.1\r\nHost: %s\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", enginePath, w.server.Listener.Addr())
	br := bufio.NewReader(c)
	if line, _ := br.ReadString('\n'); !strings.Contains(line, "100") { // the gateway waits for the body
		t.Fatalf("answer %q", line)
	}
	_, _ = br.ReadString('\n')
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.poll(t, "", "u1") // is answered when the token has ended
	}()
	w.revoke("s1")
	<-ended
	_, _ = io.WriteString(c, `42["late"]`)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 400 {
		t.Errorf("late POST: %v %v, want 400", resp, err)
	}
	for _, p := range e.seen() {
		if strings.Contains(p, "late") {
			t.Errorf("upstream got %q after the end", p)
		}
	}
}

// TestPollingOverlap: of several polls that wait when the token ends none brings anything home afterwards.
func TestPollingOverlap(t *testing.T) {
	t.Parallel()
	w, e := newEngineWorld(t, nil)
	w.poll(t, "", "")
	w.poll(t, `40{"token":"`+w.token(time.Minute, nil)+`"}`, "u1")
	w.poll(t, "", "u1")
	bodies := make(chan string, 2)
	for range 2 {
		go func() {
			_, body := w.poll(t, "", "u1")
			bodies <- body
		}()
	}
	for e.polls.Load() < 3 { // both have reached the upstream
		time.Sleep(time.Millisecond)
	}
	w.revoke("s1")
	first := <-bodies
	e.mu.Lock()
	for range 2 {
		e.queue["u1"] <- `42["secret"]`
	}
	e.mu.Unlock()
	if second := <-bodies; strings.Contains(first+second, "secret") {
		t.Errorf("polls answered %q and %q after the end", first, second)
	}
}

// TestPollingManyRefused: one payload holds no more CONNECTs in vain than a websocket may send.
func TestPollingManyRefused(t *testing.T) {
	t.Parallel()
	w, e := newEngineWorld(t, nil)
	w.poll(t, "", "")
	if code, _ := w.poll(t, strings.Repeat("40{}\x1e", 5000)+"40{}", "u1"); code != 400 {
		t.Errorf("status %d, want 400", code)
	}
	w.sockets.mu.Lock()
	defer w.sockets.mu.Unlock()
	if n := len(w.sockets.refused); n > 8 || len(e.seen()) != 0 {
		t.Errorf("%d refusals were judged, upstream got %d packets", n, len(e.seen()))
	}
}

// TestSocketIOManyTokens: a client that goes on showing tokens does not have them all watched.
func TestSocketIOManyTokens(t *testing.T) {
	t.Parallel()
	w, _ := newEngineWorld(t, nil)
	c := w.dial(enginePath + "websocket")
	_, _ = c.read()
	for i := range 100 {
		c.send(ws.OpText, `40{"token":"`+w.token(time.Minute, map[string]any{"jti": fmt.Sprint(i)})+`"}`)
		if _, p := c.read(); strings.HasPrefix(p, "44") {
			return
		}
	}
	t.Error("100 tokens on one connection, and none was refused")
}

// TestEarlyHints: an interim answer says no more of us than a final one.
func TestEarlyHints(t *testing.T) {
	t.Parallel()
	up := newSeen(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "sandi_access=theirs")
		w.Header().Set("Sandi-Subject", "root")
		w.Header().Set("Access-Control-Allow-Origin", "https://evil.example")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	})
	w := newWorld(t, nil, gateway.Route{Path: "/", Origins: []string{testPage}, Upstreams: mustURLs(t, up.URL)})
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", w.server.Listener.Addr(), testPage, w.token(time.Minute, nil))
	all, _ := io.ReadAll(c)
	text := string(all)
	for _, forbidden := range []string{"sandi_access", "Sandi-Subject", "evil.example"} {
		if strings.Contains(text, forbidden) {
			t.Errorf("%s reached the client in\n%s", forbidden, text)
		}
	}
	final := text[strings.LastIndex(text, "HTTP/1.1 "):]
	for _, want := range []string{"200 OK", "Access-Control-Allow-Origin: " + testPage, "X-Request-Id: "} {
		if !strings.Contains(final, want) {
			t.Errorf("no %s in\n%s", want, final)
		}
	}
}

// TestPlainOrigin: behind a proxy where TLS ends, a page that came without TLS opens no WebSocket.
func TestPlainOrigin(t *testing.T) {
	t.Parallel()
	up := newSeen(t, echo(nil))
	w := newWorld(t, func(c *gateway.Config) { c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} },
		gateway.Route{Path: "/", CookieAuth: true, Upstreams: mustURLs(t, up.URL)})
	cookie := "sandi_access=" + w.token(time.Minute, nil)
	for origin, want := range map[string]int{"http": 403, "https": 101} {
		for _, proto := range []string{"https", "wss"} { // as Traefik says of a WebSocket
			c := w.dial("/", "Cookie", cookie, "X-Forwarded-Proto", proto, "Origin", origin+"://"+w.server.Listener.Addr().String())
			if c.resp.StatusCode != want {
				t.Errorf("%s of a page by %s: %d, want %d", proto, origin, c.resp.StatusCode, want)
			}
		}
	}
}

// TestHandshakeStream: an upstream that answers a handshake with a stream does not give its caller one that no token ends.
func TestHandshakeStream(t *testing.T) {
	t.Parallel()
	up := newSeen(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done() // the gateway has let go
	})
	w := newWorld(t, nil, gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL)})
	c := w.dial("/", "Authorization", "Bearer "+w.token(time.Minute, nil))
	w.revoke("s1")
	_ = c.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, c.resp.Body); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("status %d, and the stream goes on: %v", c.resp.StatusCode, err)
	}
}
