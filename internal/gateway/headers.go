package gateway

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// reserved are the beginnings of request headers that only a proxy may say, after which stands the end or a dash: who calls,
// from where, by which URL and method. Servers take many of them for true, and CGI reads _ where a header has -.
var reserved = []string{
	"sandi", "forwarded", "x-forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip", "x-envoy",
	"x-auth", "remote-user", "x-remote", "x-authenticated", "proxy", "x-original", "x-rewrite", "x-http-method", "x-method-override",
	"x-request-id",
}

// isReserved compares without case, and with _ and . as -.
func isReserved(name string) bool {
	switch name[0] | 0x20 {
	case 's', 'f', 'x', 't', 'c', 'r', 'p':
	default:
		return false
	}
	return slices.ContainsFunc(reserved, func(begin string) bool {
		return len(name) >= len(begin) && spells(name[:len(begin)], begin) && (len(name) == len(begin) || dashed(name[len(begin)]) == '-')
	})
}

// spells says that name is want, which is in lower case, in one of the spellings that servers take for it.
func spells(name, want string) bool {
	if len(name) != len(want) {
		return false
	}
	for i := range len(name) {
		if dashed(name[i]) != want[i] {
			return false
		}
	}
	return true
}

func dashed(c byte) byte {
	switch {
	case c == '_' || c == '.' || c == ' ':
		return '-'
	case 'A' <= c && c <= 'Z':
		return c | 0x20
	}
	return c
}

// strip takes away what only we may say, and the credential that was for us. It comes after the hop-by-hop headers are gone,
// so that a client's Connection header cannot take away what is set afterwards.
func (r *route) strip(h http.Header) {
	for name := range h {
		if name == "" || isReserved(name) {
			delete(h, name)
		}
	}
	delete(h, "Expect") // the body is asked for when the upstream takes it
	delete(h, "Http2-Settings")
	if r.Forward {
		return
	}
	delete(h, "Dpop")
	for name := range h {
		if spells(name, r.gateway.csrfHeader) {
			delete(h, name)
		}
	}
	if v := h["Authorization"]; len(v) > 0 && isOurScheme(v[0]) {
		delete(h, "Authorization")
	}
	r.stripCookies(h)
}

// isOurScheme: of other schemes, as Basic, the guard takes no notice either.
func isOurScheme(v string) bool {
	scheme, _, _ := strings.Cut(strings.TrimLeft(v, " \t"), " ")
	return strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "DPoP")
}

// stripCookies takes our cookies away and leaves the others byte for byte.
func (r *route) stripCookies(h http.Header) {
	lines := h["Cookie"]
	for _, line := range lines {
		if !slices.ContainsFunc(r.gateway.cookies, func(name string) bool { return strings.Contains(line, name) }) {
			continue
		}
		h["Cookie"] = nil
		for _, line := range lines {
			pairs := slices.DeleteFunc(strings.Split(line, ";"), func(pair string) bool {
				name, _, _ := strings.Cut(pair, "=")
				return r.gateway.isOurs(strings.TrimSpace(name))
			})
			if line = strings.TrimSpace(strings.Join(pairs, ";")); line != "" {
				h["Cookie"] = append(h["Cookie"], line)
			}
		}
		if h["Cookie"] == nil {
			delete(h, "Cookie")
		}
		return
	}
}

func (g *Gateway) isOurs(cookie string) bool { return slices.Contains(g.cookies, cookie) }

// query is the raw query without the credential: the parameter that the route takes one from, and one-time tickets.
func (r *route) query(raw string) string {
	if raw == "" || r.Forward || r.QueryToken == "" && !strings.Contains(raw, "ticket") && !strings.Contains(raw, "%") {
		return raw
	}
	pairs := slices.DeleteFunc(strings.Split(raw, "&"), func(pair string) bool {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		value, bad := url.QueryUnescape(value)
		return err == nil && (r.QueryToken != "" && name == r.QueryToken || name == "ticket" && bad == nil && strings.HasPrefix(value, "sdt_"))
	})
	return strings.Join(pairs, "&")
}

// stripAnswer takes away what an upstream may not say to clients: our headers, our cookies, and CORS where the gateway answers for it.
func (r *route) stripAnswer(h http.Header) {
	for name := range h {
		if isOurHeader(name) || (!r.Public || len(r.Origins) > 0) && strings.HasPrefix(name, "Access-Control-") {
			delete(h, name)
		}
	}
	if lines := h["Set-Cookie"]; len(lines) > 0 {
		h["Set-Cookie"] = slices.DeleteFunc(lines, func(line string) bool {
			name, _, _ := strings.Cut(line, "=")
			return r.gateway.isOurs(strings.TrimSpace(name))
		})
	}
}

// isOurHeader says that name is a Sandi header.
func isOurHeader(name string) bool { return len(name) >= 5 && spells(name[:5], "sandi") }

// forwarded says what the upstream cannot see: who, how and under which name.
func (x *exchange) forwarded(h http.Header, r *http.Request) {
	h["X-Forwarded-For"] = []string{x.address}
	h["X-Forwarded-Host"] = []string{r.Host}
	h["X-Forwarded-Proto"] = []string{x.scheme}
	h["X-Request-Id"] = []string{x.id}
}

// origin finds the client's address and scheme. X-Forwarded-For and -Proto are believed from trusted proxies alone; of the
// addresses the last counts that no trusted proxy wrote of another.
func (g *Gateway) origin(r *http.Request) (address, scheme string) {
	scheme = "http"
	if r.TLS != nil {
		scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "", scheme // a unix socket: nobody is known
	}
	at := peer.Addr().Unmap().WithZone("")
	if !g.trusts(at) {
		return at.String(), scheme
	}
	if p := r.Header["X-Forwarded-Proto"]; len(p) == 1 {
		switch p[0] {
		case "http", "ws": // the latter is Traefik's word for a WebSocket
			scheme = "http"
		case "https", "wss":
			scheme = "https"
		}
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, hop := range slices.Backward(hops) {
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil || !g.trusts(at) {
			break
		}
		at = next.Unmap().WithZone("")
	}
	return at.String(), scheme
}

func (g *Gateway) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(g.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
