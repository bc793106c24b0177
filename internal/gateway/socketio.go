package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
)

// Socket.IO v5 over Engine.IO v4 behind the gateway. Its clients show their token in the CONNECT packet, which is held until the
// token is judged, and take any end of the connection but a disconnect packet as a reason to come again: so at the end of the
// token they get auth_error, that packet, and then the end.

// denied is the message of a connect_error, as this server's own Socket.IO has it.
const denied = "Akses Tidak Sah - Izin Ditolak!"

const (
	maxPacket     = 64 << 10         // bytes of a CONNECT, and of what comes before the first
	maxNamespaces = 32               // of one client
	maxRefusals   = 8                // CONNECTs in vain before the connection is ended
	maxTokens     = 64               // that one client shows, each of which is watched
	connectTime   = 20 * time.Second // until a token was shown
)

// engine is the Engine.IO sessions of a route that began by polling.
type engine struct {
	route *route

	mu     sync.Mutex // guards visits
	visits map[string]*visit
}

func newEngine(r *route) *engine { return &engine{route: r, visits: map[string]*visit{}} }

// visit is one Engine.IO session.
type visit struct {
	engine *engine
	sid    string // of polling; "" for a websocket alone
	from   audit.From
	ctx    context.Context // of the Lifetimes of its tokens
	cancel context.CancelFunc
	begun  time.Time
	timer  *time.Timer // ends who shows no token, then, by polling, who does not come any more

	mu         sync.Mutex   // guards what follows
	token      *guard.Token // nil: nobody yet
	explicit   bool         // it came with the handshake, and not by a cookie
	open       bool         // a CONNECT was let in, so that messages pass
	namespaces []string
	refusals   int
	ended      *ending
	freed      bool
	relays     []*relay // one, or while its client brings another, which the upstream may take or leave
	tokens     int      // that were followed
	closed     func(why string)
	poll       *poll  // that waits for the upstream
	waiting    string // packets for the next poll, each ended by a separator
}

func (e *engine) newVisit(r *http.Request, x *exchange) *visit {
	v := &visit{engine: e, begun: time.Now(), from: x.from(r), closed: func(string) {}}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	v.explicit = x.token != nil && (r.Header["Authorization"] != nil || !e.route.CookieAuth || len(r.CookiesNamed(e.route.gateway.cookieName())) != 1)
	v.timer = time.AfterFunc(connectTime, v.tick)
	if x.token != nil {
		v.follow(x.token)
	}
	return v
}

// tick ends who has shown no token, and forgets who does not come any more.
func (v *visit) tick() {
	v.mu.Lock()
	late := v.token == nil && !v.open && !v.engine.route.Public && v.ended == nil
	away := v.sid != "" && len(v.relays) == 0 && (v.poll == nil || v.ended != nil)
	if !late && !away {
		v.timer.Reset(silentTime)
	}
	v.mu.Unlock()
	switch {
	case late:
		v.finish(endInvalid)
	case away:
		v.gone("silent")
	}
}

// follow has the visit end with a token as well. A visit may have several, of one subject.
func (v *visit) follow(t *guard.Token) {
	v.mu.Lock()
	first := v.token == nil
	v.token = t
	v.tokens++
	v.mu.Unlock()
	if s := v.engine.route.gateway.Sockets; first && s != nil {
		v.list(s.Opened(t, v.from, func() { v.finish(endKicked) })) // which may kick at once
	}
	life := guard.Lifetime(guard.WithIdentity(v.ctx, t))
	context.AfterFunc(life, func() {
		if e := lifeEnded(life); e != nil {
			v.finish(endOf(e))
		}
	})
}

