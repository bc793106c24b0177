package realtime

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A node that has just begun knows nothing of what was sent before. It asks the one that has lived for the longest:
//
//	channel in use ─> ask (Run) ─> answer, in parts ─> history of both ─> done
//	                   └ nobody there, or nobody answers within a second ─> done
const syncTime = time.Second

// syncing is a channel's wait for what other nodes have of it. The channel's mutex guards it.
type syncing struct {
	done  chan struct{}
	once  sync.Once
	from  string // who was asked
	parts []answerNews
}

func (s *syncing) end() { s.once.Do(func() { close(s.done) }) }

// askNews asks a node for the history of channels.
type askNews struct {
	To       string   `json:"to"`
	Channels []string `json:"c"`
}

// answerNews is a part of the history of a channel.
type answerNews struct {
	To       string         `json:"to"`
	Channel  string         `json:"c"`
	Part     int            `json:"n"` // from 0
	Last     bool           `json:"l,omitempty"`
	Since    int64          `json:"s"` // Unix milliseconds, rounded up
	Sources  []sourceNews   `json:"o,omitempty"`
	Messages []*messageNews `json:"m,omitempty"`
}

type sourceNews struct {
	Origin  string `json:"o"`
	Seen    uint64 `json:"n"`
	Last    int64  `json:"l"` // Unix milliseconds
	Floor   uint64 `json:"f,omitempty"`
	FloorAt int64  `json:"t,omitempty"`
}

// await waits until a channel's history is as good as it gets, where that matters for a cursor.
func (h *Hub) await(ch *channel, from position) {
	ch.mu.Lock()
	s := ch.sync
	if s == nil || from.maker == h.maker() || !from.at.Add(-slack).Before(ch.history.since) {
		ch.mu.Unlock()
		return
	}
	ch.mu.Unlock()
	timer := time.NewTimer(syncTime + max(0, h.started.Add(helloTime).Sub(h.cfg.Now())))
	defer timer.Stop()
	select {
	case <-s.done:
	case <-timer.C:
		h.endSync(ch, s)
	}
}

// endSync stops waiting.
func (h *Hub) endSync(ch *channel, s *syncing) {
	ch.mu.Lock()
	if ch.sync == s {
		ch.sync = nil
	}
	ch.mu.Unlock()
	s.end()
}

// ask asks for what is wanted, once it is known who is there.
func (h *Hub) ask(ctx context.Context) {
	now := h.cfg.Now()
	to := h.peers.oldest(now)
	if to == "" && now.Before(h.started.Add(helloTime)) {
		return
	}
	h.peers.mu.Lock()
	wanted := h.peers.wanted
	h.peers.wanted = nil
	h.peers.mu.Unlock()
	for some := range slices.Chunk(wanted, maxHeads) {
		asked := to != ""
		for _, name := range some {
			h.mark(name, to)
		}
		if asked {
			asked = h.publish(ctx, topicHistory, bundle{From: h.origin, Items: []news{{Ask: &askNews{to, some}}}}) == nil
		}
		if !asked {
			for _, name := range some {
				h.giveUp(name)
			}
		}
	}
}

