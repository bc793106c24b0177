package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/socketio"
)

// newInn lets clients resume what they had.
func newInn(t *testing.T, c socketio.Config, recovered chan any) *hotel {
	t.Helper()
	if c.Recovery == 0 {
		c.Recovery = 2 * time.Minute
	}
	guests := make(chan *guest, 1000)
	c.Connect = func(_ context.Context, c *socketio.Connect) (socketio.Handler, error) {
		recovered <- c.Recovered
		if strings.Contains(string(c.Auth), `"token":"bad"`) {
			return nil, errors.New("Akses Tidak Sah")
		}
		g := newGuest(c)
		if c.Recovered != nil {
			c.Resume()
			c.Resume()
		}
		c.Socket.Keep("alice")
		guests <- g
		return g, nil
	}
	h := newHotel(t, c)
	h.guests = guests
	return h
}

// offset takes the offset off an event.
func offset(t *testing.T, packet, want string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(packet, strings.TrimSuffix(want, "]")+`,"`)
	if !ok || len(rest) != 13 {
		t.Fatalf("got %q; want %q with an offset", packet, want)
	}
	return rest[:11]
}

// stay connects, gets some events, sees the first ones, and is cut off.
func stay(t *testing.T, h *hotel, events, seen int) (sid, pid, last string, g *guest) {
	t.Helper()
	p := newPoller(t, h)
	sid, pid = p.enter("")
	if pid == "" || pid == sid {
		t.Fatalf("got pid %q", pid)
	}
	g = <-h.guests
	for i := range events {
		_ = g.socket.Emit("e", i)
		if i < seen {
			_, body := p.get()
			last = offset(t, body, fmt.Sprintf(`42["e",%d]`, i))
		}
	}
	p.say("1")
	if why := <-g.gone; why != "transport close" {
		t.Fatalf("got %q", why)
	}
	waitKept(t, h, 1)
	return sid, pid, last, g
}

func waitKept(t *testing.T, h *hotel, want int) {
	t.Helper()
	for _, n := h.Live(); n != want; _, n = h.Live() {
		if t.Context().Err() != nil {
			t.Fatalf("got %d kept; want %d", n, want)
		}
		runtime.Gosched() // Gone is told by a goroutine
	}
}

func auth(pid, offset string) string {
	return fmt.Sprintf(`{"pid":%q,"offset":%q,"token":"good"}`, pid, offset)
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	recovered := make(chan any, 10)
	h := newInn(t, socketio.Config{}, recovered)
	sid, pid, last, _ := stay(t, h, 5, 2)
	<-recovered
	p := newPoller(t, h)
	p.say("40" + auth(pid, last))
	_, body := p.get()
	got := strings.Split(body, "\x1e")
	sid2, pid2 := entered(t, got[0])
	if v := <-recovered; v != "alice" || sid2 != sid || pid2 != pid || len(got) != 4 {
		t.Fatalf("got %v, id %s, %d packets; want alice, %s, 4", v, sid2, len(got), sid)
	}
	for i, packet := range got[1:] {
		last = offset(t, packet, fmt.Sprintf(`42["e",%d]`, i+2))
	}
	g := <-h.guests
	if g.socket.ID() != sid {
		t.Errorf("got id %s; want %s", g.socket.ID(), sid)
	}
	// Again, after more.
	_ = g.socket.Emit("f")
	p.say("1")
	<-g.gone
	waitKept(t, h, 1)
	p = newPoller(t, h)
	p.say("40" + auth(pid, last))
	_, body = p.get()
	got = strings.Split(body, "\x1e")
	if v := <-recovered; v != "alice" || len(got) != 2 {
		t.Fatalf("got %v, %q", v, body)
	}
	offset(t, got[1], `42["f"]`)
}

func TestNoRecovery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config socketio.Config
		end    func(p *poller, g *guest) // before the client comes back
		pid    func(pid string) string
	}{
		{"unknown pid", socketio.Config{}, nil, func(string) string { return "x" }},
		{"client disconnected", socketio.Config{}, func(p *poller, _ *guest) { p.say("41") }, nil},
		{"server disconnected", socketio.Config{}, func(p *poller, g *guest) { g.socket.Disconnect(4004, ""); p.get(); p.get() }, nil},
		{"malformed", socketio.Config{}, func(p *poller, _ *guest) { p.post("abc") }, nil},
		{"not to be kept", socketio.Config{}, func(p *poller, g *guest) { g.socket.Keep(nil); p.say("1") }, nil},
		{"too late", socketio.Config{}, func(p *poller, _ *guest) { p.say("1"); time.Sleep(2 * time.Minute) }, nil},
		{"too much was missed", socketio.Config{Queue: 4000}, func(p *poller, g *guest) {
			for range 20 {
				_ = g.socket.Emit("e", strings.Repeat("x", 100))
			}
			p.say("1")
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				recovered := make(chan any, 10)
				h := newInn(t, c.config, recovered)
				p := newPoller(t, h)
				sid, pid := p.enter("")
				g := <-h.guests
				<-recovered
				_ = g.socket.Emit("first")
				_, body := p.get()
				last := offset(t, body, `42["first"]`)
				if c.end == nil {
					p.say("1")
				} else {
					c.end(p, g)
				}
				synctest.Wait()
				if c.pid != nil {
					pid = c.pid(pid)
				}
				p = newPoller(t, h)
				if sid2, _ := p.enter(auth(pid, last)); sid2 == sid {
					t.Error("got the old id")
				}
				if v := <-recovered; v != nil {
					t.Errorf("got %v", v)
				}
			})
		})
	}
}

