package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/config"
)

// greeter is a WebSocket server that says hello to whoever it lets in, and remembers the queries that reached it.
type greeter struct {
	*httptest.Server
	mu      sync.Mutex
	queries []string
}

func newGreeter(t *testing.T) *greeter {
	g := &greeter{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.queries = append(g.queries, r.URL.RawQuery)
		g.mu.Unlock()
		conn, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		_ = ws.WriteFrame(conn, ws.NewTextFrame([]byte(`{"type":"hello"}`)))
		_, _ = io.Copy(io.Discard, conn)
	}))
	t.Cleanup(func() {
		g.CloseClientConnections()
		g.Close()
	})
	return g
}

// query is that of the last handshake, and how many there were.
func (g *greeter) query() (last string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n = len(g.queries); n > 0 {
		last = g.queries[n-1]
	}
	return last, n
}

// A ticket opens one WebSocket of what stands behind the gateway, however it is spelt; the upstream does not see it, and the socket ends with
// the token that was in it.
// ASVS 4.4.4, secure-defaults 21d
func TestGatewayTicket(t *testing.T) {
	t.Parallel()
	up := newGreeter(t)
	r := startRealtime(t, func(c *config.Config) {
		c.Gateway.Addr = "127.0.0.1:0"
		c.Gateway.Routes = []config.Route{{Path: "/ws", Upstream: []string{up.URL}}, {Path: "/jobs", Upstream: []string{up.URL}, Roles: []string{"boss"}}}
	})
	c := plain(t)
	token := r.agent(c)
	front := *r
	front.url = r.before
	for spelling, want := range map[string]string{"room=1&ticket=NEW": "room=1", "ticket=NEW": "", "%74icket=NEW&a=b": "a=b", "ticket=ENC&a=b": "a=b"} {
		ticket := r.ticket(token)
		query := strings.NewReplacer("NEW", ticket, "ENC", "%73"+ticket[1:]).Replace(spelling)
		w := front.dial("/ws?"+query, "Origin", r.before)
		w.next("hello")
		if got, _ := up.query(); got != want {
			t.Errorf("%s: the upstream got %q", spelling, got)
		}
	}
	spent := r.ticket(token)
	w := front.dial("/ws?ticket=" + spent)
	w.next("hello")
	_, before := up.query()
	for name, path := range map[string]string{
		"spent": "/ws?ticket=" + spent, "two": "/ws?ticket=" + r.ticket(token) + "&ticket=" + r.ticket(token), "a token": "/ws?ticket=" + token,
		"cut off": "/ws?ticket=" + r.ticket(token)[:60], "empty": "/ws?ticket=", "beside another": "/ws?ticket=" + url.QueryEscape(r.ticket(token)),
	} {
		var header []string
		if name == "beside another" {
			header = []string{"Authorization", "Bearer " + token}
		}
		front.dial(path, header...).closed(4001, invalidReason)
	}
	front.dial("/jobs?ticket="+r.ticket(token)).closed(4003, "Forbidden")
	late := r.ticket(token)
	r.want(r.call(c, "DELETE", "/logout", token, ""), 200, "")
	w.closed(4004, "Unauthorized: Token Revoked")
	front.dial("/ws?ticket="+late).closed(4004, "Unauthorized: Token Revoked")
	if _, n := up.query(); n != before {
		t.Errorf("%d refused handshakes reached the upstream", n-before)
	}
	if log := r.log.String(); strings.Contains(log, late[:40]) || strings.Contains(log, "sdt_") {
		t.Error("a ticket stands in the log")
	}
}
