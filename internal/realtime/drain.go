package realtime

import (
	"math"
	"slices"
	"time"
)

const (
	// drainMost bounds how long a node that stops takes for it, whatever DrainTime: its clients come back over all of that.
	drainMost = 5 * time.Second
	// drainEach bounds it by how many there are: few take no time.
	drainEach = 2 * time.Millisecond
	// drainStep is how long it waits between some ends and the next.
	drainStep = 20 * time.Millisecond
)

// drain ends all members. Each is told a time of its own to come back after.
func (h *Hub) drain() {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
	all := h.list()
	slices.SortFunc(all, func(a, b *Member) int { return a.began.Compare(b.began) })
	spread := max(h.cfg.DrainTime, 0)
	ends := make([]End, len(all))
	for i, m := range all {
		ends[i] = EndAway
		ends[i].RetryAfter = spread * time.Duration(i+1) / time.Duration(len(all))
		m.peer.Tell(Notice{"going_away", goingAway{int64(math.Ceil(ends[i].RetryAfter.Seconds()))}})
	}
	steps := int(min(spread, drainMost, drainEach*time.Duration(len(all))) / drainStep)
	for step := 0; step <= steps; step++ {
		for i := len(all) * step / (steps + 1); i < len(all)*(step+1)/(steps+1); i++ {
			all[i].end(ends[i])
		}
		if step < steps && len(all) > 0 {
			time.Sleep(drainStep)
		}
	}
	for _, m := range h.list() { // who was on the way in
		m.end(EndAway)
	}
}
