package socketio

import (
	"encoding/json"
	"time"
)

// NewEngineEcho is a Server that sends every message of Engine.IO back, without Socket.IO.
func NewEngineEcho(c Config) *Server {
	s := New(c)
	s.message = func(e *session, binary bool, data []byte) error {
		m := binaryMessage(append([]byte{}, data...))
		if !binary {
			m = newMessage(append([]byte{eioMessage}, data...))
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.write(m)
		return nil
	}
	return s
}

// RingAll does what is due in a while for every session.
func (s *Server) RingAll(in time.Duration) {
	s.mu.Lock()
	all := s.all()
	s.mu.Unlock()
	for _, e := range all {
		e.ring(s.wheel.now() + in)
	}
}

// Live is how many sessions there are, and how many that may be resumed.
func (s *Server) Live() (sessions, kept int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions), len(s.kept)
}

// Parse reads a packet of Socket.IO and writes it again, for what a client may send both ways; false is malformed.
func Parse(b []byte) (again string, ok bool) {
	p, err := parsePacket(b)
	if err != nil {
		return "", false
	}
	data := []byte(p.data)
	if p.args != nil {
		data, _ = json.Marshal(p.args)
	}
	kind := p.kind
	if p.attachments > 0 {
		kind -= sioBinaryEvent - sioEvent
	}
	return string(encode(kind, p.attachments, p.namespace, p.id, data)[1:]), true
}

// Payload lists the packets of a polling request, B for a binary one.
func Payload(b []byte) (packets []string, ok bool) {
	err := decodePayload(b, func(p eio) error {
		kind := string(p.kind)
		if p.binary {
			kind = "B"
		}
		packets = append(packets, kind+string(p.data))
		return nil
	})
	return packets, err == nil
}

// Polling says whether a session has a GET that waits.
func (s *Server) Polling(id string) (found, polling bool) {
	s.mu.Lock()
	e := s.sessions[id]
	s.mu.Unlock()
	if e == nil {
		return false, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return true, e.polling
}
