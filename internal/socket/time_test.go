package socket_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
)

// inBubble runs f with a clock of its own, which begins when the client has connected.
func inBubble(t *testing.T, cfg socket.Config, handle handler, f func(t *testing.T, s *server, c *client, far *socket.Conn, elapsed func(want time.Duration))) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, newPipes(), cfg, handle)
		c, far := s.dial(t)
		start := time.Now()
		f(t, s, c, far, func(want time.Duration) {
			t.Helper()
			if got := time.Since(start); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	})
}

// A client that has gone without a word is found out.
// asvs WS-j
func TestPing(t *testing.T) {
	inBubble(t, socket.Config{}, echo, func(t *testing.T, s *server, c *client, far *socket.Conn, elapsed func(time.Duration)) {
		time.Sleep(20 * time.Second)
		c.send(textFrame, "a sign of life")
		c.want(textFrame, "a sign of life")
		c.want(pingFrame, "")
		elapsed(45 * time.Second)
		time.Sleep(24 * time.Second)
		c.send(pongFrame, "")
		c.want(pingFrame, "")
		elapsed(94 * time.Second)
		c.wantClose(socket.TooMuch, "Too Slow: No Pong")
		elapsed(119 * time.Second)
		c.wantEnd()
		elapsed(121 * time.Second)
		s.wantError(t, socket.CloseError{Code: socket.TooMuch, Reason: "Too Slow: No Pong"})
		<-far.Done()
	})
}

func TestPingNever(t *testing.T) {
	inBubble(t, socket.Config{PingEvery: -1}, echo, func(t *testing.T, _ *server, c *client, _ *socket.Conn, elapsed func(time.Duration)) {
		time.Sleep(time.Hour)
		c.send(textFrame, "still here")
		c.want(textFrame, "still here")
		elapsed(time.Hour)
	})
}

func TestPingHalfOpen(t *testing.T) {
	inBubble(t, socket.Config{}, echo, func(t *testing.T, s *server, _ *client, far *socket.Conn, elapsed func(time.Duration)) {
		<-far.Done() // nobody reads the ping
		elapsed(35 * time.Second)
		s.wantError(t, socket.CloseError{Code: socket.TooMuch, Reason: "Too Slow"})
	})
}

// A message has 30 s to come whole, however it is cut and whatever comes in between.
func TestTrickle(t *testing.T) {
	t.Parallel()
	for name, step := range map[string][]byte{
		"payload":   {0},
		"fragments": part(0x00, "a"),
		"pings":     part(pongFrame, "a"),
	} {
		for _, every := range []time.Duration{0, -1, time.Hour} {
			t.Run(fmt.Sprint(name, "/", every), func(t *testing.T) {
				inBubble(t, socket.Config{PingEvery: every}, echo, func(t *testing.T, s *server, c *client, _ *socket.Conn, elapsed func(time.Duration)) {
					time.Sleep(7 * time.Second)
					c.send(textFrame, "whole")
					c.want(textFrame, "whole")
					if name == "payload" {
						c.write(header(textFrame, 0x80, 1000)...)
					} else {
						c.send(0x01, "")
					}
					var writing sync.WaitGroup
					defer writing.Wait()
					writing.Go(func() {
						for err := error(nil); err == nil; _, err = c.Write(step) {
							time.Sleep(3 * time.Second)
						}
					})
					c.wantClose(socket.TooMuch, "Too Slow")
					elapsed(37 * time.Second)
					c.wantEnd()
					s.wantError(t, socket.CloseError{Code: socket.TooMuch, Reason: "Too Slow"})
				})
			})
		}
	}
}

// The time that handling takes is not the next message's.
func TestTrickleSlowHandler(t *testing.T) {
	slow := func(c *socket.Conn, binary bool, payload []byte) error {
		time.Sleep(time.Minute)
		return echo(c, binary, payload)
	}
	inBubble(t, socket.Config{}, slow, func(_ *testing.T, _ *server, c *client, _ *socket.Conn, elapsed func(time.Duration)) {
		both := append(text("one"), text("two")...)
		c.write(both[:len(both)-1]...)
		c.want(textFrame, "one")
		c.want(pingFrame, "")
		c.write(both[len(both)-1])
		c.want(textFrame, "two")
		elapsed(2 * time.Minute)
	})
}

// While one write waits, what is sent queues and leaves in the next, in order, the close frame too.
// asvs WS-k
func TestOneWrite(t *testing.T) {
	inBubble(t, socket.Config{}, echo, func(t *testing.T, s *server, c *client, far *socket.Conn, _ func(time.Duration)) {
		want := ""
		for i := range 17 {
			f := socket.Text(fmt.Append(nil, "message ", i))
			if i > 0 {
				want += string(f)
			}
			far.Send(f)
			synctest.Wait()
		}
		far.Close(socket.Expired, "Unauthorized: Token Expired")
		if far.Send(socket.Text(nil)) {
			t.Error("got a frame queued behind the close frame")
		}
		want += "\x88\x1d" + closing(socket.Expired, "Unauthorized: Token Expired")
		c.want(textFrame, "message 0")
		buf := make([]byte, 1<<16)
		if n, err := c.Read(buf); err != nil || string(buf[:n]) != want { // a Read of a pipe takes from one Write
			t.Errorf("got %q, %v; want %q", buf[:n], err, want)
		}
		c.send(closeFrame, closing(socket.Expired, ""))
		c.wantEnd()
		s.wantError(t, socket.CloseError{Code: socket.Expired, Reason: "Unauthorized: Token Expired"})
	})
}

