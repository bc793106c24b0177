package socket_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sandi-auth/sandi/internal/socket"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(clientsEnv); spec != "" {
		if err := runClients(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// clientsEnv makes the test binary a process of clients: see runClients.
const clientsEnv = "SANDI_SOCKET_CLIENTS"

// first bytes of frames: FIN and opcode.
const (
	textFrame   = 0x81
	binaryFrame = 0x82
	closeFrame  = 0x88
	pingFrame   = 0x89
	pongFrame   = 0x8a
)

// server upgrades every request and serves it, as its callers are to.
type server struct {
	http.Server
	listener net.Listener
	conns    chan *socket.Conn // those that were upgraded
	ends     chan error        // what Serve returned
	running  sync.WaitGroup
}

type handler func(c *socket.Conn, binary bool, payload []byte) error

// echo sends back what it gets.
func echo(c *socket.Conn, binary bool, payload []byte) error {
	if binary {
		c.Send(socket.Binary(payload))
	} else {
		c.Send(socket.Text(payload))
	}
	return nil
}

// newServer serves on l, with TLS where a certificate is given; nil for handle is that nobody calls Serve.
func newServer(t testing.TB, l net.Listener, cfg socket.Config, handle handler, certificate ...*tls.Config) *server {
	t.Helper()
	s := &server{listener: l, conns: make(chan *socket.Conn, 100), ends: make(chan error, 100)}
	s.ReadTimeout, s.WriteTimeout = 5*time.Second, 5*time.Second // which must not count any more after the upgrade
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := socket.Upgrade(w, r, cfg)
		if err != nil {
			s.ends <- err
			return
		}
		s.conns <- c
		if handle == nil {
			return
		}
		s.running.Go(func() {
			s.ends <- c.Serve(func(binary bool, payload []byte) error { return handle(c, binary, payload) })
		})
	})
	for _, c := range certificate {
		l = tls.NewListener(l, c)
	}
	s.running.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		_ = s.Close()
		s.running.Wait()
	})
	return s
}

// listen is a TCP listener on the loopback.
func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// pipes is a listener without a network, for tests with a clock of their own. What is written waits until it is read.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	ended chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), ended: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.ended) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// client is a client that may send whatever it likes.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

// dial connects and makes the handshake.
func (s *server) dial(t testing.TB) (*client, *socket.Conn) {
	t.Helper()
	conn := s.connect(t)
	r, res, err := shake(conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return &client{conn, t, r}, <-s.conns
}

func (s *server) connect(t testing.TB) net.Conn {
	t.Helper()
	var conn net.Conn
	if p, ok := s.listener.(*pipes); ok {
		var far net.Conn
		conn, far = net.Pipe()
		p.conns <- far
	} else {
		var err error
		if conn, err = net.Dial("tcp", s.listener.Addr().String()); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // so that what fails does not hang
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (c *client) write(b ...byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) send(first byte, payload string) {
	c.t.Helper()
	c.write(masked(first, []byte(payload))...)
}

func (c *client) want(first byte, payload string) {
	c.t.Helper()
	f, p, err := readFrame(c.r)
	if err != nil || f != first || string(p) != payload {
		c.t.Fatalf("got %#x %.100q, %v; want %#x %.100q", f, p, err, first, payload)
	}
}

func (c *client) wantClose(code int, reason string) {
	c.t.Helper()
	c.want(closeFrame, closing(code, reason))
}

// wantEnd wants the connection to end, with nothing before.
func (c *client) wantEnd() {
	c.t.Helper()
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		c.t.Fatalf("got % x, %v; want the end", b, err)
	}
}

// wantError wants Serve to have returned a *CloseError.
func (s *server) wantError(t testing.TB, want socket.CloseError) {
	t.Helper()
	err := <-s.ends
	if e, ok := errors.AsType[*socket.CloseError](err); !ok || *e != want {
		t.Fatalf("got %v; want %v", err, &want)
	}
}

// closing is the payload of a close frame.
func closing(code int, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
}

// shake makes the handshake, with extra headers.
func shake(conn net.Conn, extra http.Header) (*bufio.Reader, *http.Response, error) {
	r, err := http.NewRequest(http.MethodGet, "http://server/", nil)
	if err != nil {
		return nil, nil, err
	}
	r.Header = http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-WebSocket-Version": {"13"}, "Sec-WebSocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	for k, v := range extra {
		r.Header[k] = v
	}
	if err := r.Write(conn); err != nil {
		return nil, nil, err
	}
	br := bufio.NewReader(conn)
	res, err := http.ReadResponse(br, r)
	if err == nil && res.StatusCode != http.StatusSwitchingProtocols {
		err = fmt.Errorf("handshake: %s", res.Status)
	}
	return br, res, err
}

// readFrame reads a frame of the server: those are not masked.
func readFrame(r io.Reader) (first byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1])
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil || h[1] > 127 || n > 1<<24 {
		return h[0], nil, errors.Join(err, fmt.Errorf("header % x, %d bytes", h, n))
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return h[0], payload, err
}

// masked makes a frame as clients send it: first is FIN, RSV and opcode.
func masked(first byte, payload []byte) []byte {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b := append(header(first, 0x80, uint64(len(payload))), key[:]...)
	for i, p := range payload {
		b = append(b, p^key[i%4])
	}
	return b
}

// header makes the first bytes of a frame, up to the mask; second is the mask bit.
func header(first, second byte, length uint64) []byte {
	switch {
	case length < 126:
		return []byte{first, second | byte(length)}
	case length < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, second | 126}, uint16(length))
	}
	return binary.BigEndian.AppendUint64([]byte{first, second | 127}, length)
}
