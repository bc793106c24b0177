package server

import (
	"net"
	"sync"
)

// limited is a listener of which so many connections are open at once; Accept waits for one to close. What comes
// meanwhile waits with the operating system, which bounds that by itself.
type limited struct {
	net.Listener
	open   chan struct{} // one for each
	closed chan struct{}
	close  func() error
}

func limit(l net.Listener, most int) *limited {
	closed := make(chan struct{})
	return &limited{l, make(chan struct{}, most), closed, sync.OnceValue(func() error {
		close(closed)
		return l.Close()
	})}
}

// Accept implements net.Listener. The error is net.ErrClosed after Close, also where it had waited.
func (l *limited) Accept() (net.Conn, error) {
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
	return &counted{c, sync.OnceFunc(func() { <-l.open })}, nil
}

// Close implements net.Listener.
func (l *limited) Close() error { return l.close() }

// counted is a connection that makes room when it closes.
type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
