package socket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// Close codes (RFC 6455 section 7.4.1, and our own from 4000).
const (
	Normal        = 1000
	GoingAway     = 1001
	ProtocolError = 1002
	Unsupported   = 1003
	BadPayload    = 1007
	InternalError = 1011
	Invalid       = 4001 // the token is not genuine
	Expired       = 4002 // the token has expired
	Forbidden     = 4003 // a good token that may not do this
	Revoked       = 4004 // the token was revoked
	TooMuch       = 4008 // too slow, too fast, too large or too many
)

const (
	noCode        = 1005
	maxReason     = ws.MaxControlFramePayloadSize - 2
	internalError = "Internal Error"
	// maxLeftover is how many bytes of a client that broke the protocol are read and thrown away, so that the close frame reaches it:
	// what is left unread makes the kernel send a reset, which overtakes the frame.
	maxLeftover = 1 << 20
)

// CloseError is an end by a close frame.
type CloseError struct {
	Code   int    // RFC 6455 section 7.4, 1005 where the frame had none
	Reason string // at most 123 bytes, UTF-8
	Remote bool   // the client closed, not we
}

// Error implements error.
func (e *CloseError) Error() string {
	by := "closed here"
	if e.Remote {
		by = "closed by the client"
	}
	return fmt.Sprintf("%s: %d %q", by, e.Code, e.Reason)
}

// Close sends what waits and then a close frame with code and reason (cut to 123 bytes), waits for the client's, and ends the connection, 2 s
// after the call in any case. It does not wait for that itself, and a second call does nothing. What the client sends in the meantime is not
// handled any more. A code that a close frame cannot have is a panic.
func (c *Conn) Close(code int, reason string) {
	if !sendable(code) {
		panic("socket: close with code " + strconv.Itoa(code))
	}
	e := &CloseError{Code: code, Reason: shorten(reason)}
	c.end(e, closeFrame(e), false)
}

// Abort ends the connection at once, without a close frame. Serve returns net.ErrClosed.
func (c *Conn) Abort() {
	c.end(net.ErrClosed, nil, true)
	c.cut()
}

// sendable tells the codes that a close frame may have: those registered and those for applications (RFC 6455 sections 7.4.1 and 7.4.2).
func sendable(code int) bool {
	switch code {
	case 1004, noCode, 1006, 1015: // reserved
		return false
	}
	return code >= 1000 && code <= 1014 || code >= 3000 && code <= 4999
}

// end begins the end, if nothing has yet: nothing is queued after the last frame. drop is for what waits to be forgotten.
func (c *Conn) end(cause error, last Frame, drop bool) {
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()
		return
	}
	c.cause = cause
	c.flushed = make(chan struct{})
	if drop && c.queue != nil {
		c.waiting -= c.queue.bytes
		c.queue.release()
		c.queue = nil
	}
	write := false
	if last != nil {
		write = c.enqueue(last)
		c.cutter = time.AfterFunc(closeTime, c.cut)
	} else if !c.writing {
		close(c.flushed)
	}
	read := !c.serving
	c.serving = true
	c.mu.Unlock()
	if write {
		go c.write()
	}
	if read { // who will call Serve later finds it done
		go func() { _ = c.run(nil) }()
	}
}

// ending says whether the client is not listened to any more.
func (c *Conn) ending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause != nil
}

// finish ends the connection after its reading has ended with err, and returns why it ended.
func (c *Conn) finish(err error) error {
	c.drained()
	e, clean := errors.AsType[*CloseError](err)
	switch {
	case !clean:
		c.end(err, nil, true)
		c.cut()
	case e.Remote: // RFC 6455 section 5.5.1: answered by a close frame of the same code
		c.end(e, closeFrame(&CloseError{Code: e.Code}), false)
		<-c.flushed
	default:
		c.end(e, closeFrame(e), false)
		<-c.flushed
		c.discard()
	}
	_ = c.conn.Close()
	<-c.flushed
	if c.cutter != nil {
		c.cutter.Stop()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.done != nil {
		close(c.done)
	}
	return c.cause
}

// discard lets a client whose frames make no sense any more read the close frame and hang up.
func (c *Conn) discard() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.conn.SetReadDeadline(time.Time{}) // the cut ends it
	_, _ = io.CopyN(io.Discard, c.conn, maxLeftover)
}

// cut closes what is below TLS too: an alert could have to wait for a client that does not read.
func (c *Conn) cut() {
	if t, ok := c.conn.(interface{ NetConn() net.Conn }); ok {
		_ = t.NetConn().Close()
		return
	}
	_ = c.conn.Close()
}
