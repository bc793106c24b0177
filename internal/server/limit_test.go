package server

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
)

// pipes is a listener whose connections never end.
type pipes struct{ closed chan struct{} }

func (p pipes) Accept() (net.Conn, error) {
	c, _ := net.Pipe()
	return c, nil
}

func (p pipes) Close() error {
	close(p.closed)
	return nil
}
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limit(pipes{make(chan struct{})}, 2)
		accepted, ended := make(chan net.Conn, 10), make(chan error)
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					ended <- err
					return
				}
				accepted <- c
			}
		}()
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Fatalf("%d connections are open, want 2", n)
		}
		first := <-accepted
		for range 2 { // the second counts for nothing
			if err := first.Close(); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if n := len(accepted); n != 2 {
			t.Errorf("after one closed there are %d, want the one that was left and one more", n)
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("an Accept that waits ends with %v, want net.ErrClosed", err)
		}
	})
}
