package gateway

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 section 4.2.2 names it
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// readUpgrade judges what the request asks to be upgraded to. HTTP/2 without TLS (h2c) is not spoken here, and what would follow on
// such a connection would pass no guard: the wish is taken away. Any other than a WebSocket is refused. It reports whether to go on.
func (x *exchange) readUpgrade(w http.ResponseWriter, r *http.Request) bool {
	wishes := tokens(r.Header["Upgrade"])
	if slices.ContainsFunc(wishes, func(p string) bool { return p == "h2c" || p == "h2" }) && len(wishes) == 1 || len(wishes) == 0 {
		delete(r.Header, "Upgrade")
		delete(r.Header, "Http2-Settings")
		return true
	}
	keys := r.Header["Sec-Websocket-Key"]
	key := ""
	if len(keys) == 1 {
		key = keys[0]
	}
	raw, err := base64.StdEncoding.DecodeString(key)
	switch {
	case len(wishes) != 1 || wishes[0] != "websocket" || !slices.Contains(tokens(r.Header["Connection"]), "upgrade"),
		r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 || r.ContentLength != 0,
		err != nil || len(raw) != 16:
		x.refuse(w, http.StatusBadRequest, "invalid_request", "the only upgrade here is a WebSocket's, by RFC 6455")
		return false
	case r.Header.Get("Sec-Websocket-Version") != "13":
		w.Header().Set("Sec-WebSocket-Version", "13")
		x.refuse(w, http.StatusUpgradeRequired, "invalid_request", "the only WebSocket version here is 13")
		return false
	case !x.mayOpen(r):
		if s := x.gateway.Sockets; s != nil {
			s.Refused(x.from(r), "wrong_origin")
		}
		x.refuse(w, http.StatusForbidden, "forbidden", "the page's origin may not open a WebSocket here")
		return false
	}
	x.upgrade = true
	return true
}

// tokens are the elements of a list of header values, in lower case.
func tokens(values []string) []string {
	var list []string
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if t = strings.ToLower(strings.TrimSpace(t)); t != "" {
				list = append(list, t)
			}
		}
	}
	return list
}

// accept is what proves that a server has read the handshake's key (RFC 6455 section 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// The subprotocols that a token may come in (guard.FromProtocol).
const (
	ownProtocol    = "sandi.v1"
	bearerProtocol = "bearer."
)

// withoutBearer are the subprotocols that go on: not the token, nor the name beside which it is sent.
func withoutBearer(values []string) (on []string, ours bool) {
	for p := range strings.SplitSeq(strings.Join(values, ","), ",") {
		switch p = strings.TrimSpace(p); {
		case p == ownProtocol:
			ours = true
		case p != "" && !strings.HasPrefix(p, bearerProtocol):
			on = append(on, p)
		}
	}
	return on, ours
}

// refuseSocket upgrades, says why not, and waits up to two seconds for the client to have read it.
func refuseSocket(w http.ResponseWriter, r *http.Request, e ending) {
	h := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {accept(r.Header.Get("Sec-Websocket-Key"))}}
	if on, ours := withoutBearer(r.Header["Sec-Websocket-Protocol"]); ours {
		h.Set("Sec-WebSocket-Protocol", ownProtocol)
	} else if len(on) > 0 {
		h.Set("Sec-WebSocket-Protocol", on[0])
	}
	c, _, err := switchProtocols(w, h)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(stallTime))
	if _, err := c.Write(closeFrame(e, false)); err != nil {
		return
	}
	closeWrite(c)
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 64<<10))
}

// switchProtocols takes the connection and answers 101. early is what the client sent behind its handshake.
func switchProtocols(w http.ResponseWriter, h http.Header) (c net.Conn, early []byte, err error) {
	if rec, ok := w.(*recorder); ok {
		rec.status = http.StatusSwitchingProtocols
	}
	for name, values := range w.Header() {
		if h[name] == nil {
			h[name] = values
		}
	}
	c, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take connection: %w", err)
	}
	if n := brw.Reader.Buffered(); n > 0 {
		b, _ := brw.Reader.Peek(n)
		early = slices.Clone(b)
	}
	_ = c.SetDeadline(time.Now().Add(lastWrite))
	b := bufio.NewWriter(c)
	_, _ = b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	_ = h.Write(b)
	_, _ = b.WriteString("\r\n")
	if err := b.Flush(); err != nil {
		_ = c.Close()
		return nil, nil, fmt.Errorf("answer handshake: %w", err)
	}
	return c, early, c.SetDeadline(time.Time{})
}

