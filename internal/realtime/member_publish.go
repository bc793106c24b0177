package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// Publish sends to a channel, "" for the default one. Who sends need not have joined it. The error is an *Error: forbidden, no_channel,
// too_large, bad_request (data is no JSON), invalid (with the failing path), too_fast; temporarily_unavailable where other nodes cannot be
// reached: then nobody here was sent it, and it may be sent again.
func (m *Member) Publish(ctx context.Context, channel string, data json.RawMessage) (id string, err error) {
	if channel == "" {
		channel = m.hub.cfg.DefaultChannel
	}
	d, err := m.hub.definition(channel)
	if err != nil {
		return "", err
	}
	t := m.token()
	if d.ReadOnly || !d.Publish.allows(t, m.hub.cfg.Levels) || m.life.Err() != nil || m.hub.revoked(ctx, t) {
		return "", &Error{Code: "forbidden", Msg: "the token may not send to this channel"}
	}
	return m.hub.send(ctx, d, channel, t.Subject(), data)
}

// revoked says that a token does not count any more, or that this cannot be said.
func (h *Hub) revoked(ctx context.Context, t *guard.Token) bool {
	if h.cfg.Revocations == nil {
		return false
	}
	revoked, err := h.cfg.Revocations.Revoked(ctx, t)
	return revoked || err != nil
}

// send checks a message and passes it to all nodes.
func (h *Hub) send(ctx context.Context, d *definition, channel, from string, data json.RawMessage) (id string, err error) {
	if len(data) > d.MaxBytes {
		return "", &Error{Code: "too_large", Msg: "the message is greater than the channel takes"}
	}
	if err := checkJSON(data); err != nil {
		return "", err
	}
	if d.schema != nil {
		if err := meets(d.schema, data); err != nil {
			return "", err
		}
	}
	ch, err := h.place(channel, d, from)
	if err != nil {
		return "", err
	}
	now := h.cfg.Now()
	ch.mu.Lock()
	ok := ch.rate.take(now)
	ch.mu.Unlock()
	if !ok {
		return "", &Error{Code: "too_fast", Msg: "the channel takes no more messages this second"}
	}
	m := &Message{Channel: channel, From: from, At: now.UTC().Truncate(time.Millisecond), Data: bytes.Clone(data), origin: h.origin}
	if err := h.out.pass(&outgoing{message: m, channel: ch, turn: make(chan bool)}, func(batch []*outgoing) error { return h.post(ctx, batch) }); err != nil {
		h.cfg.Logger.Debug("a message did not reach other nodes", "error", err)
		return "", &Error{Code: "temporarily_unavailable", Msg: "other nodes cannot be reached: send it again"}
	}
	h.metrics.published.Inc()
	return m.ID, nil
}
