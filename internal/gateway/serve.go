package gateway

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/web"
)

// exchange is one request on its way. It rides in the context.
type exchange struct {
	gateway         *Gateway
	route           *route // nil until it is found
	start           time.Time
	id              string
	address, scheme string
	token           *guard.Token // nil for nobody
	upgrade         bool         // a WebSocket's handshake
	reason          string       // of a refusal
	later           bool         // the log line is written when its socket ends
	answer          *recorder
	poll            *poll // of an Engine.IO client, else nil
	life            life
}

type exchangeKey struct{}

func exchangeOf(ctx context.Context) *exchange { return ctx.Value(exchangeKey{}).(*exchange) }

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	x := &exchange{gateway: g, start: g.Now(), id: rand.Text(), answer: &recorder{ResponseWriter: rw}}
	x.address, x.scheme = g.origin(r)
	defer x.done(r)
	rw.Header().Set("X-Request-Id", x.id)
	x.serve(x.answer, r)
}

// serve finds the route, in this order: 1 method, 2 target and host, 3 route, 4 CORS, 5 method of the route, 6 upgrade.
func (x *exchange) serve(w http.ResponseWriter, r *http.Request) {
	if doubtful(r) {
		w.Header().Set("Connection", "close")
	}
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		x.notAllowed(w, nil)
		return
	}
	path, err := canonicalPath(r)
	host := canonicalHost(r.Host)
	if err != nil || host == "" {
		x.refuse(w, http.StatusBadRequest, "invalid_request", "the request's host or path is not written in its one canonical form")
		return
	}
	routes := x.gateway.routesOf(host)
	if routes == nil {
		x.refuse(w, http.StatusMisdirectedRequest, "wrong_host", "this gateway does not answer for the host")
		return
	}
	route, err := routes.find(path)
	if err != nil {
		x.refuse(w, http.StatusBadRequest, "invalid_request", "the path differs from a route's in case or parameters alone")
		return
	}
	if route == nil {
		x.refuse(w, http.StatusNotFound, "not_found", "there is nothing here")
		return
	}
	x.route = route
	switch {
	case route.cors(w, r):
		return
	case len(route.Methods) > 0 && !slices.Contains(route.Methods, r.Method):
		x.notAllowed(w, route.Methods)
		return
	case !x.readUpgrade(w, r):
		return
	}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	if r.ContentLength != 0 {
		r.Body = http.MaxBytesReader(w, r.Body, route.MaxBody)
	}
	route.guarded.ServeHTTP(w, r)
}

// doubtful says that the request may have been divided from the next one otherwise by a proxy on the way. net/http takes Content-Length
// away where Transfer-Encoding stands beside it, and Transfer-Encoding in HTTP/1.0, without a trace: what could have had both ends its
// connection (RFC 9112 section 6.1), so that nothing that came behind it is a request to anybody.
func doubtful(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0)
}

// admitted has a request that the guard let in: 7 rate, 8 proxy.
func (route *route) admitted(w http.ResponseWriter, r *http.Request) {
	x := exchangeOf(r.Context())
	x.token = guard.Identity(r.Context())
	if route.Rate > 0 {
		who := "address " + cluster.Network(x.address)
		if x.token != nil {
			who = "subject " + x.token.Subject()
		}
		if wait := route.gateway.Limits.Take(r.Context(), "gateway "+route.name+" "+who, route.rate); wait > 0 {
			w.Header().Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
			x.refuse(w, http.StatusTooManyRequests, "too_many_requests", "too many requests; try again later")
			return
		}
	}
	switch {
	case route.engine != nil && !x.upgrade:
		route.engine.servePolling(w, r, x)
	case x.upgrade:
		route.serveSocket(w, r, x)
	default:
		route.forward(w, r, x)
	}
}

// forward takes a plain request on, for as long as its token counts.
func (route *route) forward(w http.ResponseWriter, r *http.Request, x *exchange) {
	x.life.begin(r.Context(), x)
	defer x.life.stop()
	route.proxy.ServeHTTP(w, r.WithContext(x.life.ctx))
}

// refuseCaller answers for the guard. A browser cannot see what refuses the handshake of a WebSocket: that one is upgraded, and
// closed with code and reason.
func (route *route) refuseCaller(w http.ResponseWriter, r *http.Request, e *guard.Error) {
	x := exchangeOf(r.Context())
	x.reason = string(e.Reason)
	if !x.upgrade {
		guard.WriteError(w, r, e)
		return
	}
	if s := route.gateway.Sockets; s != nil {
		s.Refused(x.from(r), x.reason)
	}
	plain := strings.Contains(r.Header.Get("Accept"), "application/json") && r.Header.Get("Origin") == ""
	if plain || route.engine != nil || r.Header.Get("Origin") != "" && e.Reason == guard.CSRFFailed { // Engine.IO clients have no close codes
		guard.WriteError(w, r, e)
		return
	}
	refuseSocket(w, r, endOf(e))
}

// from says for the audit log where the request came from.
func (x *exchange) from(r *http.Request) audit.From {
	return audit.From{Address: x.address, UserAgent: web.UserAgent(r), RequestID: x.id, Actor: x.token.Subject()}
}

// refuse answers in the first-party form.
func (x *exchange) refuse(w http.ResponseWriter, status int, code, msg string) {
	x.reason = code
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "msg": msg, "request_id": x.id}) // the client may be gone
}

func (x *exchange) notAllowed(w http.ResponseWriter, methods []string) {
	if len(methods) == 0 {
		methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	x.refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "the method is not one of those in Allow")
}
