package socketio

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/socket"
)

// fault is an answer of Engine.IO to a request that cannot be.
type fault struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// The faults that Engine.IO has numbers for, and two of ours with the number that it has for refusals.
func unknownTransport() fault { return fault{http.StatusBadRequest, 0, "Transport unknown"} }
func unknownSession() fault   { return fault{http.StatusBadRequest, 1, "Session ID unknown"} }
func badMethod() fault        { return fault{http.StatusBadRequest, 2, "Bad handshake method"} }
func badRequest() fault       { return fault{http.StatusBadRequest, 3, "Bad request"} }
func unsupportedVersion() fault {
	return fault{http.StatusBadRequest, 5, "Unsupported protocol version"}
}

func tooMany() fault { return fault{http.StatusServiceUnavailable, 4, "Too many sessions"} }

func headersTooLarge() fault {
	return fault{http.StatusRequestHeaderFieldsTooLarge, 4, "Request headers too large"}
}

func payloadTooLarge() fault {
	return fault{http.StatusRequestEntityTooLarge, 3, "Payload too large"}
}

// write answers with the fault.
func (f fault) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	if f.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(f)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	transport, id := q.Get("transport"), q.Get("sid")
	upgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	websocket := transport == "websocket"
	switch {
	case !websocket && transport != "polling":
		unknownTransport().write(w)
	case id != "":
		s.serveSession(w, r, id, websocket, upgrade)
	case r.Method != http.MethodGet:
		badMethod().write(w)
	case websocket && !upgrade:
		badRequest().write(w)
	case q.Get("EIO") != "4":
		unsupportedVersion().write(w)
	case s.c.Accept(w, r):
		s.handshake(w, r, websocket)
	}
}

// serveSession serves a request that names its session.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request, id string, websocket, upgrade bool) {
	e := s.find(id)
	switch {
	case e == nil:
		unknownSession().write(w)
	case websocket && upgrade:
		e.upgrade(w, r)
	case websocket:
		badRequest().write(w)
	case r.Method == http.MethodGet:
		e.poll(w, r)
	case r.Method == http.MethodPost:
		e.post(w, r)
	default:
		badRequest().write(w)
	}
}

// handshake begins a session.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, websocket bool) {
	h, ok := newHello(r, s.c.Address(r))
	if !ok {
		headersTooLarge().write(w)
		return
	}
	e := s.admit(h)
	if e == nil {
		tooMany().write(w)
		return
	}
	if websocket {
		e.open(w, r)
		return
	}
	e.mu.Lock()
	e.rearm()
	e.mu.Unlock()
	if s.respond(w, e.opening([]string{"websocket"}).text) != nil {
		e.end("transport error", socket.Normal, "")
	}
}

// opening is the first packet of a session.
func (s *session) opening(upgrades []string) message {
	c := &s.server.c
	text, err := json.Marshal(struct {
		ID           string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"` // milliseconds
		PingTimeout  int64    `json:"pingTimeout"`  // milliseconds
		MaxPayload   int      `json:"maxPayload"`
	}{s.id, upgrades, c.PingInterval.Milliseconds(), c.PingTimeout.Milliseconds(), c.MaxPayload})
	if err != nil {
		panic("socketio: " + err.Error()) // strings and numbers
	}
	return newMessage(append([]byte{eioOpen}, text...))
}

// respond answers a polling request, within the write timeout, which is then taken off the connection: the server's own may be none.
func (s *Server) respond(w http.ResponseWriter, payload []byte) error {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(payload)))
	c := http.NewResponseController(w)
	_ = c.SetWriteDeadline(time.Now().Add(s.c.WriteTimeout)) // where it cannot be set, the server's own holds
	if _, err := w.Write(payload); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	_ = c.SetWriteDeadline(time.Time{})
	return nil
}
