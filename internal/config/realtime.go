package config

import (
	"slices"
	"time"
)

// Realtime is live sockets: which channels there are, who may, and how much.
type Realtime struct {
	Enabled            bool          `yaml:"enabled" doc:"Serves WebSockets at realtime.path and Socket.IO at realtime.socket_io_path of the public listener."`
	Path               string        `yaml:"path" doc:"Path of the raw WebSocket (RFC 6455)."`
	SocketIOPath       string        `yaml:"socket_io_path" doc:"Path of Socket.IO, as its clients have it in their option path."`
	Origins            []string      `yaml:"origins" doc:"Exact origins of web pages (https://app.example.com) that may open a socket, beside the issuer's own and those of api.origins. A handshake of any other page is refused with 403; programs, which send no Origin, are not asked."`
	DefaultChannel     string        `yaml:"default_channel" unset:"none" doc:"Channel that every socket joins by itself where its token may. Socket.IO's event message, sent without a channel, goes there."`
	AuthTimeout        time.Duration `yaml:"auth_timeout" range:"1s..1m" doc:"How long a socket that was opened without a credential may take to send one; then it is closed with 4008."`
	ExpiringNotice     time.Duration `yaml:"expiring_notice" range:"1s..10m" doc:"How long before its token ends a client is told auth_expiring, so that it sends a newer one. A token that lives for less is announced at once."`
	MaxConnections     int           `yaml:"max_connections" range:"10..1000000" doc:"Sockets open at once on this node. It counts within listen.max_connections."`
	MaxPerUser         int           `yaml:"max_per_user" range:"1..100000" doc:"Sockets that one subject may have on this node; a further one closes the oldest with 4008."`
	MaxPerAddress      int           `yaml:"max_per_address" range:"1..1000000" doc:"Sockets from one network (an IPv4 address, an IPv6 /64) on this node, this machine and trusted proxies excepted; a further one is refused."`
	MaxMessage         int           `yaml:"max_message" range:"256..1048576" doc:"Greatest message that a client may send, in bytes, all its fragments together; a greater one closes the socket with 4008."`
	MaxChannels        int           `yaml:"max_channels" range:"1..1000" doc:"Channels that one socket may have joined at once."`
	Rate               int           `yaml:"rate" range:"1..100000" doc:"Messages a second that one socket may send, twice as many at once; faster ones close it with 4008."`
	Queue              int           `yaml:"queue" range:"4096..67108864" doc:"Bytes that may wait for a client that reads slowly; beyond it is closed with 4008."`
	MaxKept            int           `yaml:"max_kept" range:"1048576..1099511627776" doc:"Bytes of messages that this node keeps for those who come back, of all channels together. Beyond it messages are kept for a shorter time than their channels say; who comes back later is told that something is missing."`
	WriteTimeout       time.Duration `yaml:"write_timeout" range:"1s..1m" doc:"How long a write to a client may take; then it is cut off."`
	PingEvery          time.Duration `yaml:"ping_every" range:"5s..5m" doc:"How often a silent client is pinged. One that does not answer within as long again is cut off."`
	Recovery           time.Duration `yaml:"recovery" range:"0s..30m" doc:"How long a Socket.IO session that was cut off may be resumed, with what it missed, by a client of the same subject whose token counts then. 0 is never."`
	DrainTime          time.Duration `yaml:"drain_time" range:"0s..5m" doc:"Over how long a node that stops spreads the reconnects of its clients: each is told a time of its own."`
	Clearances         []Clearance   `yaml:"clearances" doc:"Clearance levels of roles. A token has the highest of its roles', and 0 without one."`
	Channels           []Channel     `yaml:"channels" doc:"Channels. Others may be made by the management API at any time; a name that is here is taken from here."`
	InsecureQueryToken bool          `yaml:"insecure_query_token" doc:"Takes an access token from ?token= of the handshake. URLs end up in the logs of proxies and in histories: use tickets instead. It is for clients written against a server that asked for it so."`
	InsecureAnyOrigin  bool          `yaml:"insecure_any_origin" doc:"Lets pages of every origin open sockets. By cookie still those of the listed origins alone."`
}

