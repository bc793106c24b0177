package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

// upstream is one server behind a route.
type upstream struct {
	url       *url.URL // http or https with a host, which for a unix socket is made up
	name      string   // as configured, for logs and metrics
	path      string   // of a unix socket
	tls       *tls.Config
	transport *http.Transport
	down      atomic.Bool // by its health checks
}

// dialTime bounds the connection to an upstream, its TLS handshake apart.
const dialTime = 5 * time.Second

func newUpstream(u *url.URL, r *route) *upstream {
	up := &upstream{url: &url.URL{Scheme: "http", Host: u.Host}, name: audienceOf(u)}
	t := &http.Transport{
		DialContext: up.dial, ResponseHeaderTimeout: r.Timeout, TLSHandshakeTimeout: dialTime, DisableCompression: true,
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize: 16 << 10, WriteBufferSize: 16 << 10, Protocols: new(http.Protocols),
	}
	switch u.Scheme {
	case "unix":
		up.url.Host, up.path = "localhost", u.Path
		t.Protocols.SetHTTP1(true)
	case "h2c":
		t.Protocols.SetUnencryptedHTTP2(true)
	case "https":
		up.url.Scheme = "https"
		up.tls = &tls.Config{RootCAs: r.RootCAs, MinVersion: tls.VersionTLS12, ServerName: u.Hostname(), NextProtos: []string{"http/1.1"}}
		t.TLSClientConfig = &tls.Config{RootCAs: r.RootCAs, MinVersion: tls.VersionTLS12}
		t.Protocols.SetHTTP1(true)
		t.Protocols.SetHTTP2(true)
	default:
		t.Protocols.SetHTTP1(true)
	}
	up.transport = t
	return up
}

func (u *upstream) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTime}
	if u.path != "" {
		network, address = "unix", u.path
	}
	return d.DialContext(ctx, network, address)
}

// open is a connection of its own, for a WebSocket: HTTP/1.1, with TLS where the upstream has it.
func (u *upstream) open(ctx context.Context) (net.Conn, error) {
	address := u.url.Host
	if u.url.Port() == "" {
		address = net.JoinHostPort(u.url.Hostname(), map[string]string{"http": "80", "https": "443"}[u.url.Scheme])
	}
	c, err := u.dial(ctx, "tcp", address)
	if err != nil || u.tls == nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	t := tls.Client(c, u.tls)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return t, nil
}

// errNoUpstream says that no upstream of a route is healthy.
var errNoUpstream = errors.New("no upstream is healthy")

// pool is the upstreams of a route, taken in turn. It is an http.RoundTripper.
type pool struct {
	all     []*upstream
	retries int
	next    atomic.Uint32
}

func newPool(r *route) *pool {
	p := &pool{retries: r.Retries}
	for _, u := range r.Upstreams {
		p.all = append(p.all, newUpstream(u, r))
	}
	return p
}

// take is the next healthy upstream.
func (p *pool) take() (*upstream, error) {
	if len(p.all) == 1 && !p.all[0].down.Load() {
		return p.all[0], nil
	}
	from := p.next.Add(1)
	for i := range p.all {
		if u := p.all[(int(from)+i)%len(p.all)]; !u.down.Load() {
			return u, nil
		}
	}
	return nil, errNoUpstream
}

// RoundTrip implements http.RoundTripper. What changes nothing and has no body goes to the next upstream where one could not be
// reached, or went away before it answered.
func (p *pool) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.WithContext(untraced{r.Context()})
	for try := 0; ; try++ {
		u, err := p.take()
		if err != nil {
			return nil, err
		}
		r.URL.Scheme, r.URL.Host = u.url.Scheme, u.url.Host
		resp, err := u.transport.RoundTrip(r)
		if err == nil || try >= p.retries || !isRepeatable(r) || !isUnreached(r.Context(), err) {
			return resp, err
		}
	}
}

// untraced hides the trace by which httputil.ReverseProxy passes interim answers (103) on: their headers are the upstream's, unjudged, and
// take those that the gateway has set with them.
type untraced struct{ context.Context }

// Value implements context.Context.
func (c untraced) Value(key any) any {
	v := c.Context.Value(key)
	if _, is := v.(*httptrace.ClientTrace); is {
		return nil
	}
	return v
}

func isRepeatable(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions) && (r.Body == nil || r.Body == http.NoBody)
}

// isUnreached says that there was no answer at all, and that it is not the client who gave up.
func isUnreached(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (p *pool) closeIdle() {
	for _, u := range p.all {
		u.transport.CloseIdleConnections()
	}
}
