package realtime

import (
	"context"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
)

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
	// A socket that has begun before, with another token now, is replaced.
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
