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
	for _, part := range []string{"GET ", r.URL.RequestURI(), " HTTP/1.1\r\nHost: ", r.Host, "\r\n"} {
		b.WriteString(part)
	}
	for name, values := range r.Header { // as the server has read them: no value has a line's end
		switch name {
		case "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Upgrade", // how the body comes
			"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions":
			continue
		}
		for _, v := range values {
			for _, part := range []string{name, ": ", v, "\r\n"} {
				b.WriteString(part)
			}
		}
	}
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
