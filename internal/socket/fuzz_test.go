package socket_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/socket"
)

// tape is a connection that plays what a client sends, and keeps what it is sent.
type tape struct {
	io.Reader
	mu  sync.Mutex // guards out
	out bytes.Buffer
}

func (c *tape) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(p)
}
func (c *tape) Close() error                     { return nil }
func (c *tape) LocalAddr() net.Addr              { return nil }
func (c *tape) RemoteAddr() net.Addr             { return nil }
func (c *tape) SetDeadline(time.Time) error      { return nil }
func (c *tape) SetReadDeadline(time.Time) error  { return nil }
func (c *tape) SetWriteDeadline(time.Time) error { return nil }

// tapeWriter is a ResponseWriter that hands its tape over.
type tapeWriter struct {
	*httptest.ResponseRecorder
	tape *tape
}

func (w tapeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.tape, bufio.NewReadWriter(bufio.NewReader(w.tape), bufio.NewWriter(w.tape)), nil
}

// play serves a client that sends stream and hangs up.
func play(t *testing.T, stream io.Reader) (handled []string, out []byte, err error) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	conn := &tape{Reader: stream}
	c, err := socket.Upgrade(tapeWriter{httptest.NewRecorder(), conn}, r, socket.Config{MaxMessage: fuzzMax, PingEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	conn.out.Reset()
	err = c.Serve(func(binary bool, payload []byte) error {
		if len(payload) > fuzzMax || !binary && !utf8.Valid(payload) {
			t.Errorf("got %q", payload)
		}
		handled = append(handled, string(payload))
		return echo(c, binary, payload)
	})
	return handled, conn.out.Bytes(), err
}

const fuzzMax = 5000

// FuzzServe: whatever the client sends, messages are within the rules, do not depend on how the network cut the bytes, and the answer is
// frames of which a close frame is the last.
// asvs WS-m
func FuzzServe(f *testing.F) {
	for _, c := range conversations() {
		if len(c.send) < 5000 {
			f.Add(c.send)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		handled, out, err := play(t, bytes.NewReader(stream))
		slowly, _, err2 := play(t, iotest.OneByteReader(bytes.NewReader(stream)))
		if !slices.Equal(handled, slowly) || err == nil || err2 == nil || err.Error() != err2.Error() {
			t.Errorf("at once: %q, %v; byte by byte: %q, %v", handled, err, slowly, err2)
		}
		closed := false
		for r := bytes.NewReader(out); r.Len() > 0; {
			first, payload, err := readFrame(r)
			if err != nil || closed {
				t.Fatalf("got % x (%#x %q): %v", out, first, payload, err)
			}
			closed = first == closeFrame
		}
	})
}