// syncOf is a channel that waits, and what for.
func (h *Hub) syncOf(name string) (*channel, *syncing) {
	h.places.RLock()
	ch := h.places.channels[name]
	h.places.RUnlock()
	if ch == nil {
		return nil, nil
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	return ch, ch.sync
}

func (h *Hub) mark(name, from string) {
	if ch, s := h.syncOf(name); s != nil {
		ch.mu.Lock()
		s.from = from
		ch.mu.Unlock()
	}
}

func (h *Hub) giveUp(name string) {
	if ch, s := h.syncOf(name); s != nil {
		h.endSync(ch, s)
	}
}

// heardHistory takes a question or an answer.
func (h *Hub) heardHistory(origin string, n *news) {
	switch {
	case n.Ask != nil && n.Ask.To == h.origin:
		for _, name := range n.Ask.Channels {
			h.answer(origin, name)
		}
	case n.Answer != nil && n.Answer.To == h.origin:
		if ch, s := h.syncOf(n.Answer.Channel); s != nil {
			h.takePart(ch, s, origin, n.Answer)
		}
	}
}

// answer sends what this node has of a channel; where it has nothing it says since when it would have.
func (h *Hub) answer(to, name string) {
	if !validName(name) {
		return
	}
	ch, err := h.placeHeard(name, h.rules.Load().of(name), "")
	if err != nil {
		return
	}
	ch.mu.Lock()
	ch.history.trim(ch.keep(), ch.keepFor(), h.cfg.Now())
	ring := slices.Clone(ch.history.ring)
	part := answerNews{To: to, Channel: name, Since: ch.history.since.Add(time.Millisecond - 1).UnixMilli()}
	for _, s := range ch.history.sources {
		part.Sources = append(part.Sources, sourceNews{s.origin, s.seen, s.last.UnixMilli(), s.floor, s.floorAt.Add(time.Millisecond - 1).UnixMilli()})
	}
	ch.mu.Unlock()
	size := 64 * len(part.Sources)
	for i := 0; ; i++ {
		part.Last = i == len(ring)
		if part.Last || size+len(ring[i].Data)+len(ring[i].From)+256 > maxBundle {
			if h.publish(context.Background(), topicHistory, bundle{From: h.origin, Items: []news{{Answer: &part}}}) != nil || part.Last {
				return
			}
			part.Part, part.Sources, part.Messages, size = part.Part+1, nil, nil, 0
		}
		part.Messages = append(part.Messages, wireMessage(ring[i], base{}))
		size += len(ring[i].Data) + len(ring[i].From) + 256
	}
}

// takePart takes a part of an answer; one that does not follow the last is of no use.
func (h *Hub) takePart(ch *channel, s *syncing, origin string, part *answerNews) {
	ch.mu.Lock()
	if s.from != origin || part.Part != len(s.parts) || len(s.parts) > maxKeep {
		ch.mu.Unlock()
		return
	}
	s.parts = append(s.parts, *part)
	parts := s.parts
	ch.mu.Unlock()
	if !part.Last {
		return
	}
	h.merge(ch, parts)
	h.endSync(ch, s)
}

// merge makes one history of this node's and another's. What this node has not received by itself yet is delivered as if it had.
func (h *Hub) merge(ch *channel, parts []answerNews) {
	var theirs []*Message
	for _, p := range parts {
		for _, w := range p.Messages {
			if w == nil || !w.counts(w.Origin, ch.name, h.cfg.Now()) {
				continue
			}
			m, _ := w.message("")
			theirs = append(theirs, m)
		}
	}
	ch.mu.Lock()
	theirs = ch.history.join(parts[0], theirs, h.started.Add(-slack))
	ch.history.trim(ch.keep(), ch.keepFor(), h.cfg.Now())
	ch.mu.Unlock()
	for _, m := range theirs {
		h.deliver(ch, m, base{})
	}
}

// join puts another node's messages before those of this one, and returns those that this one will still receive, or should have: those
// after what it has seen, unless they were sent before it was there.
func (h *history) join(head answerNews, theirs []*Message, before time.Time) (late []*Message) {
	top, all := map[string]uint64{}, true // the last number that they have of each origin
	for _, m := range theirs {
		top[m.origin] = max(top[m.origin], m.seq)
	}
	gap := map[string]uint64{} // up to where theirs come before what is here
	for _, n := range head.Sources {
		if s, i := h.source(n.Origin); s != nil {
			gap[n.Origin] = h.fill(s, n, top[n.Origin])
		} else if all = all && len(h.sources) < maxSources && validOrigin(n.Origin); all {
			h.sources = slices.Insert(h.sources, i, n.source(before))
		}
	}
	if all {
		h.since = earlier(h.since, time.UnixMilli(head.Since))
	}
	var old []*Message
	for _, m := range theirs {
		s, _ := h.source(m.origin)
		below, known := gap[m.origin]
		switch {
		case s == nil:
		case known && m.seq <= below, !known && m.At.Before(before):
			old = append(old, m)
			s.seen = max(s.seen, m.seq)
		case m.seq > s.seen:
			late = append(late, m)
		}
	}
	h.ring = append(old, h.ring...)
	h.retrace()
	return late
}

// source is an origin that this node has not met: what was sent since before may still come by itself.
func (n sourceNews) source(before time.Time) source {
	s := source{origin: n.Origin, floor: n.Floor, floorAt: time.UnixMilli(n.FloorAt), last: time.UnixMilli(n.Last)}
	if s.last.Before(before) {
		s.seen = n.Seen
	}
	return s
}

// fill says up to which number their messages of an origin come before those that are here, 0 for none, and lowers its floor where
// nothing is missing then.
func (h *history) fill(s *source, n sourceNews, top uint64) (below uint64) {
	if i := slices.IndexFunc(h.ring, func(m *Message) bool { return m.origin == s.origin }); i >= 0 && h.ring[i].seq <= s.floor {
		return 0 // something is missing between what is here
	}
	below = s.floor
	if max(top, n.Floor) >= s.floor && n.Floor < s.floor {
		s.floor, s.floorAt = n.Floor, time.UnixMilli(n.FloorAt)
	}
	return below
}

// retrace gives all messages the cursors that they have in this order.
func (h *history) retrace() {
	p := position{marks: make([]mark, len(h.sources))}
	for i, s := range h.sources {
		p.marks[i] = mark{s.origin, s.floor}
	}
	for _, m := range slices.Backward(h.ring) {
		if at, ok := p.find(m.origin); ok {
			p.marks[at].seq = min(p.marks[at].seq, m.seq-1)
		}
	}
	for i, m := range h.ring {
		if at, ok := p.find(m.origin); ok {
			p.marks[at].seq = max(p.marks[at].seq, m.seq)
		}
		p.at, p.maker = m.At, m.origin[len(m.origin)-makerChars:]
		h.ring[i] = m.at(p.String())
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
