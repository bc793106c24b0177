package socketio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/sandi-auth/sandi/internal/socket"
)

const (
	maxNamespaces = 16 // of a session
	maxRefused    = 16 // CONNECTs of a session
)

// Connect is a client that asks for a namespace.
type Connect struct {
	// Request is the handshake's, made anew: method, URL, Host, headers, TLS, and Config.Address as RemoteAddr; its context is Connect's.
	Request   *http.Request
	Namespace string          // "/" or "/name"
	Auth      json.RawMessage // what the client sent as auth, an object; empty for nothing
	Socket    *Socket         // what it will have
	// Recovered is what the client had, as Socket.Keep left it, where it asks for the recovery of a session that is kept, all that it
	// missed included; else nil. Connect decides by it, and calls Resume where the client may have it. Where it refuses the client
	// instead, another try may come; otherwise what was kept is gone.
	Recovered any
	Offset    string // the offset of the last packet that the client saw, "" for none

	kept    *kept
	missed  log
	resumed bool
}

// Resume makes the client's recovery hold: it keeps the id that it had, learns so, and gets what it missed before anything else. It is for
// Connect to call, before it sends anything; without Recovered it panics.
func (c *Connect) Resume() {
	if c.Recovered == nil {
		panic("socketio: Resume of nothing")
	}
	k := c.Socket
	k.session.mu.Lock()
	defer k.session.mu.Unlock()
	if c.resumed {
		return
	}
	c.resumed = true
	k.id, k.pid = c.kept.id, c.kept.pid
	k.log = log{slices.Concat(c.missed.sent, k.log.sent), c.missed.bytes + k.log.bytes, c.missed.base}
}

// Refusal is an error of Connect with data for the client.
type Refusal struct {
	Message string
	Data    any // JSON; nil for none
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

// message handles a message of Engine.IO: a packet of Socket.IO, or an attachment of one. in is held.
func (s *session) message(binary bool, data []byte) error {
	data = bytes.Clone(data) // handlers may keep it
	if binary {
		p := s.partial
		if p == nil || p.size+len(data) > s.server.c.MaxPayload {
			return errMalformed
		}
		p.size += len(data)
		if p.binary = append(p.binary, data); len(p.binary) < p.attachments {
			return nil
		}
		s.partial = nil
		return s.handle(p)
	}
	if s.partial != nil {
		return errMalformed
	}
	p, err := parsePacket(data)
	if err != nil {
		return err
	}
	if p.attachments > 0 {
		s.partial = &p
		return nil
	}
	return s.handle(&p)
}

// handle handles a whole packet. in is held.
func (s *session) handle(p *packet) error {
	if p.kind == sioConnect {
		return s.connect(p)
	}
	s.mu.Lock()
	i := s.index(p.namespace)
	if i < 0 {
		s.mu.Unlock()
		return errMalformed
	}
	k := s.sockets[i]
	live := k.stage == connected
	if p.kind == sioDisconnect {
		s.gone(k, "client namespace disconnect")
		s.drop(i)
	}
	s.mu.Unlock()
	if live && (p.kind == sioEvent || p.kind == sioBinaryEvent) {
		k.handler.Event(Event{p.name(), p.args[1:], p.binary}, k.once(p.id))
	}
	return nil // acks are for nothing: no event of ours asks for one
}

// index is where the socket of a namespace stands, -1 for none. mu is held.
func (s *session) index(namespace string) int {
	return slices.IndexFunc(s.sockets, func(k *Socket) bool { return k.namespace == namespace })
}

// drop forgets a socket. A session without any has the time of a new one to connect again. mu is held.
func (s *session) drop(i int) {
	s.sockets = slices.Delete(s.sockets, i, i+1)
	s.await()
}

// await ends the session after a while, unless a socket connects. mu is held.
func (s *session) await() {
	if s.lonely == 0 && s.alone() {
		s.lonely = s.server.wheel.now() + s.server.c.ConnectTimeout
		s.rearm()
	}
}

// connect asks Connect about a client. in is held.
func (s *session) connect(p *packet) error {
	c, err := s.arrive(p)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if c.Request, err = s.hello.request(ctx); err != nil {
		return err
	}
	h, err := s.server.c.Connect(ctx, c)
	if err != nil {
		s.refuse(c, err)
		return nil
	}
	if h == nil {
		panic("socketio: Connect returned neither Handler nor error")
	}
	s.welcome(c, h)
	return nil
}

// arrive makes the socket of a client that connects, and finds what is kept of it.
func (s *session) arrive(p *packet) (*Connect, error) {
	var auth struct{ PID, Offset string }
	if bytes.Contains(p.data, []byte(`"pid"`)) { // most have lost nothing
		_ = json.Unmarshal(p.data, &auth) // what has another form is the caller's own
	}
	k := &Socket{session: s, namespace: p.namespace, id: newID()}
	c := &Connect{Namespace: p.namespace, Auth: p.data, Socket: k, Offset: auth.Offset}
	if s.server.c.Recovery > 0 {
		k.pid = newID()
		if c.kept = s.server.take(auth.PID, p.namespace); c.kept != nil {
			if missed, whole := c.kept.log.after(auth.Offset); whole {
				c.Recovered, c.missed = c.kept.value, missed
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch i := s.index(p.namespace); {
	case i >= 0 && s.sockets[i].stage != gone, i < 0 && len(s.sockets) >= maxNamespaces:
		return nil, errMalformed
	case i >= 0:
		s.sockets[i] = k
	default:
		s.sockets = append(s.sockets, k)
	}
	return c, nil
}

// refuse answers CONNECT_ERROR.
func (s *session) refuse(c *Connect, why error) {
	answer := struct {
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}{Message: why.Error()}
	if r, ok := errors.AsType[*Refusal](why); ok {
		answer.Message, answer.Data = r.Message, r.Data
	}
	data, err := json.Marshal(answer)
	if err != nil {
		answer.Data = nil
		data, _ = json.Marshal(answer) // a string
	}
	if c.kept != nil {
		s.server.store(c.kept)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Socket.stage, c.Socket.early = gone, nil
	if i := slices.Index(s.sockets, c.Socket); i >= 0 {
		s.sockets = slices.Delete(s.sockets, i, i+1)
	}
	s.write(newMessage(encode(sioConnectError, 0, c.Namespace, "", data)))
	if s.refused++; s.refused >= maxRefused && s.alone() {
		s.shut(socket.TooMuch, "Too Many Refusals")
	}
	s.await()
}

// welcome answers CONNECT, with what the client missed and what was sent to it in the meantime.
func (s *session) welcome(c *Connect, h Handler) {
	k := c.Socket
	s.mu.Lock()
	k.handler = h
	if k.stage == gone { // the session ended while Connect thought
		why := k.why
		s.mu.Unlock()
		s.tell(k, why)
		return
	}
	defer s.mu.Unlock()
	k.stage, s.lonely = connected, 0
	s.rearm()
	answer, _ := json.Marshal(struct { // strings
		ID  string `json:"sid"`
		PID string `json:"pid,omitempty"`
	}{k.id, k.pid})
	s.write(newMessage(encode(sioConnect, 0, k.namespace, "", answer)))
	if c.resumed {
		for _, e := range c.missed.sent {
			s.write(e.packet.message(true))
		}
	}
	for _, m := range k.early {
		s.write(m)
	}
	k.early = nil
	if k.parted != nil {
		s.part(k, k.parted.code, "server namespace disconnect")
		if s.alone() {
			s.shut(k.parted.code, k.parted.reason)
		}
	}
}
