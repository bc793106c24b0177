package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"time"
	"unicode/utf8"
)

// Topics of News. What asks for history and answers has one of its own, for it holds up whoever does it.
const (
	topicNews    = "realtime"
	topicHistory = "realtime history"
)

// maxBundle is how many bytes of items go into one piece of news, which may be 65,480 bytes long (see cluster).
const maxBundle = 62 << 10

// bundle is what nodes tell one another.
type bundle struct {
	From  string `json:"from"`
	Items []news `json:"items"`
}

// news is one thing, of what is set.
type news struct {
	Message  *messageNews     `json:"m,omitempty"`
	Presence []presentNews    `json:"p,omitempty"`
	Beat     int64            `json:"b,omitempty"` // the node lives; when it began, in Unix milliseconds
	Heads    map[string]int64 `json:"h,omitempty"` // the last numbers of its messages, by channel
	Look     bool             `json:"l,omitempty"`
	Hello    bool             `json:"i,omitempty"` // it has just begun: who is there?
	Bye      bool             `json:"e,omitempty"`
	Ask      *askNews         `json:"a,omitempty"`
	Answer   *answerNews      `json:"r,omitempty"`

	heads func(h *Hub) map[string]int64 // found when it is the turn of this piece, so that no message is overtaken
}

// messageNews is a Message. Times are Unix milliseconds.
type messageNews struct {
	Channel string          `json:"c"`
	Origin  string          `json:"o,omitempty"` // where it is not the sender of the bundle
	Seq     uint64          `json:"n"`
	From    string          `json:"f,omitempty"`
	At      int64           `json:"t"`
	Data    json.RawMessage `json:"d"`
	Base    uint64          `json:"b,omitempty"`
	BaseAt  int64           `json:"bt,omitempty"`
}

// presentNews is how many sockets a subject has in a channel on the node.
type presentNews struct {
	Channel string `json:"c"`
	Subject string `json:"s"`
	Sockets int    `json:"n"`
}

func (n *news) size() int {
	size := 128
	for _, p := range n.Presence {
		size += len(p.Channel) + len(p.Subject) + 64
	}
	return size
}

// now completes a piece when its turn has come.
func (n *news) now(h *Hub) news {
	if n.heads != nil {
		n.Heads = n.heads(h)
	}
	return *n
}

func wireMessage(m *Message, b base) *messageNews {
	w := &messageNews{Channel: m.Channel, Origin: m.origin, Seq: m.seq, From: m.From, At: m.At.UnixMilli(), Data: m.Data}
	if b.seq > 0 {
		w.Base, w.BaseAt = b.seq, b.at.UnixMilli()
	}
	return w
}

// counts says whether a node can have sent a message: who may write to what lies between nodes could say anything, and what no client can be
// told, or no cursor say, would be the end of the channel, or of the process.
func (w *messageNews) counts(origin, channel string, now time.Time) bool {
	return w != nil && w.Channel == channel && validName(channel) && w.Origin == origin && validOrigin(origin) && w.Seq > 0 && w.Seq <= math.MaxInt64 &&
		w.At >= 0 && w.At <= now.Add(slack).UnixMilli() && len(w.Data) > 0 && len(w.Data) <= maxBytes && utf8.Valid(w.Data)
}

// message is the opposite.
func (w *messageNews) message(origin string) (*Message, base) {
	if w.Origin != "" {
		origin = w.Origin
	}
	m := &Message{
		ID: messageID(origin, w.Seq), Channel: w.Channel, From: w.From, At: time.UnixMilli(w.At).UTC(), Data: w.Data, origin: origin, seq: w.Seq,
	}
	if w.Base == 0 {
		return m, base{}
	}
	return m, base{w.Base, time.UnixMilli(w.BaseAt)}
}

// publish sends a bundle.
func (h *Hub) publish(ctx context.Context, topic string, b bundle) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false) // six bytes for one would be too long
	if err := e.Encode(b); err != nil {
		return err
	}
	return h.cfg.News.Publish(ctx, topic, buf.Bytes())
}

// follow begins to hear other nodes.
func (h *Hub) follow() {
	news := h.cfg.News.Subscribe(topicNews, func(b []byte) { h.hear(b, h.heard) })
	history := h.cfg.News.Subscribe(topicHistory, func(b []byte) { h.hear(b, h.heardHistory) })
	h.unfollow = func() { news(); history() }
}

// hear reads a bundle of another node. One that cannot be read is of a newer version: what it brings is missing then, and found to be.
func (h *Hub) hear(raw []byte, handle func(origin string, n *news)) {
	var b bundle
	if err := json.Unmarshal(raw, &b); err != nil {
		h.cfg.Logger.Warn("news of another node cannot be read: do all nodes run the same version?", "error", err)
		return
	}
	if b.From == h.origin || !validOrigin(b.From) {
		return
	}
	for i := range b.Items {
		handle(b.From, &b.Items[i])
	}
}

// heard takes one piece of news.
func (h *Hub) heard(origin string, n *news) {
	h.peers.heard(origin, n.Beat, h.cfg.Now())
	if n.Message != nil {
		h.heardMessage(origin, n.Message)
	}
	for _, p := range n.Presence {
		h.heardPresence(origin, p)
	}
	for channel, seq := range n.Heads {
		h.heardHead(origin, channel, uint64(max(seq, 0)))
	}
	switch {
	case n.Hello:
		h.peers.beat() // not from here: who publishes may wait
	case n.Bye:
		h.bury(origin)
	case n.Look:
		h.lookSoon()
	}
}

func (h *Hub) heardMessage(origin string, w *messageNews) {
	if !w.counts(origin, w.Channel, h.cfg.Now()) {
		h.metrics.lost.Inc()
		return
	}
	m, b := w.message(origin)
	ch, err := h.placeHeard(m.Channel, h.rules.Load().of(m.Channel), m.From)
	if err != nil {
		h.metrics.lost.Inc()
		return
	}
	h.deliver(ch, m, b)
}

// heardHead finds messages missing after which none has come.
func (h *Hub) heardHead(origin, channel string, seq uint64) {
	if !validName(channel) {
		return
	}
	ch, err := h.placeHeard(channel, h.rules.Load().of(channel), "")
	if err != nil {
		return
	}
	ch.mu.Lock()
	lost := ch.history.lose(origin, seq, h.cfg.Now())
	ch.mu.Unlock()
	h.metrics.lost.Add(float64(lost))
}

func (h *Hub) heardPresence(origin string, p presentNews) {
	if !validName(p.Channel) {
		return
	}
	d := h.rules.Load().of(p.Channel)
	if d == nil || !d.Presence {
		return
	}
	ch, err := h.placeHeard(p.Channel, d, p.Subject)
	if err != nil {
		return
	}
	ch.mu.Lock()
	changes := ch.presence.hear(origin, p.Subject, min(p.Sockets, maxHeard), h.cfg.Now())
	ch.mu.Unlock()
	h.announce(ch, changes)
}

// maxHeard bounds how many sockets a node may say that a subject has, so that sums hold.
const maxHeard = 1 << 20

// bury forgets what a node that has stopped said of its sockets.
func (h *Hub) bury(origin string) {
	h.peers.gone(origin)
	for _, ch := range h.everyChannel() {
		ch.mu.Lock()
		changes := ch.presence.forget(func(o string, _ heard) bool { return o == origin })
		ch.mu.Unlock()
		h.announce(ch, changes)
	}
}
