package realtime

import (
	"context"
	"sync"
	"time"
)

// moveEvery is how often other nodes are told who came and went.
const moveEvery = 100 * time.Millisecond

// Run keeps up with channels, closes what is asked for by other nodes, writes what happened, until ctx ends; then it drains: every peer is
// told when to come back, and closed with 1001.
func (h *Hub) Run(ctx context.Context) error {
	stay := context.WithoutCancel(ctx)
	h.attempt("forget sockets of this node's former life", h.cfg.Store.ForgetSockets(ctx, h.cfg.Node))
	recording, stop := context.WithCancel(stay)
	var parts sync.WaitGroup
	parts.Go(func() { h.recorder.run(recording, h) })
	h.keepUp(ctx)
	h.hello(ctx)
	h.loop(ctx)
	h.drain()
	h.refusals.flush(h, true)
	stop()
	parts.Wait()
	bound, cancel := context.WithTimeout(stay, flushTime)
	defer cancel()
	h.attempt("forget sockets", h.cfg.Store.ForgetSockets(bound, h.cfg.Node))
	_ = h.tell(bound, news{Bye: true, heads: (*Hub).heads}) // who does not hear it finds out by itself
	h.unfollow()
	return nil
}

// loop does what is due until ctx ends.
func (h *Hub) loop(ctx context.Context) {
	second, move, beat := time.NewTicker(time.Second), time.NewTicker(moveEvery), time.NewTicker(beatEvery)
	defer second.Stop()
	defer move.Stop()
	defer beat.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-h.look:
			if h.nudged.Swap(false) {
				_ = h.tell(ctx, news{Look: true}) // who does not hear it looks within a second
			}
			h.keepUp(ctx)
		case <-h.peers.asked:
			h.attend(ctx)
		case <-move.C:
			if h.moved.Swap(false) {
				h.tellPresence(ctx, false)
			}
			h.ask(ctx)
		case <-beat.C:
			h.beat(ctx)
			h.sweep()
			h.peers.prune(h.cfg.Now())
		case <-second.C:
			h.keepUp(ctx)
			h.refusals.flush(h, false)
			h.storm.tick(h)
		}
	}
}

// attend does what other nodes and new channels wait for.
func (h *Hub) attend(ctx context.Context) {
	h.peers.mu.Lock()
	due := h.peers.due
	h.peers.due = false
	h.peers.mu.Unlock()
	if due {
		h.beat(ctx)
	}
	h.ask(ctx)
}

// keepUp looks into the store.
func (h *Hub) keepUp(ctx context.Context) {
	bound, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	channels, ended := h.reload(bound), h.endAsked(bound)
	if ctx.Err() != nil {
		return // the node stops, and what it asked for was taken back
	}
	h.attempt("read channels", channels)
	h.attempt("read sockets to end", ended)
}

// attempt logs what failed, once until it succeeds: it is tried again.
func (h *Hub) attempt(what string, err error) {
	h.failing.Lock()
	defer h.failing.Unlock()
	switch was := h.failing.what[what]; {
	case err != nil && !was:
		h.failing.what[what] = true
		h.cfg.Logger.Error("the store does not serve live sockets", "what", what, "error", err)
	case err == nil && was:
		delete(h.failing.what, what)
	}
}