// serveSocket takes a handshake on to an upstream, and what is said afterwards both ways. It returns when that runs, so that
// nothing of the handshake is kept.
func (route *route) serveSocket(w http.ResponseWriter, r *http.Request, x *exchange) {
	g := route.gateway
	if !g.enter() {
		x.refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable", "the gateway is going away")
		return
	}
	defer g.ended.Done()
	out, err := route.socketRequest(r, x)
	if err != nil {
		route.failed(w, r, err)
		return
	}
	s := &relay{gateway: g, route: route}
	if route.engine != nil && !route.engine.prepare(w, r, x, s, out) {
		return
	}
	running := false
	defer func() {
		if !running && s.visit != nil && s.visit.sid == "" {
			s.visit.free("closed")
		}
	}()
	conn, resp, br, err := route.pool.handshake(out, route.Timeout)
	if err != nil {
		route.failed(w, r, err)
		return
	}
	if resp.StatusCode != http.StatusSwitchingProtocols { // what is no socket is no stream either, which no token would end
		_ = conn.SetDeadline(time.Now().Add(frameTime))
	}
	h, err := route.socketAnswer(w, r, resp)
	if h == nil {
		_ = conn.Close()
		if err != nil {
			route.failed(w, r, err)
		}
		return
	}
	client, early, err := switchProtocols(w, h)
	if err != nil {
		_ = conn.Close()
		return
	}
	late, _ := br.Peek(br.Buffered())
	s.client, s.upstream, running = client, conn, true
	x.open(r, s)
	s.start(x.token, slices.Clone(late), early)
}

// socketRequest is the handshake that goes on: without the token, and without extensions, so that frames are what they seem and
// nothing inflates.
func (route *route) socketRequest(r *http.Request, x *exchange) (*http.Request, error) {
	out := r.Clone(r.Context())
	for _, name := range tokens(r.Header["Connection"]) {
		out.Header.Del(name)
	}
	for _, name := range []string{"Keep-Alive", "Te", "Transfer-Encoding", "Sec-Websocket-Extensions", "Sec-Websocket-Protocol"} {
		delete(out.Header, name)
	}
	if err := route.toUpstream(out, r, x); err != nil {
		return nil, err
	}
	out.Header["Upgrade"], out.Header["Connection"] = []string{"websocket"}, []string{"Upgrade"}
	out.Header["Sec-Websocket-Key"], out.Header["Sec-Websocket-Version"] = r.Header["Sec-Websocket-Key"], []string{"13"}
	switch on, _ := withoutBearer(r.Header["Sec-Websocket-Protocol"]); {
	case route.Forward && r.Header["Sec-Websocket-Protocol"] != nil:
		out.Header["Sec-Websocket-Protocol"] = r.Header["Sec-Websocket-Protocol"]
	case len(on) > 0:
		out.Header["Sec-Websocket-Protocol"] = []string{strings.Join(on, ", ")}
	}
	return out, nil
}

// socketAnswer is the header of the 101 that the client gets; nil where the upstream does not switch: then either it has been
// answered, or the error says what was wrong.
func (route *route) socketAnswer(w http.ResponseWriter, r *http.Request, resp *http.Response) (http.Header, error) {
	if resp.StatusCode != http.StatusSwitchingProtocols {
		route.relayAnswer(w, resp)
		return nil, nil
	}
	h := resp.Header
	on, ours := withoutBearer(r.Header["Sec-Websocket-Protocol"])
	if err := checkSwitch(h, r.Header.Get("Sec-Websocket-Key"), on); err != nil {
		return nil, err
	}
	route.stripAnswer(h)
	delete(h, "X-Request-Id")
	h["Connection"] = []string{"Upgrade"}
	if ours && h.Get("Sec-Websocket-Protocol") == "" { // browsers end a connection that chose none of what they offered
		h["Sec-Websocket-Protocol"] = []string{ownProtocol}
	}
	return h, nil
}

// open tells who lists sockets, and leaves the log line to the end of the socket. Nothing of the request is kept but what the line says.
func (x *exchange) open(r *http.Request, s *relay) {
	x.later, x.answer = true, nil
	method, path, host, from := r.Method, strings.Clone(r.URL.EscapedPath()), strings.Clone(r.Host), x.from(r)
	closed := func(string) {}
	switch {
	case s.visit != nil:
		closed = func(why string) { s.visit.left(s, why) }
	case s.gateway.Sockets != nil && x.token != nil:
		closed = s.gateway.Sockets.Opened(x.token, from, s.kick)
	}
	s.record = func(why string, bytes int64) {
		closed(why)
		x.write(method, path, host, http.StatusSwitchingProtocols, bytes, why)
	}
}

// enter counts what Run waits for at its end; false says that it has come.
func (g *Gateway) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.ended.Add(1)
	}
	return !g.closed
}
