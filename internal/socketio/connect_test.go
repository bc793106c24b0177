package socketio_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/socketio"
)

func TestConnect(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{
		Address: func(r *http.Request) string { return r.Header.Get("X-Forwarded-For") },
		Connect: func(ctx context.Context, c *socketio.Connect) (socketio.Handler, error) {
			switch c.Namespace {
			case "/plain":
				return nil, errors.New("go away")
			case "/data":
				return nil, &socketio.Refusal{Message: "Akses Tidak Sah", Data: map[string]int{"code": 4001}}
			case "/wrapped":
				return nil, fmt.Errorf("connect: %w", &socketio.Refusal{Message: "no"})
			case "/unspeakable":
				return nil, &socketio.Refusal{Message: "no", Data: math.NaN()}
			}
			g := newGuest(c)
			r := c.Request
			_ = c.Socket.Emit("hello", r.Method, r.Host, r.RemoteAddr, r.URL.Query().Get("token"), r.Header.Get("Cookie"), r.Header.Get("Sec-WebSocket-Key"), c.Auth)
			return g, nil
		},
	})
	r := httptest.NewRequest("GET", "http://hq.example/socket.io/?EIO=4&transport=polling&token=t", nil)
	r.Header.Set("Cookie", "jwt=x")
	r.Header.Set("X-Forwarded-For", "192.0.2.7")
	r.Header.Set("Sec-WebSocket-Key", "AA==")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	p := &poller{t, h, opened(t, w.Body.String())}
	p.say(`40{"token":"t"}`)
	_, got := p.get()
	entered(t, got)
	if want := `42["hello","GET","hq.example","192.0.2.7","t","jwt=x","",{"token":"t"}]`; !strings.HasSuffix(got, "\x1e"+want) {
		t.Errorf("got %q; want the answer, then %q", got, want)
	}
	for _, c := range []struct{ say, want string }{
		{"40/plain,", `44/plain,{"message":"go away"}`},
		{"40/data,{}", `44/data,{"message":"Akses Tidak Sah","data":{"code":4001}}`},
		{"40/wrapped", `44/wrapped,{"message":"no"}`},
		{"40/unspeakable", `44/unspeakable,{"message":"no"}`},
	} {
		p.say(c.say)
		p.want(c.want)
	}
}

// What the state of the session does not allow ends it.
func TestOutOfPlace(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{MaxPayload: 4000}).listen(t)
	placeholder := `["a",{"_placeholder":true,"num":0}]`
	for _, c := range []struct {
		name   string
		before bool // CONNECT
		said   []string
	}{
		{"event before CONNECT", false, []string{`42["a"]`}},
		{"disconnect before CONNECT", false, []string{"41"}},
		{"ack before CONNECT", false, []string{"431[]"}},
		{"CONNECT twice", true, []string{"40"}},
		{"event of another namespace", true, []string{`42/annex,["a"]`}},
		{"event after disconnecting", true, []string{"41", `42["a"]`}},
		{"CONNECT_ERROR", true, []string{`44{"message":"x"}`}},
		{"unknown type", true, []string{"47"}},
		{"bytes out of nowhere", true, []string{"b:x"}},
		{"text where bytes are due", true, []string{"451-" + placeholder, `42["a"]`}},
		{"attachments too large together", true, []string{"452-" + placeholder, "b:" + strings.Repeat("x", 3000), "b:" + strings.Repeat("x", 3000)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := h.dial(t, "")
			opened(t, w.read())
			if c.before {
				w.say("40")
				entered(t, w.read())
			}
			for _, s := range c.said {
				if data, binary := strings.CutPrefix(s, "b:"); binary {
					w.sayBinary(data)
				} else {
					w.say(s)
				}
			}
			w.wantClose(1002, "Parse Error")
		})
	}
}

