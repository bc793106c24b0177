package realtime

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
	"github.com/sandi-auth/sandi/internal/socketio"
)

// Message is one message of a channel. Its frames are made once, for all who receive it. It is not changed any more, nor copied.
type Message struct {
	ID      string          `json:"id"` // of one node's life and channel: see seq
	Channel string          `json:"channel"`
	From    string          `json:"from"` // subject of who sent it; "" from the management API
	At      time.Time       `json:"at"`
	Cursor  string          `json:"cursor"` // what to come back with, after this message on this node
	Data    json.RawMessage `json:"data"`

	origin string // the node that took it from its sender, in its life of then
	seq    uint64 // its number among those of origin in the channel, from 1

	rawOnce, ioOnce sync.Once
	raw             socket.Frame
	packet          *socketio.Packet
}

// messageID is the id of an origin's message.
func messageID(origin string, seq uint64) string { return origin + "." + strconv.FormatUint(seq, 10) }

// at is m with another cursor: its place in the history of a node, or of a client.
func (m *Message) at(cursor string) *Message {
	if m.Cursor == cursor {
		return m
	}
	return &Message{ID: m.ID, Channel: m.Channel, From: m.From, At: m.At, Cursor: cursor, Data: m.Data, origin: m.origin, seq: m.seq}
}

// head is what a message says beside its data.
type head struct {
	ID      string    `json:"id"`
	Channel string    `json:"channel"`
	From    string    `json:"from"`
	At      time.Time `json:"at"`
	Cursor  string    `json:"cursor"`
}

func (m *Message) head() head { return head{m.ID, m.Channel, m.From, m.At, m.Cursor} }

// Raw is the frame for raw WebSockets: {"type":"message", ...}.
func (m *Message) Raw() socket.Frame {
	m.rawOnce.Do(func() {
		h, err := json.Marshal(m.head())
		if err != nil {
			panic("realtime: " + err.Error()) // strings and a time of our own
		}
		b := make([]byte, 0, len(h)+len(m.Data)+32)
		b = append(b, `{"type":"message",`...)
		b = append(b, h[1:len(h)-1]...)
		b = append(append(append(b, `,"data":`...), m.Data...), '}')
		m.raw = socket.Text(b)
	})
	return m.raw
}

// SocketIO is the packet for Socket.IO: event "message" with the data and then {id, channel, from, at, cursor}.
func (m *Message) SocketIO() *socketio.Packet {
	m.ioOnce.Do(func() {
		p, err := socketio.NewPacket("/", "message", m.Data, m.head())
		if err != nil {
			panic("realtime: " + err.Error()) // the data was checked when it was sent
		}
		m.packet = p
	})
	return m.packet
}
