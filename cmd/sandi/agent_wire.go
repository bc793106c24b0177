package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/client"
)

const (
	maxFrames    = 1 << 20          // bytes of a message from the server
	pingEvery    = 30 * time.Second // of the client's own pings
	silence      = 75 * time.Second // after which the other end is taken for gone
	writeTimeout = 10 * time.Second
)

// wire is the client's end of a WebSocket (RFC 6455). One goroutine reads; any may write.
type wire struct {
	conn net.Conn
	r    *bufio.Reader
	mu   sync.Mutex // guards writing: a frame is written as a whole
}

// closed is an end by a close frame of the server.
type closed struct {
	code   int
	reason string
}

func (c *closed) Error() string {
	if c.reason == "" {
		return fmt.Sprintf("closed with %d", c.code)
	}
	return fmt.Sprintf("closed with %d %s", c.code, short(c.reason))
}

// dialWire opens a WebSocket. What the server answers instead of it is a *client.Error.
func dialWire(ctx context.Context, to *url.URL, config *tls.Config) (*wire, error) {
	var refused error
	config = config.Clone()
	config.ServerName = to.Hostname() // the library's would have the brackets of an IPv6 address
	d := ws.Dialer{
		Timeout: 15 * time.Second, TLSConfig: config,
		OnStatusError: func(_ int, _ []byte, answer io.Reader) {
			res, err := http.ReadResponse(bufio.NewReader(io.LimitReader(answer, maxInput)), nil)
			if err != nil {
				return // the status alone says enough
			}
			raw, _ := io.ReadAll(io.LimitReader(res.Body, 4096)) // as much as came
			refused = errors.Join(refusedBy(res, raw), res.Body.Close())
		},
	}
	conn, r, _, err := d.Dial(ctx, to.String())
	switch {
	case refused != nil:
		return nil, refused
	case err != nil:
		if status, ok := errors.AsType[ws.StatusError](err); ok {
			return nil, &client.Error{Status: int(status)}
		}
		return nil, err
	}
	return newWire(conn, r), nil
}

// newWire takes a connection, and what was read of it already.
func newWire(conn net.Conn, r *bufio.Reader) *wire {
	if r == nil {
		r = bufio.NewReader(conn)
	}
	return &wire{conn: conn, r: r}
}

// read is the next text message. It answers pings and a close frame, which is then a *closed.
func (w *wire) read() ([]byte, error) {
	var message []byte
	for {
		if err := w.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return nil, err
		}
		h, payload, err := w.frame(len(message))
		if err != nil {
			return nil, err
		}
		switch h.OpCode {
		case ws.OpPing:
			err = w.write(ws.NewPongFrame(payload))
		case ws.OpPong:
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(payload)
			_ = w.write(ws.NewCloseFrame(payload[:min(2, len(payload))])) // who has closed may not read it any more
			return nil, &closed{int(code), reason}
		case ws.OpText, ws.OpContinuation:
			if message = append(message, payload...); h.Fin {
				return message, nil
			}
		default:
			err = errors.New("the server sent what is no text")
		}
		if err != nil {
			return nil, err
		}
	}
}

// frame is the next frame; had is how much of its message came before.
func (w *wire) frame(had int) (ws.Header, []byte, error) {
	h, err := ws.ReadHeader(w.r)
	switch {
	case err != nil:
		return h, nil, err
	case h.Masked || h.Rsv != 0 || h.OpCode.IsReserved(): // RFC 6455 sections 5.1, 5.2: of servers, without extensions
		return h, nil, errors.New("the server broke the WebSocket protocol")
	case h.Length > int64(maxFrames-had) || h.OpCode.IsControl() && (h.Length > ws.MaxControlFramePayloadSize || !h.Fin):
		return h, nil, errors.New("the server sent a message that is too large")
	}
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(w.r, payload)
	return h, payload, err
}

func (w *wire) text(message []byte) error { return w.write(ws.NewTextFrame(message)) }

func (w *wire) ping() error { return w.write(ws.NewPingFrame(nil)) }

// write masks and sends a frame. The mask is not to be foreseen (RFC 6455 section 5.3): the library's own could be.
func (w *wire) write(f ws.Frame) error {
	var mask [4]byte
	rand.Read(mask[:])
	raw, err := ws.CompileFrame(ws.MaskFrameWith(f, mask))
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err = w.conn.Write(raw)
	return err
}

// close says goodbye and ends the connection.
func (w *wire) close() {
	_ = w.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))) // to one that may be gone
	_ = w.conn.Close()
}
