package config

import (
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Validate refuses, as an *Error with every fault, what must not be started:
// anything weaker than the secure defaults without the Insecure field that names
// it. Values that Resolved would fill in are judged as it fills them in. What
// only a file or the network shows (a weak secret, a port in use) is found at start.
func (c *Config) Validate() error {
	var fs faults
	c.Resolved("").validate(&fs)
	return fs.err()
}

// validate judges a resolved configuration.
func (c Config) validate(fs *faults) {
	for _, f := range settings(&c) {
		if message, hint := f.check(); message != "" {
			fs.at(f.path, hint, "%s", message)
		}
	}
	for _, f := range entries(&c) {
		if f.value.IsZero() && f.tag.Get("unset") != "" {
			continue
		}
		if message, hint := f.check(); message != "" {
			fs.at(f.path, hint, "%s", message)
		}
	}
	c.validateIssuer(fs)
	c.validateScheme(fs)
	if c.Data == "" {
		fs.at("data", "the default is ./sandi-data", "is empty")
	}
	c.validateListeners(fs)
	c.validateStore(fs)
	c.validateCluster(fs)
	c.validateLifetimes(fs)
	c.validateSigning(fs)
	c.validateOAuth(fs)
	c.validateAPI(fs)
	c.validateCookies(fs)
	c.validateACME(fs)
	c.validateDevTLS(fs)
	c.validateRealtime(fs)
	c.validateGateway(fs)
}

func (c Config) validateListeners(fs *faults) {
	const hint = "give it a certificate (tls_cert_file), or listen on 127.0.0.1 behind a proxy that ends TLS; on another host than the proxy's, set "
	host, port, ok := checkAddr(fs, "listen.addr", c.Listen.Addr)
	if ok && !isLoopback(host) && !c.SpeaksTLS() && !c.Listen.InsecurePlain {
		fs.at("listen.addr", hint+"listen.insecure_plain", "%q is off loopback, and plain HTTP there shows passwords and tokens", c.Listen.Addr)
	}
	if c.Admin.Addr != "" {
		host, _, ok := checkAddr(fs, "admin.addr", c.Admin.Addr)
		if ok && !isLoopback(host) && !c.Admin.TLS().On() && !c.Admin.InsecurePlain {
			fs.at("admin.addr", hint+"admin.insecure_plain", "%q is off loopback, and plain HTTP there shows the metrics", c.Admin.Addr)
		}
		if ok && port != "0" && c.Admin.Addr == c.Listen.Addr {
			fs.at("admin.addr", "choose another port, or \"\" for no metrics", "is the same as listen.addr")
		}
	}
	c.Listen.TLS().validate(fs, "listen.")
	c.Admin.TLS().validate(fs, "admin.")
	for _, s := range c.Listen.TrustedProxies {
		checkNetwork(fs, "listen.trusted_proxies", s)
	}
}

// checkAddr splits host:port; the port is a number.
func checkAddr(fs *faults, path, addr string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		fs.at(path, "such as 127.0.0.1:8080 or [::1]:8080", "%q is not host:port", addr)
		return "", "", false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		fs.at(path, "0 to 65535; 0 takes a free one", "port %q is not a port number", port)
		return "", "", false
	}
	if host == "" {
		fs.at(path, "write 127.0.0.1:"+port+" for this machine alone, 0.0.0.0:"+port+" for every interface", "%q does not say on which host", addr)
		return "", "", false
	}
	return host, port, true
}

func checkNetwork(fs *faults, path, s string) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		hint := "such as 10.0.0.0/8 or fd00::/8"
		if ip, err := netip.ParseAddr(s); err == nil {
			hint = "for this one address write " + netip.PrefixFrom(ip.WithZone(""), ip.BitLen()).String()
		}
		fs.at(path, hint, "%q is not a network in CIDR form", s)
	case p.Bits() == 0:
		fs.at(path, "list the proxies' own networks", "%q is everybody: any stranger could then choose the address that throttles and logs see", s)
	case p != p.Masked():
		fs.at(path, "write "+p.Masked().String(), "%q has bits beyond its mask", s)
	}
}

// validateLifetimes is secure-defaults 5 and 6.
func (c Config) validateLifetimes(fs *faults) {
	t := c.Token
	if t.Access > time.Hour && !t.InsecureLongAccessTokens {
		fs.at("token.access", "shorten it, and let clients refresh; or set token.insecure_long_access_tokens",
			"%s is over 1h: a stolen token would work that long", FormatDuration(t.Access))
	}
	if t.RefreshIdle > t.RefreshAbsolute {
		fs.at("token.refresh_idle", "lower it, or raise token.refresh_absolute",
			"%s is more than token.refresh_absolute (%s)", FormatDuration(t.RefreshIdle), FormatDuration(t.RefreshAbsolute))
	}
	if t.Access > t.RefreshIdle {
		fs.at("token.refresh_idle", "raise it, or lower token.access",
			"%s is less than token.access (%s): the session would end before the token it renews", FormatDuration(t.RefreshIdle), FormatDuration(t.Access))
	}
	if c.Revocation.MaxStaleness > t.Access {
		fs.at("revocation.max_staleness", "lower it, or leave it out",
			"%s is more than token.access (%s)", FormatDuration(c.Revocation.MaxStaleness), FormatDuration(t.Access))
	}
}

// validateSigning is secure-defaults 3.
func (c Config) validateSigning(fs *faults) {
	switch symmetric := c.Token.Algorithm == "HS256"; {
	case symmetric && c.Token.SecretFile == "":
		fs.at("token.secret_file", "make one with 'sandi key secret > secret && chmod 600 secret', or use algorithm ES256", "is required by algorithm HS256")
	case !symmetric && c.Token.SecretFile != "":
		fs.at("token.secret_file", "remove it, or set token.algorithm to HS256", "is only for algorithm HS256")
	}
	seen := map[string]bool{}
	for _, a := range c.Token.Audience {
		if a == "" || seen[a] {
			fs.at("token.audience", "", "%q is empty or listed twice", a)
		}
		seen[a] = true
	}
}
