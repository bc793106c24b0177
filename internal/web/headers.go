package web

import (
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/problem"
)

// securityHeaders sets what every answer carries; a handler may override one that it knows better.
func (s *Web) securityHeaders(w http.ResponseWriter, r *http.Request, q *request) {
	h := w.Header()
	h.Set("X-Request-Id", q.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY") // for browsers without frame-ancestors
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if s.hsts || r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
}

// checkHost refuses a Host that is not ours: a page elsewhere may have pointed its own name at this
// address (DNS rebinding). The probes of a load balancer come by address and are let through.
func (s *Web) checkHost(r *http.Request) error {
	if len(s.hosts) == 0 || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		return nil
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ours := slices.ContainsFunc(s.hosts, func(h string) bool { return strings.EqualFold(h, host) })
	if ours && !strings.ContainsFunc(host, func(c rune) bool { return c >= utf8.RuneSelf }) { // Unicode folds a Kelvin sign to k
		return nil
	}
	return problem.New(problem.Misdirected, "wrong_host")
}

// cors answers a preflight and reports that it did; on other requests it lets a registered origin,
// matched as a whole, read the answer. Nothing is ever allowed to "*".
func (s *Web) cors(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	w.Header().Add("Vary", "Origin")
	if origin == "" || !s.AllowedOrigin(origin) || slices.Contains(s.noCORS, r.URL.Path) {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP, X-CSRF-TOKEN")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// canonical says that the path is the one spelling that the routes know.
func canonical(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	clean := path.Clean(p)
	return p == clean || (p == clean+"/" && clean != "/")
}
