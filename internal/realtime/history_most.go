package realtime

import (
	"cmp"
	"slices"
	"time"
)

const (
	defaultKept = 256 << 20 // bytes
	keptCost    = 512       // bytes of a message that is kept, beside its data
)

// aged is a message that is kept.
type aged struct {
	at    time.Time
	bytes int
}

// oldest is how old a message may be, so that all that are kept are not too many: names below a prefix are made by clients, and each name
// keeps its own.
func (h *Hub) oldest(now time.Time) time.Duration {
	most, total := cmp.Or(h.cfg.Limits.Kept, defaultKept), 0
	h.everyKept(func(m *Message) { total += len(m.Data) + keptCost })
	if total <= most {
		return maxKeepFor
	}
	var all []aged
	h.everyKept(func(m *Message) { all = append(all, aged{m.At, len(m.Data) + keptCost}) })
	slices.SortFunc(all, func(a, b aged) int { return b.at.Compare(a.at) })
	left := most
	for _, a := range all {
		if left -= a.bytes; left < 0 {
			h.cfg.Logger.Warn("more messages are sent than this node keeps", "bytes", total, "most", most, "kept_for", now.Sub(a.at))
			return max(0, now.Sub(a.at)-1)
		}
	}
	return maxKeepFor
}

func (h *Hub) everyKept(do func(m *Message)) {
	for _, ch := range h.everyChannel() {
		ch.mu.Lock()
		for _, m := range ch.history.ring {
			do(m)
		}
		ch.mu.Unlock()
	}
}
