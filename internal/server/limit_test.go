package server

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
)

// pipes is a listener whose connections never end.
type pipes struct{ closed chan struct{} }

func (p pipes) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}

func (p pipes) Close() error {
	close(p.closed)
	return nil
}
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limit(pipes{make(chan struct{})}, 2, nil)
		accepted, ended := make(chan net.Conn, 10), make(chan error)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					ended <- err
					return
				}
				accepted <- c
			}
		}()
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Fatalf("%d connections are open, want 2", n)
		}
		first := <-accepted
		for range 2 { // the second counts for nothing
			if err := first.Close(); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Errorf("after one closed there are %d, want the one that was left and one more", n)
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("an Accept that waits ends with %v, want net.ErrClosed", err)
		}
	})
}

// from is a connection from an address.
type from struct {
	net.Conn
	address string
}

func (f from) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.address))
}

// callers is a listener that these call.
type callers struct {
	net.Listener
	addresses chan string
	refused   map[string]int
}

func (c *callers) Accept() (net.Conn, error) {
	address, ok := <-c.addresses
	if !ok {
		return nil, net.ErrClosed
	}
	near, _ := net.Pipe()
	return refusable{from{near, address}, c}, nil
}

// refusable counts who was closed.
type refusable struct {
	from
	of *callers
}

func (r refusable) Close() error {
	r.of.refused[r.address]++
	return r.Conn.Close()
}

// TestLimitOfOneNetwork: one network cannot take all connections; proxies and this machine may.
func TestLimitOfOneNetwork(t *testing.T) {
	t.Parallel()
	c := &callers{addresses: make(chan string, 100), refused: map[string]int{}}
	for _, a := range []string{"192.0.2.7:1", "192.0.2.7:1", "192.0.2.7:1", "192.0.2.8:1", "[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "10.0.0.1:1", "10.0.0.1:1", "10.0.0.1:1", "127.0.0.1:1"} {
		c.addresses <- a
	}
	close(c.addresses)
	l := limit(c, 10, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}) // two of each network
	open := 0
	for {
		if _, err := l.Accept(); err != nil {
			break
		}
		open++
	}
	if want := map[string]int{"192.0.2.7:1": 1, "[2001:db8::3]:1": 1}; !maps.Equal(c.refused, want) || open != 9 {
		t.Errorf("%d open, refused %v; want 9, %v", open, c.refused, want)
	}
}
