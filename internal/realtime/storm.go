package realtime

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
)

// Alarms.
const (
	stormFactor   = 5    // times as many sockets a second as in the last minutes on average
	stormLeast    = 50   // and at least so many
	manyRefusals  = 30   // of one network in a minute
	maxRefusals   = 4096 // networks that are told apart
	refusalWindow = time.Minute
)

// storm finds clients that all come at once.
type storm struct {
	opens  atomic.Int64
	mean   float64   // a second, of the last minutes; of Run, as is the next
	warned time.Time // and how long the alarm lasts
}

func (s *storm) count() { s.opens.Add(1) }

// tick is called every second.
func (s *storm) tick(h *Hub) {
	n, now := float64(s.opens.Swap(0)), h.cfg.Now()
	alarm := n >= stormLeast && n > stormFactor*s.mean
	if alarm && now.Sub(s.warned) >= refusalWindow {
		h.cfg.Logger.Warn("many sockets are opened at once", "in_a_second", int(n), "mean", s.mean)
		s.warned = now
	}
	h.metrics.alarm.WithLabelValues("reconnects").Set(bit(now.Sub(s.warned) < refusalWindow))
	s.mean += (n - s.mean) / 120
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// refusals are counted for each network and minute, so that strangers cannot fill the audit log: the first is an event, and at the end of
// the minute the others are one.
type refusals struct {
	mu sync.Mutex // guards what follows
	by map[string]*refusedFew
}

type refusedFew struct {
	began  time.Time
	from   audit.From // of the last
	reason string     // of the last
	count  int        // beside the first
	warned bool
}

// Refused counts and records a connection that was not let in, except by Join, which does so itself. The reason is of a fixed set.
func (h *Hub) Refused(from audit.From, reason string) {
	h.metrics.refused.WithLabelValues(reason).Inc()
	key := cluster.Network(from.Address)
	h.refusals.mu.Lock()
	defer h.refusals.mu.Unlock()
	r := h.refusals.by[key]
	if r == nil && len(h.refusals.by) >= maxRefusals {
		key, from = "others", audit.From{}
		r = h.refusals.by[key]
	}
	if r == nil {
		h.refusals.by[key] = &refusedFew{began: h.cfg.Now(), from: from, reason: reason}
		h.recorder.refused(h.cfg.Now(), from, reason, 1)
		return
	}
	r.count, r.from, r.reason = r.count+1, from, reason
	if r.count >= manyRefusals && !r.warned {
		r.warned = true
		h.cfg.Logger.Warn("many sockets of one address are refused", "address", from.Address, "reason", reason)
	}
}

// flush ends minutes; all ends those too that are not over.
func (r *refusals) flush(h *Hub, all bool) {
	now, alarms := h.cfg.Now(), 0.0
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, one := range r.by {
		if over := now.Sub(one.began) >= refusalWindow; !over && !all {
			alarms += bit(one.warned)
			continue
		}
		delete(r.by, key)
		if one.count > 0 {
			h.recorder.refused(now, one.from, one.reason, one.count)
		}
	}
	h.metrics.alarm.WithLabelValues("refusals").Set(alarms)
}

func (r *recorder) refused(at time.Time, from audit.From, reason string, count int) {
	e := audit.Event{At: at, Action: audit.SocketRefused, From: from, Detail: map[string]string{"reason": reason, "count": strconv.Itoa(count)}}
	r.note(func(p *Record) { p.Events = append(p.Events, e) })
}
