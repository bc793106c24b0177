package realtime

import (
	"context"
	"errors"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/socket"
)

// raw is the handshake of a raw WebSocket. A browser does not see a refusal that comes before the upgrade (it reports 1006), so that
// a bad credential is answered after it, by a close frame that says why.
func (d *Door) raw(w http.ResponseWriter, r *http.Request) {
	if !d.admitOrigin(w, r) {
		return
	}
	if !isUpgrade(r) {
		_, _ = socket.Upgrade(w, r, d.cfg.Socket) // which answers what a handshake would be
		return
	}
	t, refusal := d.credential(r)
	if e, ok := errors.AsType[*guard.Error](refusal); ok && wantsPlain(r) {
		d.hub.Refused(from(r), reasonOf(refusal))
		guard.WriteError(w, r, e)
		return
	}
	var one *silence
	if t == nil { // who has a good token is not kept out by those who have none
		var ok bool
		if one, ok = d.enter(w, r); !ok {
			return
		}
	}
	conn, err := socket.Upgrade(w, r, d.cfg.Socket)
	if err != nil {
		d.silent.leave(one)
		return
	}
	at := from(r)
	c := &rawConn{door: d, conn: conn, from: &at}
	c.begin(one, t, refusal, r.URL.Query().Get("cursor"))
	d.live.Go(c.serve) // of its own, so that what net/http keeps for a request is freed
}

// rawConn is a raw WebSocket: a Peer.
type rawConn struct {
	door    *Door
	conn    *socket.Conn
	from    *audit.From // until it is let in
	member  *Member     // once it is; of its reader
	waiting *waiting    // while it may still be; of its reader
	one     *silence    // counts it until it is let in
	held    atomic.Pointer[held]
}

// held is what comes before welcome, which is the first that a client is told.
type held struct {
	mu       sync.Mutex // guards what follows
	frames   []socket.Frame
	released bool
}

// keep is false where nothing is held any more.
func (h *held) keep(f socket.Frame) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.released {
		h.frames = append(h.frames, f)
	}
	return !h.released
}

// waiting is for the token of the first message.
type waiting struct {
	timer *time.Timer
	left  int // bytes that may still be sent
}

// maxSilentBytes is enough for a token, and messageCost what a message costs beside its bytes.
const (
	maxSilentBytes = 8 << 10
	messageCost    = 64
)

// begin lets the connection in, refuses it, or gives it AuthTimeout to send a token.
func (c *rawConn) begin(one *silence, t *guard.Token, refusal error, cursor string) {
	if t != nil {
		if c.join(t) {
			c.welcome(t.Subject(), cursor)
		}
		return
	}
	c.one = one
	c.conn.SetMaxMessage(maxSilentBytes)
	c.door.silent.onClose(one, func() { c.Close(EndAway) })
	if refusal != nil {
		c.refuse(EndOf(refusal), refusal)
		return
	}
	late := func() { c.refuse(EndSilent, &EndSilent) }
	c.waiting = &waiting{time.AfterFunc(c.door.cfg.AuthTimeout, late), maxSilentBytes}
}

// Deliver implements Peer.
func (c *rawConn) Deliver(m *Message) { c.pass(m.Raw()) }

// Tell implements Peer.
func (c *rawConn) Tell(n Notice) { c.pass(rawFrame(n.Type, nil, n.Data)) }

// pass sends, after welcome.
func (c *rawConn) pass(f socket.Frame) {
	if h := c.held.Load(); h == nil || !h.keep(f) {
		c.conn.Send(f)
	}
}

// release sends what was held.
func (c *rawConn) release() {
	h := c.held.Load()
	h.mu.Lock()
	for _, f := range h.frames {
		c.conn.Send(f)
	}
	h.frames, h.released = nil, true
	h.mu.Unlock()
	c.held.Store(nil)
}

// Close implements Peer.
func (c *rawConn) Close(e End) { c.conn.Close(e.Code, e.Reason) }

// refuse ends a connection that was not let in.
func (c *rawConn) refuse(e End, why error) {
	c.door.hub.Refused(*c.from, reasonOf(why))
	c.turnAway(e)
}

// turnAway says when to come back, where that helps, and closes.
func (c *rawConn) turnAway(e End) {
	if e.RetryAfter > 0 {
		c.send("going_away", nil, goingAway{int64(math.Ceil(e.RetryAfter.Seconds()))})
	}
	c.Close(e)
}

// join lets the connection in, or ends it.
func (c *rawConn) join(t *guard.Token) bool {
	c.held.Store(&held{})
	m, err := c.door.hub.Join(context.Background(), Arrival{Token: t, Peer: c, Transport: "websocket", From: *c.from})
	if err != nil {
		c.turnAway(EndOf(err))
		return false
	}
	c.member, c.from = m, nil
	return true
}

// serve reads until the connection ends.
func (c *rawConn) serve() {
	err := c.conn.Serve(c.message)
	if c.waiting != nil {
		c.waiting.timer.Stop()
	}
	c.door.silent.leave(c.one)
	if c.member != nil {
		c.member.Leave(leaveReason(err))
	}
}

// leaveReason is why a connection ended, of a fixed set: what the client did, or the word of our own close code.
func leaveReason(err error) string {
	e, ok := errors.AsType[*socket.CloseError](err)
	switch {
	case !ok:
		return "lost"
	case e.Remote:
		return "closed"
	}
	switch e.Code {
	case socket.TooMuch:
		return "slow"
	case socket.ProtocolError, socket.Unsupported, socket.BadPayload:
		return "protocol"
	}
	return "closed"
}
