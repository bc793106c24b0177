package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// validateGateway judges the section gateway. Its routes are a policy: what would let in more than it seems to say is refused.
func (c Config) validateGateway(fs *faults) {
	g := c.Gateway
	if g.Addr == "" {
		if len(g.Routes) > 0 {
			fs.at("gateway.addr", "such as 127.0.0.1:8081", "is required by gateway.routes")
		}
	} else {
		c.validateGatewayListener(fs)
	}
	g.TLS().validate(fs, "gateway.")
	for _, s := range g.TrustedProxies {
		checkNetwork(fs, "gateway.trusted_proxies", s)
	}
	g.validateIssuer(fs)
	seen := map[string]int{}
	for i, r := range g.Routes {
		path := item("gateway.routes", i)
		r.validate(fs, path)
		if first, twice := seen[r.Host+r.Path]; twice {
			fs.at(path+"path", "name another path or host, or make one of the two", "is the same as that of gateway.routes[%d]", first)
			continue
		}
		seen[r.Host+r.Path] = i
	}
}

func (c Config) validateGatewayListener(fs *faults) {
	g := c.Gateway
	host, port, ok := checkAddr(fs, "gateway.addr", g.Addr)
	if !ok {
		return
	}
	secure := g.TLS().On() || c.Listen.DevTLS
	if !isLoopback(host) && !secure && !g.InsecurePlain {
		fs.at("gateway.addr", "give it a certificate (gateway.tls_cert_file), or listen on 127.0.0.1 behind a proxy that ends TLS; on another host than the proxy's, set gateway.insecure_plain",
			"%q is off loopback, and plain HTTP there shows tokens and all that is behind the guard", g.Addr)
	}
	c.checkApart(fs, "gateway.addr", g.Addr)
	if g.PublicURL == "" {
		if port != "0" || !isLoopback(host) {
			fs.at("gateway.public_url", "such as https://api.example.com", "is required, because gateway.addr is off loopback")
		}
		return
	}
	u := checkServerURL(fs, "gateway.public_url", g.PublicURL, "such as https://api.example.com")
	if u != nil && u.Path != "" {
		fs.at("gateway.public_url", "write "+u.Scheme+"://"+u.Host, "has a path")
	}
	if u != nil && u.Scheme == "http" && secure {
		fs.at("gateway.public_url", "write https", "is plain http, but the gateway speaks TLS")
	}
}

// validateIssuer judges what 'sandi gateway' knows tokens by.
func (g Gateway) validateIssuer(fs *faults) {
	if g.Issuer == "" {
		for _, s := range []struct {
			path string
			set  bool
		}{
			{"audience", len(g.Audience) > 0},
			{"revocations_url", g.RevocationsURL != ""},
			{"revocations_secret_file", g.RevocationsSecret != ""},
			{"key_file", g.KeyFile != ""},
		} {
			if s.set {
				fs.at("gateway.issuer", "name whose tokens 'sandi gateway' takes; in 'sandi serve' leave both out", "is required by gateway.%s", s.path)
			}
		}
		return
	}
	checkServerURL(fs, "gateway.issuer", g.Issuer, "such as https://id.example.com")
	for _, a := range g.Audience {
		if a == "" {
			fs.at("gateway.audience", "such as https://api.example.com", "has an empty entry")
		}
	}
	if g.RevocationsURL == "" {
		return
	}
	checkServerURL(fs, "gateway.revocations_url", g.RevocationsURL, "such as https://id.example.com/revocations")
	if g.RevocationsSecret == "" {
		fs.at("gateway.revocations_secret_file", "name the file with a secret of the server's revocation.readers_file", "is required by gateway.revocations_url")
	}
}

// checkServerURL wants an absolute URL of a server that is asked or named by its URL: https, or http on loopback. It is nil where there is none.
func checkServerURL(fs *faults, path, raw, hint string) *url.URL {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || !isASCII(raw) || u.Scheme != "http" && u.Scheme != "https":
		fs.at(path, hint, "is not an absolute URL")
		return nil
	case u.User != nil:
		fs.at(path, "remove what stands before the @", "holds a user name or password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		fs.at(path, "remove what follows the ? or #", "has a query or fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		fs.at(path, "write https; plain http is for loopback alone", "%q is not https", raw)
	}
	return u
}

