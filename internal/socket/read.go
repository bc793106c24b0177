package socket

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

const (
	firstRead  = 4 << 10  // bytes that a message gets at first, whatever its header announces
	keepBuffer = 64 << 10 // bytes of a message buffer that is used again
	maxEmpty   = 100      // fragments of a message that carry nothing
	maxControl = 100      // control frames a second
)

// buffers are for messages while they are read: what is silent has none.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, firstRead); return &b }}

// message is the one that is being read.
type message struct {
	op      ws.OpCode
	open    bool // more fragments are to come
	empty   int  // fragments without payload
	valid   int  // bytes that are known to be UTF-8
	payload []byte
	buffer  *[]byte // of buffers, nil when nothing was read
}

func (m *message) release() {
	if m.buffer != nil && cap(m.payload) <= keepBuffer {
		*m.buffer = m.payload[:0]
		buffers.Put(m.buffer)
	}
	*m = message{open: m.open}
}

// Serve reads until the connection ends, and hands each message to handle, by one goroutine. The payload is good until handle returns. An error
// of handle closes the connection: a *CloseError with its code and reason, any other with 1011. It returns why the connection ended: a
// *CloseError, the error of handle, or what reading or writing failed with (io.EOF where the client just hung up).
//
// It is meant for a goroutine of its own, with the handler that called Upgrade returned: as long as that one runs, net/http keeps its buffers
// and the request, three times what the connection needs.
func (c *Conn) Serve(handle func(binary bool, payload []byte) error) error {
	c.mu.Lock()
	taken := c.serving
	c.serving = true
	c.mu.Unlock()
	if taken { // it was closed before
		<-c.Done()
		return c.cause
	}
	return c.run(handle)
}

func (c *Conn) run(handle func(bool, []byte) error) (err error) {
	err = &CloseError{Code: InternalError, Reason: internalError} // of a handle that panics
	defer func() { err = c.finish(err) }()
	err = c.read(handle)
	return err
}

// read reads frames until none can follow (RFC 6455 section 5).
func (c *Conn) read(handle func(bool, []byte) error) error {
	c.heard = time.Now()
	if err := c.setDeadline(c.heard); err != nil {
		return err
	}
	var m message
	for {
		h, err := c.header(m.open)
		switch {
		case err != nil:
		case h.OpCode.IsControl():
			err = c.controlFrame(h)
		case c.ending():
			m.open = !h.Fin
			_, err = io.CopyN(io.Discard, reader{c}, h.Length)
		default:
			err = c.dataFrame(&m, h)
			if err == nil && h.Fin {
				c.deliver(&m, handle)
			}
		}
		if err != nil {
			return err
		}
		if !m.open {
			c.begun = time.Time{}
		}
	}
}

// header reads and judges the header of the next frame.
func (c *Conn) header(open bool) (ws.Header, error) {
	if len(c.unread) == 0 { // waited for here, and not deeper, since idle connections keep the stack that they wait on
		if err := c.fill(); err != nil {
			return ws.Header{}, err
		}
	}
	if c.begun.IsZero() {
		c.begun = time.Now() // not c.heard: handling the message before may have taken long
	}
	h, err := ws.ReadHeaderBuffer(reader{c}, c.head[:])
	switch {
	case errors.Is(err, ws.ErrHeaderLengthMSB):
		return h, &CloseError{Code: ProtocolError, Reason: err.Error()}
	case err != nil:
		return h, err
	}
	state := ws.StateServerSide
	if open {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, &CloseError{Code: ProtocolError, Reason: err.Error()}
	}
	return h, nil
}

// dataFrame adds a frame to its message. Its length is judged before anything is kept for it.
func (c *Conn) dataFrame(m *message, h ws.Header) error {
	if h.OpCode != ws.OpContinuation {
		m.op = h.OpCode
	}
	m.open = !h.Fin
	if h.Length == 0 && !h.Fin {
		if m.empty++; m.empty > maxEmpty {
			return &CloseError{Code: TooMuch, Reason: "Too Many Fragments"}
		}
	}
	if h.Length > int64(c.maxMessage-len(m.payload)) {
		return &CloseError{Code: TooMuch, Reason: "Too Large"}
	}
	if err := c.payload(m, h); err != nil {
		return err
	}
	if m.op == ws.OpText {
		n, ok := wholeRunes(m.payload[m.valid:], h.Fin)
		if !ok {
			return &CloseError{Code: BadPayload, Reason: "text is not UTF-8"}
		}
		m.valid += n
	}
	return nil
}

// payload reads a frame's. The buffer grows with what has come, not with what was announced.
func (c *Conn) payload(m *message, h ws.Header) error {
	if m.buffer == nil && h.Length > 0 {
		m.buffer = buffers.Get().(*[]byte)
		m.payload = (*m.buffer)[:0]
	}
	for done := 0; done < int(h.Length); {
		have, missing := len(m.payload), int(h.Length)-done
		if have == cap(m.payload) {
			grown := make([]byte, have, min(2*have, have+missing))
			copy(grown, m.payload)
			m.payload = grown
		}
		part := m.payload[have:min(cap(m.payload), have+missing)]
		if _, err := io.ReadFull(reader{c}, part); err != nil {
			return err
		}
		ws.Cipher(part, h.Mask, done)
		m.payload = m.payload[:have+len(part)]
		done += len(part)
	}
	return nil
}

// deliver hands a whole message over. Where handle fails, what is left to read is the client's close frame.
func (c *Conn) deliver(m *message, handle func(bool, []byte) error) {
	defer m.release()
	if c.ending() {
		return
	}
	err := handle(m.op == ws.OpBinary, m.payload)
	if e, ok := errors.AsType[*CloseError](err); ok {
		c.Close(e.Code, e.Reason)
	} else if err != nil {
		c.end(err, closeFrame(&CloseError{Code: InternalError, Reason: internalError}), false)
	}
}

// controlFrame answers pings, and ends with the client's close frame.
func (c *Conn) controlFrame(h ws.Header) error {
	if now := c.heard.Unix(); now != c.second {
		c.second, c.control = now, 0
	}
	if c.control++; c.control > maxControl {
		return &CloseError{Code: TooMuch, Reason: "Too Many Control Frames"}
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(reader{c}, payload); err != nil {
		return err
	}
	ws.Cipher(payload, h.Mask, 0)
	switch h.OpCode {
	case ws.OpPing:
		c.Send(frame(ws.OpPong, payload))
	case ws.OpClose:
		return closedWith(payload)
	}
	return nil
}

// closedWith reads the payload of the client's close frame (RFC 6455 sections 5.5.1 and 7.4).
func closedWith(payload []byte) *CloseError {
	if len(payload) == 0 {
		return &CloseError{Code: noCode, Remote: true}
	}
	if len(payload) == 1 {
		return &CloseError{Code: ProtocolError, Reason: "half a close code"}
	}
	code, reason := int(binary.BigEndian.Uint16(payload)), payload[2:]
	switch {
	case !sendable(code):
		return &CloseError{Code: ProtocolError, Reason: "close code that is not for sending"}
	case !utf8.Valid(reason):
		return &CloseError{Code: BadPayload, Reason: "close reason is not UTF-8"}
	}
	return &CloseError{Code: code, Reason: string(reason), Remote: true}
}
