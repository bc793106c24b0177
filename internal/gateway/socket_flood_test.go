package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/gateway"
)

// flood is an upstream that says nothing but frames of 200 KB, each message in two fragments, from start until it is closed.
func flood(start <-chan struct{}) http.HandlerFunc {
	part := make([]byte, 200<<10)
	first, last := ws.NewFrame(ws.OpBinary, false, part), ws.NewFrame(ws.OpContinuation, true, part)
	message := append(ws.MustCompileFrame(first), ws.MustCompileFrame(last)...)
	return func(w http.ResponseWriter, r *http.Request) {
		c, br, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
		if err != nil {
			return
		}
		defer c.Close()
		go func() {
			_, _ = io.Copy(io.Discard, br)
			_ = c.Close()
		}()
		<-start
		for err == nil {
			_, err = c.Write(message)
		}
	}
}

// readToClose reads whole frames until the close frame, and answers it.
func (c *wsClient) readToClose() (code int, err error) {
	br := bufio.NewReaderSize(c.br, 64<<10)
	for {
		h, err := ws.ReadHeader(br)
		if err != nil {
			return 0, fmt.Errorf("read header: %w", err)
		}
		if h.OpCode != ws.OpClose {
			if _, err := io.CopyN(io.Discard, br, h.Length); err != nil {
				return 0, fmt.Errorf("read payload: %w", err)
			}
			continue
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(br, p); err != nil {
			return 0, err
		}
		got, _ := ws.ParseCloseFrameData(p)
		err = ws.WriteFrame(c.conn, ws.MaskFrameInPlace(ws.NewCloseFrame(p)))
		if _, rest := br.ReadByte(); !errors.Is(rest, io.EOF) {
			return int(got), fmt.Errorf("behind the close frame: %v", rest)
		}
		return int(got), err
	}
}

// TestSocketFlood: under a flood every client still sees a clean close frame between two frames, and nothing behind it.
func TestSocketFlood(t *testing.T) {
	t.Parallel()
	clients := 240
	build, _ := debug.ReadBuildInfo()
	if testing.Short() || slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		clients = 24 // 48 MB at once the race detector does not look through in the time that a client has to read
	}
	start, flowing := make(chan struct{}), make(chan struct{}, clients)
	up := newSeen(t, flood(start))
	w := newWorld(t, nil, gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL)})
	tokens := [2]string{w.token(time.Minute, nil), w.token(time.Minute, map[string]any{"jti": "t2", "sid": "s2"})}
	var wait sync.WaitGroup
	codes := make(chan string, clients)
	for i := range clients {
		c := w.dial("/", "Authorization", "Bearer "+tokens[i%2])
		wait.Go(func() {
			_, _ = c.br.Peek(1)
			flowing <- struct{}{}
			code, err := c.readToClose()
			codes <- fmt.Sprint(code, " ", err)
		})
	}
	close(start)
	for range clients {
		<-flowing
	}
	w.revoke("s1")
	w.revoke("s2")
	wait.Wait()
	close(codes)
	got := map[string]int{}
	for c := range codes {
		got[c]++
	}
	if got["4004 <nil>"] != clients {
		t.Errorf("of %d clients: %v", clients, got)
	}
}

// TestSocketStall: an upstream that stops inside a frame is cut, as nothing can be said there; the client sees no close frame, and no
// byte that is not the upstream's.
func TestSocketStall(t *testing.T) {
	t.Parallel()
	ends, gone := make(chan error, 1), make(chan struct{})
	defer close(gone)
	up := newSeen(t, func(w http.ResponseWriter, r *http.Request) {
		c, br, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
		if err != nil {
			return
		}
		defer c.Close()
		_ = ws.WriteHeader(c, ws.Header{Fin: true, OpCode: ws.OpText, Length: 10})
		_, _ = io.WriteString(c, "half.")
		h, err := ws.ReadHeader(br)
		if err == nil && h.OpCode != ws.OpClose {
			err = fmt.Errorf("got opcode %v", h.OpCode)
		}
		ends <- err
		<-gone
	})
	w := newWorld(t, nil, gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL)})
	c := w.dial("/", "Authorization", "Bearer "+w.token(time.Minute, nil))
	head := make([]byte, 7)
	if _, err := io.ReadFull(c.br, head); err != nil || string(head[2:]) != "half." {
		t.Fatalf("got %q, %v", head, err)
	}
	w.revoke("s1")
	if rest, err := io.ReadAll(c.br); len(rest) > 0 {
		t.Errorf("client saw %q behind the half frame, %v", rest, err)
	}
	if err := <-ends; err != nil {
		t.Errorf("upstream, at a border of its own direction, saw %v, want a close frame", err)
	}
}

// TestSocketSlow: who does not read does not keep a connection beyond its token: the frame that cannot be finished is cut.
func TestSocketSlow(t *testing.T) {
	t.Parallel()
	start := make(chan struct{})
	close(start)
	up := newSeen(t, flood(start))
	w := newWorld(t, nil, gateway.Route{Path: "/", Upstreams: mustURLs(t, up.URL)})
	c := w.dial("/", "Authorization", "Bearer "+w.token(time.Minute, nil))
	_, _ = c.br.Peek(1)
	w.revoke("s1")
	w.stop() // which waits for it
	w.sockets.mu.Lock()
	defer w.sockets.mu.Unlock()
	if len(w.sockets.closed) != 1 {
		t.Errorf("closed: %v", w.sockets.closed)
	}
}