// Frames that are too large to be joined are not, and the order stays.
func TestLargeWrites(t *testing.T) {
	inBubble(t, socket.Config{Queue: 1 << 20}, echo, func(_ *testing.T, _ *server, c *client, far *socket.Conn, _ func(time.Duration)) {
		sizes := []int{1, 2, 70_000, 3, 60_000, 6_000, 64<<10 - 4, 5, 64 << 10, 200_000, 0}
		for _, n := range sizes {
			far.Send(socket.Binary([]byte(strings.Repeat("b", n))))
		}
		for _, n := range sizes {
			c.want(binaryFrame, strings.Repeat("b", n))
		}
	})
}

// A client that does not read ends alone, when its queue is full.
// asvs WS-k
func TestSlowReader(t *testing.T) {
	inBubble(t, socket.Config{Queue: 64 << 10}, echo, func(t *testing.T, s *server, slow *client, far *socket.Conn, elapsed func(time.Duration)) {
		good, farGood := s.dial(t)
		f := socket.Text([]byte(strings.Repeat("x", 1000)))
		sent := 0
		for ; far.Send(f); sent++ {
			synctest.Wait() // the first is being written
			if !farGood.Send(f) {
				t.Fatal("the one that reads has ended too")
			}
			good.want(textFrame, strings.Repeat("x", 1000))
		}
		if sent != 63 { // of 1004+24 bytes each
			t.Errorf("got %d frames queued, want 63", sent)
		}
		slow.want(textFrame, strings.Repeat("x", 1000)) // the one that was being written; the others are forgotten
		slow.wantClose(socket.TooMuch, "Too Slow")
		slow.wantEnd()
		elapsed(2 * time.Second)
		s.wantError(t, socket.CloseError{Code: socket.TooMuch, Reason: "Too Slow"})
		good.send(textFrame, "well")
		good.want(textFrame, "well")
	})
}

func TestWriteTimeout(t *testing.T) {
	inBubble(t, socket.Config{WriteTimeout: 4 * time.Second}, echo, func(t *testing.T, s *server, c *client, far *socket.Conn, elapsed func(time.Duration)) {
		far.Send(socket.Text([]byte("nobody reads this")))
		<-far.Done()
		elapsed(4 * time.Second)
		c.wantEnd()
		s.wantError(t, socket.CloseError{Code: socket.TooMuch, Reason: "Too Slow"})
	})
}

// A client that does not answer the close frame is cut off after 2 s, and is not listened to in between.
func TestCloseUnanswered(t *testing.T) {
	inBubble(t, socket.Config{}, echo, func(t *testing.T, s *server, c *client, far *socket.Conn, elapsed func(time.Duration)) {
		far.Close(socket.Revoked, "Unauthorized: Token Revoked")
		far.Close(socket.Expired, "a second reason")
		c.wantClose(socket.Revoked, "Unauthorized: Token Revoked")
		c.send(textFrame, "unheard")
		c.send(0x01, strings.Repeat("unheard", 100))
		c.send(pingFrame, "unheard")
		c.wantEnd()
		elapsed(2 * time.Second)
		s.wantError(t, socket.CloseError{Code: socket.Revoked, Reason: "Unauthorized: Token Revoked"})
	})
}

// Nor can a client that does not read, or a handler that does not return, keep the connection open.
func TestCloseStuck(t *testing.T) {
	stuck := make(chan struct{})
	handle := func(*socket.Conn, bool, []byte) error { <-stuck; return nil }
	inBubble(t, socket.Config{}, handle, func(t *testing.T, s *server, c *client, far *socket.Conn, elapsed func(time.Duration)) {
		stuck = make(chan struct{})
		c.send(textFrame, "take your time")
		far.Send(socket.Text([]byte("nobody reads this")))
		synctest.Wait()
		far.Close(socket.Expired, "")
		time.Sleep(2*time.Second + 1)
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("got %v, want the end", err)
		}
		select {
		case <-far.Done():
			t.Error("done while a message is being handled")
		default:
		}
		close(stuck)
		<-far.Done()
		s.wantError(t, socket.CloseError{Code: socket.Expired})
	})
}

func TestAbort(t *testing.T) {
	inBubble(t, socket.Config{}, echo, func(t *testing.T, s *server, c *client, far *socket.Conn, elapsed func(time.Duration)) {
		far.Send(socket.Text([]byte("nobody reads this")))
		far.Abort()
		c.wantEnd()
		elapsed(0)
		if err := <-s.ends; err != net.ErrClosed {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
		far.Abort()
		far.Close(socket.Normal, "")
	})
}
