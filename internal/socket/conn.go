package socket

import (
	"net/http"
	"time"
)

// Config is what connections are allowed. Every zero value is the default.
type Config struct {
	MaxMessage   int           // bytes of a message, all its fragments together; default 64 KiB
	Queue        int           // bytes that may wait for a client; default 256 KiB
	WriteTimeout time.Duration // of one write; default 10 s
	// PingEvery is how long a client may be silent before it is pinged, and how long it then has to answer; default 25 s,
	// negative never (Engine.IO has pings of its own).
	PingEvery time.Duration
	// Protocols are the subprotocols that may be chosen from, the first that the client offers; none of them is none.
	Protocols []string
}

// Frame is a message as it goes over the wire, made once for all who receive it. It is not changed any more.
type Frame []byte

// Text frames a text message; it must be UTF-8.
func Text(message []byte) Frame { panic("socket: to be written") }

// Binary frames a binary message.
func Binary(message []byte) Frame { panic("socket: to be written") }

// Conn is one connection.
type Conn struct{}

// Upgrade answers the handshake of r (RFC 6455 section 4.2) with 101. Where it cannot, it has answered with 400, 405 or 426, and the error
// says why. Who may connect is for the caller to have checked.
func Upgrade(w http.ResponseWriter, r *http.Request, c Config) (*Conn, error) {
	panic("socket: to be written")
}

// Serve reads until the connection ends, and hands each message to handle, by one goroutine. The payload is good until handle returns. An error
// of handle closes the connection. It returns why the connection ended: a *CloseError, or what reading it failed with.
func (c *Conn) Serve(handle func(binary bool, payload []byte) error) error {
	panic("socket: to be written")
}

// Send queues a frame and never waits. It is false where the connection has ended, or was ended now because its queue is full (4008).
func (c *Conn) Send(f Frame) bool { panic("socket: to be written") }

// Close sends what waits and then a close frame with code and reason (at most 123 bytes), waits up to 2 s for the client's, and ends the
// connection. It does not wait for that itself, and a second call does nothing.
func (c *Conn) Close(code int, reason string) { panic("socket: to be written") }

// Done is closed when the connection has ended and nothing of it is in use any more.
func (c *Conn) Done() <-chan struct{} { panic("socket: to be written") }

// CloseError is an end by a close frame.
type CloseError struct {
	Code   int    // RFC 6455 section 7.4, 1005 where the frame had none
	Reason string // at most 123 bytes, UTF-8
	Remote bool   // the client closed, not we
}

// Error implements error.
func (e *CloseError) Error() string { panic("socket: to be written") }

// Close codes (RFC 6455 section 7.4.1, and our own from 4000).
const (
	Normal        = 1000
	GoingAway     = 1001
	ProtocolError = 1002
	Unsupported   = 1003
	BadPayload    = 1007
	Invalid       = 4001 // the token is not genuine
	Expired       = 4002 // the token has expired
	Forbidden     = 4003 // a good token that may not do this
	Revoked       = 4004 // the token was revoked
	TooMuch       = 4008 // too slow, too fast, too large or too many
)