func TestTooManyNamespaces(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{Connect: func(_ context.Context, c *socketio.Connect) (socketio.Handler, error) { return newGuest(c), nil }})
	p := newPoller(t, h)
	for i := range 16 {
		p.say(fmt.Sprintf("40/%d,", i))
	}
	wantStatus(p, 400, "40/16,")
	p.wantEnded()
}

// Whoever is refused again and again has to make a new session, which can be counted.
func TestTooManyRefusals(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	w := h.dial(t, "")
	opened(t, w.read())
	for range 16 {
		w.say("40/nowhere")
		w.want(`44/nowhere,{"message":"Invalid namespace"}`)
	}
	w.wantClose(4008, "Too Many Refusals")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	w, g := h.enter(t)
	w.say(`42["e",1,"2",{"3":[true]}]`)
	w.want(`42["e",1,"2",{"3":[true]}]`)
	w.say(`4212["e",null]`)
	w.want(`4312[null]`)
	w.say(`42["e"]`)
	w.want(`42["e"]`)
	w.say(`452-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	w.sayBinary("\x01")
	w.sayBinary("\x02")
	w.want(`452-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	w.want("b:\x01")
	w.want("b:\x02")
	w.say(`451-7["e",{"_placeholder":true,"num":0}]`)
	w.sayBinary("x")
	w.want(`461-7[{"_placeholder":true,"num":0}]`)
	w.want("b:x")
	w.say(`431["nobody asked"]`)
	if err := g.socket.Emit("bad", math.NaN()); err == nil {
		t.Error("NaN is no JSON")
	}
	if err := g.socket.Emit("disconnect"); err == nil {
		t.Error("the name is reserved")
	}
	w.say(`40/annex,{}`)
	entered(t, strings.Replace(w.read(), "/annex,", "", 1))
	w.say(`42/annex,5["e"]`)
	w.want(`43/annex,5[]`)
	w.say("41/annex")
	if why := <-(<-h.guests).gone; why != "client namespace disconnect" {
		t.Errorf("got %q", why)
	}
	w.say(`42["e"]`)
	w.want(`42["e"]`)
}

func TestAckIsCalledOnce(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	w, g := h.enter(t)
	var late func(...any)
	g.on = map[string]func(socketio.Event, func(...any)){
		"twice": func(_ socketio.Event, ack func(...any)) { ack(1); ack(2) },
		"bad":   func(_ socketio.Event, ack func(...any)) { ack(math.NaN()) },
		"late":  func(_ socketio.Event, ack func(...any)) { late = ack; ack = nil; g.socket.Disconnect(1000, "") },
	}
	w.say(`421["twice"]`)
	w.want(`431[1]`)
	w.say(`422["bad"]`)
	w.want(`432[null]`)
	w.say(`423["late"]`)
	w.want("41")
	w.wantClose(1000, "")
	<-g.gone
	late(1)
}

// What a Handler gets stays as it is.
func TestEventsMayBeKept(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	w, g := h.enter(t)
	w.say(`451-["e",{"_placeholder":true,"num":0}]`)
	w.sayBinary("first")
	w.say(`42["e","first"]`)
	for range 10 {
		w.say(`42["e","other"]`)
	}
	e := <-g.events
	want := socketio.Event{Name: "e", Args: e.Args, Binary: [][]byte{[]byte("first")}}
	if e2 := <-g.events; !reflect.DeepEqual(e, want) || string(e2.Args[0]) != `"first"` {
		t.Errorf("got %q, %q", e.Binary, e2.Args)
	}
}

func TestDisconnect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   int
		packet bool
	}{{4002, true}, {1000, true}, {1001, false}} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			t.Parallel()
			h := newHotel(t, socketio.Config{}).listen(t)
			w, g := h.enter(t)
			_ = g.socket.Emit("auth_error", "x")
			g.socket.Disconnect(c.code, "Token Expired")
			g.socket.Disconnect(4004, "again")
			if err := g.socket.Emit("late"); !errors.Is(err, socketio.ErrGone) {
				t.Errorf("got %v", err)
			}
			w.want(`42["auth_error","x"]`)
			if c.packet {
				w.want("41")
			}
			w.wantClose(c.code, "Token Expired")
			if why := <-g.gone; why != "server namespace disconnect" {
				t.Errorf("got %q", why)
			}
		})
	}
}

