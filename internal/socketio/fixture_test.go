package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"

	"github.com/sandi-auth/sandi/internal/socketio"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(clientsEnv); spec != "" {
		if err := runClients(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// guest is a Handler that lets the test see what happens.
type guest struct {
	socket *socketio.Socket
	events chan socketio.Event
	gone   chan string
	on     map[string]func(e socketio.Event, ack func(...any)) // else the event is sent back
}

func newGuest(c *socketio.Connect) *guest {
	return &guest{socket: c.Socket, events: make(chan socketio.Event, 1000), gone: make(chan string, 2)}
}

func (g *guest) Event(e socketio.Event, ack func(args ...any)) {
	g.events <- e
	if f := g.on[e.Name]; f != nil {
		f(e, ack)
		return
	}
	args := make([]any, len(e.Args))
	for i, a := range e.Args {
		var p struct {
			Placeholder bool `json:"_placeholder"`
			Num         int  `json:"num"`
		}
		if args[i] = a; json.Unmarshal(a, &p) == nil && p.Placeholder {
			args[i] = e.Binary[p.Num]
		}
	}
	if ack != nil {
		ack(args...)
		return
	}
	_ = g.socket.Emit(e.Name, args...)
}

func (g *guest) Gone(reason string) { g.gone <- reason }

// hotel lets every client in to "/" and "/annex", and hands the test its guests.
type hotel struct {
	*socketio.Server
	guests chan *guest
	url    string // of a real server, where there is one
}

func newHotel(t *testing.T, c socketio.Config) *hotel {
	t.Helper()
	h := &hotel{guests: make(chan *guest, 1000)}
	if c.Connect == nil {
		c.Connect = h.connect
	}
	h.Server = socketio.New(c)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // nobody polls any more
		_ = h.Close(ctx, 1001, "")
	})
	return h
}

func (h *hotel) connect(_ context.Context, c *socketio.Connect) (socketio.Handler, error) {
	if c.Namespace != "/" && c.Namespace != "/annex" {
		return nil, &socketio.Refusal{Message: "Invalid namespace"}
	}
	g := newGuest(c)
	h.guests <- g
	return g, nil
}

// listen serves over loopback.
func (h *hotel) listen(t *testing.T) *hotel {
	t.Helper()
	s := httptest.NewServer(h.Server)
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

// call is a request without a network.
func call(h http.Handler, method, query, body string) (status int, answer string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/socket.io/?EIO=4&"+query, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// poller is a client that polls.
type poller struct {
	t   *testing.T
	h   http.Handler
	sid string
}

func newPoller(t *testing.T, h http.Handler) *poller {
	t.Helper()
	status, body := call(h, "GET", "transport=polling", "")
	if status != 200 {
		t.Fatalf("got %d %s for a handshake", status, body)
	}
	return &poller{t, h, opened(t, body)}
}

func opened(t *testing.T, packet string) (sid string) {
	t.Helper()
	var open struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(packet, "0")), &open); err != nil || open.SID == "" {
		t.Fatalf("got open packet %q: %v", packet, err)
	}
	return open.SID
}

func (p *poller) get() (int, string) {
	return call(p.h, "GET", "transport=polling&sid="+p.sid, "")
}

func (p *poller) post(body string) (int, string) {
	return call(p.h, "POST", "transport=polling&sid="+p.sid, body)
}

// want polls once.
func (p *poller) want(want string) {
	p.t.Helper()
	if status, got := p.get(); status != 200 || got != want {
		p.t.Fatalf("got %d %q; want %q", status, got, want)
	}
}

// say posts.
func (p *poller) say(body string) {
	p.t.Helper()
	if status, got := p.post(body); status != 200 || got != "ok" {
		p.t.Fatalf("got %d %q for %q", status, got, body)
	}
}

// wantEnded wants the session to be unknown.
func (p *poller) wantEnded() {
	p.t.Helper()
	if status, got := p.get(); status != 400 || !strings.Contains(got, `"code":1`) {
		p.t.Fatalf("got %d %s; want the session to have ended", status, got)
	}
}

// enter connects to "/" with auth and answers what CONNECT was answered.
func (p *poller) enter(auth string) (sid, pid string) {
	p.t.Helper()
	p.say("40" + auth)
	_, got := p.get()
	return entered(p.t, got)
}

func entered(t *testing.T, packet string) (sid, pid string) {
	t.Helper()
	var answer struct{ SID, PID string }
	first, _, _ := strings.Cut(strings.TrimPrefix(packet, "2\x1e"), "\x1e")
	if err := json.Unmarshal([]byte(strings.TrimPrefix(first, "40")), &answer); err != nil || answer.SID == "" {
		t.Fatalf("got %q for CONNECT: %v", packet, err)
	}
	return answer.SID, answer.PID
}

// wire is a client by websocket.
type wire struct {
	t    *testing.T
	conn net.Conn
	r    io.Reader
}

// dial opens a websocket; query may name a session.
func (h *hotel) dial(t *testing.T, query string) *wire {
	t.Helper()
	conn, buffered, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(h.url, "http")+"/socket.io/?EIO=4&transport=websocket"+query)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &wire{t, conn, conn}
	if buffered != nil {
		w.r = buffered
	}
	return w
}

// enter opens a session and connects to "/".
func (h *hotel) enter(t *testing.T) (*wire, *guest) {
	t.Helper()
	w := h.dial(t, "")
	opened(t, w.read())
	w.say("40")
	entered(t, w.read())
	return w, <-h.guests
}

func (w *wire) say(text string) {
	w.t.Helper()
	if err := wsutil.WriteClientText(w.conn, []byte(text)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) sayBinary(data string) {
	w.t.Helper()
	if err := wsutil.WriteClientBinary(w.conn, []byte(data)); err != nil {
		w.t.Fatal(err)
	}
}

// next is the next message, with "b:" before a binary one; the error is a wsutil.ClosedError where the server closes, and answered.
func (w *wire) next() (string, error) {
	data, op, err := wsutil.ReadServerData(struct {
		io.Reader
		io.Writer
	}{w.r, w.conn})
	if op == ws.OpBinary {
		return "b:" + string(data), err
	}
	return string(data), err
}

func (w *wire) read() string {
	w.t.Helper()
	got, err := w.next()
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func (w *wire) want(want string) {
	w.t.Helper()
	if got := w.read(); got != want {
		w.t.Fatalf("got %q; want %q", got, want)
	}
}

// wantClose wants a close frame to be the next.
func (w *wire) wantClose(code int, reason string) {
	w.t.Helper()
	got, err := w.next()
	closed, ok := errors.AsType[wsutil.ClosedError](err)
	if !ok || int(closed.Code) != code || closed.Reason != reason {
		w.t.Fatalf("got %q, %v; want close %d %q", got, err, code, reason)
	}
}
