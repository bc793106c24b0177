package realtime

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/socket"
	"github.com/sandi-auth/sandi/internal/socketio"
)

// Config is what a Hub needs. Guard, Store, News, Logger and Now are required.
type Config struct {
	Guard   *guard.Guard // verifies the tokens of re-authentication
	Store   Store
	News    News
	Metrics prometheus.Registerer // nil registers nowhere
	Logger  *slog.Logger
	Now     func() time.Time
	Node    string // this node's name, in message ids: letters and digits

	Channels       []Channel // of the configuration; those of the store count beside them
	Levels         map[string]int
	DefaultChannel string
	Limits         Limits
	ExpiringNotice time.Duration
	DrainTime      time.Duration
}

// Limits bound what clients may use; the configuration says what each is (realtime.max_connections and so on).
type Limits struct {
	Connections, PerUser, PerAddress, Channels, Rate int
	// Exempt are addresses whose sockets PerAddress does not count: this machine, trusted proxies.
	Exempt func(address string) bool
}

// News carries messages between nodes, as cluster.Memory and cluster.Redis do.
type News interface {
	Publish(ctx context.Context, topic string, message []byte) error
	Subscribe(topic string, handle func(message []byte)) (cancel func())
}

// Store keeps the channels that the management API made, what happened, and which sockets are live on which node.
type Store interface {
	// Channels lists those of the store, and the version of the list, which every change raises.
	Channels(ctx context.Context) (list []Channel, version int64, err error)
	// ChannelsVersion is that version alone.
	ChannelsVersion(ctx context.Context) (int64, error)
	// PutChannel makes or replaces one.
	PutChannel(ctx context.Context, c Channel, e audit.Event) error
	// RemoveChannel removes one; ErrNoChannel.
	RemoveChannel(ctx context.Context, name string, e audit.Event) error
	// RecordSockets writes what happened since the last time in one transaction: audit events, sockets that began, sockets that ended.
	RecordSockets(ctx context.Context, r Record) error
	// Sockets lists the live ones of all nodes, at most limit, those after the id.
	Sockets(ctx context.Context, after string, limit int) ([]SocketView, error)
	// EndSocket asks the node of a live socket to close it; ErrNoSocket.
	EndSocket(ctx context.Context, id string, e audit.Event) error
	// SocketsToEnd are those of the node that EndSocket was called for.
	SocketsToEnd(ctx context.Context, node string) ([]string, error)
	// ForgetSockets removes the rows of a node: at its start and stop, and of nodes that have died.
	ForgetSockets(ctx context.Context, node string) error
}

// Record is what happened to sockets.
type Record struct {
	Events []audit.Event
	Node   string
	Begun  []SocketView
	Ended  []string // ids
}

