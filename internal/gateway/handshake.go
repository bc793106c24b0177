package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// handshake asks upstreams in turn for a WebSocket, as RoundTrip does for what is repeatable. On success the connection is the caller's.
func (p *pool) handshake(out *http.Request, timeout time.Duration) (c net.Conn, resp *http.Response, br *bufio.Reader, err error) {
	for try := 0; ; try++ {
		u, err := p.take()
		if err != nil {
			return nil, nil, nil, err
		}
		if c, resp, br, err = u.handshake(out, timeout); err == nil || try >= p.retries || !isUnreached(out.Context(), err) {
			return c, resp, br, err
		}
	}
}

func (u *upstream) handshake(out *http.Request, timeout time.Duration) (c net.Conn, resp *http.Response, br *bufio.Reader, err error) {
	ctx, cancel := context.WithTimeout(out.Context(), timeout)
	defer cancel()
	if c, err = u.open(ctx); err != nil {
		return nil, nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() && err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			_ = c.Close()
		}
	}()
	out.URL.Scheme, out.URL.Host = u.url.Scheme, u.url.Host
	if out.Header["User-Agent"] == nil {
		out.Header["User-Agent"] = []string{""} // not that of the library
	}
	out.Body, out.ContentLength, out.TransferEncoding = nil, 0, nil
	if err = out.Write(c); err != nil {
		return c, nil, nil, err
	}
	limited := &io.LimitedReader{R: c, N: 64 << 10}
	br = bufio.NewReaderSize(limited, 4<<10)
	for range 8 { // early hints and the like are for browsers
		resp, err = http.ReadResponse(br, out)
		if err != nil || resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	limited.N = 1 << 20 // of a refusal's body
	return c, resp, br, err
}

// relayAnswer is an upstream that does not want the WebSocket.
func (route *route) relayAnswer(w http.ResponseWriter, resp *http.Response) {
	defer resp.Body.Close()
	for _, name := range append(tokens(resp.Header["Connection"]), "connection", "keep-alive", "transfer-encoding", "trailer", "upgrade", "x-request-id") {
		resp.Header.Del(name)
	}
	route.stripAnswer(resp.Header)
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	if resp.StatusCode < 200 {
		resp.StatusCode = http.StatusBadGateway
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // as much as there is
}

// checkSwitch says what is wrong with an upstream's 101.
func checkSwitch(h http.Header, key string, offered []string) error {
	protocol := h.Get("Sec-Websocket-Protocol")
	switch {
	case !slices.Equal(tokens(h["Upgrade"]), []string{"websocket"}) || h.Get("Sec-Websocket-Accept") != accept(key):
		return errors.New("upstream switched to something else than the WebSocket that was asked for")
	case h.Get("Sec-Websocket-Extensions") != "":
		return errors.New("upstream chose a WebSocket extension that was not offered")
	case protocol != "" && !slices.Contains(offered, protocol) && protocol != ownProtocol:
		return errors.New("upstream chose the subprotocol " + strconv.Quote(protocol) + " that was not offered")
	}
	return nil
}
