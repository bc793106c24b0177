package gateway

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/guard"
)

// relay is a proxied WebSocket. It knows where frames begin and end, so that when the token ends each side gets a close frame
// between two of them, wherever the stream then is.
//
//	open ─> finish ─┬─ between frames ─> close frame ─> half-close ─> drain (2 s) ─> closed
//	                └─ inside a frame ─> its rest (2 s without a byte, 5 s in all: cut) ─> as above
type relay struct {
	gateway *Gateway
	route   *route
	record  func(why string, bytes int64)

	client, upstream net.Conn
	down, up         direction // to the client, to the upstream
	ending           atomic.Pointer[ending]
	endedAt          time.Time // set before ending
	finishing        atomic.Bool
	stage            atomic.Int32    // as below
	running          atomic.Int32    // directions
	ctx              context.Context // of its token's Lifetime; free ends it
	free             context.CancelFunc
	visit            *visit // of a Socket.IO client; it watches its own tokens
}

const (
	stallTime = 2 * time.Second // without a byte of a frame that is under way, and of draining
	frameTime = 5 * time.Second // for all of such a frame
)

// The stages of a relay.
const (
	isNew = iota
	isKicked
	isStarted
)

// direction carries frames one way.
type direction struct {
	relay    *relay
	src, dst net.Conn
	other    *direction
	source   source
	masked   bool                  // dst is the upstream
	farewell func(e ending) []byte // frames to send before the close frame between two messages; nil for none

	mu     sync.Mutex // guards what follows, and writing to dst
	frames frames
	held   []byte // the beginning of a header: it goes on when it is whole
	shut   bool   // nothing goes to dst any more
	bytes  int64
}

// run carries until src ends. first was read before.
func (d *direction) run(first []byte) {
	defer d.relay.done()
	err := error(nil)
	if len(first) > 0 {
		err = d.forward(first)
	}
	for err == nil {
		if err = d.source.next(d.forward); err != nil && d.mayWait(err) {
			err = nil
		}
	}
	d.stop()
}

// mayWait says that the other direction is still in a frame, so that what this side says is still to be read: unread, it would
// reset the connection, and with it what the other has not read yet.
func (d *direction) mayWait(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) || d.relay.ending.Load() == nil || !d.isShut() || d.other.isShut() {
		return false
	}
	return d.src.SetReadDeadline(time.Now().Add(stallTime)) == nil
}

func (d *direction) isShut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shut
}

// stop ends a direction whose source has ended, or whose receiver has. The other has a moment for what is on its way.
func (d *direction) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.relay.ending.Load()
	switch {
	case d.shut:
	case e != nil && d.frames.atBorder():
		_ = d.close(*e)
	case e != nil: // it ended inside a frame, which cannot be mended
		d.shut = true
		_ = d.src.Close()
		_ = d.dst.Close()
	default:
		d.shut = true
		closeWrite(d.dst)
	}
	_ = d.dst.SetReadDeadline(time.Now().Add(stallTime))
	_ = d.src.SetWriteDeadline(time.Now().Add(stallTime))
}

// forward sends p on up to its last whole header, or, when the relay is ending, to the end of the frame under way.
func (d *direction) forward(p []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return nil // drained
	}
	if len(d.held) > 0 {
		p, d.held = append(d.held, p...), nil
	}
	n, bad := d.scan(p)
	if err := d.send(p[:n]); err != nil {
		return err
	}
	ending := d.relay.ending.Load()
	switch {
	case bad != nil: // what follows cannot be told apart
		d.relay.finish(endProtocol)
	case d.frames.atBorder() && d.frames.shut:
		d.shut = true
	case d.frames.atBorder() && ending != nil:
		return d.close(*ending)
	case ending != nil:
		d.hurry()
	case n < len(p):
		d.held = append([]byte(nil), p[n:]...)
	}
	return nil
}

// scan is how much of p may go on.
func (d *direction) scan(p []byte) (n int, err error) {
	for n < len(p) {
		if d.frames.atBorder() && (d.frames.shut || d.relay.ending.Load() != nil) {
			return n, nil
		}
		size, err := d.frames.next(p[n:])
		if err != nil || size == 0 {
			return n, err
		}
		n += size
	}
	return n, nil
}

func (d *direction) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	d.bytes += int64(len(p))
	_, err := d.dst.Write(p)
	return err
}

