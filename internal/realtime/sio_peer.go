package realtime

import (
	"maps"
	"slices"
	"sync"

	"github.com/sandi-auth/sandi/internal/socketio"
)

// sioPeer is a client of Socket.IO: a Peer, and the Handler of what it emits. It is also what is kept of one that was cut off.
//
// What its client missed then comes from two places, each message from one: packets that were sent before the cut from the session,
// which knows what its client saw, and messages after it from the Hub, by the cursors here.
type sioPeer struct {
	door            *Door
	socket          *socketio.Socket
	member          *Member
	subject, client string
	kept            *keptOne // once it was cut off

	mu       sync.Mutex        // guards what follows, and that a message is sent and its cursor noted at once
	channels map[string]string // cursor of the last message that was sent, by channel joined
	starting bool              // the client has not had its answer to CONNECT
	held     []any             // *Message and Notice, until then
	ended    *End              // meanwhile
}

// Deliver implements Peer.
func (p *sioPeer) Deliver(m *Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.starting {
		p.held = append(p.held, m)
		return
	}
	p.deliver(m)
}

// deliver sends a message. p.mu is held.
func (p *sioPeer) deliver(m *Message) {
	sent := p.socket.Send(m.SocketIO())
	if _, joined := p.channels[m.Channel]; joined && sent {
		p.channels[m.Channel] = m.Cursor
	}
}

// Tell implements Peer.
func (p *sioPeer) Tell(n Notice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.starting {
		p.held = append(p.held, n)
		return
	}
	p.tell(n)
}

// tell sends a notice. p.mu is held.
func (p *sioPeer) tell(n Notice) {
	if u, ok := n.Data.(unsubscribed); ok {
		delete(p.channels, u.Channel)
	}
	_ = p.socket.Emit(n.Type, n.Data) // a socket that has ended is told nothing
}

// Close implements Peer.
func (p *sioPeer) Close(e End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.starting {
		p.ended = &e
		return
	}
	if ofToken(e) {
		_ = p.socket.Emit("auth_error", struct {
			Code   int    `json:"code"`
			Reason string `json:"reason"`
		}{e.Code, e.Reason})
	}
	p.socket.Disconnect(e.Code, e.Reason)
}

// begin sends what was held, which follows the answer to CONNECT; or it says why the connection has ended before that.
func (p *sioPeer) begin() *End {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, held := range p.held {
		switch v := held.(type) {
		case *Message:
			p.deliver(v)
		case Notice:
			p.tell(v)
		}
	}
	p.held, p.starting = nil, false
	return p.ended
}

// resume joins the channels that the client had, each from where it was cut off. It is false, and nothing has changed, where the
// client is another now or may not have them all, or where messages are lost: it then begins anew, and knows that it does.
func (p *sioPeer) resume(old *sioPeer) bool {
	if old.subject != p.subject || old.client != p.client {
		return false
	}
	old.mu.Lock()
	channels := maps.Clone(old.channels)
	old.mu.Unlock()
	for name, cursor := range channels {
		if s, err := p.subscribe(name, cursor); err != nil || !s.Complete {
			p.abandon()
			return false
		}
	}
	return true
}

// abandon leaves all channels again, as if they had not been joined. Notices about the token stay.
func (p *sioPeer) abandon() {
	p.mu.Lock()
	channels := p.channels
	p.channels = map[string]string{}
	p.mu.Unlock()
	for name := range channels {
		p.member.Unsubscribe(name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = slices.DeleteFunc(p.held, func(held any) bool {
		n, ok := held.(Notice)
		return !ok || n.Type == "presence"
	})
}

// subscribe joins a channel, and notes from where a client that was cut off goes on.
func (p *sioPeer) subscribe(name, cursor string) (Subscribed, error) {
	p.mu.Lock()
	_, joined := p.channels[name]
	if !joined {
		p.channels[name] = "" // before the first message comes, which says more
	}
	p.mu.Unlock()
	s, err := p.member.Subscribe(name, cursor)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch at, still := p.channels[name]; {
	case err != nil && !joined:
		delete(p.channels, name)
	case err == nil && still && (at == "" || joined && cursor != ""): // what was replayed then has an older one
		p.channels[name] = s.Cursor
	}
	return s, err
}

// unsubscribe leaves a channel.
func (p *sioPeer) unsubscribe(name string) {
	p.mu.Lock()
	delete(p.channels, name)
	p.mu.Unlock()
	p.member.Unsubscribe(name)
}

// Gone implements socketio.Handler. A session that was cut off is kept where its subject has not too many that are.
func (p *sioPeer) Gone(reason string) {
	switch reason {
	case "transport close", "transport error", "ping timeout": // else nothing is kept
		if p.kept = p.door.keeping.take(p.subject, p.door.hub.cfg.Now()); p.kept == nil {
			p.socket.Keep(nil)
		}
	}
	p.member.Leave(goneReason(reason))
}

// goneReason is why Socket.IO's connection ended, in the words of leaveReason.
func goneReason(reason string) string {
	switch reason {
	case "transport close", "client namespace disconnect", "server namespace disconnect", "closed":
		return "closed"
	}
	return "lost" // transport error, ping timeout, parse error
}
