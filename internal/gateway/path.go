package gateway

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// errTarget is a target that two servers could read in two ways: what the guard judged might not be what the upstream serves.
var errTarget = errors.New("request target is not canonical")

// canonicalPath is the decoded path of a request whose target has one reading, and says whether it has. The raw path goes on
// byte for byte. Refused are another form than origin-form (RFC 9112 section 3.2.1), empty and dot segments in every spelling
// and with parameters ("..;"), encoded slashes, backslashes, letters and digits, what would decode once more to any of them,
// control characters, and what is no UTF-8.
func canonicalPath(r *http.Request) (string, error) {
	raw, _, _ := strings.Cut(r.RequestURI, "?")
	if len(raw) > maxPath || !strings.HasPrefix(raw, "/") || r.URL.Host != "" || r.URL.Scheme != "" || r.URL.EscapedPath() != raw {
		return "", errTarget
	}
	for i := 0; i < len(raw); i++ {
		if c := raw[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`\"<>^|{}#`+"`", c) >= 0 {
			return "", errTarget
		}
	}
	path := raw
	if strings.IndexByte(raw, '%') >= 0 {
		if hasNeedless(raw) {
			return "", errTarget
		}
		var err error
		if path, err = url.PathUnescape(raw); err != nil || !utf8.ValidString(path) {
			return "", errTarget
		}
	}
	for rest, more := raw[1:], true; more; {
		var segment string
		if segment, rest, more = strings.Cut(rest, "/"); !isSegment(segment, !more) {
			return "", errTarget
		}
	}
	return path, nil
}

const maxPath = 8 << 10 // bytes

// hasNeedless finds an escape of what is written plainly (RFC 3986 section 6.2.2.2): a path that no route has may be another to
// the upstream.
func hasNeedless(raw string) bool {
	for i := 0; i+2 < len(raw); i++ {
		if raw[i] != '%' {
			continue
		}
		c, err := strconv.ParseUint(raw[i+1:i+3], 16, 8)
		if err != nil {
			return true
		}
		if d := byte(c) | 0x20; d >= 'a' && d <= 'z' && c < 0x80 || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' {
			return true
		}
	}
	return false
}

// isSegment judges one segment as it is and as often as it can be decoded. Only the last may be empty.
func isSegment(s string, last bool) bool {
	if s == "" {
		return last
	}
	for range 4 {
		name, _, _ := strings.Cut(s, ";")
		if name == "" || name == "." || name == ".." || strings.ContainsAny(s, `/\`) || strings.ContainsFunc(s, isControl) {
			return false
		}
		if strings.IndexByte(s, '%') < 0 {
			return true
		}
		next, err := url.PathUnescape(s)
		if err != nil || next == s {
			return true // a plain percent sign
		}
		s = next
	}
	return false
}

func isControl(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 }

// canonicalHost is the host of a request in lower case and without port, "" for one that is none.
func canonicalHost(host string) string {
	name, port := host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
			return ""
		}
	}
	if strings.HasPrefix(name, "[") {
		a, err := netip.ParseAddr(strings.TrimSuffix(name[1:], "]"))
		if err != nil || !a.Is6() || a.Zone() != "" || !strings.HasSuffix(name, "]") {
			return ""
		}
		return a.String()
	}
	if name == "" || len(name) > 253 || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return ""
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_') {
			return ""
		}
	}
	return strings.ToLower(name)
}