// validate judges a route; path is "gateway.routes[2].".
func (r Route) validate(fs *faults, path string) {
	name := strings.TrimPrefix(r.Host, "*.")
	if _, err := netip.ParseAddr(r.Host); r.Host != "" && err != nil && !isHost(name) {
		fs.at(path+"host", "such as api.example.com or *.example.com: lower case, without port", "%q is not a host", r.Host)
	}
	if hint := checkPrefix(r.Path); hint != "" {
		fs.at(path+"path", hint, "%q is not the beginning of a path", r.Path)
	}
	for _, m := range r.Methods {
		if m != strings.ToUpper(m) || !isToken(m) || m == "CONNECT" || m == "TRACE" {
			fs.at(path+"methods", "such as GET; CONNECT and TRACE never go on", "%q is not a method that can be let through", m)
		}
	}
	r.validateUpstreams(fs, path)
	r.validateRequirements(fs, path)
	for _, o := range r.Origins {
		checkOrigin(fs, path+"origins", o)
	}
	if r.HealthPath != "" && (!strings.HasPrefix(r.HealthPath, "/") || !isASCII(r.HealthPath) || strings.Contains(r.HealthPath, "#")) {
		fs.at(path+"health_path", "such as /healthz", "%q is not a path", r.HealthPath)
	}
}

// validateRequirements refuses what contradicts itself.
func (r Route) validateRequirements(fs *faults, path string) {
	for _, s := range r.Scopes {
		if s == "" || !isASCII(s) || strings.ContainsAny(s, `"\`) {
			fs.at(path+"scopes", "such as invoices.read", "%q is not a scope (RFC 6749 section 3.3)", s)
		}
	}
	for _, role := range r.Roles {
		if role == "" {
			fs.at(path+"roles", "", "has an empty entry")
		}
	}
	if r.Public && (len(r.Scopes) > 0 || len(r.Roles) > 0 || r.Fresh > 0 || r.DPoP) {
		fs.at(path+"public", "remove it, or the scopes, roles, fresh and dpop beside it", "lets everybody in, whatever else the route asks for")
	}
	if r.QueryToken != "" && strings.Trim(r.QueryToken, pathBytes) != "" {
		fs.at(path+"insecure_query_token", "such as access_token", "%q is not the name of a query parameter", r.QueryToken)
	}
	if r.DPoP && (r.CookieAuth || r.QueryToken != "") {
		fs.at(path+"dpop", "a token that is bound to a key comes in the header Authorization alone (RFC 9449 section 7.1)", "is set beside cookie_auth or insecure_query_token")
	}
}

// validateUpstreams wants servers, each named by nothing but where it is.
func (r Route) validateUpstreams(fs *faults, path string) {
	const hint = "such as http://127.0.0.1:3000, https://orders.internal:8443, h2c://127.0.0.1:50051 or unix:/run/orders.sock"
	if len(r.Upstream) == 0 {
		fs.at(path+"upstream", hint, "is missing")
	}
	seen, secure := map[string]bool{}, false
	for _, text := range r.Upstream {
		if seen[text] {
			fs.at(path+"upstream", "", "%q is listed twice", redactedURL(text))
		}
		seen[text] = true
		if socket, ok := strings.CutPrefix(text, "unix:"); ok {
			if !strings.HasPrefix(socket, "/") || strings.HasPrefix(socket, "//") || !printableText(socket) {
				fs.at(path+"upstream", hint, "%q is not the path of a socket", text)
			}
			continue
		}
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Hostname() == "" || u.Opaque != "" || !isASCII(text) || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "h2c":
			fs.at(path+"upstream", hint, "has an entry that is not the URL of a server")
			continue
		case u.User != nil:
			fs.at(path+"upstream", "remove what stands before the @", "holds a user name or password")
		case u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
			fs.at(path+"upstream", "write "+u.Scheme+"://"+u.Host, "%q has more than a host: the request's own path goes on", redactedURL(text))
		case u.Scheme != "https" && !isLoopback(u.Hostname()) && !r.InsecurePlainUpstream:
			fs.at(path+"upstream", "use https, or set insecure_plain_upstream", "%q goes to another host without TLS", text)
		}
		secure = secure || u.Scheme == "https"
	}
	if r.CAFile != "" && !secure && len(r.Upstream) > 0 {
		fs.at(path+"ca_file", "remove it, or write https", "is of no use: no upstream is https")
	}
}

// redactedURL is a URL of a message, without a password that somebody wrote into it.
func redactedURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "[unreadable]"
	}
	return u.Redacted()
}
