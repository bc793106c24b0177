package socketio

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
)

// Config is what a Server needs. Connect is required; every other zero value is the default.
type Config struct {
	// Accept judges the HTTP request of a new session, before anything is kept: Origin, limits. What it refuses it has answered.
	Accept func(w http.ResponseWriter, r *http.Request) bool
	// Connect judges a client's CONNECT to a namespace. An error is answered by CONNECT_ERROR with its text as message (a *Refusal's
	// with its data); otherwise the Handler gets what the client sends. It is called by the session's own goroutine.
	Connect func(ctx context.Context, c *Connect) (Handler, error)

	PingInterval   time.Duration // default 25 s
	PingTimeout    time.Duration // default 20 s
	ConnectTimeout time.Duration // until the first CONNECT; default 45 s
	MaxPayload     int           // bytes of a message and of a polling request; default 64 KiB
	Queue          int           // bytes that may wait for a client; default 256 KiB
	WriteTimeout   time.Duration // default 10 s
	MaxSessions    int           // sessions at once; default 10,000
	// Recovery is how long a session that was cut off may be resumed (connection state recovery); 0 is never. Connect is asked anew
	// all the same, with Connect.Recovered set, and says whether it may be.
	Recovery time.Duration
	Now      func() time.Time // default time.Now
}

// Connect is a client that asks for a namespace.
type Connect struct {
	Request   *http.Request   // of the handshake
	Namespace string          // "/" or "/name"
	Auth      json.RawMessage // what the client sent as auth; empty for nothing
	Socket    *Socket         // what it will have; nothing may be sent to it before the Handler is returned
	// Recovered is what the client had, as Socket.Keep left it, where it asks for the recovery of a session that is kept; else nil.
	// Connect decides by it, and calls Resume where the client may have it.
	Recovered any
	Offset    string // the offset of the last packet that the client saw, "" for none
}

// Resume makes the client's recovery hold: it keeps the id that it had, and learns so.
func (c *Connect) Resume() { panic("socketio: to be written") }

// Refusal is an error of Connect with data for the client.
type Refusal struct {
	Message string
	Data    any // JSON; nil for none
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

// Handler gets what one Socket's client does, by one goroutine.
type Handler interface {
	// Event is an event with its arguments (raw JSON; binary arguments are []byte in Event.Binary). ack is nil where none is asked for.
	Event(e Event, ack func(args ...any))
	// Gone says that the socket has ended, once, and why: Socket.IO's own words ("transport close", "ping timeout",
	// "client namespace disconnect", "server namespace disconnect", ...).
	Gone(reason string)
}

// Event is what a client emitted.
type Event struct {
	Name   string
	Args   []json.RawMessage // binary ones stand as placeholders
	Binary [][]byte
}

// Server serves one path. It is an http.Handler.
type Server struct{}

// New builds a Server.
func New(c Config) *Server { panic("socketio: to be written") }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { panic("socketio: to be written") }

// Close ends all sessions: each client gets its disconnect packets, then its close frame with code and reason. It returns when all have ended, or ctx has.
func (s *Server) Close(ctx context.Context, code int, reason string) error {
	panic("socketio: to be written")
}

// Socket is a client in a namespace. Its methods are safe for concurrent use and never wait.
type Socket struct{}

// ID is what the client knows itself by. It is no secret, and no credential.
func (s *Socket) ID() string { panic("socketio: to be written") }

// Transport is "websocket" or "polling".
func (s *Socket) Transport() string { panic("socketio: to be written") }

// Emit sends an event to this client alone.
func (s *Socket) Emit(event string, args ...any) error { panic("socketio: to be written") }

// Send sends a packet that was made once for all.
func (s *Socket) Send(p *Packet) bool { panic("socketio: to be written") }

// Keep says what Connect.Recovered is should the client be cut off; nil, as at first, is that it cannot be resumed.
func (s *Socket) Keep(v any) { panic("socketio: to be written") }

// Disconnect ends the socket: what waits is sent, then the disconnect packet, which clients do not answer with a reconnect
// ("io server disconnect"), then, if this was the session's last socket, the transport ends with code and reason.
func (s *Socket) Disconnect(code int, reason string) { panic("socketio: to be written") }

// Packet is an event made once for all who receive it, in a namespace.
type Packet struct {
	frame socket.Frame // for websocket
	text  []byte       // for polling
}

// NewPacket makes an event for the sockets of a namespace.
func NewPacket(namespace, event string, args ...any) (*Packet, error) {
	panic("socketio: to be written")
}
