package realtime

import (
	"sync"
	"sync/atomic"
	"time"
)

// channel is one that is in use on this node, or of which messages are kept.
type channel struct {
	name  string
	first string // the subject that was the first to use it, where its name was made by clients; of Hub.places
	// out is held while messages are handed to subscribers, and taken before mu: nobody begins to receive in the middle of that. Leaving
	// needs mu alone, so that a peer may leave while it is handed something.
	out   sync.Mutex
	reach []*subscription // of out
	batch []*Message      // of out

	mu       sync.Mutex  // guards what follows
	def      *definition // nil: there is none any more
	subs     []*subscription
	history  history
	fresh    []*Message // of history, still to be handed to subscribers
	handing  bool       // a goroutine does
	own      uint64     // the last number that a message of this node had
	base     base       // own at first
	rate     bucket
	used     time.Time
	presence *presence // nil where there is none
	sync     *syncing  // nil: there is nothing to wait for
}

// subscription is a member in a channel.
type subscription struct {
	member  *Member
	channel *channel
	place   int         // in channel.subs, -1 before and after; of channel.mu
	joined  uint64      // how many messages had come then; of channel.mu
	gone    atomic.Bool // written with channel.mu held
	ahead   *position   // what the client saw on another node and this one has not; of channel.out
}

// maxPlaces bounds the channels of a node, and maxPlacesEach those of them that one subject was the first to use: names below a prefix are
// made by clients.
const (
	maxPlaces     = 100_000
	maxPlacesEach = maxPlaces / 10
)

// idleAfter is how long a channel is kept that nobody uses, beside its messages' time.
const idleAfter = 30 * time.Second

// place is the channel of a name for a client of this node, "" for none of them. It is not let go of for idleAfter. The error is an *Error.
func (h *Hub) place(name string, d *definition, subject string) (*channel, error) {
	return h.placeOf(name, d, subject, maxPlacesEach)
}

// placeHeard is the same for what another node says, which is not refused to one subject alone: that node has let it in.
func (h *Hub) placeHeard(name string, d *definition, subject string) (*channel, error) {
	return h.placeOf(name, d, subject, maxPlaces)
}

func (h *Hub) placeOf(name string, d *definition, subject string, most int) (*channel, error) {
	if d == nil || d.Name == name {
		subject = "" // no name of its own
	}
	now := h.cfg.Now()
	h.places.RLock()
	ch := h.places.channels[name]
	known := ch != nil && (ch.first != "" || subject == "")
	if known {
		ch.use(now)
	}
	h.places.RUnlock()
	if known {
		return ch, nil
	}
	h.places.Lock()
	defer h.places.Unlock()
	if ch = h.places.channels[name]; ch == nil {
		if err := h.room(subject, most); err != nil {
			return nil, err
		}
		ch = h.newChannel(name, d, now)
		h.places.channels[name] = ch
	}
	if ch.first == "" && subject != "" {
		ch.first = subject
		h.places.first[subject]++
	}
	ch.use(now)
	return ch, nil
}

// room says why there is no room for one more channel. places is locked.
func (h *Hub) room(subject string, most int) error {
	switch {
	case len(h.places.channels) >= maxPlaces:
		return &Error{Code: "temporarily_unavailable", Msg: "too many channels are in use: try again in a minute"}
	case subject != "" && h.places.first[subject] >= most:
		return &Error{Code: "too_many", Msg: "the subject uses as many channels as it may that nobody else has used: use fewer names"}
	}
	return nil
}

// newChannel begins where the node's channels of that name may have ended: no number is used twice. places is locked.
func (h *Hub) newChannel(name string, d *definition, now time.Time) *channel {
	ch := &channel{name: name, used: now, base: h.places.spent, own: h.places.spent.seq}
	ch.define(d)
	young := now.Add(-ch.keepFor()).Before(h.started)
	ch.history.since = later(h.started, now.Add(-ch.keepFor()))
	if ch.own > 0 {
		ch.history.meet(h.origin, ch.base, now)
	}
	if young {
		ch.sync = &syncing{done: make(chan struct{})}
		h.peers.want(name)
	}
	return ch
}

func (ch *channel) use(now time.Time) {
	ch.mu.Lock()
	ch.used = now
	ch.mu.Unlock()
}

// define has another definition hold. mu is held, or nobody has the channel yet.
func (ch *channel) define(d *definition) {
	ch.def = d
	if d == nil {
		return
	}
	if every := newBucket(d.Rate).every; every != ch.rate.every {
		ch.rate = newBucket(d.Rate)
	}
	switch {
	case !d.Presence:
		ch.presence = nil
	case ch.presence == nil:
		ch.presence = newPresence(ch.subs)
	}
}

// keep and keepFor are how much is kept; a channel whose definition has not come to this node yet has the defaults.
func (ch *channel) keep() int {
	if ch.def == nil {
		return defaultKeep
	}
	return ch.def.Keep
}

func (ch *channel) keepFor() time.Duration {
	if ch.def == nil {
		return defaultFor
	}
	return ch.def.KeepFor
}

// redefine gives all channels the definitions that hold now.
func (h *Hub) redefine() {
	r := h.rules.Load()
	for _, ch := range h.everyChannel() {
		d := r.of(ch.name)
		ch.mu.Lock()
		ch.define(d)
		ch.mu.Unlock()
	}
}

func (h *Hub) everyChannel() []*channel {
	h.places.RLock()
	defer h.places.RUnlock()
	all := make([]*channel, 0, len(h.places.channels))
	for _, ch := range h.places.channels {
		all = append(all, ch)
	}
	return all
}

// sweep frees the memory of what is old.
func (h *Hub) sweep() {
	now := h.cfg.Now()
	oldest := h.oldest(now)
	for _, ch := range h.everyChannel() {
		ch.mu.Lock()
		ch.history.trim(ch.keep(), min(ch.keepFor(), oldest), now)
		ch.history.drop(ch.keepFor(), now, h.alive)
		changes := ch.presence.expire(now)
		idle := ch.idle(now)
		ch.mu.Unlock()
		h.announce(ch, changes)
		if idle {
			h.release(ch, now)
		}
	}
	h.places.RLock()
	h.metrics.channels.Set(float64(len(h.places.channels)))
	h.places.RUnlock()
}

// idle says whether nobody would miss the channel. mu is held.
func (ch *channel) idle(now time.Time) bool {
	return len(ch.subs) == 0 && len(ch.history.ring) == 0 && ch.presence.empty() && now.Sub(ch.used) > ch.keepFor()+idleAfter
}

// release lets go of a channel, unless it is in use again.
func (h *Hub) release(ch *channel, now time.Time) {
	h.places.Lock()
	defer h.places.Unlock()
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if !ch.idle(now) {
		return
	}
	if ch.own > h.places.spent.seq {
		h.places.spent.seq = ch.own
	}
	if s, _ := ch.history.source(h.origin); s != nil {
		h.places.spent.at = later(h.places.spent.at, s.last)
	}
	delete(h.places.channels, ch.name)
	if h.places.first[ch.first]--; h.places.first[ch.first] <= 0 {
		delete(h.places.first, ch.first)
	}
	if ch.sync != nil {
		ch.sync.end()
		ch.sync = nil
	}
}
