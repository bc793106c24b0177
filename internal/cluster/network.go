package cluster

import "net/netip"

// Network is the part of a client's address that limits count by: an IPv4
// address (/32), or the /64 of an IPv6 one, within which a single subscriber
// changes addresses at will. An IPv4 address mapped into IPv6 counts as itself.
// What is no address, such as the command line's empty one, is "none".
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return "none"
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, _ := a.Prefix(64) // cannot fail: 64 is in range for IPv6
	return p.String()
}
