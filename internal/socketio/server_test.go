package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/socketio"
)

func TestConnectIsRequired(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := recover(); got != "socketio: Config.Connect is required" {
			t.Errorf("got %v", got)
		}
	}()
	socketio.New(socketio.Config{})
}

func TestLargeHandshake(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{})
	r := httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=polling", nil)
	r.Header.Set("Cookie", "x="+strings.Repeat("x", 16<<10))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if n, _ := h.Live(); w.Code != http.StatusRequestHeaderFieldsTooLarge || n != 0 {
		t.Errorf("got %d, %d sessions", w.Code, n)
	}
}

func TestMaxSessions(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{MaxSessions: 1}).listen(t)
	w, g := h.enter(t)
	if status, body := call(h, "GET", "transport=polling", ""); status != 503 || !strings.Contains(body, `"message":"Too many sessions"`) {
		t.Errorf("got %d %s", status, body)
	}
	w.say("1")
	<-g.gone
	h.enter(t)
}

// A websocket's handshake that cannot be leaves no session.
func TestBadUpgrade(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{})
	p := newPoller(t, h)
	for _, query := range []string{"", "&sid=" + p.sid} {
		r := httptest.NewRequest("GET", "/socket.io/?EIO=4&transport=websocket"+query, nil)
		r.Header.Set("Upgrade", "websocket")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if n, _ := h.Live(); w.Code != http.StatusUpgradeRequired || n != 1 {
			t.Errorf("got %d, %d sessions", w.Code, n)
		}
	}
	p.enter("")
}

func TestClose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   int
		packet string
	}{{1000, "41"}, {1001, ""}} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			t.Parallel()
			h := newHotel(t, socketio.Config{Recovery: time.Minute}).listen(t)
			w, g := h.enter(t)
			g.socket.Keep("x")
			lonely := h.dial(t, "")
			opened(t, lonely.read())
			p := newPoller(t, h)
			p.enter("")
			pg := <-h.guests
			closed := make(chan error, 1)
			go func() { closed <- h.Close(t.Context(), c.code, "Going Away") }()
			if c.packet != "" {
				w.want(c.packet)
			}
			w.wantClose(c.code, "Going Away")
			lonely.wantClose(c.code, "Going Away")
			for _, g := range []*guest{g, pg} {
				if why := <-g.gone; why != "server shutting down" {
					t.Errorf("got %q", why)
				}
			}
			if c.packet != "" {
				p.want(c.packet)
			}
			p.want("1")
			if err := <-closed; err != nil {
				t.Error(err)
			}
			if status, _ := call(h, "GET", "transport=polling", ""); status != 503 {
				t.Errorf("got %d for a new session", status)
			}
			if n, kept := h.Live(); n != 0 || kept != 0 {
				t.Errorf("got %d sessions, %d kept", n, kept)
			}
		})
	}
}

// A poller that does not come for its close packet does not hold the server up for longer than ctx.
func TestCloseInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, socketio.Config{})
		p := newPoller(t, h)
		p.enter("")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.Close(ctx, 1001, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		p.wantEnded()
		if err := h.Close(t.Context(), 1001, ""); err != nil {
			t.Errorf("got %v the second time", err)
		}
	})
}

// A handler that ends its own socket does not wait for itself, and hears no event after Gone.
func TestDisconnectWithinEvent(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	w, g := h.enter(t)
	g.on = map[string]func(socketio.Event, func(...any)){
		"end": func(socketio.Event, func(...any)) {
			g.socket.Disconnect(4003, "Forbidden")
			if len(g.gone) != 0 {
				t.Error("Gone came within Event")
			}
		},
	}
	w.say(`42["end"]`)
	for range 5 {
		w.say(`42["late"]`)
	}
	w.want("41")
	w.wantClose(4003, "Forbidden")
	<-g.gone
	if len(g.events) != 1 || len(g.gone) != 0 {
		t.Errorf("got %d events, Gone %d times more", len(g.events), len(g.gone))
	}
}

// A packet is made once for clients of both transports.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	w, g := h.enter(t)
	p := newPoller(t, h)
	p.enter("")
	pg := <-h.guests
	packet, err := socketio.NewPacket("/", "news", map[string]string{"a": "<b>"}, []byte{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []*guest{g, pg} {
		if !g.socket.Send(packet) {
			t.Error("not sent")
		}
	}
	const text = `451-["news",{"a":"\u003cb\u003e"},{"_placeholder":true,"num":0}]`
	w.want(text)
	w.want("b:\x01\x02")
	p.want(text + "\x1ebAQI=")
	defer func() {
		if recover() == nil {
			t.Error("a packet of another namespace was sent")
		}
	}()
	other, _ := socketio.NewPacket("/annex", "news")
	g.socket.Send(other)
}

// Everything at once: clients come, talk, go and are thrown out while others broadcast, and the server closes.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex // guards live
	live := map[*guest]bool{}
	var gone sync.WaitGroup
	h := newHotel(t, socketio.Config{Recovery: time.Minute, Queue: 8 << 10, Connect: func(_ context.Context, c *socketio.Connect) (socketio.Handler, error) {
		g := newGuest(c)
		if c.Recovered != nil {
			c.Resume()
		}
		c.Socket.Keep(g)
		mu.Lock()
		defer mu.Unlock()
		live[g] = true
		gone.Add(1)
		return counted{g, &gone}, nil
	}}).listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				p := newPoller(t, h)
				_, _ = p.post("40")
				_, body := p.get()
				_, _ = p.post(`421["e",1]`)
				_, _ = p.get()
				_, _ = p.post("1")
				w := h.dial(t, "")
				_, _ = w.next()
				_, pid, _ := strings.Cut(body, `"pid":"`)
				pid, _, _ = strings.Cut(pid, `"`)
				w.say("40" + auth(pid, ""))
				for range 5 {
					if _, err := w.next(); err != nil {
						break
					}
				}
				w.conn.Close()
			}
		})
	}
	var noise sync.WaitGroup
	for i := range 2 {
		noise.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				packet, _ := socketio.NewPacket("/", "all", n)
				mu.Lock()
				for g := range live {
					if !g.socket.Send(packet) {
						delete(live, g)
					}
					if i == 1 && n%50 == 49 {
						g.socket.Disconnect(4004, "")
						break
					}
				}
				mu.Unlock()
				h.RingAll(25 * time.Second)
			}
		})
	}
	all.Wait()
	cancel()
	noise.Wait()
	stop, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = h.Close(stop, 1001, "")
	gone.Wait() // each was told, once
}

type counted struct {
	*guest
	gone *sync.WaitGroup
}

func (c counted) Gone(reason string) {
	c.guest.Gone(reason)
	c.gone.Done()
}
