package guard

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"syscall"
)

// What tests of remote keys put in place of the network.

var IsPublic = isPublic

// ResolveWith looks names up elsewhere.
func (r *RemoteKeys) ResolveWith(dns *net.Resolver) { r.dialer.Resolver = dns }

// ConnectWith dials elsewhere, unchecked.
func (r *RemoteKeys) ConnectWith(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	r.client.Transport.(*http.Transport).DialContext = dial
}

// MoveLoopback takes loopback for a public address, so that a test server can stand at one.
func (r *RemoteKeys) MoveLoopback() {
	r.dialer.ControlContext = func(ctx context.Context, network, address string, c syscall.RawConn) error {
		if at, err := netip.ParseAddrPort(address); err == nil && at.Addr().IsLoopback() {
			return nil
		}
		return r.cfg.reach().allowDial(ctx, network, address, c)
	}
}

// OffLoopback takes every address for one of another machine.
func (r *RemoteKeys) OffLoopback() {
	r.dialer.ControlContext = func(ctx context.Context, network, _ string, c syscall.RawConn) error {
		return r.cfg.reach().allowDial(ctx, network, "198.51.100.1:80", c)
	}
}
