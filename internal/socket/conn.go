package socket

import (
	"cmp"
	"net"
	"sync"
	"time"
)

// Config is what connections are allowed. Every zero value is the default.
type Config struct {
	MaxMessage   int           // bytes of a message, all its fragments together; default 64 KiB
	Queue        int           // bytes that may wait for a client, 24 more counted for each frame; default 256 KiB
	WriteTimeout time.Duration // of one write, which may get a quarter less; default 10 s
	// PingEvery is how long a client may be silent before it is pinged, and how long it then has to answer; default 25 s,
	// negative never (Engine.IO has pings of its own).
	PingEvery time.Duration
	// Protocols are the subprotocols that may be chosen from, the first that the client offers; none of them is none.
	Protocols []string
	// Greeting leaves in one write with the answer to the handshake; nil is none.
	Greeting Frame
}

const (
	messageTime = 30 * time.Second // from the first byte of a message to its last
	closeTime   = 2 * time.Second  // from the decision to close to the cut
)

// Conn is one connection. Its methods are safe for concurrent use.
type Conn struct {
	conn         net.Conn
	protocol     string
	maxMessage   int
	maxQueue     int
	writeTimeout time.Duration
	pingEvery    time.Duration

	input  // of the reading goroutine alone
	output // guarded by its own mutex
}

func newConn(conn net.Conn, c Config) *Conn {
	return &Conn{
		conn:         conn,
		maxMessage:   cmp.Or(c.MaxMessage, 64<<10),
		maxQueue:     cmp.Or(c.Queue, 256<<10),
		writeTimeout: cmp.Or(c.WriteTimeout, 10*time.Second),
		pingEvery:    cmp.Or(c.PingEvery, 25*time.Second),
	}
}

// RemoteAddr is the other end's address as the network has it: behind a proxy, the proxy's.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// Protocol is the subprotocol that was chosen, "" for none.
func (c *Conn) Protocol() string { return c.protocol }

// SetMaxMessage changes Config.MaxMessage from the next message on. It is for the reading goroutine: before Serve, or in its handle.
func (c *Conn) SetMaxMessage(bytes int) { c.maxMessage = bytes }

// Done is closed when the connection has ended and nothing of it is in use any more.
func (c *Conn) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil { // few ask
		c.done = make(chan struct{})
		if c.over {
			close(c.done)
		}
	}
	return c.done
}

// output is what waits for the client, and how the connection ends.
type output struct {
	mu      sync.Mutex // guards what follows
	queue   *batch     // what waits for the next write; nil for nothing
	waiting int        // bytes queued or being written
	writing bool       // a goroutine runs in Conn.write
	serving bool       // one runs in Conn.run, or has
	writeBy time.Time  // deadline of the connection, of the writing goroutine alone
	// cause is why the connection ends; from then on nothing more is queued. It is set once, and flushed and cutter with it.
	cause   error
	flushed chan struct{} // closed when the last write is over
	cutter  *time.Timer
	over    bool          // nothing of it is in use any more
	done    chan struct{} // closed then, nil where nobody has asked
}
