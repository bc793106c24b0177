package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// protocol is how clients come in: the path of their handshake, and what they say and hear.
type protocol string

const (
	socketIO protocol = "socket.io" // Engine.IO by WebSocket alone, the token in CONNECT's auth
	rawJSON  protocol = "raw"       // the token in Authorization
)

// patience is how long a client waits for what must come.
const patience = 30 * time.Second

// wire is the client's end of a WebSocket. It writes frames with the mask 0, and reads each into the same bytes.
type wire struct {
	net.Conn
	in  *bufio.Reader
	buf []byte
}

// dial lets a client in, by a token, as the nth. They come from many addresses, so that they do not run out of ports.
func (p protocol) dial(address, token string, n int64) (*wire, error) {
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%200))}}
	conn, err := d.Dial("tcp4", address)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, in: bufio.NewReaderSize(conn, 2<<10)}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if p == rawJSON {
		err = w.enterRaw(address, token)
	} else {
		err = w.enterSocketIO(address, token)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return w, conn.SetDeadline(time.Time{})
}

func (w *wire) enterRaw(address, token string) error {
	if err := w.upgrade(address, "/missions", "Authorization: Bearer "+token+"\r\n"); err != nil {
		return err
	}
	return w.expect(`{"type":"welcome"`)
}

func (w *wire) enterSocketIO(address, token string) error {
	if err := w.upgrade(address, "/socket.io/?EIO=4&transport=websocket", ""); err != nil {
		return err
	}
	if err := w.expect(`0{"sid"`); err != nil {
		return err
	}
	if _, err := w.Write(text(nil, `40{"token":"`+token+`"}`)); err != nil {
		return err
	}
	return w.expect(`40{"sid"`)
}

// upgrade asks for a WebSocket (RFC 6455, 4.1).
func (w *wire) upgrade(address, path, header string) error {
	if _, err := fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", path, address, header); err != nil {
		return err
	}
	for first := true; ; first = false {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 101 ")) {
			return fmt.Errorf("upgrade answered %.40q", line)
		}
		if len(line) == 2 {
			return nil
		}
	}
}

// expect reads a frame that begins so.
func (w *wire) expect(prefix string) error {
	payload, err := w.read()
	if err == nil && !bytes.HasPrefix(payload, []byte(prefix)) {
		err = fmt.Errorf("got %.80q, want %s", payload, prefix)
	}
	return err
}

// read is the next text. Pings of either layer are answered.
func (w *wire) read() ([]byte, error) {
	for {
		head, err := w.in.Peek(2)
		if err != nil {
			return nil, err
		}
		op, size := head[0]&15, int(head[1])
		skip := 2
		if size == 126 {
			if head, err = w.in.Peek(4); err != nil {
				return nil, err
			}
			size, skip = int(binary.BigEndian.Uint16(head[2:])), 4
		}
		if _, err = w.in.Discard(skip); err != nil {
			return nil, err
		}
		if cap(w.buf) < size {
			w.buf = make([]byte, size)
		}
		w.buf = w.buf[:size]
		if _, err = io.ReadFull(w.in, w.buf); err != nil {
			return nil, err
		}
		switch {
		case op == 8:
			return nil, fmt.Errorf("closed with %q: %w", w.buf, io.EOF)
		case op == 9:
			_, err = w.Write([]byte{0x8a, 0x80, 0, 0, 0, 0})
		case op == 1 && string(w.buf) == "2":
			_, err = w.Write(text(nil, "3"))
		case op == 1:
			return w.buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// leave is how a client goes that means it.
func (w *wire) leave(p protocol) {
	var bye []byte
	if p == socketIO {
		bye = text(bye, "41")
	}
	_, _ = w.Write(append(bye, 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8))
	_, _ = io.Copy(io.Discard, w.in) // the server closes first
	_ = w.Close()
}

// text appends a masked frame.
func text(b []byte, payload string) []byte {
	if len(payload) < 126 {
		b = append(b, 0x81, 0x80|byte(len(payload)), 0, 0, 0, 0)
	} else {
		b = binary.BigEndian.AppendUint16(append(b, 0x81, 0x80|126), uint16(len(payload)))
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, payload...)
}

// room is clients that are in. Each counts the messages that it hears.
type room struct {
	of     protocol
	wires  []*wire
	heard  atomic.Int64
	wanted atomic.Int64
	done   chan struct{} // all that was wanted was heard
}

// hear reads what comes for a client until its end.
func (c *room) hear(w *wire) {
	message := []byte(`42["message",`)
	if c.of == rawJSON {
		message = []byte(`{"type":"message"`)
	}
	for {
		payload, err := w.read()
		if err != nil {
			return
		}
		if bytes.HasPrefix(payload, message) && c.heard.Add(1) == c.wanted.Load() {
			c.done <- struct{}{}
		}
	}
}

// broadcast has the first client send messages, all at once, and waits until everybody has them.
func (c *room) broadcast(burst int) error {
	const words = "Kapal merapat pukul tujuh di dermaga tiga; kontak memakai topi merah dan membawa koran kemarin sore."
	var b []byte
	for range burst {
		if c.of == rawJSON {
			b = text(b, `{"type":"publish","data":"`+words+`"}`)
		} else {
			b = text(b, `42["message","`+words+`"]`)
		}
	}
	c.wanted.Add(int64(burst * len(c.wires)))
	if _, err := c.wires[0].Write(b); err != nil {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%d of %d messages heard", c.heard.Load(), c.wanted.Load())
	}
}
