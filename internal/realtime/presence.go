package realtime

import (
	"slices"
	"strings"
	"time"
)

// presence is who is in a channel, on all nodes. Its channel's mutex guards it; nil is that of a channel that does not say.
type presence struct {
	here  map[string]int // sockets by subject
	there map[string]map[string]heard
	dirty map[string]bool // subjects whose number other nodes have not been told
}

// heard is what another node said of a subject.
type heard struct {
	sockets int
	until   time.Time
}

// change is somebody who came to a channel or left it.
type change struct {
	subject string
	joined  bool
}

const (
	// presenceFor is how long a node's word counts: it says everything again every beat.
	presenceFor = 3 * beatEvery
	// maxPresent bounds a list for a client.
	maxPresent = 1000
)

func newPresence(subs []*subscription) *presence {
	p := &presence{here: map[string]int{}, there: map[string]map[string]heard{}, dirty: map[string]bool{}}
	for _, s := range subs {
		p.here[s.member.Subject()]++
		p.dirty[s.member.Subject()] = true
	}
	return p
}

// total is how many sockets a subject has in the channel.
func (p *presence) total(subject string) int {
	n := p.here[subject]
	for _, h := range p.there[subject] {
		n += h.sockets
	}
	return n
}

// turn counts a socket of this node that came (1) or left (-1).
func (p *presence) turn(subject string, by int) (changes []change) {
	before := p.total(subject)
	if p.here[subject] += by; p.here[subject] <= 0 {
		delete(p.here, subject)
	}
	p.dirty[subject] = true
	return p.changed(subject, before)
}

// hear takes another node's number of a subject's sockets.
func (p *presence) hear(origin, subject string, sockets int, now time.Time) []change {
	if p == nil {
		return nil
	}
	before, nodes := p.total(subject), p.there[subject]
	switch {
	case sockets > 0 && nodes == nil:
		p.there[subject] = map[string]heard{origin: {sockets, now.Add(presenceFor)}}
	case sockets > 0:
		nodes[origin] = heard{sockets, now.Add(presenceFor)}
	default:
		if delete(nodes, origin); len(nodes) == 0 {
			delete(p.there, subject)
		}
	}
	return p.changed(subject, before)
}

// changed says what became of a subject.
func (p *presence) changed(subject string, before int) []change {
	if after := p.total(subject); (before == 0) != (after == 0) {
		return []change{{subject, after > 0}}
	}
	return nil
}

// expire lets go of what no node has repeated.
func (p *presence) expire(now time.Time) []change {
	return p.forget(func(_ string, h heard) bool { return !now.Before(h.until) })
}

// forget lets go of what nodes said.
func (p *presence) forget(what func(origin string, h heard) bool) (changes []change) {
	if p == nil {
		return nil
	}
	for subject, nodes := range p.there {
		for origin, h := range nodes {
			if what(origin, h) {
				changes = append(changes, p.hear(origin, subject, 0, time.Time{})...)
			}
		}
	}
	return changes
}

func (p *presence) empty() bool {
	return p == nil || len(p.here) == 0 && len(p.there) == 0
}

// list is who is there, by subject.
func (p *presence) list() []Present {
	if p == nil {
		return nil
	}
	list := make([]Present, 0, len(p.here)+len(p.there))
	for subject := range p.here {
		list = append(list, Present{subject, p.total(subject)})
	}
	for subject := range p.there {
		if p.here[subject] == 0 {
			list = append(list, Present{subject, p.total(subject)})
		}
	}
	slices.SortFunc(list, func(a, b Present) int { return strings.Compare(a.Subject, b.Subject) })
	return list[:min(len(list), maxPresent)]
}

// tidings are what other nodes are to be told: all, or what they have not been told yet.
func (p *presence) tidings(channel string, all bool) (list []presentNews) {
	if p == nil {
		return nil
	}
	for subject := range p.dirty {
		list = append(list, presentNews{channel, subject, p.here[subject]})
	}
	if all {
		for subject, n := range p.here {
			if !p.dirty[subject] {
				list = append(list, presentNews{channel, subject, n})
			}
		}
	}
	clear(p.dirty)
	return list
}

// turn counts a socket that came to a channel or left it, whose mutex is held.
func (h *Hub) turn(ch *channel, subject string, by int) []change {
	if ch.presence == nil {
		return nil
	}
	h.moved.Store(true)
	return ch.presence.turn(subject, by)
}

// announce tells the members of a channel who came and who left, but nobody of himself. The changes were found in this order.
func (h *Hub) announce(ch *channel, changes []change) {
	if len(changes) == 0 {
		return
	}
	h.line.do(func() {
		ch.mu.Lock()
		subs := slices.Clone(ch.subs)
		ch.mu.Unlock()
		for _, c := range changes {
			n := Notice{"presence", presenceChange{ch.name, c.subject, c.joined}}
			for _, s := range subs {
				if s.member.Subject() != c.subject {
					s.member.peer.Tell(n)
				}
			}
		}
	})
}
