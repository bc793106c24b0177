package socketio

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
)

// maxHello is how many bytes of a handshake's headers are kept with its session.
const maxHello = 16 << 10

// hello is the HTTP request of a handshake in little memory: an *http.Request would keep its connection's buffers alive.
type hello struct {
	text    string // as on the wire
	address string
	tls     *tls.ConnectionState
}

// newHello keeps a request; it is false where the headers are too large.
func newHello(r *http.Request, address string) (hello, bool) {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", r.URL.RequestURI(), r.Host)
	_ = r.Header.WriteSubset(&b, map[string]bool{ // what says how the body comes, and the handshake of the websocket
		"Content-Length": true, "Transfer-Encoding": true, "Trailer": true, "Connection": true, "Upgrade": true,
		"Sec-Websocket-Key": true, "Sec-Websocket-Version": true, "Sec-Websocket-Extensions": true,
	})
	b.WriteString("\r\n")
	if b.Len() > maxHello {
		return hello{}, false
	}
	return hello{strings.Clone(b.String()), address, r.TLS}, true
}

// request makes the request anew. Its context has no values: those of the handshake's belong to a request that is over.
func (h hello) request(ctx context.Context) (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReaderSize(strings.NewReader(h.text), 512))
	if err != nil {
		return nil, fmt.Errorf("read kept handshake: %w", err)
	}
	r.RemoteAddr, r.TLS = h.address, h.tls
	return r.WithContext(ctx), nil
}
