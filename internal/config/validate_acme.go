package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// validateACME judges the section acme. What its authority thinks of it shows at the first handshake alone, so that what can be known before is told here.
func (c Config) validateACME(fs *faults) {
	a := c.ACME
	if len(a.Hosts) == 0 {
		if a.Email != "" || a.Directory != "" || a.CacheDir != "" || a.HTTPAddr != "" || a.CAFile != "" || a.AcceptTOS {
			fs.at("acme.hosts", "name the hosts that the certificate is for, or remove the section", "is required by the other settings of acme")
		}
		return
	}
	seen := map[string]bool{}
	for _, h := range a.Hosts {
		if hint := checkHost(h); hint != "" {
			fs.at("acme.hosts", hint, "%q is not a host that an authority can check", h)
		}
		if seen[h] {
			fs.at("acme.hosts", "", "%q is listed twice", h)
		}
		seen[h] = true
	}
	if issuer, err := url.Parse(c.Issuer); c.Issuer == "" || err != nil || issuer.Scheme != "https" {
		fs.at("issuer", "such as https://"+a.Hosts[0], "is not the https URL that acme.hosts is for")
	} else if !slices.Contains(a.Hosts, issuer.Hostname()) {
		fs.at("acme.hosts", "add "+issuer.Hostname(), "has not the issuer's host")
	}
	switch {
	case c.Listen.TLS().On():
		fs.at("acme.hosts", "use one of the two", "is set beside listen.tls_cert_file")
	case c.Listen.DevTLS:
		fs.at("acme.hosts", "use one of the two", "is set beside listen.dev_tls")
	}
	if !a.AcceptTOS {
		fs.at("acme.accept_tos", "read the terms of the authority, and write true", "is false, and no authority gives a certificate then")
	}
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil) {
		fs.at("acme.directory", "such as https://acme-staging-v02.api.letsencrypt.org/directory", "is not an https URL (RFC 8555 section 6.1)")
	}
	if a.HTTPAddr != "" {
		if _, _, ok := checkAddr(fs, "acme.http_addr", a.HTTPAddr); ok {
			c.checkApart(fs, "acme.http_addr", a.HTTPAddr)
		}
	}
}

// checkHost is what is wrong with a host name of a certificate, "" when nothing is. An address or a wildcard cannot be proved by what this server answers
// (RFC 8738 and RFC 8555 section 7.1.3), a name of one label is no public one.
func checkHost(h string) string {
	_, err := netip.ParseAddr(h)
	switch {
	case err == nil:
		return "write its name: authorities prove names"
	case strings.Contains(h, "*"):
		return "list each name by itself"
	case !isHost(h) || !strings.Contains(h, "."):
		return "such as id.example.com: lower case, without scheme, port and dot at the end"
	}
	return ""
}

// isHost judges a host name in lower case (RFC 1123 section 2.1).
func isHost(h string) bool {
	if h == "" || len(h) > 253 {
		return false
	}
	for label := range strings.SplitSeq(h, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// validateDevTLS keeps a certificate that nobody vouches for on this machine.
func (c Config) validateDevTLS(fs *faults) {
	if !c.Listen.DevTLS {
		return
	}
	const path, hint = "listen.dev_tls", "it is for development on this machine; get a certificate for others (listen.tls_cert_file, acme)"
	if c.Listen.TLS().On() {
		fs.at(path, "use one of the two", "is set beside listen.tls_cert_file")
	}
	for _, a := range []struct{ path, addr string }{{"listen.addr", c.Listen.Addr}, {"gateway.addr", c.Gateway.Addr}} {
		host, _, ok := checkAddr(&faults{}, "", a.addr)
		if ok && !isLoopback(host) && !(a.path == "gateway.addr" && c.Gateway.TLS().On()) {
			fs.at(path, hint, "is set, but %s (%s) is off loopback", a.path, a.addr)
		}
	}
}

// checkApart refuses an address that a listener named before it has taken. Where one of two hosts is every interface, only the port tells them apart.
func (c Config) checkApart(fs *faults, path, addr string) {
	for _, other := range []struct{ path, addr string }{{"listen.addr", c.Listen.Addr}, {"admin.addr", c.Admin.Addr}, {"acme.http_addr", c.ACME.HTTPAddr}} {
		if other.path != path && sameListener(addr, other.addr) {
			fs.at(path, "choose another port", "is the same as %s", other.path)
		}
	}
}

func sameListener(a, b string) bool {
	hostA, portA, okA := checkAddr(&faults{}, "", a)
	hostB, portB, okB := checkAddr(&faults{}, "", b)
	return okA && okB && portA == portB && portA != "0" && (hostA == hostB || isEvery(hostA) || isEvery(hostB))
}

// isEvery says that a listener's host is every interface.
func isEvery(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsUnspecified()
}
