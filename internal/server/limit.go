package server

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sandi-auth/sandi/internal/cluster"
)

// limited is a listener of which so many connections are open at once; Accept waits for one to close. What comes
// meanwhile waits with the operating system, which bounds that by itself. One network has a quarter of them at most, unless it is
// a proxy's or this machine's, and what it opens beyond is closed: nobody alone shuts the others out.
type limited struct {
	net.Listener
	proxies []netip.Prefix
	open    chan struct{} // one for each
	closed  chan struct{}
	close   func() error

	mu   sync.Mutex     // guards from
	from map[string]int // connections, by network
}

func limit(l net.Listener, most int, proxies []netip.Prefix) *limited {
	closed := make(chan struct{})
	return &limited{
		Listener: l, proxies: proxies, open: make(chan struct{}, most), closed: closed, from: map[string]int{},
		close: sync.OnceValue(func() error {
			close(closed)
			return l.Close()
		}),
	}
}

// Accept implements net.Listener. The error is net.ErrClosed after Close, also where it had waited.
func (l *limited) Accept() (net.Conn, error) {
	for {
		select {
		case l.open <- struct{}{}:
		case <-l.closed:
			return nil, net.ErrClosed
		}
		c, err := l.Listener.Accept()
		if err != nil {
			<-l.open
			return nil, err
		}
		network, ok := l.enter(c.RemoteAddr())
		if ok {
			return &counted{Conn: c, in: l, network: network}, nil
		}
		_ = c.Close()
		<-l.open
	}
}

// Close implements net.Listener.
func (l *limited) Close() error { return l.close() }

// enter says whether one more may come from an address; whoever may leaves its network.
func (l *limited) enter(address net.Addr) (network string, ok bool) {
	at, err := netip.ParseAddrPort(address.String())
	if err != nil || at.Addr().IsLoopback() || slices.ContainsFunc(l.proxies, func(p netip.Prefix) bool { return p.Contains(at.Addr().Unmap()) }) {
		return "", true
	}
	network = cluster.Network(at.Addr().String())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[network] >= max(1, cap(l.open)/4) {
		return "", false
	}
	l.from[network]++
	return network, true
}

func (l *limited) leave(network string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.from[network]--; l.from[network] <= 0 {
		delete(l.from, network)
	}
	<-l.open
}

// counted is a connection that makes room when it closes.
type counted struct {
	net.Conn
	in      *limited
	network string
	closed  atomic.Bool
}

// NetConn is the connection below, for who wants to end one half of it.
func (c *counted) NetConn() net.Conn { return c.Conn }

// Close implements net.Conn.
func (c *counted) Close() error {
	if !c.closed.Swap(true) {
		defer c.in.leave(c.network)
	}
	return c.Conn.Close()
}
