package socketio_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/socketio"
)

func TestWebsocket(t *testing.T) {
	t.Parallel()
	h := &hotel{Server: socketio.NewEngineEcho(socketio.Config{MaxPayload: 64, Connect: newHotel(t, socketio.Config{}).connect})}
	h.listen(t)
	for _, c := range []struct {
		name   string
		run    func(w *wire)
		code   int
		reason string
	}{
		{"text", func(w *wire) { w.say("4hello"); w.want("4hello"); w.say("1") }, 1000, ""},
		{"bytes", func(w *wire) { w.sayBinary("\x01\x02"); w.want("b:\x01\x02"); w.say("1") }, 1000, ""},
		{"noop, pong and upgrade are nothing", func(w *wire) {
			w.say("6")
			w.say("5")
			w.say("3")
			w.say("4a")
			w.want("4a")
			w.say("1")
		}, 1000, ""},
		{"malformed", func(w *wire) { w.say("abc") }, 1002, "Parse Error"},
		{"empty", func(w *wire) { w.say("") }, 1002, "Parse Error"},
		{"base64", func(w *wire) { w.say("bAQI=") }, 1002, "Parse Error"},
		{"ping", func(w *wire) { w.say("2") }, 1002, "Parse Error"},
		{"too large", func(w *wire) { w.say("4" + strings.Repeat("x", 64)) }, 4008, "Too Large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := h.dial(t, "")
			opened(t, w.read())
			c.run(w)
			w.wantClose(c.code, c.reason)
		})
	}
}

func TestWebsocketHeartbeat(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	w, g := h.enter(t)
	for range 3 {
		h.RingAll(25 * time.Second)
		w.want("2")
		w.say("3")
		w.say(`42["e"]`)
		w.want(`42["e"]`)
	}
	h.RingAll(25 * time.Second)
	w.want("2")
	h.RingAll(46 * time.Second)
	w.wantClose(1000, "Ping Timeout")
	if why := <-g.gone; why != "ping timeout" {
		t.Errorf("got %q", why)
	}
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	p := newPoller(t, h)
	p.enter("")
	g := <-h.guests
	emit := func(i int) {
		t.Helper()
		if err := g.socket.Emit("e", i); err != nil {
			t.Fatal(err)
		}
	}
	waiting := later(p.get)
	for _, polling := h.Polling(p.sid); !polling; _, polling = h.Polling(p.sid) {
		runtime.Gosched() // the request is on its way
	}
	w := h.dial(t, "&sid="+p.sid)
	w.say("2probe")
	w.want("3probe")
	if got := <-waiting; got != (answer{200, "6"}) {
		t.Errorf("got %v for the GET that waited", got)
	}
	p.want("6") // one that comes later is not let wait
	emit(1)
	p.want(`42["e",1]`)
	p.say(`42["f",1]`)
	p.want(`42["f",1]`)
	emit(2)
	if got := g.socket.Transport(); got != "polling" {
		t.Errorf("got %s", got)
	}
	w.say("5")
	w.want(`42["e",2]`) // what no GET had asked for
	emit(3)
	w.want(`42["e",3]`)
	if got := g.socket.Transport(); got != "websocket" {
		t.Errorf("got %s", got)
	}
	for _, f := range []func() (int, string){p.get, func() (int, string) { return p.post("4a") }} {
		if status, body := f(); status != 400 || !strings.Contains(body, `"code":3`) {
			t.Errorf("got %d %s for polling after the upgrade", status, body)
		}
	}
	h.dial(t, "&sid="+p.sid).wantClose(1000, "")
	w.say(`42["f",2]`)
	w.want(`42["f",2]`)
}

// A try to upgrade that fails leaves the session where it was, and another may follow.
func TestUpgradeThatFails(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	p := newPoller(t, h)
	p.enter("")
	for _, c := range []struct {
		name   string
		run    func(w *wire)
		code   int
		reason string
	}{
		{"no probe", func(w *wire) { w.say("5") }, 1002, "Parse Error"},
		{"message before the upgrade", func(w *wire) { w.say("2probe"); w.want("3probe"); w.say("4a") }, 1002, "Parse Error"},
		{"second probe", func(w *wire) { w.say("2probe"); w.want("3probe"); w.say("2probe") }, 1002, "Parse Error"},
		{"never finished", func(w *wire) { w.say("2probe"); w.want("3probe"); h.RingAll(11 * time.Second) }, 4008, "Upgrade Timeout"},
		{"second at once", func(w *wire) {
			w.say("2probe")
			w.want("3probe")
			h.dial(t, "&sid="+p.sid).wantClose(1000, "")
			w.say("x")
		}, 1002, "Parse Error"},
	} {
		w := h.dial(t, "&sid="+p.sid)
		c.run(w)
		w.wantClose(c.code, c.reason)
		p.say(`42["e"]`)
		if _, got := p.get(); got != `42["e"]` {
			t.Fatalf("%s: got %q", c.name, got)
		}
	}
	w := h.dial(t, "&sid="+p.sid)
	w.say("2probe")
	w.want("3probe")
	w.say("5")
	w.say(`42["e"]`)
	w.want(`42["e"]`)
}

// What is sent to a client, and what it sends, arrives once and in order while it upgrades.
func TestUpgradeKeepsOrder(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	p := newPoller(t, h)
	p.enter("")
	g := <-h.guests
	const count = 500
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range count {
			_ = g.socket.Emit("e", i)
		}
	}()
	next := 0
	seen := func(payload string) {
		for one := range strings.SplitSeq(payload, "\x1e") {
			if one == "6" {
				continue
			}
			if want := fmt.Sprintf(`42["e",%d]`, next); one != want {
				t.Fatalf("got %q; want %q", one, want)
			}
			next++
		}
	}
	_, body := p.get()
	seen(body)
	w := h.dial(t, "&sid="+p.sid)
	w.say("2probe")
	w.want("3probe")
	_, body = p.get()
	seen(body)
	w.say("5")
	for next < count {
		seen(w.read())
	}
	<-sent
}

func TestCloseWhileUpgrading(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	p := newPoller(t, h)
	p.enter("")
	g := <-h.guests
	w := h.dial(t, "&sid="+p.sid)
	w.say("2probe")
	w.want("3probe")
	g.socket.Disconnect(4002, "Token Expired")
	w.say("5")
	w.want("41")
	w.wantClose(4002, "Token Expired")
}
