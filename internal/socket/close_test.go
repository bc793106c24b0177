package socket_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/sandi-auth/sandi/internal/socket"
)

func TestClose(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, reason, want string
	}{
		{"empty", "", ""},
		{"the longest", strings.Repeat("r", 123), strings.Repeat("r", 123)},
		{"too long", strings.Repeat("r", 124), strings.Repeat("r", 123)},
		{"too long by half a rune", strings.Repeat("r", 122) + "é", strings.Repeat("r", 122)},
		{"too long by four bytes", strings.Repeat("r", 120) + "💧", strings.Repeat("r", 120)},
		{"no text", "\xff", "\uFFFD"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, listen(t), socket.Config{}, echo)
			c, far := s.dial(t)
			far.Close(socket.Forbidden, tt.reason)
			c.wantClose(socket.Forbidden, tt.want)
			c.send(closeFrame, closing(socket.Forbidden, ""))
			c.wantEnd()
			s.wantError(t, socket.CloseError{Code: socket.Forbidden, Reason: tt.want})
		})
	}
}

// A refused client is closed without ever being served.
func TestCloseUnserved(t *testing.T) {
	t.Parallel()
	s := newServer(t, listen(t), socket.Config{}, nil)
	c, far := s.dial(t)
	c.send(textFrame, "unheard")
	far.Close(socket.Invalid, "Unauthorized: Invalid Token")
	c.wantClose(socket.Invalid, "Unauthorized: Invalid Token")
	c.send(closeFrame, closing(socket.Invalid, ""))
	c.wantEnd()
	<-far.Done()
	err := far.Serve(func(bool, []byte) error { t.Error("handled"); return nil })
	if e, ok := errors.AsType[*socket.CloseError](err); !ok || e.Code != socket.Invalid {
		t.Errorf("got %v, want the close", err)
	}
}

func TestHandlerError(t *testing.T) {
	t.Parallel()
	failed := errors.New("store: out of paper")
	for _, tt := range []struct {
		name   string
		err    error
		code   int
		reason string
	}{
		{"of its own", failed, socket.InternalError, "Internal Error"},
		{"close error", fmt.Errorf("wrapped: %w", &socket.CloseError{Code: socket.TooMuch, Reason: "Too Many Messages"}), socket.TooMuch, "Too Many Messages"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			s := newServer(t, listen(t), socket.Config{}, func(c *socket.Conn, binary bool, payload []byte) error {
				calls++
				_ = echo(c, binary, payload)
				return tt.err
			})
			c, far := s.dial(t)
			c.write(append(text("one"), text("two")...)...)
			c.want(textFrame, "one")
			c.wantClose(tt.code, tt.reason)
			c.send(closeFrame, closing(tt.code, ""))
			c.wantEnd()
			err := <-s.ends
			if e, ok := errors.AsType[*socket.CloseError](err); !errors.Is(err, failed) && (!ok || e.Code != tt.code) {
				t.Errorf("got %v", err)
			}
			<-far.Done()
			if calls != 1 {
				t.Errorf("got %d messages handled, want 1", calls)
			}
		})
	}
}

// A handler that panics takes its connection along, and leaves nothing open.
func TestHandlerPanic(t *testing.T) {
	t.Parallel()
	s := newServer(t, listen(t), socket.Config{}, nil)
	c, far := s.dial(t)
	panicked := make(chan any)
	go func() {
		defer func() { panicked <- recover() }()
		_ = far.Serve(func(bool, []byte) error { panic("handler: broken") })
	}()
	c.send(textFrame, "x")
	c.wantClose(socket.InternalError, "Internal Error")
	c.wantEnd()
	_ = c.Close()
	if got := <-panicked; got != "handler: broken" {
		t.Errorf("got %v, want the panic", got)
	}
	<-far.Done()
}

func TestCloseCode(t *testing.T) {
	t.Parallel()
	for _, code := range []int{-1, 0, 999, 1005, 1006, 1015, 5000, 65536 + 1000} {
		func() {
			defer func() {
				if r := recover(); !strings.HasPrefix(fmt.Sprint(r), "socket: ") {
					t.Errorf("code %d: got %v, want a panic", code, r)
				}
			}()
			new(socket.Conn).Close(code, "")
		}()
	}
}

func TestCloseError(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]socket.CloseError{
		`closed here: 4001 "Unauthorized: Invalid Token"`: {Code: 4001, Reason: "Unauthorized: Invalid Token"},
		`closed by the client: 1001 "\n"`:                 {Code: 1001, Reason: "\n", Remote: true},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Whatever many goroutines send at once arrives whole, each one's in order, and what was said to be queued before Close arrives.
func TestSendConcurrently(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 500
	s := newServer(t, listen(t), socket.Config{Queue: 1 << 20}, echo)
	c, far := s.dial(t)
	if far.RemoteAddr().String() != c.LocalAddr().String() || far.Protocol() != "" {
		t.Errorf("got %s and %q", far.RemoteAddr(), far.Protocol())
	}
	var sending sync.WaitGroup
	for who := range senders {
		sending.Go(func() {
			for i := range each {
				if !far.Send(socket.Text(fmt.Append(nil, who, " ", i))) {
					t.Error("not sent")
				}
			}
		})
	}
	go func() {
		sending.Wait()
		far.Close(socket.GoingAway, "Going Away")
		far.Send(socket.Text([]byte("too late")))
	}()
	next := make([]int, senders)
	for range senders * each {
		_, payload, err := readFrame(c.r)
		if err != nil {
			t.Fatal(err)
		}
		var who, i int
		if _, err := fmt.Sscan(string(payload), &who, &i); err != nil || next[who] != i {
			t.Fatalf("got %s, want message %d", payload, next[who])
		}
		next[who]++
	}
	c.wantClose(socket.GoingAway, "Going Away")
	c.send(closeFrame, closing(socket.GoingAway, ""))
	c.wantEnd()
}

// Sends, closes and hang-ups at the same moment, for the race detector.
func TestEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t, listen(t), socket.Config{Queue: 4 << 10}, echo)
	for i := range 50 {
		c, far := s.dial(t)
		var all sync.WaitGroup
		all.Go(func() {
			for far.Send(socket.Text([]byte("x"))) {
			}
		})
		all.Go(func() { far.Close(socket.GoingAway, "") })
		switch i % 3 {
		case 0:
			all.Go(func() { _ = c.Close() })
		case 1:
			all.Go(func() { _, _ = c.Write(bye(closing(1000, ""))) })
		case 2:
			all.Go(far.Abort)
		}
		all.Go(func() { _, _ = io.Copy(io.Discard, c.r) })
		all.Wait()
		_ = c.Close()
		<-far.Done()
		if err := <-s.ends; err == nil {
			t.Error("got no reason")
		}
	}
}

// Frames are the same whoever receives them, and have no mask.
func TestFrame(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 125, 126, 65535, 65536} {
		payload := []byte(strings.Repeat("*", n))
		if got, want := string(socket.Text(payload)), string(header(textFrame, 0, uint64(n)))+string(payload); got != want {
			t.Errorf("text of %d: got %.20q, want %.20q", n, got, want)
		}
		if got, want := string(socket.Binary(payload)), string(header(binaryFrame, 0, uint64(n)))+string(payload); got != want {
			t.Errorf("binary of %d: got %.20q, want %.20q", n, got, want)
		}
	}
}
