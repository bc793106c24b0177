package realtime

import (
	"slices"
	"strconv"
	"time"
)

// Subscribed is what a subscription answers.
type Subscribed struct {
	Channel  string    `json:"channel"`
	Cursor   string    `json:"cursor"`             // what to come back with, when no message comes
	Complete bool      `json:"complete"`           // nothing between the client's cursor and now was lost
	Present  []Present `json:"presence,omitempty"` // who is there, the member itself among them, where the channel says; at most 1,000
}

// Present is somebody in a channel.
type Present struct {
	Subject string `json:"sub"`
	Sockets int    `json:"sockets"`
}

// Subscribe joins a channel. Messages after the cursor, where one is given, are delivered first; who has joined already gets those of them
// that came before that. The error is an *Error: bad_request, forbidden, no_channel, too_many, temporarily_unavailable.
func (m *Member) Subscribe(channel, cursor string) (Subscribed, error) {
	var from *position
	if cursor != "" {
		p, err := parsePosition(cursor)
		if err != nil {
			return Subscribed{}, err
		}
		from = &p
	}
	s, err := m.reserve(channel)
	if err != nil {
		return Subscribed{}, err
	}
	if from != nil {
		m.hub.await(s.channel, *from)
	}
	return m.hub.enter(s, from)
}

// reserve has a member leave a channel, when it ends, before it has joined it.
func (m *Member) reserve(name string) (*subscription, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return nil, errEnded()
	}
	d, err := m.hub.definition(name)
	if err != nil {
		return nil, err
	}
	if !d.Subscribe.allows(m.token(), m.hub.cfg.Levels) {
		return nil, &Error{Code: "forbidden", Msg: "the token may not receive from this channel"}
	}
	if i := m.find(name); i >= 0 {
		return m.subs[i], nil
	}
	if limit := m.hub.cfg.Limits.Channels; limit > 0 && len(m.subs) >= limit {
		return nil, &Error{Code: "too_many", Msg: "the connection has joined as many channels as it may: leave one"}
	}
	ch, err := m.hub.place(name, d, m.token().Subject())
	if err != nil {
		return nil, err
	}
	s := &subscription{member: m, channel: ch, place: -1}
	m.subs = append(m.subs, s)
	return s, nil
}

// find is the place of a channel among the member's. m.mu is held.
func (m *Member) find(channel string) int {
	return slices.IndexFunc(m.subs, func(s *subscription) bool { return s.channel.name == channel })
}

func errEnded() error {
	return &Error{Code: "temporarily_unavailable", Msg: "the connection has ended"}
}

// enter begins to deliver to a subscription: first what the client has not seen.
func (h *Hub) enter(s *subscription, from *position) (Subscribed, error) {
	ch, now := s.channel, h.cfg.Now()
	ch.out.Lock()
	defer ch.out.Unlock()
	ch.mu.Lock()
	for len(ch.fresh) > 0 { // for those who are there
		ch.mu.Unlock()
		h.hand(ch)
		ch.mu.Lock()
	}
	if s.gone.Load() {
		ch.mu.Unlock()
		return Subscribed{}, errEnded()
	}
	answer := Subscribed{Channel: ch.name, Complete: true}
	ch.history.trim(ch.keep(), ch.keepFor(), now)
	here, missed := ch.history.position(now, h.maker()), []*Message(nil)
	var changes []change
	if s.place < 0 {
		s.joined = ch.history.total
	}
	if from != nil {
		missed, answer.Complete = ch.history.after(*from, h.maker(), ch.history.until(s.joined))
		s.ahead = from.beyond(here, now.Add(aheadFor))
	}
	if s.place < 0 {
		s.place = len(ch.subs)
		ch.subs = append(ch.subs, s)
		changes = h.turn(ch, s.member.Subject(), 1)
	}
	if s.ahead != nil {
		here = here.with(*s.ahead)
	}
	answer.Cursor, answer.Present = here.String(), ch.presence.list()
	ch.mu.Unlock()
	if from != nil {
		h.metrics.resumed.WithLabelValues(strconv.FormatBool(answer.Complete)).Inc()
	}
	for _, m := range missed {
		s.member.peer.Deliver(m.seenBy(*from))
	}
	h.metrics.delivered.Add(float64(len(missed)))
	h.announce(ch, changes)
	return answer, nil
}