// A client that polls gets what waited and the disconnect packet, then, with its next GET, the close packet: in one payload it would hear of
// the close first, and come back.
func TestDisconnectOfAPoller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHotel(t, socketio.Config{})
		for _, waits := range []bool{true, false} {
			p := newPoller(t, h)
			p.enter("")
			g := <-h.guests
			var got <-chan answer
			if waits {
				got = later(p.get)
				synctest.Wait()
			}
			_ = g.socket.Emit("auth_error", "x")
			g.socket.Disconnect(4002, "Token Expired")
			if !waits {
				got = later(p.get)
			}
			if a := <-got; a != (answer{200, "42[\"auth_error\",\"x\"]\x1e41"}) {
				t.Errorf("got %v", a)
			}
			p.say(`42["late"]`) // on its way before it knew
			p.want("1")
			p.wantEnded()
			if why := <-g.gone; why != "server namespace disconnect" || len(g.events) != 0 {
				t.Errorf("got %q, %d events", why, len(g.events))
			}
		}
		p := newPoller(t, h)
		p.enter("")
		(<-h.guests).socket.Disconnect(4002, "")
		time.Sleep(20 * time.Second)
		p.wantEnded() // who does not ask for it in time
	})
}

// The end of one namespace is not the end of the session; what the client sent there before it knew is nothing.
func TestDisconnectOfOneNamespace(t *testing.T) {
	t.Parallel()
	h := newHotel(t, socketio.Config{}).listen(t)
	w, g := h.enter(t)
	w.say("40/annex,")
	entered(t, strings.Replace(w.read(), "/annex,", "", 1))
	annex := <-h.guests
	g.socket.Disconnect(4003, "")
	w.want("41")
	w.say(`42["late"]`)
	w.say("41")
	w.say(`42/annex,["e"]`)
	w.want(`42/annex,["e"]`)
	w.say("40")
	entered(t, w.read())
	if g2 := <-h.guests; len(g.events) != 0 || g2.socket.ID() == g.socket.ID() {
		t.Errorf("got %d events, id %s", len(g.events), g2.socket.ID())
	}
	w.say("1")
	if why := <-annex.gone; why != "transport close" {
		t.Errorf("got %q", why)
	}
}

// What is sent, and an end that is asked for, while Connect still thinks, comes after the answer.
func TestWhileConnecting(t *testing.T) {
	t.Parallel()
	ends := map[string]func(k *socketio.Socket){
		"disconnect": func(k *socketio.Socket) { k.Disconnect(4004, "Token Revoked") },
		"too much": func(k *socketio.Socket) {
			for k.Emit("e", strings.Repeat("x", 100)) == nil {
			}
		},
	}
	gone := make(chan string, 1)
	h := newHotel(t, socketio.Config{Queue: 1000, Connect: func(_ context.Context, c *socketio.Connect) (socketio.Handler, error) {
		g := newGuest(c)
		g.gone = gone
		_ = c.Socket.Emit("early", 1)
		ends[string(c.Auth[2:len(c.Auth)-4])](c.Socket)
		return g, nil
	}}).listen(t)
	w := h.dial(t, "")
	opened(t, w.read())
	w.say(`40{"disconnect":1}`)
	entered(t, w.read())
	w.want(`42["early",1]`)
	w.want("41")
	w.wantClose(4004, "Token Revoked")
	if why := <-gone; why != "server namespace disconnect" {
		t.Errorf("got %q", why)
	}
	w = h.dial(t, "")
	opened(t, w.read())
	w.say(`40{"too much":1}`)
	w.wantClose(4008, "Too Slow")
	if why := <-gone; why != "transport error" {
		t.Errorf("got %q", why)
	}
}
