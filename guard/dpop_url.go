package guard

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// The URL that a proof is made for, in one spelling (RFC 9449 section 4.3, check 9; RFC 3986 sections 6.2.2 and 6.2.3).

var errTarget = errors.New("guard: not an http URL")

// parseTarget reads an absolute http URL.
func parseTarget(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil { // url.Parse makes schemes lower case
		return nil, errTarget
	}
	return u, nil
}

// target is the URL that the proof of r must name: at, or r's own where that is empty.
func (p *Proofs) target(r *http.Request, at string) (string, error) {
	if at != "" {
		u, err := parseTarget(at)
		if err != nil {
			panic("guard: Proofs.Check needs an absolute http URL")
		}
		return normalize(u), nil
	}
	base := p.base
	if base == nil && !p.cfg.InsecureAnyHost {
		panic("guard: Proofs.Check without a URL needs ProofsConfig.PublicURL")
	}
	if base == nil {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		var err error
		if base, err = parseTarget(scheme + r.Host); err != nil {
			return "", notProof("the request has no host")
		}
	}
	u := *base
	u.Path, u.RawPath = strings.TrimSuffix(base.Path, "/")+r.URL.Path, strings.TrimSuffix(base.EscapedPath(), "/")+r.URL.EscapedPath()
	return normalize(&u), nil
}

// normalize is u without query and fragment, spelt as any other URL that means the same.
func normalize(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && (u.Scheme != "https" || port != "443") && (u.Scheme != "http" || port != "80") {
		host += ":" + port
	}
	return u.Scheme + "://" + host + normalPath(u.EscapedPath())
}

// normalPath spells out what needs no escape, writes the others in upper case, and resolves dots.
func normalPath(path string) string {
	if strings.IndexByte(path, '%') >= 0 {
		path = normalEscapes(path)
	}
	if strings.Contains(path, "/.") {
		u := url.URL{Scheme: "http", Host: "h", RawPath: path}
		if decoded, err := url.PathUnescape(path); err == nil {
			u.Path = decoded
			path = u.ResolveReference(&u).EscapedPath()
		}
	}
	if path == "" {
		return "/"
	}
	return path
}

// normalEscapes treats the escapes of a path that url.URL.EscapedPath wrote: each is whole.
func normalEscapes(path string) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b = append(b, path[i])
			continue
		}
		c := unhex(path[i+1])<<4 | unhex(path[i+2])
		i += 2
		if isUnreserved(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// isUnreserved is RFC 3986 section 2.3.
func isUnreserved(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}