// seenBy is m for a client that has seen what p says, so that its next cursor takes nothing back.
func (m *Message) seenBy(p position) *Message {
	here, err := parsePosition(m.Cursor)
	if err != nil {
		return m // of our own making
	}
	return m.at(here.with(p).String())
}

// aheadFor is how long a node waits for what a client has seen already on another: news are not older than a minute (see cluster).
const aheadFor = time.Minute

// deliver hands a message to the client. The channel's out is held.
func (s *subscription) deliver(m *Message, now time.Time) {
	if s.gone.Load() {
		return
	}
	if s.ahead != nil && now.After(s.ahead.at) {
		s.ahead = nil
	}
	if s.ahead == nil {
		s.member.peer.Deliver(m)
		return
	}
	seq, _ := s.ahead.of(m.origin)
	if m.seq > seq {
		s.member.peer.Deliver(m.seenBy(*s.ahead))
	}
	if m.seq >= seq { // this node has caught up
		s.ahead = s.ahead.beyond(position{marks: []mark{{m.origin, m.seq}}}, s.ahead.at)
	}
}

// Unsubscribe leaves one; it is no error not to have been there.
func (m *Member) Unsubscribe(channel string) {
	m.mu.Lock()
	i := m.find(channel)
	if i < 0 {
		m.mu.Unlock()
		return
	}
	s := m.subs[i]
	m.subs = slices.Delete(m.subs, i, i+1)
	m.mu.Unlock()
	m.hub.remove(s, m.Subject())
}

// remove ends a subscription. It waits for nobody, so that a peer may leave while it is handed something.
func (h *Hub) remove(s *subscription, subject string) {
	ch := s.channel
	ch.mu.Lock()
	s.gone.Store(true)
	var changes []change
	if s.place >= 0 {
		last := len(ch.subs) - 1
		ch.subs[s.place] = ch.subs[last]
		ch.subs[s.place].place = s.place
		ch.subs[last] = nil
		ch.subs = ch.subs[:last]
		s.place = -1
		changes = h.turn(ch, subject, -1)
		ch.used = h.cfg.Now()
	}
	ch.mu.Unlock()
	h.announce(ch, changes)
}

// judge ends the subscriptions that the member's token does not allow now.
func (m *Member) judge() {
	m.mu.Lock()
	t := m.token()
	var lost []*subscription
	var why []string
	m.subs = slices.DeleteFunc(m.subs, func(s *subscription) bool {
		d := m.hub.rules.Load().of(s.channel.name)
		switch {
		case d == nil:
			why = append(why, "no_channel")
		case !d.Subscribe.allows(t, m.hub.cfg.Levels):
			why = append(why, "forbidden")
		default:
			return false
		}
		lost = append(lost, s)
		return true
	})
	m.mu.Unlock()
	for i, s := range lost {
		m.hub.remove(s, t.Subject())
		m.peer.Tell(Notice{"unsubscribed", unsubscribed{s.channel.name, why[i]}})
	}
}

// Presence is who is in a channel that this member has joined, itself among them; at most 1,000. The error is an *Error: forbidden,
// bad_request where the channel does not say.
func (m *Member) Presence(channel string) ([]Present, error) {
	m.mu.Lock()
	i := m.find(channel)
	if i < 0 {
		m.mu.Unlock()
		return nil, &Error{Code: "forbidden", Msg: "join the channel first"}
	}
	ch := m.subs[i].channel
	m.mu.Unlock()
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.presence == nil {
		return nil, &Error{Code: "bad_request", Msg: "the channel does not say who is there"}
	}
	return ch.presence.list(), nil
}
