//go:build unix

package socket_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
)

// deep makes a stack as large as handling a message does.
//
//go:noinline
func deep(n int) byte {
	var b [512]byte
	b[n] = 1
	if n > 0 {
		b[0] = deep(n - 1)
	}
	return b[n] + b[0]
}

// crowd is a server with count clients in another process.
type crowd struct {
	conns []*socket.Conn
	out   *bufio.Reader
	heard sync.WaitGroup // until each client has sent its message
	ended sync.WaitGroup
}

func newCrowd(b *testing.B, count int, unit int64) *crowd {
	b.Helper()
	c := &crowd{}
	c.heard.Add(count)
	arrived := make(chan *socket.Conn, count)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := socket.Upgrade(w, r, socket.Config{})
		if err != nil {
			return
		}
		arrived <- conn
		c.ended.Go(func() { _ = conn.Serve(func(bool, []byte) error { deep(20); c.heard.Done(); return nil }) })
	}))
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), clientsEnv+"="+fmt.Sprint(s.Listener.Addr(), " ", count, " ", unit))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
		c.ended.Wait()
		s.Close()
	})
	c.out = bufio.NewReader(out)
	c.wait(b, 'r')
	c.heard.Wait()
	for range count {
		c.conns = append(c.conns, <-arrived)
	}
	return c
}

func (c *crowd) wait(b *testing.B, want byte) {
	b.Helper()
	if got, err := c.out.ReadByte(); err != nil || got != want {
		b.Fatalf("got %q, %v from the clients; want %q", got, err, want)
	}
}

func memory() (heap, stack uint64) {
	var m runtime.MemStats
	for range 4 { // each lets stacks shrink by half
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}

// BenchmarkIdle is what a silent connection costs after garbage collection. The clients are another process's.
func BenchmarkIdle(b *testing.B) {
	const count = 10_000
	for b.Loop() {
		heap, stack := memory()
		newCrowd(b, count, 0)
		heap2, stack2 := memory()
		b.ReportMetric((float64(heap2)-float64(heap))/count, "heap-B/conn")
		b.ReportMetric((float64(stack2)-float64(stack))/count, "stack-B/conn")
		b.ReportMetric((float64(heap2)-float64(heap)+float64(stack2)-float64(stack))/count, "B/conn")
	}
}

// BenchmarkBroadcast is what it costs, in time of this process's processors, to bring a frame to one of 1,000 clients.
func BenchmarkBroadcast(b *testing.B) {
	const count = 1_000
	f := socket.Text([]byte(`{"type":"message","data":"` + strings.Repeat("x", 100) + `"}`))
	for _, burst := range []int{1, 16} {
		b.Run(fmt.Sprint("burst=", burst), func(b *testing.B) {
			c := newCrowd(b, count, int64(len(f)*count*burst))
			before := cpu(b)
			n := 0
			for b.Loop() {
				for range burst {
					for _, conn := range c.conns {
						conn.Send(f)
					}
				}
				c.wait(b, '.')
				n += burst * count
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(n), "cpu-ns/delivery")
		})
	}
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
