package realtime

import (
	"slices"
	"strings"
	"time"
)

// slack is how much later than it was sent a message may reach another node, and how far nodes' clocks may lie apart, when a cursor of
// another node is judged: a connection that brings no news is given up after 2 s, and a node is not ready when its clock is 5 s off.
const slack = 10 * time.Second

// history is what a node has of a channel: the messages of the last while in the order in which they came, and for each origin from
// which number on they are all there. Its channel's mutex guards it.
type history struct {
	ring    []*Message // oldest first
	sources []source   // in the order of origin
	total   uint64     // messages that came, ever
	since   time.Time  // of what came before that, something may be neither in ring nor in sources
}

// source is what is known of an origin: all its messages in (floor, seen] are in ring.
type source struct {
	origin  string
	seen    uint64    // the last that came
	floor   uint64    // the last that was let go of, or never came
	floorAt time.Time // when that had been sent at the latest
	last    time.Time // when seen came
}

// source finds an origin, and its place where it is not there.
func (h *history) source(origin string) (*source, int) {
	i, ok := slices.BinarySearchFunc(h.sources, origin, func(s source, origin string) int { return strings.Compare(s.origin, origin) })
	if !ok {
		return nil, i
	}
	return &h.sources[i], i
}

// base is what an origin let go of before: its messages up to seq, of which none was sent after at.
type base struct {
	seq uint64
	at  time.Time
}

// meet is the source of an origin, one of which nothing has come yet where it was not there.
func (h *history) meet(origin string, b base, now time.Time) *source {
	s, i := h.source(origin)
	if s == nil {
		if len(h.sources) >= maxSources {
			h.forget(h.quietest(), now)
			_, i = h.source(origin)
		}
		h.sources = slices.Insert(h.sources, i, source{origin: origin, seen: b.seq, floor: b.seq, floorAt: b.at, last: now})
		s = &h.sources[i]
	}
	return s
}

// add takes a message, and says whether it is new, and how many of its origin are missing before it.
func (h *history) add(m *Message, b base, now time.Time) (fresh bool, lost uint64) {
	met, _ := h.source(m.origin)
	s := h.meet(m.origin, b, now)
	if m.seq <= s.seen {
		return false, 0
	}
	if before := m.seq - 1; before > s.seen && before > s.floor {
		s.floorAt = now
		if before == b.seq { // the numbers between were other channels'
			s.floorAt = b.at
		} else if met != nil {
			lost = before - max(s.seen, s.floor, b.seq)
		}
		s.floor = before
	}
	s.seen, s.last = m.seq, now
	h.ring = append(h.ring, m)
	h.total++
	return true, lost
}

// lose says that an origin has come to seq, whatever has come of it, and how many are missing.
func (h *history) lose(origin string, seq uint64, now time.Time) (lost uint64) {
	s := h.meet(origin, base{}, now)
	if seq <= s.seen {
		return 0
	}
	lost = seq - s.seen
	s.seen, s.floor, s.floorAt, s.last = seq, seq, now, now
	return lost
}

// trim lets go of what is more than keep messages, or older than keepFor.
func (h *history) trim(keep int, keepFor time.Duration, now time.Time) {
	n := max(0, len(h.ring)-keep)
	for n < len(h.ring) && now.Sub(h.ring[n].At) > keepFor {
		n++
	}
	for i, m := range h.ring[:n] {
		if s, _ := h.source(m.origin); s != nil && m.seq > s.floor {
			s.floor, s.floorAt = m.seq, later(s.floorAt, m.At)
		}
		h.ring[i] = nil
	}
	if h.ring = h.ring[n:]; len(h.ring) == 0 {
		h.ring = nil
	}
}

// drop lets go of origins that have died, and of which nothing is left.
func (h *history) drop(keepFor time.Duration, now time.Time, alive func(origin string) bool) {
	for i := len(h.sources) - 1; i >= 0; i-- {
		if s := h.sources[i]; s.floor >= s.seen && now.Sub(s.last) > keepFor && !alive(s.origin) {
			h.since = later(h.since, s.last)
			h.sources = slices.Delete(h.sources, i, i+1)
		}
	}
}

// quietest is the origin of which nothing has come for the longest time.
func (h *history) quietest() string {
	return slices.MinFunc(h.sources, func(a, b source) int { return a.last.Compare(b.last) }).origin
}

// forget lets go of an origin before its time.
func (h *history) forget(origin string, now time.Time) {
	h.ring = slices.DeleteFunc(h.ring, func(m *Message) bool { return m.origin == origin })
	h.sources = slices.DeleteFunc(h.sources, func(s source) bool { return s.origin == origin })
	h.since = now
}

// position is that of a reader who has seen all that came.
func (h *history) position(at time.Time, maker string) position {
	p := position{at, maker, make([]mark, len(h.sources))}
	for i, s := range h.sources {
		p.marks[i] = mark{s.origin, s.seen}
	}
	return p
}

// until is how many of ring came before total was so many.
func (h *history) until(total uint64) int {
	return max(0, len(h.ring)-int(h.total-total))
}

// after are the messages among the first n that a reader has not seen, and whether they are all that there were.
func (h *history) after(p position, maker string, n int) (list []*Message, complete bool) {
	at := p.at
	if p.maker != maker { // what was on its way then this node may know, and the other not
		at = at.Add(-slack)
	}
	complete = !at.Before(h.since)
	for _, s := range h.sources {
		switch seq, known := p.of(s.origin); {
		case known && seq < s.floor, !known && s.floor > 0 && !at.After(s.floorAt):
			complete = false
		}
	}
	for _, m := range p.marks {
		if s, _ := h.source(m.origin); s == nil && m.seq > 0 {
			complete = false
		}
	}
	for _, m := range h.ring[:n] {
		seq, known := p.of(m.origin)
		if known && m.seq > seq || !known && !m.At.Before(p.at.Add(-slack)) {
			list = append(list, m)
		}
	}
	return list, complete
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
