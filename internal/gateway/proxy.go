package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"

	"github.com/sandi-auth/sandi/guard"
)

// newProxy is what takes plain requests on, once the guard has let them in.
func (r *route) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: r.pool, Rewrite: r.rewrite, ModifyResponse: r.modify, ErrorHandler: r.failed, BufferPool: buffers{},
		ErrorLog: slog.NewLogLogger(r.gateway.Logger.Handler(), slog.LevelDebug),
	}
}

// buffers are for copying bodies, and what WebSockets say.
type buffers struct{}

const bufferSize = 32 << 10

var bufferPool = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func (buffers) Get() []byte  { return bufferPool.Get().(*[bufferSize]byte)[:] }
func (buffers) Put(b []byte) { bufferPool.Put((*[bufferSize]byte)(b)) }

// rewrite makes the request that the upstream sees. Hop-by-hop headers are gone by now.
func (r *route) rewrite(pr *httputil.ProxyRequest) {
	x := exchangeOf(pr.In.Context())
	if err := r.toUpstream(pr.Out, pr.In, x); err != nil {
		x.life.cancel(err) // fail closed: nothing is sent
	}
}

// toUpstream makes of out, a clone of in, what goes on: the same method, path and query without what was for us, and who calls.
func (r *route) toUpstream(out, in *http.Request, x *exchange) error {
	r.strip(out.Header)
	out.Trailer = nil // the client's trailers would come after what we say
	out.URL.RawQuery = r.query(out.URL.RawQuery)
	out.URL.ForceQuery = false
	if r.StripPath {
		stripPath(out, strings.Count(strings.TrimSuffix(r.Path, "/"), "/"))
	}
	if !r.KeepHost {
		out.Host = ""
	}
	if accept := out.Header["Accept"]; len(accept) == 1 && strings.Contains(accept[0], "text/event-stream") {
		delete(out.Header, "Accept-Encoding") // where a compressed stream has its events cannot be seen
	}
	x.forwarded(out.Header, in)
	return r.identify(out.Header, x.token)
}

// identify says who calls.
func (r *route) identify(h http.Header, t *guard.Token) error {
	switch r.Identity {
	case "headers":
		setIdentityHeaders(h, t)
	case "token":
		if t == nil {
			return nil
		}
		token, err := r.gateway.identity.token(t, r.audience)
		if err != nil {
			return err
		}
		h[IdentityHeader] = []string{token}
	}
	return nil
}

// stripPath takes the first n segments away.
func stripPath(out *http.Request, n int) {
	raw := out.URL.EscapedPath()
	for ; n > 0; n-- {
		i := strings.IndexByte(raw[1:], '/')
		if i < 0 {
			raw = "/"
			break
		}
		raw = raw[1+i:]
	}
	u, err := out.URL.Parse(raw)
	if err != nil { // it was parsed before
		panic("gateway: " + err.Error())
	}
	out.URL.Path, out.URL.RawPath = u.Path, u.RawPath
}

// modify makes of an upstream's answer what the client sees.
func (r *route) modify(resp *http.Response) error {
	x := exchangeOf(resp.Request.Context())
	if resp.StatusCode == http.StatusSwitchingProtocols { // nobody asked for it
		return errors.New("upstream switched protocols unasked")
	}
	r.stripAnswer(resp.Header)
	if len(resp.Trailer) > 0 {
		resp.Body = &trailed{resp.Body, resp}
	}
	delete(resp.Header, "X-Request-Id")
	if x.poll != nil {
		if err := x.poll.answered(resp); err != nil {
			return err
		}
	}
	if x.token == nil {
		return nil
	}
	if typ, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); typ == "text/event-stream" {
		if resp.Header.Get("Content-Encoding") == "" {
			resp.Body = newEvents(resp.Body, x)
		}
		x.life.watch()
	}
	if e := lifeEnded(x.life.ctx); e != nil {
		return e
	}
	return nil
}

// trailed takes our headers out of an upstream's trailers when the body has ended, as those that were not announced come only then.
type trailed struct {
	io.ReadCloser
	resp *http.Response
}

func (t *trailed) Close() error {
	err := t.ReadCloser.Close()
	for name := range t.resp.Trailer {
		if isOurHeader(name) {
			delete(t.resp.Trailer, name)
		}
	}
	return err
}

// failed answers where the upstream did not. What happened stands in the log alone.
func (r *route) failed(w http.ResponseWriter, req *http.Request, err error) {
	x := exchangeOf(req.Context())
	if x.poll != nil && errors.Is(context.Cause(req.Context()), errWoken) && x.poll.instead(w) {
		return
	}
	if e := lifeEnded(req.Context()); e != nil { // the token ended while the upstream was asked
		x.reason = string(e.Reason)
		guard.WriteError(w, req, e)
		return
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		x.refuse(w, http.StatusRequestEntityTooLarge, "too_large", "the request's body is too large")
		return
	}
	cause := context.Cause(req.Context())
	if cause != nil && errors.Is(cause, context.Canceled) {
		return // nobody is left to answer
	}
	if cause != nil {
		err = cause
	}
	r.gateway.Logger.Error("upstream failed", "route", r.name, "request_id", x.id, "error", err)
	x.refuseUpstream(w, err)
}

func (x *exchange) refuseUpstream(w http.ResponseWriter, err error) {
	timeout, _ := errors.AsType[net.Error](err)
	dial, _ := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, errNoUpstream):
		w.Header().Set("Retry-After", "5")
		x.refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable", "the server behind the gateway is not available")
	case timeout != nil && timeout.Timeout() && (dial == nil || dial.Op != "dial"):
		x.refuse(w, http.StatusGatewayTimeout, "upstream_timeout", "the server behind the gateway did not answer in time")
	default:
		x.refuse(w, http.StatusBadGateway, "upstream_failed", "the server behind the gateway could not be reached or did not answer")
	}
}
