package guard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// reach says where a client may go beyond https at public addresses.
type reach struct{ private, http bool }

func (c *RemoteKeysConfig) reach() reach { return reach{c.InsecureAllowPrivate, c.InsecureAllowHTTP} }

// parseURL checks the URL of a setting, or of an answer. It is shown without its value, which may
// hold a password.
func (to reach) parseURL(name, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s is not a URL", name)
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, fmt.Errorf("%s is not a URL like https://auth.example", name)
	case u.User != nil:
		return nil, fmt.Errorf("%s has a user name or a password", name)
	case strings.Contains(raw, "#"):
		return nil, fmt.Errorf("%s has a fragment", name)
	case u.Scheme == "http" && !to.http:
		return nil, fmt.Errorf("%s is not https: see InsecureAllowHTTP for development", name)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, fmt.Errorf("%s is not https: InsecureAllowHTTP is for localhost alone", name)
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// plainKey marks the context of a request without TLS.
type plainKey struct{}

var errPlain = errors.New("plain http stays on loopback, and this address is not")

// allowDial is asked for each address before it is connected to, after DNS: what a name meant when
// somebody looked it up earlier does not matter.
func (to reach) allowDial(ctx context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if ctx.Value(plainKey{}) != nil {
		if !ip.IsLoopback() {
			return errPlain
		}
		return nil
	}
	if !to.private && !isPublic(ip) {
		return fmt.Errorf("address %s is not on the public Internet: set InsecureAllowPrivate if the keys are in your own network", ip)
	}
	return nil
}

// isPublic says whether an address is globally reachable by the IANA special-purpose registries (RFC
// 6890). IPv6 is so only in 2000::/3 and without a zone; an IPv4 address in NAT64 (RFC 6052) counts as itself.
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if ip.Is6() && !globalUnicast.Contains(ip) {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return ip.IsValid()
}

var (
	nat64         = netip.MustParsePrefix("64:ff9b::/96")
	globalUnicast = netip.MustParsePrefix("2000::/3")
)

// special are the blocks that isPublic has no other word for.
var special = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this host
	netip.MustParsePrefix("10.0.0.0/8"),      // private, RFC 1918
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by carriers, RFC 6598
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local, the metadata of clouds
	netip.MustParsePrefix("172.16.0.0/12"),   // private
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays, RFC 7526
	netip.MustParsePrefix("192.168.0.0/16"),  // private
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("224.0.0.0/3"),     // multicast, reserved, broadcast
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4, which holds any IPv4 address
	netip.MustParsePrefix("3fff::/20"),       // documentation
}
