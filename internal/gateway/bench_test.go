//go:build unix

package gateway_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/gateway"
)

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// quiet has the log lines written where they cost what they cost in service, and are not kept.
func quiet(c *gateway.Config) {
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	c.Logger = slog.New(slog.NewJSONHandler(out, nil))
}

// pooled is what spares a reverse proxy a buffer for each request.
type pooled struct{ sync.Pool }

func (p *pooled) Get() []byte {
	if b, ok := p.Pool.Get().(*[32 << 10]byte); ok {
		return b[:]
	}
	return make([]byte, 32<<10)
}

func (p *pooled) Put(b []byte) { p.Pool.Put((*[32 << 10]byte)(b)) }

// bare is an httputil.ReverseProxy with nothing before it.
func bare(b *testing.B, to *seen, pool httputil.BufferPool) *httptest.Server {
	b.Helper()
	u := to.at(b)
	s := httptest.NewServer(&httputil.ReverseProxy{
		Transport:  &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
		BufferPool: pool,
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(u); r.SetXForwarded() },
	})
	b.Cleanup(s.Close)
	return s
}

// BenchmarkProxy is requests with a body of 1 KB: straight, through a bare reverse proxy (also one with a pool of buffers), and through the gateway with a token, an identity for
// the upstream and a log line. They take turns within each round, so that what else the machine does hits both.
func BenchmarkProxy(b *testing.B) {
	body := make([]byte, 1<<10)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	defer plain.Close()
	up := &seen{Server: plain}
	w := newWorld(b, quiet, gateway.Route{Path: "/", Upstreams: mustURLs(b, plain.URL), Scopes: []string{"orders.read"}})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	token := "Bearer " + w.token(time.Hour, nil)
	batch := func(target string) (wall, used time.Duration) {
		start, before := time.Now(), cpu()
		var wait sync.WaitGroup
		for range 16 {
			wait.Go(func() {
				for range 25 {
					r, _ := http.NewRequest(http.MethodGet, target+"/x", nil)
					r.Header.Set("Authorization", token)
					resp, err := client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					if resp.StatusCode != 200 {
						b.Error(resp.Status)
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		}
		wait.Wait()
		return time.Since(start), cpu() - before
	}
	naked, lean := bare(b, up, nil), bare(b, up, &pooled{})
	var sums [4][2]time.Duration
	n := 0
	for b.Loop() {
		for i, target := range []string{naked.URL, w.server.URL, lean.URL, plain.URL} {
			wall, used := batch(target)
			sums[i][0] += wall
			sums[i][1] += used
		}
		n++
	}
	each := time.Duration(n * 400)
	for i, name := range []string{"bare", "guarded", "bare-pooled", "direct"} {
		b.ReportMetric(float64((sums[i][1] / each).Microseconds()), name+"-cpu-us/op")
		b.ReportMetric(float64((sums[i][0]/each).Nanoseconds())/1e3, name+"-us/op")
	}
	b.ReportMetric(float64(sums[0][0])/float64(sums[1][0]), "throughput-ratio")
	b.ReportMetric(float64(sums[2][0])/float64(sums[1][0]), "pooled-throughput-ratio")
}

// BenchmarkProxiedIdle is memory of a proxied connection that says nothing: heap and stacks after a collection.
func BenchmarkProxiedIdle(b *testing.B) {
	const conns = 2000
	var held sync.Map
	up := newSeen(b, func(w http.ResponseWriter, r *http.Request) {
		c, _, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
		if err == nil {
			held.Store(c, nil) // no goroutine of its own: what is measured is the gateway
		}
	})
	defer held.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
	w := newWorld(b, quiet, gateway.Route{Path: "/", Upstreams: mustURLs(b, up.URL)})
	for b.Loop() {
		before := memory()
		cs := make([]net.Conn, conns)
		for i := range cs {
			c := w.dial("/", "Authorization", "Bearer "+w.token(time.Hour, map[string]any{"jti": fmt.Sprint("t", i), "sid": fmt.Sprint("s", i)}))
			if c.resp.StatusCode != 101 {
				b.Fatal(c.resp.Status)
			}
			cs[i] = c.conn
		}
		up.mu.Lock()
		up.reqs = nil
		up.mu.Unlock()
		b.ReportMetric(float64(memory()-before)/conns/1024, "KB/conn")
		runtime.KeepAlive(cs)
	}
}

func memory() uint64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// BenchmarkProxiedDelivery is the CPU of a message from the upstream to a client: through the gateway, and through a bare reverse
// proxy, which copies bytes. Generator and client are in the process, the same for both.
func BenchmarkProxiedDelivery(b *testing.B) {
	for _, size := range []int{100, 4 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			const batch = 20000
			frame := ws.MustCompileFrame(ws.NewBinaryFrame(make([]byte, size)))
			up := newSeen(b, func(w http.ResponseWriter, r *http.Request) {
				c, _, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					go1 := make([]byte, 6)
					for {
						if _, err := io.ReadFull(c, go1); err != nil {
							return
						}
						for range batch {
							if _, err := c.Write(frame); err != nil {
								return
							}
						}
					}
				}()
			})
			w := newWorld(b, quiet, gateway.Route{Path: "/", Upstreams: mustURLs(b, up.URL)})
			guarded := w.dial("/", "Authorization", "Bearer "+w.token(time.Hour, nil))
			naked := *w
			naked.server = bare(b, up, nil)
			unguarded := naked.dial("/")
			var used [2]time.Duration
			n := 0
			for b.Loop() {
				for i, c := range []*wsClient{unguarded, guarded} {
					before := cpu()
					_, _ = c.conn.Write([]byte{0x82, 0x80, 1, 2, 3, 4})
					if _, err := io.CopyN(io.Discard, c.br, int64(batch*len(frame))); err != nil {
						b.Fatal(err)
					}
					used[i] += cpu() - before
				}
				n++
			}
			_ = unguarded.conn.Close()
			_ = guarded.conn.Close()
			b.ReportMetric(float64(used[0])/float64(n*batch), "bare-cpu-ns/msg")
			b.ReportMetric(float64(used[1])/float64(n*batch), "guarded-cpu-ns/msg")
			b.ReportMetric(float64(used[1])/float64(used[0]), "cpu-ratio")
		})
	}
}
