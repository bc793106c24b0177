package socketio

import "time"

// log is the events that were sent to a client of late, for its recovery: the newest that are at most a quarter of what may wait for it, so
// that all of them can be sent again, and no older than a client can have been away. The session's lock guards it.
type log struct {
	sent  []sent
	bytes int
	base  string // offset of the last that was dropped; "" where all are there
}

// sent is an event and when.
type sent struct {
	packet *Packet
	size   int
	at     time.Duration
}

// memory is how long ago the oldest event may be that a client who resumes has not seen.
func (s *Server) memory() time.Duration {
	return s.c.Recovery + s.c.PingInterval + s.c.PingTimeout
}

// add notes an event of size bytes, whose offset is made.
func (l *log) add(p *Packet, size int, s *Server) {
	now := s.wheel.now()
	l.sent = append(l.sent, sent{p, size, now})
	l.bytes += size
	for l.bytes > s.c.Queue/4 {
		l.drop()
	}
	l.trim(now - s.memory())
}

// trim drops what is older.
func (l *log) trim(oldest time.Duration) {
	for len(l.sent) > 0 && l.sent[0].at < oldest {
		l.drop()
	}
}

func (l *log) drop() {
	first := l.sent[0]
	l.base, l.bytes = first.packet.offset, l.bytes-first.size
	l.sent[0] = sent{}
	if l.sent = l.sent[1:]; len(l.sent) == 0 {
		l.sent = nil
	}
}

// after is the log from the event on that follows the offset; false where there may be others that were dropped.
func (l *log) after(offset string) (log, bool) {
	rest := log{sent: l.sent, bytes: l.bytes, base: l.base}
	if offset == l.base {
		return rest, true
	}
	for i, e := range l.sent {
		rest.bytes -= e.size
		if e.packet.offset == offset {
			rest.sent, rest.base = l.sent[i+1:], offset
			return rest, true
		}
	}
	rest.bytes = l.bytes
	return rest, l.base == "" // an offset of an earlier life: it has seen nothing of this one
}

// kept is a socket whose client was cut off.
type kept struct {
	server             *Server
	id, pid, namespace string
	value              any // of Socket.Keep
	log                log
	alarm              alarm
	until              time.Duration
}

// keep keeps a socket that was cut off until its recovery is over. Its session's lock is held.
func (s *Server) keep(k *Socket) {
	if s.c.Recovery > 0 {
		s.store(&kept{server: s, id: k.id, pid: k.pid, namespace: k.namespace, value: k.keep, log: k.log, until: s.wheel.now() + s.c.Recovery})
	}
}

// store puts an entry where take finds it. As many are kept as there may be sessions.
func (s *Server) store(e *kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || len(s.kept) >= s.c.MaxSessions {
		return
	}
	s.kept[e.pid] = e
	e.alarm.of = e
	s.wheel.set(&e.alarm, e.until)
}

// take takes out what is kept by a private id, which counts once.
func (s *Server) take(pid, namespace string) *kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.kept[pid]
	if e == nil || e.namespace != namespace || e.until <= s.wheel.now() {
		return nil
	}
	delete(s.kept, pid)
	s.wheel.set(&e.alarm, 0)
	return e
}

// ring implements ringer: the recovery is over.
func (e *kept) ring(time.Duration) {
	e.server.mu.Lock()
	defer e.server.mu.Unlock()
	if e.server.kept[e.pid] == e {
		delete(e.server.kept, e.pid)
	}
}
