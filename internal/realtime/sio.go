package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/socket"
	"github.com/sandi-auth/sandi/internal/socketio"
	"github.com/sandi-auth/sandi/internal/web"
)

// denied is the text of connect_error, which clients written for the server of the tutorial compare.
const denied = "Akses Tidak Sah - Izin Ditolak!"

// socketIO answers every request of Socket.IO. The origin is judged with each: a session's id is no credential of a page.
func (d *Door) socketIO(w http.ResponseWriter, r *http.Request) {
	if !d.admitOrigin(w, r) {
		return
	}
	d.cors(w, r)
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d.sio.ServeHTTP(w, r)
}

// cors lets the page of an admitted origin read the answers of polling, with its cookies only where it is listed.
func (d *Door) cors(w http.ResponseWriter, r *http.Request) {
	origin, h := r.Header.Get("Origin"), w.Header()
	if origin == "" {
		return
	}
	if slices.Contains(d.cfg.Origins, origin) {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if r.Method == http.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		h.Set("Access-Control-Max-Age", "600")
	}
}

// requestID is the header in which the id of a handshake's request reaches connect.
const requestID = "X-Request-Id"

// accept judges the handshake of a session, which then has ConnectTimeout to show a good credential.
func (d *Door) accept(w http.ResponseWriter, r *http.Request) bool {
	one, ok := d.enter(w, r)
	if !ok {
		return false
	}
	id := web.RequestID(r.Context())
	r.Header.Set(requestID, id) // whatever the client had there
	var late *time.Timer
	leave := func() {
		late.Stop()
		d.handshakes.Delete(id)
		d.silent.leave(one)
	}
	late = time.AfterFunc(2*d.cfg.AuthTimeout, func() { d.spoke(id) }) // what never connects tells nobody when it ends
	d.handshakes.Store(id, leave)
	return true
}

// spoke says that a session has shown a good credential, or has ended.
func (d *Door) spoke(id string) {
	if leave, ok := d.handshakes.Load(id); ok {
		leave.(func())()
	}
}

// connect judges a CONNECT.
func (d *Door) connect(ctx context.Context, c *socketio.Connect) (h socketio.Handler, err error) {
	var p *sioPeer
	defer d.recovered(func(e End) {
		h, err = nil, refusal(e)
		if p != nil && p.member != nil {
			p.member.Leave("closed")
		}
	})
	if c.Namespace != "/" {
		return nil, &socketio.Refusal{Message: "Invalid namespace"}
	}
	origin := audit.From{Address: c.Request.RemoteAddr, UserAgent: web.UserAgent(c.Request), RequestID: c.Request.Header.Get(requestID)}
	t, cursor, err := d.authenticate(ctx, c)
	if err != nil {
		d.hub.Refused(origin, reasonOf(err))
		return nil, refusal(EndOf(err))
	}
	p = &sioPeer{door: d, socket: c.Socket, subject: t.Subject(), client: t.ClientID(), channels: map[string]string{}, starting: true}
	p.member, err = d.hub.Join(context.Background(), Arrival{Token: t, Peer: p, Transport: "socket.io/" + c.Socket.Transport(), From: origin})
	if err != nil {
		return nil, refusal(EndOf(err))
	}
	old, _ := c.Recovered.(*sioPeer)
	if old != nil {
		d.keeping.free(old.kept)
	}
	if old != nil && p.resume(old) {
		c.Resume()
	} else if name := d.hub.DefaultChannel(); name != "" {
		_, _ = p.subscribe(name, cursor) // where its token may
	}
	if end := p.begin(); end != nil {
		p.Gone("closed")
		return nil, refusal(*end)
	}
	c.Socket.Keep(p)
	d.spoke(origin.RequestID)
	return p, nil
}

// authenticate finds the one credential, auth.token or what the handshake brought, and the cursor of the default channel.
func (d *Door) authenticate(ctx context.Context, c *socketio.Connect) (t *guard.Token, cursor string, err error) {
	auth, err := readAuth(c.Auth)
	if err != nil {
		return nil, "", &guard.Error{Reason: guard.InvalidRequest, Cause: err}
	}
	if auth.Token == nil {
		t, err = d.credential(c.Request)
		if t == nil && err == nil {
			err = &guard.Error{Reason: guard.TokenMissing}
		}
		return t, auth.Cursor, err
	}
	switch t, err := d.cfg.Guard.Check(c.Request, d.explicit...); {
	case err != nil:
		return nil, "", err
	case t != nil:
		return nil, "", &guard.Error{Reason: guard.InvalidRequest, Cause: errTwoCredentials}
	}
	t, err = d.cfg.Guard.CheckToken(ctx, *auth.Token)
	return t, auth.Cursor, err
}

// auth is what a client of Socket.IO sends with CONNECT.
type auth struct {
	Token  *string `json:"token"` // null is none: what localStorage has for nobody
	Cursor string  `json:"cursor"`
}

// readAuth reads valid JSON, or nothing.
func readAuth(text []byte) (a auth, err error) {
	if len(text) == 0 {
		return a, nil
	}
	// What clients send as a rule is a token alone.
	if token, ok := bytes.CutPrefix(text, []byte(`{"token":"`)); ok {
		if token, ok = bytes.CutSuffix(token, []byte(`"}`)); ok && bytes.IndexByte(token, '"') < 0 && bytes.IndexByte(token, '\\') < 0 {
			plain := string(token)
			return auth{Token: &plain}, nil
		}
	}
	err = json.Unmarshal(text, &a)
	return a, err
}

var errTwoCredentials = errors.New("more than one credential")

// refusal is a connect_error: the code and reason of the close frame that a raw WebSocket would get.
func refusal(e End) *socketio.Refusal {
	message := denied
	if !ofToken(e) {
		message = e.Reason
	}
	data := struct {
		Code       int    `json:"code"`
		Reason     string `json:"reason"`
		RetryAfter int    `json:"retry_after,omitempty"` // seconds
	}{e.Code, e.Reason, int(math.Ceil(e.RetryAfter.Seconds()))}
	return &socketio.Refusal{Message: message, Data: data}
}

// ofToken says that the connection ended for what the token is or may, and not for how things are here.
func ofToken(e End) bool { return e.Code >= socket.Invalid && e.Code <= socket.Revoked }
