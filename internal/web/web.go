package web

import (
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/internal/problem"
)

// Config is what a Web needs. Logger is required; every other zero value is the strict one.
type Config struct {
	Logger *slog.Logger
	// Metrics registers the request metrics; nil registers them nowhere.
	Metrics prometheus.Registerer
	// TrustedProxies are the networks whose X-Forwarded-For is believed. Default none.
	TrustedProxies []netip.Prefix
	// Hosts are the host names this server answers for, without ports; empty answers for any.
	Hosts []string
	// Origins are the exact origins whose pages CORS lets read answers.
	Origins []string
	// NoCORS are the paths that no other origin may ever read (sign-in, bootstrap).
	NoCORS []string
	// HSTS is sent when the server is reached by TLS.
	HSTS bool
	Now  func() time.Time // default time.Now
}

// Web is the chain around every handler of a server.
type Web struct {
	log       *slog.Logger
	proxies   []netip.Prefix
	hosts     []string
	origins   []string
	noCORS    []string
	hsts      bool
	now       func() time.Time
	metrics   metrics
	catalogue *catalogue
}

// New builds a Web. It panics without a Logger: a programmer's mistake.
func New(c Config) *Web {
	if c.Logger == nil {
		panic("web: Config.Logger is required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Web{
		log: c.Logger, proxies: c.TrustedProxies, hosts: c.Hosts, origins: c.Origins, noCORS: c.NoCORS,
		hsts: c.HSTS, now: c.Now, metrics: newMetrics(c.Metrics), catalogue: newCatalogue(),
	}
}

// Handler answers a request or returns why not; the adapter writes the error in the surface's form.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Handle adapts h for the first-party JSON surface: errors become {"error", "msg"}, with the field at fault.
func (s *Web) Handle(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.WriteError(w, r, err)
		}
	})
}

// AllowedOrigin says whether the origin is one of the registered ones, compared as a whole.
func (s *Web) AllowedOrigin(origin string) bool { return slices.Contains(s.origins, origin) }

// Mux answers what no pattern matches in the surface's own form, and refuses a path that is not
// canonical instead of redirecting it: a redirect would carry a token to another address.
func (s *Web) Mux(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !canonical(r.URL.Path) {
			s.refuse(w, r, problem.New(problem.NotFound, "not_found"))
			return
		}
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		// The mux knows which methods the path has; only its status and Allow header are wanted.
		p := &probe{header: http.Header{}}
		mux.ServeHTTP(p, r)
		if p.status != http.StatusMethodNotAllowed {
			s.refuse(w, r, problem.New(problem.NotFound, "not_found"))
			return
		}
		w.Header().Set("Allow", p.header.Get("Allow"))
		e := problem.New(problem.MethodNotAllowed, "method_not_allowed")
		e.Params = map[string]string{"method": r.Method, "allow": p.header.Get("Allow")}
		s.refuse(w, r, e)
	})
}

// refuse answers what no handler saw: below /oauth/ in the form of RFC 6749, where only that form's codes are known.
func (s *Web) refuse(w http.ResponseWriter, r *http.Request, e *problem.Error) {
	if !strings.HasPrefix(r.URL.Path, "/oauth/") {
		s.WriteError(w, r, e)
		return
	}
	switch e.Kind {
	case problem.NotFound:
		e.Code, e.Description = "invalid_request", "there is no such endpoint"
	case problem.MethodNotAllowed:
		e.Code, e.Description = "invalid_request", "the method is not one of "+w.Header().Get("Allow")
	case problem.Misdirected:
		e.Code, e.Description = "invalid_request", "this server does not answer for the host of the request"
	}
	s.WriteOAuthError(w, r, e)
}

// probe is a ResponseWriter that keeps the status and headers and drops the body.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }
