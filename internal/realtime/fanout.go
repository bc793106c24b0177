package realtime

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// outbox passes messages to all nodes in one order. Whoever finds it free sends, all that waits by then at once, and hands over to one
// who came meanwhile.
//
//	queued ─> sent with others ─> to be delivered here, in order ─> answered
//	             └ leads ────────┘
type outbox struct {
	mu    sync.Mutex // guards what follows
	queue []*outgoing
	busy  bool
}

// outgoing is a message on its way, or other news.
type outgoing struct {
	message *Message
	channel *channel
	news    news      // where there is no message
	turn    chan bool // true: to lead; false: it is done
	err     error
}

// size is what it takes in a bundle, about.
func (o *outgoing) size() int {
	if o.message == nil {
		return o.news.size()
	}
	return len(o.message.Data) + len(o.message.From) + 256
}

// pass returns when o has been posted.
func (b *outbox) pass(o *outgoing, post func(batch []*outgoing) error) error {
	b.mu.Lock()
	b.queue = append(b.queue, o)
	wait := b.busy
	b.busy = true
	b.mu.Unlock()
	if wait && !<-o.turn {
		return o.err
	}
	batch := b.take()
	err := post(batch)
	for _, other := range batch[1:] { // the first is o
		other.err = err
		other.turn <- false
	}
	b.mu.Lock()
	var next *outgoing
	if len(b.queue) > 0 {
		next = b.queue[0]
	} else {
		b.busy = false
	}
	b.mu.Unlock()
	if next != nil {
		next.turn <- true
	}
	return err
}

// take removes what is posted together: the first, and what fits beside it.
func (b *outbox) take() []*outgoing {
	b.mu.Lock()
	defer b.mu.Unlock()
	size, n := b.queue[0].size(), 1
	for n < len(b.queue) && size+b.queue[n].size() <= maxBundle {
		size += b.queue[n].size()
		n++
	}
	batch := b.queue[:n:n]
	if b.queue = b.queue[n:]; len(b.queue) == 0 {
		b.queue = nil
	}
	return batch
}

// post numbers messages, sends them to other nodes and delivers them here. Where they may not have arrived there, nobody gets them here,
// and their numbers are lost.
func (h *Hub) post(ctx context.Context, batch []*outgoing) error {
	items := make([]news, 0, len(batch))
	for _, o := range batch {
		if o.message == nil {
			items = append(items, o.news.now(h))
			continue
		}
		o.channel.mu.Lock()
		o.channel.own++
		o.message.seq = o.channel.own
		b := o.channel.base
		o.channel.mu.Unlock()
		o.message.ID = messageID(h.origin, o.message.seq)
		items = append(items, news{Message: wireMessage(o.message, b)})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), postTime) // others' messages are among them
	defer cancel()
	err := h.publish(ctx, topicNews, bundle{From: h.origin, Items: items})
	for _, o := range batch {
		switch {
		case o.message == nil:
		case err == nil:
			h.deliver(o.channel, o.message, o.channel.base)
		default:
			o.channel.mu.Lock()
			o.channel.history.lose(h.origin, o.message.seq, h.cfg.Now())
			o.channel.mu.Unlock()
		}
	}
	return err
}

// postTime bounds what other nodes may take.
const postTime = 2 * time.Second

// tell passes other news to all nodes.
func (h *Hub) tell(ctx context.Context, n news) error {
	return h.out.pass(&outgoing{news: n, turn: make(chan bool)}, func(batch []*outgoing) error { return h.post(ctx, batch) })
}

// maxFresh is how many messages of a channel wait for those before them to be handed to all subscribers.
const maxFresh = 256

// deliver has a message handed to the subscribers of its channel on this node, unless it has come before. That is done by a goroutine of the
// channel: what comes while it is at work each subscriber then gets at once, and a burst leaves in few writes. Where too much waits, the
// caller waits too.
func (h *Hub) deliver(ch *channel, m *Message, b base) {
	now := h.cfg.Now()
	ch.mu.Lock()
	fresh, lost := ch.history.add(m, b, now)
	start := fresh && !ch.handing
	if fresh {
		m.Cursor = ch.history.position(now, h.maker()).String()
		ch.history.trim(ch.keep(), ch.keepFor(), now)
		ch.fresh = append(ch.fresh, m)
		ch.handing, ch.used = true, now
	}
	full := len(ch.fresh) >= maxFresh
	ch.mu.Unlock()
	h.metrics.lost.Add(float64(lost))
	if start {
		go h.handAll(ch)
	}
	if full {
		ch.out.Lock()
		defer ch.out.Unlock()
		h.hand(ch)
	}
}

// handAll hands messages to subscribers until none is left.
func (h *Hub) handAll(ch *channel) {
	for more := true; more; {
		h.handSome(ch)
		ch.mu.Lock()
		more = len(ch.fresh) > 0
		ch.handing = more
		ch.mu.Unlock()
	}
}

// handSome is hand for a goroutine of its own, in which a fault of ours costs these messages and not the process.
func (h *Hub) handSome(ch *channel) {
	ch.out.Lock()
	defer ch.out.Unlock()
	defer func() {
		if v := recover(); v != nil {
			h.cfg.Logger.Error("handing on messages panicked", "channel", ch.name, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	h.hand(ch)
}

// hand hands the messages that wait to the subscribers. out is held.
func (h *Hub) hand(ch *channel) {
	ch.mu.Lock()
	ch.batch, ch.fresh = ch.fresh, ch.batch[:0]
	if len(ch.batch) > 0 {
		ch.reach = append(ch.reach[:0], ch.subs...)
	}
	ch.mu.Unlock()
	now := h.cfg.Now()
	for _, s := range ch.reach {
		for _, m := range ch.batch {
			s.deliver(m, now)
		}
	}
	h.metrics.delivered.Add(float64(len(ch.reach) * len(ch.batch)))
	clear(ch.reach)
	clear(ch.batch)
	ch.reach = ch.reach[:0]
}

// maker is how cursors name this node: no other has the same characters.
func (h *Hub) maker() string { return h.origin[len(h.origin)-makerChars:] }
