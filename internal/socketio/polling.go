package socketio

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/sandi-auth/sandi/internal/socket"
)

// nudge is how long a GET that comes during an upgrade is let wait before its noop, as if something might still come.
const nudge = 100 * time.Millisecond

// poll answers a GET with what waits, or with the next that comes.
func (s *session) poll(w http.ResponseWriter, r *http.Request) {
	wake, late, f := s.begin()
	if f != nil {
		f.write(w)
		return
	}
	if wake != nil {
		c := http.NewResponseController(w) // the wait is bounded by the heartbeat; a server's own deadlines are shorter
		_ = c.SetReadDeadline(time.Time{})
		_ = c.SetWriteDeadline(time.Time{})
		select {
		case <-wake:
		case <-late:
		case <-r.Context().Done():
			s.end("transport error", socket.Normal, "")
			return
		}
	}
	payload := s.take()
	if payload == nil {
		badRequest().write(w)
		return
	}
	if s.server.respond(w, payload) != nil {
		s.end("transport error", socket.Normal, "")
	}
}

// begin lets a GET in, and gives it what to wait for: nil where it can be answered. mu is not held.
func (s *session) begin() (wake chan struct{}, late <-chan time.Time, f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(f fault) (chan struct{}, <-chan time.Time, *fault) { return nil, nil, &f }
	switch {
	case s.state == stateClosed:
		return refuse(unknownSession())
	case s.conn != nil:
		return refuse(badRequest())
	case s.polling: // Engine.IO: one at a time
		s.finish("transport error", socket.ProtocolError, "")
		return refuse(badRequest())
	}
	s.polling = true
	if len(s.out) > 0 || s.state != stateOpen {
		return nil, nil, nil
	}
	s.wake = make(chan struct{})
	if s.probed {
		late = time.After(nudge)
	}
	return s.wake, late, nil
}

// take is the payload for the GET that is there: what waits, as much as is one payload, or a noop; nil where the session has become a
// websocket, which a client that waited for its GET's answer would not have let happen. mu is not held.
func (s *session) take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polling, s.wake = false, nil
	switch {
	case s.state == stateClosed:
		return []byte{s.last}
	case s.conn != nil:
		return nil
	}
	var payload []byte
	n := 0
	for ; n < len(s.out) && (n == 0 || len(payload)+1+len(s.out[n].text) <= s.server.c.MaxPayload); n++ {
		if n > 0 {
			payload = append(payload, separator)
		}
		payload = append(payload, s.out[n].text...)
		s.outBytes -= len(s.out[n].text) + 1
	}
	if s.out = s.out[n:]; len(s.out) == 0 {
		s.out = nil
	}
	if n == 0 && s.state == stateClosing { // by itself: clients hear of a close before what else is in its payload
		s.finish("forced close", s.code, s.reason)
		return []byte{eioClose}
	}
	if len(payload) == 0 {
		payload = []byte{eioNoop}
	}
	return payload
}

// post takes in what the client sends by a POST. One that comes while another is being handled ends the session.
func (s *session) post(w http.ResponseWriter, r *http.Request) {
	if f := s.beginPost(r); f != nil {
		f.write(w)
		return
	}
	f := s.readPost(w, r)
	s.mu.Lock()
	s.posting = false
	s.mu.Unlock()
	if f != nil {
		f.write(w)
		return
	}
	_ = s.server.respond(w, []byte("ok")) // who does not hear it posts again, or stops answering pings
}

func (s *session) beginPost(r *http.Request) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := badRequest()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case s.state == stateClosed:
		f = unknownSession()
		return &f
	case s.conn != nil:
		return &f
	case s.posting, kind == "application/octet-stream": // EIO 4 sends bytes as base64
		s.finish("transport error", socket.ProtocolError, "")
		return &f
	}
	s.posting = true
	return nil
}

// readPost reads and handles the payload. mu is not held.
func (s *session) readPost(w http.ResponseWriter, r *http.Request) *fault {
	f := badRequest()
	limit := s.server.c.MaxPayload
	// Slower than the heartbeat allows an answer to be is too slow.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(s.server.c.PingTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	_ = c.SetReadDeadline(time.Time{})
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		f = payloadTooLarge()
		return &f
	}
	if err != nil {
		s.end("transport error", socket.Normal, "")
		return &f
	}
	s.in.Lock()
	defer s.in.Unlock()
	if !utf8.Valid(body) {
		err = errMalformed
	} else {
		err = decodePayload(body, s.receive)
	}
	if err != nil {
		s.end("parse error", socket.ProtocolError, "Parse Error")
		return &f
	}
	return nil
}
