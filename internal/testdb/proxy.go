package testdb

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is a way to a TCP server that can be made bad. Its methods may be called
// from many goroutines.
type Proxy struct {
	addr, target string

	running sync.WaitGroup
	mu      sync.Mutex // guards what follows
	// changed is closed and made anew when one of the fields below it changes.
	changed   chan struct{}
	delay     time.Duration
	blackhole bool
	listener  net.Listener // nil while it refuses
	links     map[*link]bool
	err       error // the first failure to listen again
}

// link is a connection through a Proxy, both halves of it.
type link struct {
	cut    <-chan struct{} // closed with the link
	cancel func()

	mu     sync.Mutex // guards halves
	halves []*net.TCPConn
}

// StartProxy puts a proxy before an address, host and port. It ends, and cuts
// what goes through it, with the test.
func StartProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{addr: l.Addr().String(), target: target, changed: make(chan struct{}), links: map[*link]bool{}}
	p.serve(l)
	tb.Cleanup(func() {
		p.Refuse(true)
		p.Reset()
		p.running.Wait()
		if p.err != nil {
			tb.Error(p.err)
		}
	})
	return p
}

// Addr is the host and port to connect to instead of the server's. It stays the same.
func (p *Proxy) Addr() string { return p.addr }

// Delay holds back what goes through, in either direction, for so long; new
// connections too. Zero, as in the beginning, is none.
func (p *Proxy) Delay(d time.Duration) { p.change(func() { p.delay = d }) }

// Blackhole lets nothing through, not the end of a connection either, as a
// network does that drops packets. What was held back goes on when it ends.
func (p *Proxy) Blackhole(on bool) { p.change(func() { p.blackhole = on }) }

// Refuse lets no new connection in; those that are go on.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && p.listener != nil:
		_ = p.listener.Close()
		p.listener = nil
	case !on && p.listener == nil:
		l, err := net.Listen("tcp", p.addr)
		if err != nil {
			p.err = errors.Join(p.err, err)
			return
		}
		p.serve(l)
	}
}

// Reset cuts all connections, so that either side reads "connection reset".
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close(true)
	}
}

func (p *Proxy) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	close(p.changed)
	p.changed = make(chan struct{})
}

// serve accepts connections until the listener is closed.
func (p *Proxy) serve(listener net.Listener) {
	p.listener = listener
	p.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			ctx, cancel := context.WithCancel(context.Background())
			l := &link{cut: ctx.Done(), cancel: cancel, halves: []*net.TCPConn{conn.(*net.TCPConn)}}
			p.mu.Lock()
			p.links[l] = true
			refused := p.listener != listener // while it was being accepted
			p.mu.Unlock()
			if refused {
				l.close(true)
			}
			p.running.Go(func() { p.carry(ctx, l) })
		}
	})
}

// carry connects a link to the server and copies both ways until both have ended.
func (p *Proxy) carry(ctx context.Context, l *link) {
	defer func() {
		l.close(false)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	}()
	if !p.pass(l) {
		return
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.target)
	if err != nil {
		l.close(true)
		return
	}
	client, server := l.halves[0], conn.(*net.TCPConn)
	l.join(server)
	var both sync.WaitGroup
	both.Go(func() { p.copy(l, server, client) })
	both.Go(func() { p.copy(l, client, server) })
	both.Wait()
}

func (p *Proxy) copy(l *link, to, from *net.TCPConn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !p.pass(l) {
			return
		}
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil && err != io.EOF {
			l.close(true)
			return
		}
		if err != nil {
			_ = to.CloseWrite()
			return
		}
	}
}

// pass waits until something may go through, and is false if the link is cut.
func (p *Proxy) pass(l *link) bool {
	begun := time.Now()
	for {
		p.mu.Lock()
		blackhole, changed, left := p.blackhole, p.changed, p.delay-time.Since(begun)
		p.mu.Unlock()
		if !blackhole && left <= 0 {
			return true
		}
		var passed <-chan time.Time
		if !blackhole {
			passed = time.After(left)
		}
		select {
		case <-l.cut:
			return false
		case <-changed:
		case <-passed:
		}
	}
}

// join adds the other half, and closes it where the link was cut meanwhile.
func (l *link) join(conn *net.TCPConn) {
	l.mu.Lock()
	l.halves = append(l.halves, conn)
	l.mu.Unlock()
	select {
	case <-l.cut:
		l.close(true)
	default:
	}
}

// close ends both halves, with RST instead of FIN for a reset.
func (l *link) close(reset bool) {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, half := range l.halves {
		if reset {
			_ = half.SetLinger(0)
		}
		_ = half.Close()
	}
}
