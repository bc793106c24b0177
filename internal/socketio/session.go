package socketio

import (
	"sync"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
)

// state of a session. It only ever grows.
type state uint8

const (
	stateOpen    state = iota
	stateClosing       // polling: what waits, then the close packet, is for the next GET
	stateClosed
)

// upgradeTimeout is how long a websocket may take from its handshake to the upgrade packet.
const upgradeTimeout = 10 * time.Second

// session is an Engine.IO session.
type session struct {
	server *Server
	id     string // secret: whoever has it speaks for the client
	hello  hello
	alarm  alarm

	in      sync.Mutex // held while what the client sent is handled; guards what follows
	partial *packet    // waits for its attachments
	refused int        // CONNECTs

	mu       sync.Mutex // guards what follows
	state    state
	conn     *socket.Conn // nil while polling
	probe    *socket.Conn // would be conn
	probing  bool         // a websocket is being opened, or probed
	probed   bool         // it was answered 3probe
	posting  bool
	polling  bool          // a GET is there
	wake     chan struct{} // what it waits for, nil where it does not
	last     byte          // what it is told when the session has ended
	out      []message     // for the next GET
	outBytes int
	sockets  []*Socket // one a namespace; one that the server ended stays until the client knows
	code     int       // of the close frame, while closing
	reason   string

	beat     time.Duration // when to ping, or, where waiting, when the pong is late
	waiting  bool
	lonely   time.Duration // when to end without a namespace; 0 is never, as of all below
	giveUp   time.Duration // when to end the upgrade
	closedBy time.Duration // when to stop waiting for the GET that takes the close packet
}

// write sends a message, now or with the next GET. It is false where the session has ended, or was ended now because its queue is full.
// mu is held, as by all methods below that do not say otherwise.
func (s *session) write(m message) bool {
	switch {
	case s.state != stateOpen:
		return false
	case s.conn != nil:
		return s.conn.Send(m.frame)
	case s.outBytes+len(m.text) > s.server.c.Queue:
		s.finish("transport error", socket.TooMuch, "Too Slow")
		return false
	}
	s.out = append(s.out, m)
	s.outBytes += len(m.text) + 1
	s.answer()
	return true
}

// answer wakes the GET that waits.
func (s *session) answer() {
	if s.wake != nil {
		close(s.wake)
		s.wake = nil
	}
}

// end ends the session at once. mu is not held.
func (s *session) end(why string, code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(why, code, reason)
}

// finish ends the session at once: what waits for a polling client is lost.
func (s *session) finish(why string, code int, reason string) {
	if s.state == stateClosed {
		return
	}
	s.state = stateClosed
	if s.last == 0 {
		s.last = eioClose
	}
	s.out = nil
	s.answer()
	for _, c := range []*socket.Conn{s.conn, s.probe} {
		if c != nil {
			c.Close(code, reason)
		}
	}
	for _, k := range s.sockets {
		s.gone(k, why)
	}
	s.server.remove(s)
}

// hangUp is an end that the client asked for by a close packet: a GET that waits is told that nothing comes. mu is not held.
func (s *session) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = eioNoop
	s.finish("transport close", socket.Normal, "")
}

// shut ends the session when what waits has been sent: a polling client has until the ping timeout to ask for it.
func (s *session) shut(code int, reason string) {
	if s.state != stateOpen {
		return
	}
	if s.conn != nil {
		s.finish("forced close", code, reason)
		return
	}
	for _, k := range s.sockets {
		s.gone(k, "forced close")
	}
	s.state, s.code, s.reason, s.lonely = stateClosing, code, reason, 0
	s.closedBy = s.server.wheel.now() + s.server.c.PingTimeout
	s.answer()
	s.rearm()
}

// shutAll disconnects every socket and shuts the session: the server closes. mu is not held.
func (s *session) shutAll(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		s.part(k, code, "server shutting down")
	}
	s.shut(code, reason)
}

// ring implements ringer: ping, and the ends that time brings.
func (s *session) ring(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := func(at time.Duration) bool { return at != 0 && now >= at }
	switch {
	case s.state == stateClosed:
		return
	case late(s.closedBy):
		s.finish("forced close", s.code, s.reason)
	case s.state == stateOpen && s.waiting && late(s.beat):
		s.finish("ping timeout", socket.Normal, "Ping Timeout")
	case s.state == stateOpen && late(s.lonely):
		s.lonely = 0
		s.shut(socket.TooMuch, "No Namespace")
	}
	if late(s.giveUp) {
		s.abandon(socket.TooMuch, "Upgrade Timeout")
	}
	if s.state == stateOpen && !s.waiting && late(s.beat) {
		// From when it was due: the client counts from there too. Where we are much later, it is given the time.
		timeout := s.server.c.PingTimeout
		s.waiting, s.beat = true, max(s.beat, now-timeout/10)+timeout
		s.write(message{frame: ping, text: ping[2:]})
		for _, k := range s.sockets {
			k.log.trim(now - s.server.memory())
		}
	}
	s.rearm()
}

// ping is the same for all.
var ping = socket.Frame{0x81, 1, eioPing}

// pong is the client's answer to a ping. mu is not held.
func (s *session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting, s.beat = false, s.server.wheel.now()+s.server.c.PingInterval
	s.rearm()
}

// rearm puts the alarm to what is due first.
func (s *session) rearm() {
	if s.state == stateClosed {
		return
	}
	first := s.closedBy
	if s.state == stateOpen {
		first = s.beat
	}
	for _, at := range []time.Duration{s.lonely, s.giveUp} {
		if at != 0 && (at < first || first == 0) {
			first = at
		}
	}
	s.server.wheel.set(&s.alarm, first)
}

// receive handles one packet of the client; in is held, mu is not. An error is a malformed packet.
func (s *session) receive(p eio) error {
	s.mu.Lock()
	open := s.state == stateOpen
	s.mu.Unlock()
	if !open {
		return nil // it speaks into an end that it does not know of yet
	}
	switch p.kind {
	case eioMessage:
		return s.server.message(s, p.binary, p.data)
	case eioPong:
		s.pong()
	case eioClose:
		s.hangUp()
	case eioOpen, eioPing: // the client's part is the other one
		return errMalformed
	}
	return nil
}
