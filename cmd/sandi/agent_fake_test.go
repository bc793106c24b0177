package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// hq is a server of agents that follows a script: what each of its connections does, one after the other.
type hq struct {
	t   *testing.T
	url string // of the WebSocket

	mu      sync.Mutex // guards what follows
	script  []func(c *hqConn)
	served  int
	tokens  int // minted
	refused string
	log     []string
	expect  string // the OTP that a login needs
	ticket  int    // status of POST /ticket, 0 for 200
}

func newHQ(t *testing.T, script ...func(c *hqConn)) *hq {
	s := &hq{t: t, script: script}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.url = "ws" + strings.TrimPrefix(h.URL, "http") + "/missions"
	return s
}

func (s *hq) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.log = append(s.log, r.Method+" "+r.URL.Path)
	answer := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	switch r.URL.Path {
	case "/api/auth/login":
		var in struct{ Username, Password, OTP string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		if in.OTP != s.expect {
			answer(401, map[string]string{"error": "otp_required"})
		} else if in.Password != "TopSecret123" {
			answer(401, map[string]string{"error": "invalid_credentials", "msg": "Bad username or password"})
		} else {
			s.mint(answer)
		}
	case "/api/auth/refresh":
		if s.refused != "" {
			answer(401, map[string]string{"error": s.refused})
		} else if r.Header.Get("Authorization") == "Bearer sdr_x" {
			s.mint(answer)
		}
	case "/api/auth/ticket":
		switch {
		case s.ticket != 0:
			answer(s.ticket, map[string]string{"error": "token_revoked", "msg": "The token was revoked"})
		case r.Header.Get("Authorization") == fmt.Sprint("Bearer access", s.tokens):
			answer(200, map[string]any{"ticket": fmt.Sprint("sdt_", s.tokens), "expires_in": 30})
		default:
			answer(401, map[string]string{"error": "token_expired"})
		}
	case "/missions":
		var turn func(*hqConn)
		if s.served < len(s.script) {
			turn = s.script[s.served]
		}
		s.served++
		query := r.URL.RawQuery
		s.mu.Unlock()
		s.socket(w, r, query, turn)
		return
	default:
		http.NotFound(w, r)
	}
	s.mu.Unlock()
}

func (s *hq) mint(answer func(int, any)) {
	s.tokens++
	answer(200, map[string]any{"access_token": fmt.Sprint("access", s.tokens), "refresh_token": "sdr_x", "expires_in": 900})
}

func (s *hq) socket(w http.ResponseWriter, r *http.Request, query string, turn func(*hqConn)) {
	if turn == nil {
		s.t.Errorf("connection %d is one too many", s.served)
		http.NotFound(w, r)
		return
	}
	if !strings.HasPrefix(query, "ticket=sdt_") || strings.Contains(query, "access") || r.Header.Get("Authorization") != "" {
		s.t.Errorf("the handshake has the query %q, want a ticket alone", query)
	}
	conn, _, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer conn.Close()
	turn(&hqConn{t: s.t, Conn: conn})
}

// asked is how often a path was.
func (s *hq) asked(line string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.log {
		if l == line {
			n++
		}
	}
	return n
}

// hqConn is the server's end of a connection.
type hqConn struct {
	t *testing.T
	net.Conn
}

// tell sends frames.
func (c *hqConn) tell(frames ...string) {
	for _, f := range frames {
		if err := wsutil.WriteServerText(c, []byte(f)); err != nil {
			c.t.Errorf("send %s: %v", f, err)
		}
	}
}

// hear is the next message of the client; what it lacks of want is an error.
func (c *hqConn) hear(want string) map[string]any {
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	raw, err := wsutil.ReadClientText(c)
	if err != nil {
		c.t.Errorf("want %s: %v", want, err)
		return nil
	}
	var got, wanted map[string]any
	if err := errors.Join(json.Unmarshal(raw, &got), json.Unmarshal([]byte(want), &wanted)); err != nil {
		c.t.Errorf("%s: %v", raw, err)
	}
	ref := got["ref"]
	delete(got, "ref")
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		c.t.Errorf("the client sent %s, want %s", raw, want)
	}
	got["ref"] = ref
	return got
}

// bye closes, and waits for the client's close frame.
func (c *hqConn) bye(code ws.StatusCode, reason string) {
	if err := ws.WriteFrame(c, ws.NewCloseFrame(ws.NewCloseFrameBody(code, reason))); err != nil {
		c.t.Error(err)
	}
	c.gone()
}

// gone waits for the client's end.
func (c *hqConn) gone() {
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.Copy(io.Discard, c)
}

// pipe is a standard output or error that can be waited on.
type pipe struct {
	mu  sync.Mutex // guards what follows
	buf bytes.Buffer
	had map[string]chan struct{} // closed when the text has come
	any chan struct{}            // closed at the next write
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := p.buf.Write(b)
	if p.any != nil {
		close(p.any)
		p.any = nil
	}
	for text, ch := range p.had {
		if strings.Contains(p.buf.String(), text) {
			close(ch)
			delete(p.had, text)
		}
	}
	return n, err
}

// has is closed when the text has come; it is asked for before that.
func (p *pipe) has(text string) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	ch := make(chan struct{})
	if strings.Contains(p.buf.String(), text) {
		close(ch)
		return ch
	}
	p.had = map[string]chan struct{}{text: ch}
	return ch
}

// next is closed when something is written from now on.
func (p *pipe) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.any == nil {
		p.any = make(chan struct{})
	}
	return p.any
}

func (p *pipe) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// fieldAgent is an agent under test: its waits are over at once, and recorded.
type fieldAgent struct {
	out, notes pipe
	typed      *io.PipeWriter
	waits      []time.Duration
	done       chan error
}

// deploy signs AgentX in and runs the agent. The test ends what it does not end by itself.
func deploy(t *testing.T, s *hq, f agentFlags) *fieldAgent {
	t.Helper()
	r, w := io.Pipe()
	d := &fieldAgent{typed: w, done: make(chan error, 1)}
	a := &app{stdin: r, stdout: &d.out, stderr: &d.notes, now: time.Now}
	if f.username == "" && f.file == "" {
		f.username, f.passwordStdin = "AgentX", true
		go d.enter("TopSecret123")
	}
	ctx, cancel := context.WithCancel(t.Context())
	g, _, err := a.newAgent(ctx, s.url, f)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	over := make(chan time.Time)
	close(over)
	g.after = func(d2 time.Duration) <-chan time.Time {
		if d2 > 0 {
			d.waits = append(d.waits, d2)
		}
		return over
	}
	go func() { d.done <- g.run(ctx) }()
	t.Cleanup(func() { _ = w.Close(); cancel() })
	return d
}

func (d *fieldAgent) enter(lines ...string) {
	for _, l := range lines {
		_, _ = io.WriteString(d.typed, l+"\n")
	}
}

// end is what the agent ends with.
func (d *fieldAgent) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-d.done:
		return err
	case <-time.After(30 * time.Second):
		t.Fatalf("the agent does not end:\n%s%s", &d.out, &d.notes)
		return nil
	}
}
