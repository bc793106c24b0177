package realtime

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/socket"
	"github.com/sandi-auth/sandi/internal/socketio"
	"github.com/sandi-auth/sandi/internal/web"
)

// DoorConfig is what a Door needs. Hub, Guard, Web and Logger are required; every other zero value is the default.
type DoorConfig struct {
	Hub *Hub
	// Guard verifies the handshakes' credentials. Its Tickets and Replay are required, its DPoP and Cookie count (Cookie.Origins
	// being Origins); where tokens are looked for the Door says itself.
	Guard *guard.Guard
	Web   *web.Web // writes refusals that are no close frames
	// Logger is told of faults of ours.
	Logger *slog.Logger

	// Origins are the exact origins whose pages may open sockets, this server's own among them. Default none: programs alone.
	Origins []string
	// AuthTimeout is how long a socket may be open without a credential; default 5 s.
	AuthTimeout time.Duration
	// MaxSilent bounds the sockets and Socket.IO sessions that have shown no good credential, in all (default 2,500) and for each
	// network (MaxSilentEach, default 250), those of Exempt addresses excepted.
	MaxSilent, MaxSilentEach int
	Exempt                   func(address string) bool // default none
	Socket                   socket.Config             // of raw WebSockets; Protocols is the Door's
	// SocketIO is the Socket.IO server's; Accept, Connect, Address and ConnectTimeout are the Door's.
	SocketIO socketio.Config

	InsecureQueryToken bool // takes access tokens from ?token=
	InsecureAnyOrigin  bool // lets pages of every origin open sockets, by cookie still those of Origins alone
}

// Door is where clients come in: the raw WebSocket and Socket.IO, in front of one Hub.
type Door struct {
	cfg      DoorConfig
	hub      *Hub
	sio      *socketio.Server
	explicit []guard.Requirement // a credential that was sent on purpose, or none
	ambient  []guard.Requirement // a cookie, or none
	silent   *silent
	keeping  *keeping
	live     sync.WaitGroup // the connections that are read
	// handshakes are what ends the silence of a Socket.IO session: func(), by the request id of its handshake.
	handshakes sync.Map
}

// NewDoor builds a Door. It panics without Hub, Guard (with Tickets and Replay), Web and Logger: a programmer's mistake.
func NewDoor(c DoorConfig) *Door {
	if c.Hub == nil || c.Guard == nil || c.Web == nil || c.Logger == nil {
		panic("realtime: DoorConfig needs Hub, Guard, Web and Logger")
	}
	c.AuthTimeout = cmp.Or(c.AuthTimeout, 5*time.Second)
	if c.Exempt == nil {
		c.Exempt = func(string) bool { return false }
	}
	sources := []guard.Source{guard.FromHeader(), guard.FromProtocol(), guard.FromTicket("ticket")}
	if c.InsecureQueryToken {
		sources = append(sources, guard.InsecureFromQuery("token"))
	}
	d := &Door{
		cfg: c, hub: c.Hub,
		explicit: []guard.Requirement{guard.Optional(), guard.From(sources...)},
		ambient:  []guard.Requirement{guard.Optional(), guard.From(guard.FromCookie())},
		silent:   newSilent(cmp.Or(c.MaxSilent, 2500), cmp.Or(c.MaxSilentEach, 250)),
	}
	d.keeping = newKeeping(c.Hub.cfg.Limits.PerUser, c.SocketIO.Recovery)
	c.Guard.Require(d.explicit...) // panics here rather than at the first client
	d.cfg.Socket.Protocols = []string{"sandi.v1"}
	d.cfg.Socket.MaxMessage = cmp.Or(c.Socket.MaxMessage, 64<<10)
	c.SocketIO.Accept, c.SocketIO.Connect = d.accept, d.connect
	c.SocketIO.Address = func(r *http.Request) string { return web.Address(r.Context()) }
	c.SocketIO.ConnectTimeout = 2 * c.AuthTimeout // a request later than a raw WebSocket's first message
	d.sio = socketio.New(c.SocketIO)
	return d
}

// Routes mounts the raw WebSocket at path and Socket.IO at socketIOPath, which ends in a slash.
func (d *Door) Routes(mux *http.ServeMux, path, socketIOPath string) {
	mux.HandleFunc("GET "+path, d.raw)
	mux.HandleFunc(socketIOPath+"{$}", d.socketIO)
	mux.HandleFunc(strings.TrimSuffix(socketIOPath, "/"), d.socketIO) // else the mux redirects, and the query with it
}

// farewell is how long a polling client of Socket.IO has to fetch what it is told at the end.
const farewell = time.Second

// Close ends the connections that were never let in, and Socket.IO's, and waits until all have ended, or ctx has. Those that were
// let in the Hub ends before that, when its Run ends.
func (d *Door) Close(ctx context.Context) error {
	d.silent.close()
	bye, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if d.sio.Close(bye, EndAway.Code, EndAway.Reason) != nil { // who polls no more has been cut off now
		if err := d.sio.Close(ctx, EndAway.Code, EndAway.Reason); err != nil {
			return fmt.Errorf("close Socket.IO: %w", err)
		}
	}
	ended := make(chan struct{})
	go func() {
		d.live.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close sockets: %w", context.Cause(ctx))
	}
}

// recovered, deferred, ends one connection for a fault of ours instead of the process.
func (d *Door) recovered(end func(End)) {
	if v := recover(); v != nil {
		d.cfg.Logger.Error("handler of a socket panicked", "panic", v, "stack", string(debug.Stack()))
		end(End{Code: socket.InternalError, Reason: "Internal Error", Why: "closed"})
	}
}