// SocketView is a live socket as an administrator sees it.
type SocketView struct {
	ID          string    `json:"id"`
	Node        string    `json:"node"`
	Subject     string    `json:"sub"`
	ClientID    string    `json:"client_id,omitempty"`
	Session     string    `json:"sid,omitempty"`
	Transport   string    `json:"transport"` // websocket, socket.io/websocket, socket.io/polling, gateway
	Address     string    `json:"address"`
	ConnectedAt time.Time `json:"connected_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// Hub is the live sockets of one node.
type Hub struct{}

// NewHub builds a Hub. It fails for a channel that cannot be.
func NewHub(c Config) (*Hub, error) { panic("realtime: to be written") }

// Run keeps up with channels, closes what is asked for by other nodes, writes what happened, until ctx ends; then it drains: every peer is told when to come back,
// and closed with 1001.
func (h *Hub) Run(ctx context.Context) error { panic("realtime: to be written") }

// Peer is the client's end of a connection, whichever protocol it speaks. No method waits.
type Peer interface {
	Deliver(m *Message)
	Tell(n Notice)
	// Close sends what waits, then what the protocol says at an end, and ends the connection.
	Close(e End)
}

// Arrival is a connection that has shown a credential.
type Arrival struct {
	// Token is who it is, verified by Config.Guard just now with every requirement of the route.
	Token     *guard.Token
	Peer      Peer
	Transport string
	From      audit.From
}

// Join lets a connection in: it is registered first, and then its token is judged once more, so that no logout between the two is missed. The error is an *End.
func (h *Hub) Join(ctx context.Context, a Arrival) (*Member, error) { panic("realtime: to be written") }

// Refused counts and records a connection that was not let in, and says whether its address had so many that it should not be answered any more.
func (h *Hub) Refused(from audit.From, reason string) { panic("realtime: to be written") }

// Member is a connection that was let in. Its methods are called by the connection's one reader.
type Member struct{}

// ID is the socket's.
func (m *Member) ID() string { panic("realtime: to be written") }

// ExpiresAt is when its token ends.
func (m *Member) ExpiresAt() time.Time { panic("realtime: to be written") }

// Subscribed is what a subscription answers.
type Subscribed struct {
	Channel  string    `json:"channel"`
	Cursor   string    `json:"cursor"`             // of the newest message
	Complete bool      `json:"complete"`           // nothing between the client's cursor and now was lost
	Present  []Present `json:"presence,omitempty"` // who else is there, where the channel says
}

// Present is somebody in a channel.
type Present struct {
	Subject string `json:"sub"`
	Sockets int    `json:"sockets"`
}

// Subscribe joins a channel. Messages after the cursor, where one is given, are delivered first. The error is an *Error: forbidden, no_channel, too_many.
func (m *Member) Subscribe(channel, cursor string) (Subscribed, error) {
	panic("realtime: to be written")
}

// Unsubscribe leaves one; it is no error not to have been there.
func (m *Member) Unsubscribe(channel string) { panic("realtime: to be written") }

// Publish sends to a channel, "" for the default one. The error is an *Error: forbidden, no_channel, too_large, invalid (with the failing path), too_fast; unavailable where other nodes cannot be reached.
func (m *Member) Publish(ctx context.Context, channel string, data json.RawMessage) (id string, err error) {
	panic("realtime: to be written")
}

// Presence is who is in a channel that this member has joined.
func (m *Member) Presence(channel string) ([]Present, error) { panic("realtime: to be written") }

// Reauthenticate replaces the member's token by a newer one of the same subject, client and key; subscriptions that it does not allow end. The error is an *Error, and
// nothing has changed.
func (m *Member) Reauthenticate(ctx context.Context, token string) (expires time.Time, err error) {
	panic("realtime: to be written")
}

// Allow counts one message of the client; false says that it was ended for too many.
func (m *Member) Allow() bool { panic("realtime: to be written") }

// Leave says that the connection has ended by itself, or by Close; the reason is for the audit log.
func (m *Member) Leave(reason string) { panic("realtime: to be written") }

// Error is what a client did wrong, in a form that its program can rely on.
type Error struct {
	Code string `json:"code"`           // forbidden, no_channel, too_many, too_large, invalid, too_fast, bad_request, token_..., temporarily_unavailable
	Msg  string `json:"msg"`            // a sentence in English
	Path string `json:"path,omitempty"` // JSON Pointer of what fails the channel's schema
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Msg }

// End is why a connection ends: code and reason of its close frame.
type End struct {
	Code   int
	Reason string
	Why    string // a stable word for audit and metrics: invalid, expired, forbidden, revoked, slow, flood, many, idle, kicked, going_away, closed
	// RetryAfter is when the client should come back, where it should.
	RetryAfter time.Duration
}

// Error implements error.
func (e *End) Error() string { return e.Reason }

// The ends that tokens have; the texts are what clients see. See docs/guides/sockets.md.
var (
	EndInvalid   = End{Code: socket.Invalid, Reason: "Unauthorized: Invalid Token", Why: "invalid"}
	EndExpired   = End{Code: socket.Expired, Reason: "Unauthorized: Token Expired", Why: "expired"}
	EndForbidden = End{Code: socket.Forbidden, Reason: "Forbidden", Why: "forbidden"}
	EndKicked    = End{Code: socket.Forbidden, Reason: "Forbidden: Closed By An Administrator", Why: "kicked"}
	EndRevoked   = End{Code: socket.Revoked, Reason: "Unauthorized: Token Revoked", Why: "revoked"}
	EndSlow      = End{Code: socket.TooMuch, Reason: "Too Slow", Why: "slow"}
	EndFlood     = End{Code: socket.TooMuch, Reason: "Too Many Messages", Why: "flood"}
	EndMany      = End{Code: socket.TooMuch, Reason: "Too Many Connections", Why: "many"}
	EndSilent    = End{Code: socket.TooMuch, Reason: "Too Slow: No Token", Why: "idle"}
	EndAway      = End{Code: socket.GoingAway, Reason: "Going Away", Why: "going_away"}
)

// EndOf is the End for a refusal of the guard.
func EndOf(err error) End { panic("realtime: to be written") }

// Notice is what one client is told.
type Notice struct {
	Type string // auth_expiring, unsubscribed, presence, going_away
	Data any    // JSON object: expires_in; channel, reason; channel, sub, joined; retry_after
}

// Message is one message of a channel. Its frames are made once, for all who receive it.
type Message struct {
	ID      string          `json:"id"`
	Channel string          `json:"channel"`
	From    string          `json:"from"` // subject of who sent it; "" from the management API
	At      time.Time       `json:"at"`
	Cursor  string          `json:"cursor"` // what to come back with, after this message on this node
	Data    json.RawMessage `json:"data"`
}

// Raw is the frame for raw WebSockets: {"type":"message", ...}.
func (m *Message) Raw() socket.Frame { panic("realtime: to be written") }

// SocketIO is the packet for Socket.IO: event "message" with the data and then {id, channel, from, at, cursor}.
func (m *Message) SocketIO() *socketio.Packet { panic("realtime: to be written") }
