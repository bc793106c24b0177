package testdb_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/testdb"
)

// echo answers each line with itself, until the test ends.
func echo(tb testing.TB) (addr string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	tb.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// talk is a client of echo.
type talk struct {
	net.Conn
	lines *bufio.Reader
}

func dial(tb testing.TB, addr string) talk {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	return talk{conn, bufio.NewReader(conn)}
}

func (c talk) say(line string) error {
	if _, err := fmt.Fprintln(c, line); err != nil {
		return err
	}
	got, err := c.lines.ReadString('\n')
	if err == nil && got != line+"\n" {
		return fmt.Errorf("got %q, want %q", got, line)
	}
	return err
}

func TestProxy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(t *testing.T, p *testdb.Proxy, c talk) error // on a connection that has been spoken over
		want error
	}{
		{"delay", func(_ *testing.T, p *testdb.Proxy, c talk) error {
			p.Delay(20 * time.Millisecond)
			begun := time.Now()
			err := c.say("later")
			if took := time.Since(begun); took < 40*time.Millisecond {
				return fmt.Errorf("there and back took %v, want 40ms or more", took)
			}
			p.Delay(0)
			return errors.Join(err, c.say("at once"))
		}, nil},
		{"reset", func(_ *testing.T, p *testdb.Proxy, c talk) error {
			p.Reset()
			_, err := c.Read(make([]byte, 1))
			return err
		}, syscall.ECONNRESET},
		{"a reset link leaves others alone", func(t *testing.T, p *testdb.Proxy, _ talk) error {
			p.Reset()
			return dial(t, p.Addr()).say("new")
		}, nil},
		{"blackhole", func(t *testing.T, p *testdb.Proxy, c talk) error {
			p.Blackhole(true)
			if _, err := fmt.Fprintln(c, "held"); err != nil {
				return err
			}
			fresh := dial(t, p.Addr())
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, errTimeout(err)) {
				return fmt.Errorf("read from a blackhole: %w", err)
			}
			p.Blackhole(false)
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			got, err := c.lines.ReadString('\n')
			if got != "held\n" {
				return fmt.Errorf("got %q, %w", got, err)
			}
			return fresh.say("held too")
		}, nil},
		{"reset in a blackhole", func(_ *testing.T, p *testdb.Proxy, c talk) error {
			p.Blackhole(true)
			if _, err := fmt.Fprintln(c, "lost"); err != nil {
				return err
			}
			p.Reset()
			_, err := c.Read(make([]byte, 1))
			return err
		}, syscall.ECONNRESET},
		{"refuse", func(_ *testing.T, p *testdb.Proxy, c talk) error {
			p.Refuse(true)
			if err := c.say("still here"); err != nil {
				return err
			}
			_, err := net.Dial("tcp", p.Addr())
			return err
		}, syscall.ECONNREFUSED},
		{"refuse no more", func(t *testing.T, p *testdb.Proxy, _ talk) error {
			p.Refuse(true)
			p.Refuse(false)
			return dial(t, p.Addr()).say("again")
		}, nil},
		{"end of one direction", func(_ *testing.T, _ *testdb.Proxy, c talk) error {
			if _, err := fmt.Fprintln(c, "last"); err != nil {
				return err
			}
			if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				return err
			}
			all, err := io.ReadAll(c.lines)
			if string(all) != "last\n" {
				return fmt.Errorf("got %q, %w", all, err)
			}
			return err
		}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := testdb.StartProxy(t, echo(t))
			c := dial(t, p.Addr())
			if err := c.say("hello"); err != nil {
				t.Fatal(err)
			}
			if err := test.do(t, p, c); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// errTimeout is err itself if it is a timeout.
func errTimeout(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return err
	}
	return io.ErrNoProgress
}
