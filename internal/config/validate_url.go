package config

import (
	"net/url"
	"strings"
)

// validateIssuer is secure-defaults 2; RFC 8414 section 2 rules out query and
// fragment. A path is ruled out here: it would put the metadata of RFC 8414 section
// 3.1 between host and path, where this server does not answer.
func (c Config) validateIssuer(fs *faults) {
	const path = "issuer"
	if c.Issuer == "" {
		if host, port, ok := checkAddr(&faults{}, "", c.Listen.Addr); ok && (port != "0" || !isLoopback(host)) {
			fs.at(path, "such as https://id.example.com", "is required, because listen.addr is off loopback")
		}
		return
	}
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || !isASCII(c.Issuer):
		fs.at(path, "such as https://id.example.com", "is not an absolute URL")
	case u.User != nil:
		fs.at(path, "remove what stands before the @", "holds a user name or password")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(c.Issuer, "#"):
		fs.at(path, "remove what follows the ? or #", "has a query or fragment")
	case strings.Trim(u.EscapedPath(), "/") != "":
		fs.at(path, "give it a host of its own, such as https://id.example.com", "has a path")
	case strings.HasSuffix(c.Issuer, "/"):
		fs.at(path, "write "+strings.TrimRight(c.Issuer, "/"), "ends with a slash")
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme != "https":
		fs.at(path, "tokens of a plain issuer can be read and replaced on the way; plain http is for loopback alone", "%q is not https", c.Issuer)
	case !strings.HasPrefix(c.Issuer, "https://"+strings.ToLower(u.Host)):
		fs.at(path, "write https://"+strings.ToLower(u.Host), "has upper-case letters where clients compare byte for byte")
	}
}

func (c Config) validateAPI(fs *faults) {
	if len(c.API.Prefixes) == 0 {
		fs.at("api.prefixes", "the default is [/api/auth]", "is empty")
	}
	seen := map[string]bool{}
	for _, p := range c.API.Prefixes {
		if hint := checkPrefix(p); hint != "" || seen[p] {
			fs.at("api.prefixes", hint, "%q is not a path prefix, or listed twice", p)
		}
		seen[p] = true
	}
	for _, o := range c.API.Origins {
		checkOrigin(fs, "api.origins", o)
	}
}

// checkPrefix is what is wrong with a mount path, "" when nothing is. "/" alone mounts at the root.
func checkPrefix(p string) string {
	switch {
	case p == "/":
		return ""
	case !strings.HasPrefix(p, "/"):
		return "begin with a slash"
	case strings.HasSuffix(p, "/"):
		return "leave out the slash at the end"
	}
	for segment := range strings.SplitSeq(p[1:], "/") {
		if segment == "" || segment == "." || segment == ".." || strings.Trim(segment, pathBytes) != "" {
			return "only letters, digits and - . _ ~ between single slashes"
		}
	}
	return ""
}

// pathBytes need no escape in a path (RFC 3986 section 2.3).
const pathBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// checkOrigin wants an origin exactly as a browser sends it (RFC 6454 section
// 6.2): scheme, host and port, lower-case, the scheme's own port left out.
func checkOrigin(fs *faults, path, o string) {
	u, err := url.Parse(o)
	switch {
	case strings.Contains(o, "*"):
		fs.at(path, "list each origin by itself", "%q holds a wildcard", o)
	case err != nil || u.Hostname() == "" || u.Opaque != "" || u.User != nil || !isASCII(o) || u.Scheme != "http" && u.Scheme != "https":
		fs.at(path, "such as https://app.example.com", "%q is not an origin", o)
	case o != exactOrigin(u):
		fs.at(path, "write "+exactOrigin(u), "%q is not as a browser sends it", o)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		fs.at(path, "serve the page by https", "%q is a page that can be replaced on its way, except on loopback", o)
	}
}

func exactOrigin(u *url.URL) string {
	host := strings.ToLower(u.Host)
	if standard := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]; u.Port() != "" || strings.HasSuffix(host, ":") {
		host = strings.TrimSuffix(strings.TrimSuffix(host, standard), ":")
	}
	return u.Scheme + "://" + host
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// validateCookies is secure-defaults 9: the prefixes of RFC 6265bis section
// 4.1.3 under https, none on plain loopback, where browsers refuse them.
func (c Config) validateCookies(fs *faults) {
	secure := strings.HasPrefix(c.Issuer, "https://")
	named := map[string]string{}
	for _, k := range []struct{ path, name string }{
		{"cookie.access", c.Cookie.Access}, {"cookie.refresh", c.Cookie.Refresh}, {"cookie.csrf", c.Cookie.CSRF},
	} {
		if k.name == "" {
			continue
		}
		host, sec := strings.HasPrefix(k.name, "__Host-"), strings.HasPrefix(k.name, "__Secure-")
		switch other, twice := named[k.name]; {
		case !isToken(k.name):
			fs.at(k.path, "letters, digits and - _ .", "%q is not a cookie name", k.name)
		case twice:
			fs.at(k.path, "", "is the same as %s", other)
		case host && k.path == "cookie.refresh":
			fs.at(k.path, "use __Secure-", "a __Host- cookie goes to every path; the refresh token goes to the API alone")
		case (host || sec) && c.Issuer != "" && !secure:
			fs.at(k.path, "leave the prefix out", "browsers refuse %q on plain HTTP", k.name)
		case !host && !sec && secure && !c.Cookie.InsecureNames:
			fs.at(k.path, "prefix it, or set cookie.insecure_names", "%q has neither __Host- nor __Secure-: another host of the domain could overwrite it", k.name)
		}
		named[k.name] = k.path
	}
}

// isToken judges a cookie name (RFC 6265 section 4.1.1, RFC 9110 section 5.6.2).
func isToken(s string) bool {
	return s != "" && strings.Trim(s, pathBytes+"!#$%&'*+^`|") == ""
}