func TestRecoveryCountsOnce(t *testing.T) {
	t.Parallel()
	recovered := make(chan any, 10)
	h := newInn(t, socketio.Config{}, recovered)
	_, pid, last, _ := stay(t, h, 1, 1)
	<-recovered
	p := newPoller(t, h)
	p.say(`40/elsewhere,` + auth(pid, last))
	p.get()
	if v := <-recovered; v != nil {
		t.Errorf("another namespace got %v", v)
	}
	p = newPoller(t, h) // a bad token gets nothing, and takes nothing away
	p.say("40" + strings.Replace(auth(pid, last), "good", "bad", 1))
	p.want(`44{"message":"Akses Tidak Sah"}`)
	if v := <-recovered; v != "alice" {
		t.Errorf("got %v", v)
	}
	for _, want := range []any{"alice", nil} {
		newPoller(t, h).enter(auth(pid, last))
		if v := <-recovered; v != want {
			t.Errorf("got %v; want %v", v, want)
		}
	}
}

// An offset is only worth something while nothing after it has been dropped: by size, or by age.
func TestRecoveryOffsets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recovered := make(chan any, 10)
		h := newInn(t, socketio.Config{Recovery: time.Minute}, recovered)
		_, pid, _, _ := stay(t, h, 2, 0)
		<-recovered
		p := newPoller(t, h)
		p.enter(auth(pid, "of an earlier life")) // nothing was dropped: it gets all of this one
		if v := <-recovered; v != "alice" {
			t.Errorf("got %v", v)
		}
		g := <-h.guests
		for range 20 { // quiet for so long that both events are dropped
			p.get()
			p.say("3")
		}
		p.say("1")
		<-g.gone
		synctest.Wait()
		p = newPoller(t, h)
		p.enter(auth(pid, "of an earlier life"))
		if v := <-recovered; v != nil {
			t.Errorf("got %v though events were dropped", v)
		}
	})
}

func TestRecoveryAfterALongSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recovered := make(chan any, 10)
		h := newInn(t, socketio.Config{Recovery: time.Minute}, recovered)
		p := newPoller(t, h)
		_, pid := p.enter("")
		g := <-h.guests
		<-recovered
		_ = g.socket.Emit("e")
		_, body := p.get()
		last := offset(t, body, `42["e"]`)
		for range 20 {
			p.want("2")
			p.say("3")
		}
		p.say("1")
		<-g.gone
		synctest.Wait()
		newPoller(t, h).enter(auth(pid, last))
		if v := <-recovered; v != "alice" {
			t.Errorf("got %v: the last event that was dropped is the last that it saw", v)
		}
		if v, n := h.Live(); v != 1 || n != 0 {
			t.Errorf("got %d sessions, %d kept", v, n)
		}
	})
}

// What Send says was not sent is not sent by recovery either: the caller sends it again.
func TestRecoveryOfASlowClient(t *testing.T) {
	t.Parallel()
	recovered := make(chan any, 10)
	h := newInn(t, socketio.Config{Queue: 4000}, recovered)
	p := newPoller(t, h)
	_, pid := p.enter("")
	g := <-h.guests
	<-recovered
	_ = g.socket.Emit("first")
	_, body := p.get()
	last := offset(t, body, `42["first"]`)
	_ = g.socket.Emit("second")
	if err := g.socket.Emit("e", strings.Repeat("x", 4000)); !errors.Is(err, socketio.ErrGone) {
		t.Fatalf("got %v", err)
	}
	<-g.gone
	waitKept(t, h, 1)
	p = newPoller(t, h)
	p.say("40" + auth(pid, last))
	_, body = p.get()
	if got := strings.Split(body, "\x1e"); len(got) != 2 || <-recovered != "alice" {
		t.Errorf("got %q", got)
	} else {
		offset(t, got[1], `42["second"]`)
	}
}

// Without recovery clients get no private id, and events as they are.
func TestRecoveryIsOff(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{})
	p := newPoller(t, h)
	if _, pid := p.enter(auth("x", "y")); pid != "" {
		t.Errorf("got pid %s", pid)
	}
	g := <-h.guests
	g.socket.Keep("x")
	_ = g.socket.Emit("e", 1)
	p.want(`42["e",1]`)
	p.say("1")
	<-g.gone
	if n, kept := h.Live(); n != 0 || kept != 0 {
		t.Errorf("got %d sessions, %d kept", n, kept)
	}
}