// hurry gives a frame that is under way more time, as long as there is some. d.mu is held.
func (d *direction) hurry() {
	until := time.Now().Add(stallTime)
	if last := d.relay.endedAt.Add(frameTime); last.Before(until) {
		until = last
	}
	_ = d.src.SetReadDeadline(until)
	_ = d.dst.SetWriteDeadline(until)
}

// close sends the close frame. d.mu is held, and no frame is under way.
func (d *direction) close(e ending) error {
	if d.shut {
		return nil
	}
	d.shut = true
	frame := closeFrame(e, d.masked)
	if d.farewell != nil && !d.frames.state.Fragmented() {
		frame = append(d.farewell(e), frame...)
	}
	_ = d.dst.SetWriteDeadline(time.Now().Add(stallTime))
	_ = d.dst.SetReadDeadline(time.Now().Add(stallTime))
	if _, err := d.dst.Write(frame); err != nil {
		return err
	}
	closeWrite(d.dst)
	return nil
}

// finish ends the relay. It does not wait, and a second call does nothing.
func (s *relay) finish(e ending) {
	if !s.finishing.CompareAndSwap(false, true) {
		return
	}
	s.endedAt = time.Now()
	s.ending.Store(&e)
	until := s.endedAt.Add(stallTime)
	_ = s.client.SetDeadline(until)
	_ = s.upstream.SetDeadline(until)
	g := s.gateway
	g.mu.Lock()
	_, live := g.live[s]
	if live { // what runs for it counts, so that Run waits; else that may be over
		g.ended.Add(2)
	}
	g.mu.Unlock()
	if !live {
		return
	}
	for _, d := range []*direction{&s.down, &s.up} {
		go func() { // a write to it may be under way
			defer g.ended.Done()
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.frames.atBorder() {
				_ = d.close(e) // who reads from there learns it too
			}
		}()
	}
}

// kick ends the relay for an administrator, or for there being too many. It may come before start.
func (s *relay) kick() {
	if !s.stage.CompareAndSwap(isNew, isKicked) && s.stage.Load() == isStarted {
		s.finish(endKicked)
	}
}

// done closes the connections after both directions.
func (s *relay) done() {
	if s.running.Add(-1) > 0 {
		return
	}
	_ = s.client.Close()
	_ = s.upstream.Close()
	s.free()
	g := s.gateway
	g.mu.Lock()
	delete(g.live, s)
	g.mu.Unlock()
	e := endClosed
	if p := s.ending.Load(); p != nil {
		e = *p
	}
	g.metrics.sockets.WithLabelValues(s.route.name).Dec()
	g.metrics.ends.WithLabelValues(s.route.name, e.why).Inc()
	s.record(e.why, s.down.bytes+s.up.bytes)
}

// start lists the relay, and then begins to watch its token, so that no end between the two is missed. It returns at once. Its
// caller has entered the gateway.
func (s *relay) start(t *guard.Token, fromUpstream, fromClient []byte) {
	g := s.gateway
	s.ctx, s.free = context.WithCancel(context.Background())
	s.down.relay, s.down.src, s.down.dst, s.down.other, s.down.source = s, s.upstream, s.client, &s.up, sourceOf(s.upstream)
	s.up.relay, s.up.src, s.up.dst, s.up.other, s.up.masked = s, s.client, s.upstream, &s.down, true
	s.up.source = sourceOf(s.client)
	if s.visit != nil {
		s.up.source, t = &packets{inner: s.up.source, visit: s.visit, relay: s, first: fromClient}, nil
		fromClient = nil
	}
	s.down.frames.state, s.up.frames.state = ws.StateClientSide, ws.StateServerSide
	s.running.Store(2)
	g.metrics.sockets.WithLabelValues(s.route.name).Inc()
	g.mu.Lock()
	g.live[s] = struct{}{}
	closed := g.closed
	g.mu.Unlock()
	switch {
	case s.stage.Swap(isStarted) == isKicked: // before there was anything to end
		s.finish(endKicked)
	case closed:
		s.finish(endAway)
	}
	if t != nil {
		s.watch(t)
	}
	if s.visit != nil {
		s.visit.attach(s)
	}
	g.ended.Go(func() { s.down.run(fromUpstream) })
	g.ended.Go(func() { s.up.run(fromClient) })
}

// watch ends the relay with a token.
func (s *relay) watch(t *guard.Token) {
	life := guard.Lifetime(guard.WithIdentity(s.ctx, t))
	context.AfterFunc(life, func() {
		if e := lifeEnded(life); e != nil {
			s.finish(endOf(e))
		}
	})
}
