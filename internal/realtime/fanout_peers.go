package realtime

import (
	"context"
	"sync"
	"time"
)

// beatEvery is how often a node says that it lives, and deadAfter how long it counts as alive after it was heard.
const (
	beatEvery = 10 * time.Second
	deadAfter = 3 * beatEvery
	helloTime = time.Second
)

// peers are the other nodes.
type peers struct {
	mu     sync.Mutex // guards what follows
	known  map[string]*peer
	wanted []string // channels whose history is to be asked for
	asked  chan struct{}
	due    bool // somebody asked who is there
}

// peer is another node.
type peer struct {
	began time.Time // zero: it has not said
	heard time.Time
}

func (p *peers) init() { p.known, p.asked = map[string]*peer{}, make(chan struct{}, 1) }

// heard says that a node lives.
func (p *peers) heard(origin string, began int64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.known[origin]
	if one == nil {
		one = &peer{}
		p.known[origin] = one
	}
	one.heard = now
	if began > 0 {
		one.began = time.UnixMilli(began)
	}
}

func (p *peers) gone(origin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, origin)
}

// alive says whether an origin is a node that lives, this one included.
func (h *Hub) alive(origin string) bool {
	if origin == h.origin {
		return true
	}
	h.peers.mu.Lock()
	defer h.peers.mu.Unlock()
	one := h.peers.known[origin]
	return one != nil && h.cfg.Now().Sub(one.heard) <= deadAfter
}

// oldest is the living node that has seen the most; "" for none.
func (p *peers) oldest(now time.Time) (origin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, one := range p.known {
		if one.began.IsZero() || now.Sub(one.heard) > deadAfter {
			continue
		}
		if best := p.known[origin]; best == nil || one.began.Before(best.began) || one.began.Equal(best.began) && name < origin {
			origin = name
		}
	}
	return origin
}

// prune forgets the dead.
func (p *peers) prune(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, one := range p.known {
		if now.Sub(one.heard) > 2*deadAfter {
			delete(p.known, name)
		}
	}
}

// want has Run ask for the history of a channel, and beat has it say that this node lives.
func (p *peers) want(channel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = append(p.wanted, channel)
	p.wake()
}

func (p *peers) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = true
	p.wake()
}

func (p *peers) wake() {
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

// hello asks who is there.
func (h *Hub) hello(ctx context.Context) {
	_ = h.tell(ctx, news{Hello: true, Beat: h.started.UnixMilli()}) // nobody answers then
}

// beat says that this node lives, who is on it, and how far its messages have come.
func (h *Hub) beat(ctx context.Context) {
	n := news{Beat: h.started.UnixMilli(), heads: (*Hub).heads}
	if h.tell(ctx, n) == nil {
		h.tellPresence(ctx, true)
	}
}

// maxHeads is how many channels fit into a bundle.
const maxHeads = 600

// heads are the numbers of the last messages of this node, in the channels to which it has sent lately.
func (h *Hub) heads() map[string]int64 {
	heads, now := map[string]int64{}, h.cfg.Now()
	for _, ch := range h.everyChannel() {
		ch.mu.Lock()
		if s, _ := ch.history.source(h.origin); s != nil && ch.own > ch.base.seq && now.Sub(s.last) <= deadAfter {
			heads[ch.name] = int64(ch.own)
		}
		ch.mu.Unlock()
		if len(heads) == maxHeads {
			break
		}
	}
	return heads
}

// tellPresence tells other nodes who is here: all, or what has changed.
func (h *Hub) tellPresence(ctx context.Context, all bool) {
	n := news{}
	for _, ch := range h.everyChannel() {
		ch.mu.Lock()
		tidings := ch.presence.tidings(ch.name, all)
		ch.mu.Unlock()
		for _, t := range tidings {
			if n.Presence = append(n.Presence, t); n.size() > maxBundle/2 {
				_ = h.tell(ctx, n) // said again with the next beat
				n = news{}
			}
		}
	}
	if len(n.Presence) > 0 {
		_ = h.tell(ctx, n)
	}
}
