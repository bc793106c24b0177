package socketio

import (
	"errors"
	"sync/atomic"

	"github.com/sandi-auth/sandi/internal/socket"
)

// ErrGone is Emit's on a socket that has ended.
var ErrGone = errors.New("socket has ended")

// stage of a Socket.
type stage uint8

const (
	connecting stage = iota // Connect has not answered; what is sent waits for it
	connected
	gone
)

// Socket is a client in a namespace. Its methods are safe for concurrent use and never wait.
type Socket struct {
	session   *session
	namespace string

	// Guarded by session.mu.
	id, pid string
	stage   stage
	why     string // it is gone
	handler Handler
	early   []message // sent before CONNECT was answered
	parted  *parted   // asked for before that
	keep    any
	log     log
}

// parted is a Disconnect that was asked for.
type parted struct {
	code   int
	reason string
}

// ID is what the client knows itself by. It is no secret, and no credential.
func (k *Socket) ID() string {
	k.session.mu.Lock()
	defer k.session.mu.Unlock()
	return k.id
}

// Transport is "websocket" or "polling".
func (k *Socket) Transport() string {
	k.session.mu.Lock()
	defer k.session.mu.Unlock()
	if k.session.conn != nil {
		return "websocket"
	}
	return "polling"
}

// Emit sends an event to this client alone. It fails where NewPacket does, and with ErrGone.
func (k *Socket) Emit(event string, args ...any) error {
	p, err := NewPacket(k.namespace, event, args...)
	if err != nil {
		return err
	}
	if !k.Send(p) {
		return ErrGone
	}
	return nil
}

// Send sends a packet that was made once for all. It is false where the socket has ended, or was ended now because it is too slow: recovery
// will not bring it either. What is sent before Connect has returned comes after its answer.
func (k *Socket) Send(p *Packet) bool {
	if p.namespace != k.namespace {
		panic("socketio: a packet of namespace " + p.namespace + " for " + k.namespace)
	}
	s := k.session
	recovery := s.server.c.Recovery > 0
	m := p.message(recovery)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.stage == gone || !k.send(m) {
		return false
	}
	if recovery {
		k.log.add(p, len(m.text), s.server)
	}
	return true
}

// send sends a message in its turn. session.mu is held.
func (k *Socket) send(m message) bool {
	if k.stage != connecting {
		return k.session.write(m)
	}
	waiting := len(m.text)
	for _, e := range k.early {
		waiting += len(e.text)
	}
	if waiting > k.session.server.c.Queue {
		k.session.finish("transport error", socket.TooMuch, "Too Slow")
		return false
	}
	k.early = append(k.early, m)
	return true
}

// Keep says what Connect.Recovered is should the client be cut off; nil, as at first, is that it cannot be resumed. Handler.Gone may still
// call it.
func (k *Socket) Keep(v any) {
	k.session.mu.Lock()
	defer k.session.mu.Unlock()
	k.keep = v
}

// Disconnect ends the socket: what waits is sent, then the disconnect packet, which clients do not answer with a reconnect
// ("io server disconnect"), then, if this was the session's last socket, the transport ends with code and reason (a close packet where it
// is polling). The code socket.GoingAway leaves the disconnect packet out: the client comes back by itself.
func (k *Socket) Disconnect(code int, reason string) {
	s := k.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch k.stage {
	case connecting:
		if k.parted == nil {
			k.parted = &parted{code, reason}
		}
	case connected:
		s.part(k, code, "server namespace disconnect")
		if s.alone() {
			s.shut(code, reason)
		}
	}
}

// part ends a socket by the server's will. mu is held.
func (s *session) part(k *Socket, code int, why string) {
	if k.stage != connected {
		return
	}
	if code != socket.GoingAway {
		s.write(newMessage(encode(sioDisconnect, 0, k.namespace, "", nil)))
	}
	s.gone(k, why)
}

// alone says whether the session has no socket. mu is held.
func (s *session) alone() bool {
	for _, k := range s.sockets {
		if k.stage != gone {
			return false
		}
	}
	return true
}

// gone ends a socket, and tells its handler by a goroutine of its own: whoever ended it must not wait for what the handler does just now. One
// that is connecting has no handler yet: connect tells it. mu is held.
func (s *session) gone(k *Socket, why string) {
	if k.stage == gone {
		return
	}
	k.stage, k.why = gone, why
	if k.handler == nil {
		return
	}
	s.server.spawn(func() {
		s.in.Lock()
		defer s.in.Unlock()
		s.tell(k, why)
	})
}

// tell tells the handler, and then keeps what may be resumed. in is held, mu is not.
func (s *session) tell(k *Socket, why string) {
	k.handler.Gone(why)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.keep != nil && (why == "transport close" || why == "transport error" || why == "ping timeout") {
		s.server.keep(k)
	}
	k.early = nil
}

// once is an ack that the handler may call: the second time, and when the socket has ended, it does nothing. Arguments that are no JSON
// become null.
func (k *Socket) once(id string) func(args ...any) {
	if id == "" {
		return nil
	}
	var called atomic.Bool
	return func(args ...any) {
		if called.Swap(true) {
			return
		}
		list, attachments, err := encodeArgs(args)
		if err != nil {
			list, attachments = []byte("[null"), nil
		}
		m := newMessage(encode(sioAck, len(attachments), k.namespace, id, append(list, ']')), attachments...)
		k.session.mu.Lock()
		defer k.session.mu.Unlock()
		if k.stage == connected {
			k.send(m)
		}
	}
}
