package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// cors lets the pages of the route's origins, each compared as a whole, call it with credentials, and answers their preflights
// without the upstream. It reports that it did.
func (r *route) cors(w http.ResponseWriter, req *http.Request) (done bool) {
	if len(r.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := req.Header.Get("Origin")
	if origin == "" || !slices.Contains(r.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "*, WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id")
	if req.Method != http.MethodOptions || req.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	methods := r.Methods
	if len(methods) == 0 {
		methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
	if asked := req.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) <= 1024 {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// mayOpen says whether the page that opens a WebSocket may: one of this very host, or of the route's origins. Who sends no Origin
// is no browser. It holds for every credential, and for none: the upstream may have cookies of its own. Where TLS ends at a proxy in front, a page
// that came without it is another origin as well.
func (x *exchange) mayOpen(req *http.Request) bool {
	origins := req.Header["Origin"]
	if len(origins) == 0 {
		return true
	}
	u, err := url.Parse(origins[0])
	if err != nil || len(origins) > 1 || u.Host == "" {
		return false
	}
	secure := req.TLS != nil || x.scheme == "https"
	return slices.Contains(x.route.Origins, origins[0]) || strings.EqualFold(u.Host, req.Host) && (!secure || u.Scheme == "https")
}
