package socketio

import (
	"net/http"

	"github.com/sandi-auth/sandi/internal/socket"
)

// open begins a session that is a websocket from the start.
func (s *session) open(w http.ResponseWriter, r *http.Request) {
	wire := s.server.wire()
	wire.Greeting = s.opening([]string{}).frame
	conn, err := socket.Upgrade(w, r, wire)
	if err != nil { // answered
		s.end("transport error", socket.Normal, "")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != stateOpen { // the server closes
		conn.Close(socket.GoingAway, "")
		return
	}
	s.conn = conn
	s.rearm()
	s.serve(conn)
}

// upgrade opens the websocket that a polling session would go on by. A session has one try at a time; whoever comes beside it is hung up on,
// by a close frame: a browser's websocket does not see HTTP statuses.
func (s *session) upgrade(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	free := s.state == stateOpen && s.conn == nil && !s.probing
	if free {
		s.probing = true
	}
	s.mu.Unlock()
	conn, err := socket.Upgrade(w, r, s.server.wire())
	if err == nil && !free {
		conn.Close(socket.Normal, "")
	}
	if !free {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil: // answered
		s.probing = false
	case s.state == stateClosed:
		conn.Close(socket.Normal, "")
	default:
		s.probe, s.giveUp = conn, s.server.wheel.now()+upgradeTimeout
		s.rearm()
		s.serve(conn)
	}
}

// serve reads a websocket until it ends.
func (s *session) serve(conn *socket.Conn) {
	s.server.spawn(func() {
		deepen(0)
		_ = conn.Serve(func(binary bool, payload []byte) error { return s.frame(conn, binary, payload) })
		s.lost(conn)
	})
}

// deepen grows the stack of a new goroutine at once to what a CONNECT takes. Step by step, with ever more on it to move, that is a tenth of
// a handshake. A collection takes back what an idle one does not need.
//
//go:noinline
func deepen(i int) byte {
	var stack [12 << 10]byte
	return stack[i]
}

// frame handles a websocket's message. mu is not held.
func (s *session) frame(conn *socket.Conn, binary bool, payload []byte) error {
	s.in.Lock()
	defer s.in.Unlock()
	s.mu.Lock()
	mine := conn == s.conn
	s.mu.Unlock()
	if !mine {
		return s.advance(conn, binary, payload)
	}
	p, err := eio{eioMessage, true, payload}, error(nil)
	if !binary {
		p, err = decodePacket(payload, false)
	}
	if err == nil {
		err = s.receive(p)
	}
	if err != nil {
		s.end("parse error", socket.ProtocolError, "Parse Error")
	}
	return nil
}

// advance takes the upgrade a step on: 2probe is answered 3probe and, for the client to stop polling, its GET with a noop; then comes 5, when
// the client has got all that was sent to it by polling, and has had answered all that it sent.
func (s *session) advance(conn *socket.Conn, binary bool, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case conn != s.probe: // given up
	case !binary && !s.probed && string(payload) == "2probe":
		s.probed = true
		conn.Send(socket.Text([]byte("3probe")))
		s.answer()
	case !binary && s.probed && string(payload) == string(rune(eioUpgrade)):
		s.cross(conn)
	default:
		s.abandon(socket.ProtocolError, "Parse Error")
	}
	return nil
}

// cross makes the websocket the session's transport. mu is held.
func (s *session) cross(conn *socket.Conn) {
	s.conn, s.probe, s.probing, s.probed, s.giveUp = conn, nil, false, false, 0
	for _, m := range s.out {
		conn.Send(m.frame)
	}
	s.out, s.outBytes = nil, 0
	s.answer()
	if s.state == stateClosing {
		s.finish("forced close", s.code, s.reason)
		return
	}
	s.rearm()
}

// abandon ends the try to upgrade; the session goes on polling. mu is held.
func (s *session) abandon(code int, reason string) {
	if s.probe != nil {
		s.probe.Close(code, reason)
	}
	s.probe, s.probing, s.probed, s.giveUp = nil, false, false, 0
}

// lost is told that a websocket has ended. mu is not held.
func (s *session) lost(conn *socket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch conn {
	case s.conn:
		s.finish("transport close", socket.Normal, "")
	case s.probe:
		s.abandon(socket.Normal, "")
		s.rearm()
	}
}
