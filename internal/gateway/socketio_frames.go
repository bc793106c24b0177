package gateway

import (
	"net/http"
	"slices"

	"github.com/gobwas/ws"
)

// prepare gives the websocket of a Socket.IO client its visit: a new one, or that of the session that it is to replace the polling of.
// Where there is none it has answered.
func (e *engine) prepare(w http.ResponseWriter, r *http.Request, x *exchange, s *relay, out *http.Request) bool {
	q, ok := e.query(r)
	if !ok {
		x.refuseQuery(w)
		return false
	}
	sid := q.Get("sid")
	var v *visit
	switch {
	case sid != "":
		if v = e.find(sid, x); v == nil {
			x.unknownSession(w)
			return false
		}
		v.mu.Lock()
		x.token = v.token
		v.mu.Unlock()
		if err := e.route.identify(out.Header, x.token); err != nil {
			e.route.failed(w, r, err)
			return false
		}
	case q.Get("EIO") != "4" && x.token == nil && !e.route.Public: // where the token could not come later
		x.missing(w, r)
		return false
	default:
		v = e.newVisit(r, x)
	}
	s.visit = v
	s.down.farewell = func(end ending) (frames []byte) {
		v.farewell(end, func(packet string) { frames = append(frames, ws.MustCompileFrame(ws.NewTextFrame([]byte(packet)))...) })
		return frames
	}
	return true
}

// attach is called when the relay runs.
func (v *visit) attach(s *relay) {
	v.mu.Lock()
	v.relays = append(v.relays, s)
	ended := v.ended
	v.mu.Unlock()
	if ended != nil {
		s.finish(*ended)
	}
}

// left is called when a relay has ended. A visit of which nothing is left is forgotten.
func (v *visit) left(s *relay, why string) {
	v.mu.Lock()
	v.relays = slices.DeleteFunc(v.relays, func(other *relay) bool { return other == s })
	more := len(v.relays) > 0
	v.mu.Unlock()
	if !more {
		v.gone(why)
	}
}

// packets reads a Socket.IO client's frames, and puts in place of each CONNECT what goes on, or nothing.
type packets struct {
	inner source
	visit *visit
	relay *relay
	first []byte // read with the handshake
	held  []byte // a frame that is not whole and must be
	left  int64  // bytes of a frame that passes
}

// next implements source.
func (s *packets) next(take func(p []byte) error) error {
	if first := s.first; first != nil {
		s.first = nil
		return s.feed(first, take)
	}
	return s.inner.next(func(p []byte) error { return s.feed(p, take) })
}

func (s *packets) feed(p []byte, take func(p []byte) error) error {
	if len(s.held) > 0 {
		p, s.held = append(s.held, p...), nil
	}
	from := 0 // of what passes as it is
	for at := 0; ; {
		n := min(s.left, int64(len(p)-at))
		at, s.left = at+int(n), s.left-n
		if at == len(p) {
			return s.pass(p[from:], take)
		}
		size, whole, instead := s.judge(p[at:])
		switch {
		case !whole: // wait for the rest of it
			s.held = slices.Clone(p[at:])
			return s.pass(p[from:at], take)
		case instead == nil: // as it is
			s.left = size
			continue
		}
		if err := s.pass(p[from:at], take); err != nil {
			return err
		}
		if err := s.pass(instead, take); err != nil {
			return err
		}
		at += int(size)
		from = at
	}
}

func (s *packets) pass(p []byte, take func(p []byte) error) error {
	if len(p) == 0 {
		return nil
	}
	return take(p)
}

// judge looks at a frame that begins p. whole is false where more of it must be seen; instead, where not nil, is what goes on in its
// place, and may be empty.
func (s *packets) judge(p []byte) (size int64, whole bool, instead []byte) {
	h, head := readHeader(p)
	if head == 0 {
		return 0, false, nil
	}
	if h.Length > 1<<62 {
		return s.refuse(0, p)
	}
	size = int64(head) + h.Length
	s.visit.mu.Lock()
	open := s.visit.open
	s.visit.mu.Unlock()
	text := h.OpCode == ws.OpText
	switch {
	case h.Length < 0, h.OpCode.IsControl(), open && !text:
		return max(size, int64(head)), true, nil // who follows the frames judges those
	case !open && (!text || !h.Fin || h.Length > maxPacket), text && !h.Fin && h.Length < 2: // a CONNECT could hide in what follows
		return s.refuse(size, p)
	case h.Length < 2 && open:
		return size, true, nil
	case int64(len(p)) < min(size, int64(head)+2):
		return 0, false, nil
	}
	start := slices.Clone(p[head : head+int(min(h.Length, 2))])
	ws.Cipher(start, h.Mask, 0)
	connect := string(start) == "40"
	switch {
	case !connect && !open && !s.visit.mayPass(string(start)), connect && (!h.Fin || h.Length > maxPacket):
		return s.refuse(size, p)
	case !connect:
		return size, true, nil
	case int64(len(p)) < size:
		return 0, false, nil
	}
	packet := slices.Clone(p[head:size])
	ws.Cipher(packet, h.Mask, 0)
	return size, true, s.connect(string(packet))
}

// connect is the frame that goes on for a CONNECT: none where it was refused, which the client has been told.
func (s *packets) connect(packet string) []byte {
	on, refusal := s.visit.connect(packet)
	if refusal == "" {
		return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(on))))
	}
	s.relay.down.insert(ws.MustCompileFrame(ws.NewTextFrame([]byte(refusal))))
	if s.visit.refused() {
		s.relay.finish(endInvalid)
	}
	return []byte{}
}

// refuse ends the connection for what comes before its time; nothing of p goes on.
func (s *packets) refuse(size int64, p []byte) (int64, bool, []byte) {
	s.relay.finish(endInvalid)
	return min(max(size, 1), int64(len(p))), true, []byte{}
}

// insert sends frames of our own between two messages. Within one that is not possible: the connection ends.
func (d *direction) insert(p []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.shut:
	case !d.frames.atBorder() || d.frames.state.Fragmented():
		d.relay.finish(endInvalid)
	default:
		_ = d.send(p) // who reads from there learns it too
	}
}
