package realtime

import (
	"context"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
)

// Opened lists a WebSocket that the gateway passes on, beside the hub's own: it counts within the same limits, and an administrator sees it and
// can end it. kick ends it, and may be called before Opened returns; closed is to be called once with why it ended. The end of its token is
// for the gateway to see to. Nobody's sockets, of public routes, are not listed.
func (h *Hub) Opened(t *guard.Token, from audit.From, kick func()) (closed func(why string)) {
	if t == nil {
		return func(string) {}
	}
	m, err := h.Join(context.Background(), Arrival{Token: t, Peer: proxied(kick), Transport: "gateway", From: from})
	if err != nil {
		kick()
		return func(string) {}
	}
	return m.Leave
}

// proxied is the end of a connection that the gateway speaks for.
type proxied func()

func (p proxied) Deliver(*Message) {}

func (p proxied) Tell(Notice) {}

// Close implements Peer. The gateway hears of the end of a token as soon as the hub does, and of its own stop.
func (p proxied) Close(e End) {
	if e.Why == EndKicked.Why || e.Why == EndMany.Why {
		p()
	}
}
