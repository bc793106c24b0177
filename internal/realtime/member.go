package realtime

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
)

// Peer is the client's end of a connection, whichever protocol it speaks. No method waits. Tell and Close may come before Join has
// returned, and Close may call Member.Leave.
type Peer interface {
	Deliver(m *Message)
	Tell(n Notice)
	// Close sends what waits, then what the protocol says at an end, and ends the connection.
	Close(e End)
}

// Arrival is a connection that has shown a credential.
type Arrival struct {
	// Token is who it is, verified by Config.Guard just now with every requirement of the route.
	Token     *guard.Token
	Peer      Peer
	Transport string
	From      audit.From
}

// Member is a connection that was let in. Its methods are called by the connection's one reader; Leave by anybody.
type Member struct {
	hub       *Hub
	id        string
	peer      Peer
	transport string
	address   string
	network   string // "" is not counted
	began     time.Time
	life      context.Context // of its token, which guard.Identity knows
	leash     leash
	rate      bucket // of its reader
	kept      func() bool

	mu    sync.Mutex // guards what follows
	timer *time.Timer
	told  bool // that the token ends soon
	subs  []*subscription
	ended bool
}

// Join lets a connection in: it is registered first, and then its token is judged once more, so that no logout between the two is missed.
// It has joined no channel then. The error is an *End, and has been recorded. The connection's life is not that of ctx.
func (h *Hub) Join(_ context.Context, a Arrival) (*Member, error) {
	if a.Token == nil || a.Peer == nil {
		panic("realtime: Join needs a Token and a Peer")
	}
	m := &Member{
		hub: h, id: rand.Text(), peer: a.Peer, transport: a.Transport, address: a.From.Address, began: h.cfg.Now(),
		rate: newBucket(h.cfg.Limits.Rate),
	}
	if h.cfg.Limits.Exempt == nil || !h.cfg.Limits.Exempt(m.address) {
		if m.network = cluster.Network(m.address); m.network == m.address {
			m.network = m.address // one string of both
		}
	}
	oldest, err := h.admit(m, a)
	if oldest != nil {
		oldest.end(EndMany)
	}
	if err != nil {
		h.Refused(a.From, err.Why)
		return nil, err
	}
	return m, nil
}

// admit registers a member and begins its life. Whoever ends it meanwhile waits.
func (h *Hub) admit(m *Member, a Arrival) (oldest *Member, end *End) {
	m.mu.Lock()
	defer m.mu.Unlock()
	oldest, end = h.register(m, a.Token.Subject())
	if end != nil {
		return nil, end
	}
	if end = m.live(a.Token); end != nil {
		m.ended = true
		h.deregister(m, a.Token.Subject())
		return oldest, end
	}
	h.recorder.opened(m, a)
	m.schedule(a.Token)
	return oldest, nil
}

// register adds a member, or says why not. The oldest of its subject is to be ended if that has too many.
func (h *Hub) register(m *Member, subject string) (oldest *Member, refused *End) {
	limit := h.cfg.Limits
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.draining:
		end := EndAway
		return nil, &end
	case limit.Connections > 0 && len(h.members) >= limit.Connections,
		limit.PerAddress > 0 && m.network != "" && h.networks[m.network] >= limit.PerAddress:
		end := EndMany
		return nil, &end
	}
	of := h.subjects[subject]
	if limit.PerUser > 0 && len(of) >= limit.PerUser {
		oldest = of[0]
		of = slices.Delete(of, 0, 1) // so that nobody else ends it too
	}
	h.members[m.id] = m
	h.subjects[subject] = append(of, m)
	if m.network != "" {
		h.networks[m.network]++
	}
	return oldest, nil
}

// deregister is the opposite. The subject of a member never changes.
func (h *Hub) deregister(m *Member, subject string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.members, m.id)
	of := h.subjects[subject]
	if i := slices.Index(of, m); i >= 0 {
		if of = slices.Delete(of, i, i+1); len(of) == 0 {
			delete(h.subjects, subject)
		} else {
			h.subjects[subject] = of
		}
	}
	if m.network == "" {
		return
	}
	if h.networks[m.network]--; h.networks[m.network] <= 0 {
		delete(h.networks, m.network)
	}
}

// ID is the socket's.
func (m *Member) ID() string { return m.id }

// ExpiresAt is when its token ends.
func (m *Member) ExpiresAt() time.Time { return m.token().ExpiresAt() }

// Subject is whose it is.
func (m *Member) Subject() string { return m.token().Subject() }

func (m *Member) token() *guard.Token { return guard.Identity(m.life) }

// Allow counts one message of the client; false says that it was ended for too many.
func (m *Member) Allow() bool {
	m.hub.metrics.received.Inc()
	if m.rate.take(m.hub.cfg.Now()) {
		return true
	}
	m.end(EndFlood)
	return false
}

// Leave says that the connection has ended by itself, or by Close; the reason is for the audit log. Only the first call counts, and none
// after the Hub has ended the connection.
func (m *Member) Leave(reason string) { m.leave(End{Why: "closed"}, reason) }

// end closes the connection, once.
func (m *Member) end(e End) {
	if m.leave(e, "") {
		m.peer.Close(e)
	}
}

// leave takes the member out of everything. No lock may be held that leaving channels needs.
func (m *Member) leave(e End, detail string) bool {
	m.mu.Lock()
	if m.ended {
		m.mu.Unlock()
		return false
	}
	m.ended = true
	subs := m.subs
	m.subs = nil
	if m.timer != nil {
		m.timer.Stop()
	}
	m.mu.Unlock()
	t := m.token()
	for _, s := range subs {
		m.hub.remove(s, t.Subject())
	}
	m.kept()
	m.leash.free()
	m.hub.deregister(m, t.Subject())
	m.hub.recorder.closed(m, t, e, detail)
	return true
}

// bucket allows rate events a second, and twice as many at once, by the generic cell rate algorithm (ITU-T I.371).
type bucket struct {
	every   time.Duration // 0: no limit
	arrival time.Time
}

func newBucket(rate int) bucket {
	if rate <= 0 {
		return bucket{}
	}
	return bucket{every: time.Second / time.Duration(rate)}
}

// take counts an event, or says that it is one too many, which costs nothing.
func (b *bucket) take(now time.Time) bool {
	if b.every == 0 {
		return true
	}
	if b.arrival.Before(now) {
		b.arrival = now
	}
	next := b.arrival.Add(b.every)
	if next.Sub(now) > 2*time.Second {
		return false
	}
	b.arrival = next
	return true
}
