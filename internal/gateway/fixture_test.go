package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	testIssuer   = "https://id.example"
	testAudience = "https://api.example"
	testPage     = "https://app.example"
)

// world is a gateway on loopback, and what signs tokens for it.
type world struct {
	tb      testing.TB
	key     *jwt.Key
	list    *guard.RevocationList
	gateway *gateway.Gateway
	config  gateway.Config
	server  *httptest.Server
	log     *logBuffer
	metrics *prometheus.Registry
	sockets *socketBook
	stop    context.CancelFunc
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// socketBook is who was told of sockets.
type socketBook struct {
	mu      sync.Mutex
	kicks   []func()
	opened  []string
	closed  []string
	refused []string
}

func (b *socketBook) Opened(t *guard.Token, _ audit.From, kick func()) func(string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened, b.kicks = append(b.opened, t.Subject()), append(b.kicks, kick)
	return func(why string) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.closed = append(b.closed, why)
	}
}

func (b *socketBook) Refused(_ audit.From, reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = append(b.refused, reason)
}

func (b *socketBook) kick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.kicks {
		k()
	}
}

// newWorld runs a gateway with these routes, whose default host is 127.0.0.1.
func newWorld(tb testing.TB, change func(*gateway.Config), routes ...gateway.Route) *world {
	tb.Helper()
	w := &world{
		tb: tb, log: &logBuffer{}, metrics: prometheus.NewRegistry(), sockets: &socketBook{},
		list: guard.NewRevocationList(guard.RevocationListConfig{}),
	}
	w.list.Touch()
	var err error
	if w.key, err = jwt.GenerateKey(jwt.ES256); err != nil {
		tb.Fatal(err)
	}
	keys, err := jwt.NewKeySet(w.key)
	if err != nil {
		tb.Fatal(err)
	}
	c := gateway.Config{
		Signer: func() (*jwt.Key, error) { return w.key, nil }, Issuer: testIssuer, Limits: cluster.NewMemory(time.Now), Sockets: w.sockets,
		Metrics: w.metrics, Logger: slog.New(slog.NewJSONHandler(w.log, nil)), Now: time.Now, Hosts: []string{"127.0.0.1", "api.example"}, Routes: routes,
		Cookie: "sandi_access", CSRFCookie: "sandi_csrf", CSRFHeader: "X-CSRF-TOKEN",
	}
	c.NewGuard = func(sources []guard.Source, origins []string, proof bool) (*guard.Guard, error) {
		cfg := guard.Config{
			Issuer: testIssuer, Audience: []string{testAudience}, Keys: keys, Sources: sources, Revocations: w.list,
			Cookie: guard.CookieConfig{Access: "sandi_access", CSRF: "sandi_csrf", Origins: origins},
		}
		if proof {
			proofs, err := guard.NewProofs(guard.ProofsConfig{PublicURL: "http://127.0.0.1", Replay: guard.NewReplayMemory(guard.ReplayMemoryConfig{})})
			if err != nil {
				return nil, err
			}
			cfg.DPoP = proofs
		}
		return guard.New(cfg)
	}
	if change != nil {
		change(&c)
	}
	w.config = c
	if w.gateway, err = gateway.New(c); err != nil {
		tb.Fatal(err)
	}
	w.server = httptest.NewServer(w.gateway)
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- w.gateway.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		stop()
		if err := <-ran; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	tb.Cleanup(func() {
		w.stop()
		w.server.CloseClientConnections()
		w.server.Close()
	})
	return w
}

// token is a good one for a time, with changes.
func (w *world) token(life time.Duration, changes map[string]any) string {
	w.tb.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": testIssuer, "aud": testAudience, "sub": "siti", "client_id": "portal", "scope": "orders.read", "roles": []string{"clerk"},
		"iat": now.Unix(), "auth_time": now.Unix(), "exp": float64(now.Add(life).UnixMilli()) / 1000, "jti": "t1", "sid": "s1", "type": "access", "fresh": true,
		"csrf": "csrf-value",
	}
	maps.Copy(claims, changes)
	signed, err := jwt.Sign(w.key, "at+jwt", claims)
	if err != nil {
		w.tb.Fatal(err)
	}
	return signed
}

// revoke ends a session.
func (w *world) revoke(session string) {
	w.list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: session, ExpiresAt: time.Now().Add(time.Hour)})
}

func (w *world) request(method, target string, headers ...string) *http.Request {
	w.tb.Helper()
	r, err := http.NewRequest(method, w.server.URL+target, nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// do sends a request and reads the answer.
func (w *world) do(r *http.Request) (*http.Response, string) {
	w.tb.Helper()
	resp, err := w.server.Client().Do(r)
	if err != nil {
		w.tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.tb.Fatal(err)
	}
	return resp, string(body)
}

// raw sends bytes on a connection of its own and reads the first answer's status and body; 0 where there was none.
func (w *world) raw(text string) (status int, body string) {
	w.tb.Helper()
	c, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.tb.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		w.tb.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// seen is a server that remembers what reached it, and answers with the handler or 200.
type seen struct {
	*httptest.Server
	mu   sync.Mutex
	reqs []*http.Request
}

func newSeen(tb testing.TB, h http.HandlerFunc) *seen {
	tb.Helper()
	s := &seen{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.reqs = append(s.reqs, r)
		s.mu.Unlock()
		if h != nil {
			h(w, r)
		}
	}))
	tb.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *seen) at(tb testing.TB) *url.URL { return mustURL(tb, s.URL) }

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.reqs)
}

func (s *seen) last(tb testing.TB) *http.Request {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reqs) == 0 {
		tb.Fatal("nothing reached the upstream")
	}
	return s.reqs[len(s.reqs)-1]
}

func mustURL(tb testing.TB, text string) *url.URL {
	tb.Helper()
	u, err := url.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func mustURLs(tb testing.TB, texts ...string) []*url.URL {
	tb.Helper()
	var us []*url.URL
	for _, t := range texts {
		us = append(us, mustURL(tb, t))
	}
	return us
}
