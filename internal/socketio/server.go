package socketio

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
)

// Config is what a Server needs. Connect is required; every other zero value is the default.
type Config struct {
	// Accept judges the HTTP request of a new session, before anything is kept: Origin, limits. What it refuses it has answered. Requests
	// of a session that exists are not asked about again: they name it by its secret id. Default: whoever asks.
	Accept func(w http.ResponseWriter, r *http.Request) bool
	// Connect judges a client's CONNECT to a namespace. An error is answered by CONNECT_ERROR with its text as message (a *Refusal's
	// with its data); otherwise the Handler gets what the client sends. It is called by the session's own goroutine. ctx does not end
	// with the call.
	Connect func(ctx context.Context, c *Connect) (Handler, error)
	// Address says what Connect.Request.RemoteAddr is, from the handshake's request. Default its RemoteAddr, which behind a proxy is
	// the proxy's.
	Address func(r *http.Request) string

	PingInterval   time.Duration // default 25 s
	PingTimeout    time.Duration // default 20 s
	ConnectTimeout time.Duration // how long a session may be without a namespace; default 45 s
	MaxPayload     int           // bytes of a message with its attachments, and of a polling request; default 64 KiB
	Queue          int           // bytes that may wait for a client; default 256 KiB
	WriteTimeout   time.Duration // default 10 s
	MaxSessions    int           // sessions at once; default 10,000
	// Recovery is how long a session that was cut off may be resumed (connection state recovery); 0 is never. Connect is asked anew
	// all the same, with Connect.Recovered set, and says whether it may be. Events get their offset as a last argument then.
	Recovery time.Duration
	Now      func() time.Time // default time.Now
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.PingInterval, 25 * time.Second}, {&c.PingTimeout, 20 * time.Second}, {&c.ConnectTimeout, 45 * time.Second}, {&c.WriteTimeout, 10 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	for _, d := range []struct {
		field *int
		value int
	}{{&c.MaxPayload, 64 << 10}, {&c.Queue, 256 << 10}, {&c.MaxSessions, 10_000}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Accept == nil {
		c.Accept = func(http.ResponseWriter, *http.Request) bool { return true }
	}
	if c.Address == nil {
		c.Address = func(r *http.Request) string { return r.RemoteAddr }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Handler gets what one Socket's client does, one call at a time.
type Handler interface {
	// Event is an event with its arguments (raw JSON; binary arguments are []byte in Event.Binary). ack is nil where none is asked for;
	// it may be called once, by any goroutine.
	Event(e Event, ack func(args ...any))
	// Gone says that the socket has ended, once, after its last Event, and why: Socket.IO's own words ("transport close",
	// "transport error", "ping timeout", "parse error", "client namespace disconnect", "server namespace disconnect",
	// "server shutting down", "forced close").
	Gone(reason string)
}

// Event is what a client emitted.
type Event struct {
	Name   string
	Args   []json.RawMessage // binary ones stand as placeholders: {"_placeholder":true,"num":N} is Binary[N]
	Binary [][]byte
}

// Server serves one path. It is an http.Handler.
type Server struct {
	c       Config
	message func(s *session, binary bool, data []byte) error // what takes the messages of sessions: Socket.IO
	wheel   wheel

	mu       sync.Mutex // guards what follows
	sessions map[string]*session
	kept     map[string]*kept // by private id
	active   int              // sessions, and goroutines that work for them
	idle     chan struct{}    // once Close was called; closed when active is 0
	closing  bool
}

// New builds a Server. It panics without Connect: a programmer's mistake.
func New(c Config) *Server {
	if c.Connect == nil {
		panic("socketio: Config.Connect is required")
	}
	s := &Server{c: c.withDefaults(), message: (*session).message, sessions: map[string]*session{}, kept: map[string]*kept{}}
	start := s.c.Now()
	s.wheel.now = func() time.Duration { return s.c.Now().Sub(start) + 1 } // 0 means never
	return s
}

// admit makes a session, or is nil where there are too many or the Server closes.
func (s *Server) admit(h hello) *session {
	e := &session{server: s, id: newID(), hello: h}
	e.alarm.of = e
	now := s.wheel.now()
	e.beat, e.lonely = now+s.c.PingInterval, now+s.c.ConnectTimeout
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.sessions) >= s.c.MaxSessions {
		return nil
	}
	s.sessions[e.id] = e
	s.active++
	return e
}

// find is the session of an id, nil for none. What is due for it is done first: a client may be quicker than our timer.
func (s *Server) find(id string) *session {
	s.mu.Lock()
	e := s.sessions[id]
	s.mu.Unlock()
	if e != nil {
		e.ring(s.wheel.now())
	}
	return e
}

// remove forgets a session that has ended.
func (s *Server) remove(e *session) {
	s.wheel.set(&e.alarm, 0)
	s.mu.Lock()
	delete(s.sessions, e.id)
	s.mu.Unlock()
	s.done()
}

// spawn runs work that Close waits for.
func (s *Server) spawn(work func()) {
	s.mu.Lock()
	s.active++
	s.mu.Unlock()
	go func() {
		defer s.done()
		work()
	}()
}

func (s *Server) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	if s.active == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// Close ends all sessions: each client gets its disconnect packets (none where code is socket.GoingAway: it is to come back), then its close
// frame with code and reason. It returns when all have ended, or ctx has: then it cuts off who is left, and returns ctx's error.
// New sessions get 503 from now on.
func (s *Server) Close(ctx context.Context, code int, reason string) error {
	s.mu.Lock()
	s.closing = true
	idle := s.idle
	if idle == nil {
		idle = make(chan struct{})
		s.idle = idle
	}
	s.active++ // this call
	all := s.all()
	for pid, k := range s.kept {
		delete(s.kept, pid)
		s.wheel.set(&k.alarm, 0)
	}
	s.mu.Unlock()
	for _, e := range all {
		e.shutAll(code, reason)
	}
	s.done()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	all = s.all()
	s.mu.Unlock()
	for _, e := range all {
		e.end("server shutting down", code, reason)
	}
	return ctx.Err()
}

// all is every session; mu is held.
func (s *Server) all() []*session {
	all := make([]*session, 0, len(s.sessions))
	for _, e := range s.sessions {
		all = append(all, e)
	}
	return all
}

// wire is what a websocket may do: the heartbeat is Engine.IO's own.
func (s *Server) wire() socket.Config {
	return socket.Config{MaxMessage: s.c.MaxPayload, Queue: s.c.Queue, WriteTimeout: s.c.WriteTimeout, PingEvery: -1}
}

// newID is 128 random bits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
