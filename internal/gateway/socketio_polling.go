package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// separator stands between the packets of a payload (Engine.IO v4).
const separator = "\x1e"

const (
	maxVisits  = 100_000          // of a route by polling
	silentTime = 90 * time.Second // after which a client by polling is gone: pings come every 25 s
	maxPayload = 1 << 20          // bytes of a payload
)

// errWoken is the cause of a poll that gets an answer of our own.
var errWoken = errors.New("answered by the gateway")

// poll is a request of a client by polling, on its way to the upstream.
type poll struct {
	engine *engine
	visit  *visit // nil for a handshake
	begin  func(sid string)
	cancel context.CancelCauseFunc
}

// wake has the poll answered by the gateway. The upstream takes its client for gone.
func (p *poll) wake() { p.cancel(errWoken) }

// servePolling answers a request of an Engine.IO client by polling, or takes it on. What is none needs a token like anything else.
func (e *engine) servePolling(w http.ResponseWriter, r *http.Request, x *exchange) {
	q, ok := e.query(r)
	if !ok {
		x.refuseQuery(w)
		return
	}
	polling := q.Get("EIO") == "4" && q.Get("transport") == "polling" && (r.Method == http.MethodGet || r.Method == http.MethodPost)
	sid := q.Get("sid")
	delete(r.Header, "Accept-Encoding") // so that payloads can be read
	switch {
	case !polling && x.token == nil && !e.route.Public:
		x.missing(w, r)
	case !polling:
		e.route.forward(w, r, x)
	case sid == "" && r.Method == http.MethodGet:
		x.poll = &poll{engine: e, begin: func(sid string) { e.begin(sid, r, x) }}
		e.route.forward(w, r, x)
	default:
		v := e.find(sid, x)
		switch {
		case v == nil:
			x.unknownSession(w)
		case r.Method == http.MethodPost && v.hasEnded():
			x.unknownSession(w)
		case r.Method == http.MethodPost:
			e.servePost(w, r, x, v)
		default:
			e.servePoll(w, r, x, v)
		}
	}
}

// begin binds a session that the upstream has opened to who opened it.
func (e *engine) begin(sid string, r *http.Request, x *exchange) {
	v := e.newVisit(r, x)
	v.mu.Lock()
	v.sid = sid
	v.mu.Unlock()
	e.mu.Lock()
	old := e.visits[sid]
	full := len(e.visits) >= maxVisits && old == nil
	if !full {
		e.visits[sid] = v
	}
	e.mu.Unlock()
	if old != nil {
		old.free("replaced")
	}
	if full {
		v.free("many")
	}
}

// find is the visit of a session id, for the subject that opened it.
func (e *engine) find(sid string, x *exchange) *visit {
	e.mu.Lock()
	v := e.visits[sid]
	e.mu.Unlock()
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended == nil {
		v.timer.Reset(v.patience())
	}
	if x.token != nil && v.token != nil && x.token.Subject() != v.token.Subject() {
		return nil
	}
	return v
}

// close ends all visits, which come again elsewhere.
func (e *engine) close() {
	e.mu.Lock()
	all := slices.Collect(maps.Values(e.visits))
	e.mu.Unlock()
	for _, v := range all {
		v.finish(endAway)
	}
}

// servePost takes the packets of a client on, but for those that it may not send yet.
func (e *engine) servePost(w http.ResponseWriter, r *http.Request, x *exchange, v *visit) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, min(maxPayload, e.route.MaxBody)))
	if err != nil {
		x.refuse(w, http.StatusRequestEntityTooLarge, "too_large", "the request's body is too large")
		return
	}
	if v.hasEnded() { // while its body came
		x.unknownSession(w)
		return
	}
	on, refused, ok := v.sift(string(body))
	switch {
	case !ok:
		v.finish(endInvalid)
		x.refuse(w, http.StatusBadRequest, "invalid_request", "nothing may be sent before a CONNECT that was let in")
		return
	case refused:
		v.refuse()
	}
	if len(on) == 0 {
		_, _ = io.WriteString(w, "ok") // the client may be gone
		return
	}
	next := strings.Join(on, separator)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(next)), int64(len(next))
	r.Header.Set("Content-Length", strconv.Itoa(len(next)))
	v.mu.Lock()
	x.token = v.token
	v.mu.Unlock()
	e.route.forward(w, r, x)
}

// servePoll takes a client's wait for packets on, until the upstream has some, or the visit ends.
func (e *engine) servePoll(w http.ResponseWriter, r *http.Request, x *exchange, v *visit) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	x.poll = &poll{engine: e, visit: v, cancel: cancel}
	v.mu.Lock()
	x.token = v.token
	known, waits := v.ended != nil, v.waiting != "" && !v.open
	if v.poll == nil {
		v.poll = x.poll
	}
	v.mu.Unlock()
	defer v.waitsNot(x.poll)
	if known || waits {
		x.poll.wake()
		x.poll.instead(w)
		return
	}
	e.route.forward(w, r.WithContext(ctx), x)
}

// answered looks at the upstream's answer to a poll, and adds what waits.
func (p *poll) answered(resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		if p.visit != nil && resp.StatusCode == http.StatusBadRequest { // it does not know the session any more
			p.visit.waitsNot(p)
			p.visit.gone("closed")
		}
		return nil
	}
	var add string
	if v := p.visit; v != nil {
		v.mu.Lock()
		ended := v.ended != nil
		add, v.waiting = strings.TrimSuffix(v.waiting, separator), ""
		v.mu.Unlock()
		if ended { // of several polls one alone is woken
			p.wake()
			return errWoken
		}
		if add == "" {
			return nil
		}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPayload))
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	if p.visit == nil {
		var open struct {
			SID string `json:"sid"`
		}
		if len(body) > 1 && body[0] == '0' && json.Unmarshal(body[1:], &open) == nil && open.SID != "" {
			p.begin(open.SID)
		}
	} else if len(body) > 0 {
		add = separator + add
	}
	body = append(body, add...)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// instead answers a poll that was woken: what waits, and when the visit has ended its farewell, after which the session is unknown.
func (p *poll) instead(w http.ResponseWriter) bool {
	v := p.visit
	if v == nil {
		return false
	}
	v.mu.Lock()
	ended, payload := v.ended, v.waiting
	open := v.open
	v.waiting = ""
	v.mu.Unlock()
	if ended == nil && payload == "" {
		return false
	}
	if ended != nil {
		v.farewell(*ended, func(packet string) { payload += packet + separator })
	}
	if payload == "" { // it shall come again; behind a packet that ends the socket this would be read first
		payload = "1"
	}
	if ended != nil || !open {
		defer v.gone("refused")
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, strings.TrimSuffix(payload, separator)) // the client may be gone
	return true
}

// unknownSession is what Engine.IO servers answer, upon which clients begin anew.
func (x *exchange) unknownSession(w http.ResponseWriter) {
	x.reason = "unknown_session"
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"code":1,"message":"Session ID unknown"}`) // the client may be gone
}

// missing refuses who shows no token where it cannot come later.
func (x *exchange) missing(w http.ResponseWriter, r *http.Request) {
	x.reason = string(guard.TokenMissing)
	guard.WriteError(w, r, &guard.Error{Reason: guard.TokenMissing, Realm: "api"})
}
