package gateway

import (
	"crypto/tls"
	"net"
	"sync"
	"syscall"
)

// source reads a connection. While nothing comes it holds no buffer, as most connections say nothing most of the time.
type source interface {
	// next hands over what there is, at least a byte. What is handed over is good until take returns.
	next(take func(p []byte) error) error
}

// sourceOf reads the connection below what only wraps it. What TLS has read stands in its own buffers, so that it cannot be
// asked whether something has come without one.
func sourceOf(c net.Conn) source {
	if _, ok := c.(*tls.Conn); ok {
		return &bufferedSource{conn: c}
	}
	for inner := c; ; {
		if s, ok := inner.(syscall.Conn); ok {
			if raw, err := s.SyscallConn(); err == nil && rawReads {
				return newRawSource(c, raw)
			}
		}
		w, ok := inner.(interface{ NetConn() net.Conn })
		if !ok {
			return &bufferedSource{conn: c}
		}
		inner = w.NetConn()
	}
}

// bufferedSource waits with a small buffer, and goes on with a large one while that is filled.
type bufferedSource struct {
	conn  net.Conn
	large bool
}

var smallPool = sync.Pool{New: func() any { return new([4 << 10]byte) }}

func (s *bufferedSource) next(take func(p []byte) error) error {
	var buf []byte
	if s.large {
		b := bufferPool.Get().(*[bufferSize]byte)
		defer bufferPool.Put(b)
		buf = b[:]
	} else {
		b := smallPool.Get().(*[4 << 10]byte)
		defer smallPool.Put(b)
		buf = b[:]
	}
	n, err := s.conn.Read(buf)
	s.large = n >= 4<<10
	if n > 0 {
		return take(buf[:n])
	}
	return err
}

// closeWrite ends what we send: the other side reads to its end, and may still answer.
func closeWrite(c net.Conn) {
	for {
		if h, ok := c.(interface{ CloseWrite() error }); ok {
			_ = h.CloseWrite()
			return
		}
		w, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return
		}
		c = w.NetConn()
	}
}
