package oauth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// logoutClient reaches public addresses only (secure-defaults 17): it looks at the very address that is dialled, so that DNS cannot change
// its mind in between, uses no proxy, and follows no redirect.
func (e *Endpoint) logoutClient() *http.Client {
	dial := net.Dialer{Timeout: logoutTimeout, Control: func(_, address string, _ syscall.RawConn) error { return e.mayDial(address) }}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial.DialContext, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 16 << 10,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// onLoopback says that the server itself is only for this machine: its clients are here too.
func (e *Endpoint) onLoopback() bool {
	u, err := url.Parse(e.Issuer)
	return err == nil && isLoopbackHost(u.Hostname())
}

func isLoopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// mayPost: a logout token travels by https, or stays on this machine.
func (e *Endpoint) mayPost(u *url.URL) error {
	if u.Scheme == "https" || u.Scheme == "http" && e.onLoopback() && isLoopbackHost(u.Hostname()) {
		return nil
	}
	return errors.New("backchannel_logout_uri is not https")
}

// mayDial is asked for each address, after DNS.
func (e *Endpoint) mayDial(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if isPublic(ip) || e.InsecureAllowPrivate || e.onLoopback() && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("address %s is not on the public Internet", ip)
}

// isPublic says whether an address is reachable for everybody by the IANA special-purpose registries (RFC 6890), as package guard's keys
// judge it. IPv6 is so in 2000::/3 alone, and NAT64 counts as what it stands for (RFC 6052).
func isPublic(ip netip.Addr) bool {
	if netip.MustParsePrefix("64:ff9b::/96").Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if ip.Is6() && !netip.MustParsePrefix("2000::/3").Contains(ip) || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	return ip.IsValid() && !slices.ContainsFunc([]string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	}, func(p string) bool { return netip.MustParsePrefix(p).Contains(ip) })
}
