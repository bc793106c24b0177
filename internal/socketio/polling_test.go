package socketio_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/socketio"
)

func TestHandshakeFaults(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{})
	p := newPoller(t, h)
	for _, c := range []struct {
		name, method, query, upgrade, want string
	}{
		{"no transport", "GET", "EIO=4", "", `{"code":0,"message":"Transport unknown"}`},
		{"unknown transport", "GET", "EIO=4&transport=webtransport", "", `{"code":0,"message":"Transport unknown"}`},
		{"unknown session", "GET", "EIO=4&transport=polling&sid=x", "", `{"code":1,"message":"Session ID unknown"}`},
		{"unknown session to upgrade", "GET", "EIO=4&transport=websocket&sid=x", "websocket", `{"code":1,"message":"Session ID unknown"}`},
		{"POST", "POST", "EIO=4&transport=polling", "", `{"code":2,"message":"Bad handshake method"}`},
		{"PUT", "PUT", "EIO=4&transport=polling", "", `{"code":2,"message":"Bad handshake method"}`},
		{"websocket without upgrade", "GET", "EIO=4&transport=websocket", "", `{"code":3,"message":"Bad request"}`},
		{"session's websocket without upgrade", "GET", "EIO=4&transport=websocket&sid=" + p.sid, "", `{"code":3,"message":"Bad request"}`},
		{"session's method", "DELETE", "EIO=4&transport=polling&sid=" + p.sid, "", `{"code":3,"message":"Bad request"}`},
		{"no version", "GET", "transport=polling", "", `{"code":5,"message":"Unsupported protocol version"}`},
		{"version 3", "GET", "EIO=3&transport=polling", "", `{"code":5,"message":"Unsupported protocol version"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, "/socket.io/?"+c.query, nil)
			r.Header.Set("Upgrade", c.upgrade)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := strings.TrimSpace(w.Body.String()); w.Code != 400 || got != c.want || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("got %d %s; want 400 %s", w.Code, got, c.want)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{MaxPayload: 1000}).listen(t)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=polling", nil))
	if got := w.Header().Get("Content-Type") + ", " + w.Header().Get("Cache-Control"); got != "text/plain; charset=UTF-8, no-store" {
		t.Errorf("got %s", got)
	}
	for packet, upgrades := range map[string]int{w.Body.String(): 1, h.dial(t, "").read(): 0} {
		var got struct {
			SID                                   string
			Upgrades                              []string
			PingInterval, PingTimeout, MaxPayload int
		}
		if err := json.Unmarshal([]byte(packet[1:]), &got); err != nil || len(got.SID) != 22 || got.Upgrades == nil || len(got.Upgrades) != upgrades ||
			got.PingInterval != 25_000 || got.PingTimeout != 20_000 || got.MaxPayload != 1000 {
			t.Errorf("got %s: %v", packet, err)
		}
	}
}

func TestAcceptJudgesNewSessions(t *testing.T) {
	t.Parallel()
	asked := 0
	h := newHotel(t, socketio.Config{Accept: func(w http.ResponseWriter, r *http.Request) bool {
		asked++
		if r.Header.Get("Origin") == "https://evil.example" {
			w.WriteHeader(http.StatusForbidden)
			return false
		}
		return true
	}})
	r := httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=polling", nil)
	r.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if n, _ := h.Live(); w.Code != 403 || n != 0 {
		t.Errorf("got %d, %d sessions", w.Code, n)
	}
	newPoller(t, h).enter("")
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

func TestPolling(t *testing.T) {
	t.Parallel()
	h := &hotel{Server: socketio.NewEngineEcho(socketio.Config{MaxPayload: 64, Connect: newHotel(t, socketio.Config{}).connect})}
	for _, c := range []struct {
		name   string
		run    func(p *poller)
		status int // of a poll afterwards, 0 is not asked
	}{
		{"texts and bytes", func(p *poller) { p.say("4a\x1ebAQI=\x1e4€"); p.want("4a\x1ebAQI=\x1e4€") }, 0},
		{"what is more than a payload comes in two", func(p *poller) {
			for range 3 {
				p.say("4" + strings.Repeat("x", 40))
			}
			for range 3 {
				p.want("4" + strings.Repeat("x", 40))
			}
		}, 0},
		{"close packet", func(p *poller) { p.say("1") }, 400},
		{"noop and upgrade are nothing", func(p *poller) { p.say("6\x1e5\x1e4a"); p.want("4a") }, 0},
		{"malformed", func(p *poller) { wantStatus(p, 400, "abc") }, 400},
		{"ping from the client", func(p *poller) { wantStatus(p, 400, "2") }, 400},
		{"open from the client", func(p *poller) { wantStatus(p, 400, "0") }, 400},
		{"no UTF-8", func(p *poller) { wantStatus(p, 400, "4\xff") }, 400},
		{"empty", func(p *poller) { wantStatus(p, 400, "") }, 400},
		{"too large", func(p *poller) { wantStatus(p, 413, "4"+strings.Repeat("x", 64)); p.say("4a"); p.want("4a") }, 0},
		{"largest", func(p *poller) { p.say("4" + strings.Repeat("x", 63)) }, 200},
		{"after its end", func(p *poller) { p.say("1"); wantStatus(p, 400, "4a") }, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPoller(t, h)
			c.run(p)
			if c.status != 0 {
				if got, body := p.get(); got != c.status {
					t.Errorf("got %d %s; want %d", got, body, c.status)
				}
			}
		})
	}
}

func wantStatus(p *poller, want int, body string) {
	p.t.Helper()
	if got, answer := p.post(body); got != want {
		p.t.Errorf("got %d %s; want %d", got, answer, want)
	}
}

func TestBytesArePostedAsText(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{})
	p := newPoller(t, h)
	r := httptest.NewRequest("POST", "/socket.io/?EIO=4&transport=polling&sid="+p.sid, strings.NewReader("4a"))
	r.Header.Set("Content-Type", "application/octet-stream")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 400 {
		t.Errorf("got %d", w.Code)
	}
	p.wantEnded()
}

func TestOnePollAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t, newHotel(t, socketio.Config{}))
		first := later(p.get)
		synctest.Wait()
		if status, _ := p.get(); status != 400 {
			t.Errorf("got %d for the second", status)
		}
		if got := <-first; got != (answer{200, "1"}) {
			t.Errorf("got %v for the first", got)
		}
		p.wantEnded()
	})
}

type answer struct {
	status int
	body   string
}

func later(f func() (int, string)) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		status, body := f()
		c <- answer{status, body}
	}()
	return c
}

func TestOnePostAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, socketio.Config{})
		p := newPoller(t, h)
		r, w := io.Pipe()
		first := later(func() (int, string) {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest("POST", "/socket.io/?EIO=4&transport=polling&sid="+p.sid, r))
			return rec.Code, ""
		})
		synctest.Wait()
		wantStatus(p, 400, "4a")
		w.CloseWithError(io.ErrUnexpectedEOF)
		if got := <-first; got.status != 400 {
			t.Errorf("got %v for the first", got)
		}
		p.wantEnded()
	})
}

func TestPollThatIsGivenUp(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	p := newPoller(t, h)
	p.enter("")
	g := <-h.guests
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", h.url+"/socket.io/?EIO=4&transport=polling&sid="+p.sid, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{}}
	defer c.CloseIdleConnections()
	done := later(func() (int, string) { _, err := c.Do(r); return 0, err.Error() })
	for _, polling := h.Polling(p.sid); !polling; _, polling = h.Polling(p.sid) {
		runtime.Gosched() // the request is on its way
	}
	cancel()
	<-done
	if why := <-g.gone; why != "transport error" {
		t.Errorf("got %q", why)
	}
	p.wantEnded()
}

// A GET waits for longer than an http.Server's own time-outs.
func TestPollOutlivesTimeouts(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{PingInterval: 200 * time.Millisecond})
	s := httptest.NewUnstartedServer(h.Server)
	s.Config.ReadTimeout, s.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	p := newPoller(t, h)
	for range 2 {
		r, err := s.Client().Get(s.URL + "/socket.io/?EIO=4&transport=polling&sid=" + p.sid)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil || string(body) != "2" {
			t.Fatalf("got %q, %v", body, err)
		}
		p.say("3")
	}
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, socketio.Config{})
		p := newPoller(t, h)
		p.enter("")
		g := <-h.guests
		for range 3 {
			start := time.Now()
			p.want("2")
			if took := time.Since(start); took != 25*time.Second {
				t.Errorf("pinged after %v", took)
			}
			p.say("3")
		}
		p.want("2")
		start := time.Now()
		p.want("1")
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("ended %v after the ping", took)
		}
		if why := <-g.gone; why != "ping timeout" {
			t.Errorf("got %q", why)
		}
		p.wantEnded()
	})
}

// A timer may be late; what it has to do is done before the client is served.
func TestPingTimeoutOfAClientThatDoesNotPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPoller(t, newHotel(t, socketio.Config{PingInterval: time.Second, PingTimeout: time.Second}))
		p.enter("")
		time.Sleep(2 * time.Second)
		p.wantEnded()
	})
}

func TestNoNamespace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		said []string
	}{
		{"silent", nil},
		{"refused", []string{"40/nowhere,"}},
		{"disconnected", []string{"40", "41"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHotel(t, socketio.Config{ConnectTimeout: 10 * time.Second})
				p := newPoller(t, h)
				for _, s := range c.said {
					p.say(s)
					_, _ = p.post("6")
				}
				for range c.said[:min(len(c.said), 1)] {
					p.get()
				}
				start := time.Now()
				p.want("1")
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("ended after %v", took)
				}
				p.wantEnded()
				if n, _ := h.Live(); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
			})
		})
	}
}

// Silent sessions end by themselves, and no more than MaxSessions are kept meanwhile.
func TestSilentSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, socketio.Config{MaxSessions: 1000})
		for range 1000 {
			newPoller(t, h)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=polling", nil))
		if w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("got %d", w.Code)
		}
		time.Sleep(66 * time.Second) // the connect timeout, then the time to fetch the close packet
		if n, _ := h.Live(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		newPoller(t, h)
	})
}

func TestSlowPoller(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{Queue: 1000})
	slow, quick := newPoller(t, h), newPoller(t, h)
	slow.enter("")
	lazy := <-h.guests
	quick.enter("")
	busy := <-h.guests
	for i := 0; ; i++ {
		if i > 100 {
			t.Fatal("nothing ended")
		}
		if err := busy.socket.Emit("e", strings.Repeat("x", 100)); err != nil {
			t.Fatal(err)
		}
		quick.get()
		if lazy.socket.Emit("e", strings.Repeat("x", 100)) != nil {
			break
		}
	}
	if why := <-lazy.gone; why != "transport error" {
		t.Errorf("got %q", why)
	}
	slow.wantEnded()
}

func TestPollingConcurrently(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{})
	p := newPoller(t, h)
	p.enter("")
	g := <-h.guests
	const senders, each = 8, 50
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range each {
				_ = g.socket.Emit("e", 1)
			}
		})
	}
	got := 0
	for got < senders*each {
		_, body := p.get()
		got += strings.Count(body, `42["e",1]`)
	}
	all.Wait()
	if got != senders*each {
		t.Errorf("got %d events; want %d", got, senders*each)
	}
}
