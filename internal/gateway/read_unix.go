//go:build unix

package gateway

import (
	"io"
	"net"
	"os"
	"syscall"
)

const rawReads = true

// rawSource takes a buffer only for as long as there is something to read.
type rawSource struct {
	raw  syscall.RawConn
	read func(fd uintptr) bool // made once
	buf  *[bufferSize]byte     // of the read that found something
	n    int
	err  error
}

func newRawSource(_ net.Conn, raw syscall.RawConn) source {
	s := &rawSource{raw: raw}
	s.read = s.tryRead
	return s
}

// tryRead is called when there may be something; false waits until there is.
func (s *rawSource) tryRead(fd uintptr) bool {
	buf := bufferPool.Get().(*[bufferSize]byte)
	for {
		s.n, s.err = syscall.Read(int(fd), buf[:])
		if s.err != syscall.EINTR {
			break
		}
	}
	if s.n > 0 {
		s.buf = buf
		return true
	}
	bufferPool.Put(buf)
	return s.err != syscall.EAGAIN
}

func (s *rawSource) next(take func(p []byte) error) error {
	if err := s.raw.Read(s.read); err != nil {
		return err // the deadline, or closed
	}
	if s.err != nil && s.n <= 0 {
		return os.NewSyscallError("read", s.err)
	}
	if s.n <= 0 {
		return io.EOF
	}
	buf := s.buf
	s.buf = nil
	defer bufferPool.Put(buf)
	return take(buf[:s.n])
}
