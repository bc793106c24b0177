package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// query reads which session and protocol a request is of, and says whether there is one reading of that. Where a name stands twice, or as a
// list, servers take the first, the last or neither: Node's then takes it for the old protocol, whose clients need no CONNECT.
func (e *engine) query(r *http.Request) (url.Values, bool) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, false
	}
	for key, values := range q {
		name, _, _ := strings.Cut(key, "[")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "eio", "sid", "transport":
			if len(values) != 1 || key != "EIO" && key != "sid" && key != "transport" {
				return nil, false
			}
		}
	}
	return q, true
}

func (x *exchange) refuseQuery(w http.ResponseWriter) {
	x.refuse(w, http.StatusBadRequest, "invalid_request", "the query must say EIO, transport and sid at most once each")
}

// list keeps what is to be told of the visit's end; it is told at once where that has come.
func (v *visit) list(closed func(why string)) {
	v.mu.Lock()
	over := v.freed
	if !over {
		v.closed = closed
	}
	v.mu.Unlock()
	if over {
		closed(endClosed.why)
	}
}

// free is called when nothing of the visit is left, or nothing that counts: nobody watches its tokens any more.
func (v *visit) free(why string) {
	v.cancel()
	v.mu.Lock()
	v.timer.Stop()
	if v.ended != nil {
		why = v.ended.why
	}
	v.ended, v.freed = &endClosed, true
	closed, left, p := v.closed, v.relays, v.poll
	v.closed = func(string) {}
	v.mu.Unlock()
	closed(why)
	for _, s := range left {
		s.finish(endAway)
	}
	if p != nil {
		p.wake()
	}
}

// finish ends the visit on whichever transports it has.
func (v *visit) finish(e ending) {
	v.mu.Lock()
	if v.ended != nil {
		v.mu.Unlock()
		return
	}
	v.ended = &e
	relays, p := slices.Clone(v.relays), v.poll
	if v.sid != "" {
		v.timer.Reset(stallTime) // for a poll that brings the end home
	}
	v.mu.Unlock()
	for _, s := range relays {
		s.finish(e)
	}
	if p != nil {
		p.wake()
	}
}

// farewell is what a client gets before its transport ends, packets of Socket.IO each handed to frame; nothing where it should come
// again.
func (v *visit) farewell(e ending, frame func(packet string)) {
	if e.code < 4000 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	data, _ := json.Marshal(map[string]any{"code": e.code, "reason": e.reason})
	for _, ns := range v.namespaces {
		frame("42" + ns + `["auth_error",` + string(data) + "]")
		frame("41" + ns)
	}
}

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

// waitsNot says that a poll does not wait for the upstream any more.
func (v *visit) waitsNot(p *poll) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.poll == p {
		v.poll = nil
	}
}

func (v *visit) hasEnded() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ended != nil
}

// refuse brings a refusal home at once where the client has nothing else here.
func (v *visit) refuse() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.poll != nil && !v.open {
		v.poll.wake()
	}
}

// sift is what goes on of a payload. The refusals of its CONNECTs wait for the next poll; ok is false where it holds what may not be sent, or too
// many of them.
func (v *visit) sift(payload string) (on []string, refused, ok bool) {
	for packet := range strings.SplitSeq(payload, separator) {
		switch {
		case strings.HasPrefix(packet, "40") && len(packet) <= maxPacket:
			next, refusal := v.connect(packet)
			if refusal == "" {
				on = append(on, next)
				continue
			}
			if refused = true; v.refused() {
				return nil, refused, false
			}
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
