//go:build unix

package socketio_test

import (
	"bufio"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/socketio"
)

// crowd is a server with count guests, whose clients are another process.
type crowd struct {
	guests []*guest
	out    *bufio.Reader
}

func newCrowd(b *testing.B, count int, unit int64) *crowd {
	b.Helper()
	h := &hotel{guests: make(chan *guest, count)}
	h.Server = socketio.New(socketio.Config{Connect: h.connect})
	s := httptest.NewServer(h.Server)
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
		for n, _ := h.Live(); n > 0; n, _ = h.Live() {
			time.Sleep(time.Millisecond)
		}
		s.Close()
	})
	c := &crowd{out: bufio.NewReader(out)}
	c.wait(b, 'r')
	for range count {
		g := <-h.guests
		g.events = nil // not a cost of ours
		c.guests = append(c.guests, g)
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

// BenchmarkIdle is what a silent client costs after garbage collection. It came with a token of 600 bytes.
func BenchmarkIdle(b *testing.B) {
	const count = 10_000
	for b.Loop() {
		heap, stack := memory()
		c := newCrowd(b, count, 0)
		time.Sleep(300 * time.Millisecond)
		heap2, stack2 := memory()
		b.ReportMetric((float64(heap2)-float64(heap))/count, "heap-B/conn")
		b.ReportMetric((float64(stack2)-float64(stack))/count, "stack-B/conn")
		b.ReportMetric((float64(heap2)-float64(heap)+float64(stack2)-float64(stack))/count, "B/conn")
		runtime.KeepAlive(c)
	}
}

// BenchmarkBroadcast is what it costs, in time of this process's processors, to bring an event to one of 1,000 clients.
func BenchmarkBroadcast(b *testing.B) {
	const count = 1_000
	text := strings.Repeat("x", 100)
	size := int64(2 + len(`42["message","`) + len(text) + len(`"]`))
	for _, burst := range []int{1, 16} {
		b.Run(fmt.Sprint("burst=", burst), func(b *testing.B) {
			c := newCrowd(b, count, size*int64(count*burst))
			before := cpu(b)
			n := 0
			for b.Loop() {
				for range burst {
					p, err := socketio.NewPacket("/", "message", text)
					if err != nil {
						b.Fatal(err)
					}
					for _, g := range c.guests {
						g.socket.Send(p)
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