// connect judges a CONNECT packet ("40", perhaps a namespace, perhaps a JSON object) and gives what goes on in its place, or the
// refusal that the client gets instead.
func (v *visit) connect(packet string) (on, refusal string) {
	ns, text := "", packet[2:]
	if strings.HasPrefix(text, "/") {
		name, rest, found := strings.Cut(text, ",")
		if !found {
			name, rest = text, ""
		}
		ns, text = name+",", rest
	}
	auth := map[string]json.RawMessage{}
	var err error
	if text != "" {
		err = json.Unmarshal([]byte(text), &auth)
	}
	var t *guard.Token
	if err == nil {
		t, err = v.judge(auth)
	} else {
		err = &guard.Error{Reason: guard.InvalidRequest, Cause: err}
	}
	if err == nil {
		on, err = v.rewrite(ns, auth, t)
	}
	if err == nil {
		return on, ""
	}
	e := endOf(err)
	if s := v.engine.route.gateway.Sockets; s != nil {
		s.Refused(v.from, reasonOf(err))
	}
	data, _ := json.Marshal(map[string]any{"message": denied, "data": map[string]any{"code": e.code, "reason": e.reason}})
	plain, _, _ := strings.Cut(ns, "?")
	if ns != "" {
		plain = strings.TrimSuffix(plain, ",") + ","
	}
	return "", "44" + plain + string(data)
}

func reasonOf(err error) string {
	if e, ok := errors.AsType[*guard.Error](err); ok {
		return string(e.Reason)
	}
	return "server_error"
}

// judge says who a CONNECT is from: by its auth.token where there is one, which a credential that was explicit already contradicts;
// else by the handshake.
func (v *visit) judge(auth map[string]json.RawMessage) (*guard.Token, error) {
	v.mu.Lock()
	known, explicit := v.token, v.explicit
	v.mu.Unlock()
	raw, ok := auth["token"]
	if !ok || string(raw) == "null" { // a page that has stored no token sends null
		if known == nil && !v.engine.route.Public {
			return nil, &guard.Error{Reason: guard.TokenMissing}
		}
		return known, nil
	}
	var token string
	if json.Unmarshal(raw, &token) != nil {
		return nil, &guard.Error{Reason: guard.InvalidRequest}
	}
	if explicit { // RFC 6750 section 2
		return nil, &guard.Error{Reason: guard.InvalidRequest, Cause: errors.New("more than one credential")}
	}
	t, err := v.engine.route.judge.CheckToken(v.ctx, token, v.engine.route.needs...)
	if err != nil {
		return nil, err
	}
	if known != nil && (known.Subject() != t.Subject() || known.Issuer() != t.Issuer()) {
		return nil, &guard.Error{Reason: guard.Forbidden, Cause: errors.New("another subject's token on the same connection")}
	}
	if t == known {
		return t, nil
	}
	v.mu.Lock()
	full := v.tokens >= maxTokens
	v.mu.Unlock()
	if full {
		return nil, &guard.Error{Reason: guard.Forbidden, Cause: errors.New("too many tokens on the same connection")}
	}
	v.follow(t)
	return t, nil
}

// rewrite makes the CONNECT that the upstream sees: without the token, and with the identity of t, if any.
func (v *visit) rewrite(ns string, auth map[string]json.RawMessage, t *guard.Token) (string, error) {
	r := v.engine.route
	delete(auth, "sandi_identity")
	if !r.Forward {
		delete(auth, "token")
	}
	if t != nil && r.Identity != "none" {
		token, err := r.gateway.identity.token(t, r.audience)
		if err != nil {
			return "", err
		}
		auth["sandi_identity"], _ = json.Marshal(token)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.namespaces) >= maxNamespaces {
		return "", &guard.Error{Reason: guard.Forbidden, Cause: errors.New("too many namespaces")}
	}
	v.open = true
	name, _, _ := strings.Cut(strings.TrimSuffix(ns, ","), "?")
	if name == "/" {
		name = ""
	}
	if name != "" {
		name += ","
	}
	if !slices.Contains(v.namespaces, name) {
		v.namespaces = append(v.namespaces, name)
	}
	if len(auth) == 0 {
		return "40" + ns, nil
	}
	text, err := json.Marshal(auth)
	return "40" + ns + string(text), err
}

// mayPass says whether a packet that is no CONNECT goes on: before the first of those that was let in, only what Engine.IO says for
// itself (close, ping, pong, upgrade, noop).
func (v *visit) mayPass(packet string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.open || packet != "" && strings.IndexByte("12356", packet[0]) >= 0
}

// refused counts a CONNECT in vain, and reports whether there were too many.
func (v *visit) refused() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refusals++
	return v.refusals >= maxRefusals
}

// cookieName is the access token's cookie.
func (g *Gateway) cookieName() string {
	if g.Cookie != "" {
		return g.Cookie
	}
	return "__Host-sandi_access"
}