// Clearance is the level that a role gives.
type Clearance struct {
	Role  string `yaml:"role" doc:"The role that it is of."`
	Level int    `yaml:"level" range:"0..1000" doc:"What its tokens are cleared for: channels of this level and below."`
}

// Channel is a place where messages go from one to many.
type Channel struct {
	Name            string        `yaml:"name" doc:"1 to 64 letters, digits and - . _ : /; or a prefix that ends in /*, for any name below it."`
	SubscribeRoles  []string      `yaml:"subscribe_roles" unset:"any" doc:"Roles of which one is needed to receive."`
	SubscribeScopes []string      `yaml:"subscribe_scopes" unset:"none" doc:"Scopes that are all needed to receive."`
	SubscribeLevel  int           `yaml:"subscribe_level" range:"0..1000" doc:"Clearance level that is needed to receive."`
	PublishRoles    []string      `yaml:"publish_roles" unset:"any" doc:"Roles of which one is needed to send. Who may send need not be one who may receive."`
	PublishScopes   []string      `yaml:"publish_scopes" unset:"none" doc:"Scopes that are all needed to send."`
	PublishLevel    int           `yaml:"publish_level" range:"0..1000" doc:"Clearance level that is needed to send."`
	ReadOnly        bool          `yaml:"read_only" doc:"Takes messages from the management API alone."`
	SchemaFile      string        `yaml:"schema_file" unset:"none: any JSON" doc:"File with the JSON Schema (draft 2020-12 or older) that messages must meet."`
	MaxBytes        int           `yaml:"max_bytes" range:"16..61440" unset:"16384, or realtime.max_message where that is less" doc:"Greatest message, in bytes."`
	Rate            int           `yaml:"rate" range:"1..100000" unset:"no limit of its own" doc:"Messages a second that all together may send, twice as many at once, on each node."`
	Keep            int           `yaml:"keep" range:"0..10000" unset:"100" doc:"Messages kept for clients that come back, beside keep_for."`
	KeepFor         time.Duration `yaml:"keep_for" range:"0s..24h" unset:"5m" doc:"How long they are kept."`
	Presence        bool          `yaml:"presence" doc:"Tells members who else is there, who comes and who goes."`
}

// Resolved fills in what is not set of a channel.
func (c Channel) Resolved() Channel {
	if c.MaxBytes == 0 {
		c.MaxBytes = 16 << 10
	}
	if c.Keep == 0 {
		c.Keep = 100
	}
	if c.KeepFor == 0 {
		c.KeepFor = 5 * time.Minute
	}
	return c
}

func (r Realtime) resolved() Realtime {
	r.Channels = slices.Clone(r.Channels)
	for i := range r.Channels {
		if ch := &r.Channels[i]; ch.MaxBytes == 0 && r.MaxMessage > 0 {
			ch.MaxBytes = min(16<<10, r.MaxMessage)
		}
		r.Channels[i] = r.Channels[i].Resolved()
	}
	return r
}

// defaultRealtime is what holds where nothing is set.
func defaultRealtime() Realtime {
	return Realtime{
		Path: "/missions", SocketIOPath: "/socket.io/", AuthTimeout: 5 * time.Second, ExpiringNotice: 30 * time.Second,
		MaxConnections: 10_000, MaxPerUser: 50, MaxPerAddress: 1000, MaxMessage: 64 << 10, MaxChannels: 50, Rate: 20, Queue: 256 << 10, MaxKept: 256 << 20,
		WriteTimeout: 10 * time.Second, PingEvery: 25 * time.Second, Recovery: 2 * time.Minute, DrainTime: 10 * time.Second,
	}
}
