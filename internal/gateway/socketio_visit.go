package gateway

import (
	"strings"
	"time"
)

// patience is how long until tick. Who has shown no token cannot lengthen it.
func (v *visit) patience() time.Duration {
	if v.token == nil && !v.open && !v.engine.route.Public {
		return max(0, connectTime-time.Since(v.begun))
	}
	return silentTime
}

// gone forgets a visit whose last transport has ended.
func (v *visit) gone(why string) {
	v.engine.mu.Lock()
	if v.engine.visits[v.sid] == v {
		delete(v.engine.visits, v.sid)
	}
	v.engine.mu.Unlock()
	v.free(why)
}

func (v *visit) hasEnded() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ended != nil
}

// refuse brings a refusal home at once where the client has nothing else here.
func (v *visit) refuse() {
	if v.refused() {
		v.finish(endInvalid)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.poll != nil && !v.open {
		v.poll.wake()
	}
}

// sift is what goes on of a payload. The refusals of its CONNECTs wait for the next poll; ok is false where it holds what may not be sent.
func (v *visit) sift(payload string) (on []string, refused, ok bool) {
	for packet := range strings.SplitSeq(payload, separator) {
		switch {
		case strings.HasPrefix(packet, "40") && len(packet) <= maxPacket:
			next, refusal := v.connect(packet)
			if refusal == "" {
				on = append(on, next)
				continue
			}
			refused = true
			v.mu.Lock()
			v.waiting += refusal + separator
			v.mu.Unlock()
		case !v.mayPass(packet) || strings.HasPrefix(packet, "40"):
			return nil, refused, false
		default:
			on = append(on, packet)
		}
	}
	return on, refused, true
}
