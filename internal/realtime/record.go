package realtime

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
)

const (
	recordEvery = 100 * time.Millisecond // how long what happened waits for more
	recordBatch = 500                    // how much does not wait
	recordMost  = 20_000                 // how much is kept while the store does not take it
	flushTime   = 2 * time.Second        // what a node that stops grants the store
)

// recorder keeps what happened until the store has it.
type recorder struct {
	metrics *metrics
	full    chan struct{}

	mu      sync.Mutex // guards what follows
	pending Record
}

// note adds what happened, unless too much waits: that is counted.
func (r *recorder) note(add func(p *Record)) {
	r.mu.Lock()
	if n := len(r.pending.Events) + len(r.pending.Begun); n < recordMost {
		add(&r.pending)
	} else {
		r.metrics.unrecorded.Inc()
	}
	full := r.pending.size() >= recordBatch
	r.mu.Unlock()
	if full {
		select {
		case r.full <- struct{}{}:
		default:
		}
	}
}

func (p *Record) size() int { return len(p.Events) + len(p.Begun) + len(p.Ended) }

// view is a member as an administrator sees it.
func (m *Member) view(t *guard.Token) SocketView {
	return SocketView{
		ID: m.id, Node: m.hub.cfg.Node, Subject: t.Subject(), ClientID: t.ClientID(), Session: t.Session(), Transport: m.transport,
		Address: m.address, ConnectedAt: m.began, ExpiresAt: t.ExpiresAt(),
	}
}

func (m *Member) event(action audit.Action, t *guard.Token, at time.Time, detail map[string]string) audit.Event {
	detail["socket"] = m.id
	return audit.Event{
		At: at, Action: action, Subject: t.Subject(), Session: t.Session(), From: audit.From{Address: m.address, Actor: t.Subject()}, Detail: detail,
	}
}

func (r *recorder) opened(m *Member, a Arrival) {
	m.hub.metrics.opened(m.transport)
	m.hub.storm.count()
	e := m.event(audit.SocketOpened, a.Token, m.began, map[string]string{"transport": m.transport, "client_id": a.Token.ClientID()})
	e.From.UserAgent, e.From.RequestID = a.From.UserAgent, a.From.RequestID
	r.note(func(p *Record) {
		p.Events = append(p.Events, e)
		p.Begun = append(p.Begun, m.view(a.Token))
	})
}

// renewed is a member with another token.
func (r *recorder) renewed(m *Member, t *guard.Token) {
	e := m.event(audit.SocketReauthenticated, t, m.hub.cfg.Now(), map[string]string{"client_id": t.ClientID()})
	r.note(func(p *Record) {
		p.Events = append(p.Events, e)
		p.Begun = append(p.Begun, m.view(t))
	})
}

func (r *recorder) closed(m *Member, t *guard.Token, end End, reason string) {
	now := m.hub.cfg.Now()
	lasted := now.Sub(m.began)
	m.hub.metrics.closed(m.transport, end.Why, lasted)
	detail := map[string]string{"transport": m.transport, "why": end.Why, "seconds": strconv.FormatInt(int64(lasted/time.Second), 10)}
	if end.Code != 0 {
		detail["code"] = strconv.Itoa(end.Code)
	}
	if reason != "" {
		detail["reason"] = reason[:min(len(reason), 64)]
	}
	e := m.event(audit.SocketClosed, t, now, detail)
	r.note(func(p *Record) { p.Events = append(p.Events, e) })
	r.ended(m.id)
}

// ended removes the row of a socket that has ended. Rows that stay would be taken for live sockets, so that more of these may wait.
func (r *recorder) ended(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending.Ended) < 10*recordMost {
		r.pending.Ended = append(r.pending.Ended, id)
	}
}

// run writes what happened until ctx ends, and then what is left.
func (r *recorder) run(ctx context.Context, h *Hub) {
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-r.full:
		case <-tick.C:
		}
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*flushTime)
		r.flush(bound, h)
		cancel()
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	r.flush(bound, h)
}

// flush writes what waits. What the store does not take is kept, before what came meanwhile.
func (r *recorder) flush(ctx context.Context, h *Hub) {
	for {
		r.mu.Lock()
		batch := r.pending.take()
		r.mu.Unlock()
		if batch.size() == 0 {
			return
		}
		batch.Node = h.cfg.Node
		err := h.cfg.Store.RecordSockets(ctx, batch)
		h.attempt("record sockets", err)
		if err != nil {
			r.mu.Lock()
			p := &r.pending
			p.Events, p.Begun, p.Ended = append(batch.Events, p.Events...), append(batch.Begun, p.Begun...), append(batch.Ended, p.Ended...)
			r.mu.Unlock()
			return
		}
	}
}

// take removes a batch. A socket that has ended began in the same batch, which then says that it ended alone, or before.
func (p *Record) take() (batch Record) {
	batch.Events, p.Events = cut(p.Events)
	if batch.Begun, p.Begun = cut(p.Begun); len(p.Begun) > 0 {
		return batch
	}
	if batch.Ended, p.Ended = cut(p.Ended); len(batch.Begun) == 0 || len(batch.Ended) == 0 {
		return batch
	}
	ended := make(map[string]bool, len(batch.Ended))
	for _, id := range batch.Ended {
		ended[id] = true
	}
	batch.Begun = slices.DeleteFunc(batch.Begun, func(s SocketView) bool { return ended[s.ID] })
	return batch
}

func cut[T any](list []T) (first, rest []T) {
	if len(list) <= recordBatch {
		return list, nil
	}
	return list[:recordBatch:recordBatch], list[recordBatch:]
}
