package gateway_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/gateway"
)

// TestSocketEnds: a proxied WebSocket ends with its token, by a close frame with code and reason to both sides.
// secure-defaults 21c; WS-d
func TestSocketEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		life time.Duration
		end  func(*world)
		code int
		want string
	}{
		"expiry":     {1500 * time.Millisecond, func(*world) {}, 4002, "4002 Unauthorized: Token Expired"},
		"revocation": {time.Minute, func(w *world) { w.revoke("s1") }, 4004, "4004 Unauthorized: Token Revoked"},
		"kick":       {time.Minute, func(w *world) { w.sockets.kick() }, 4003, "4003 Forbidden: Closed By An Administrator"},
		"shutdown":   {time.Minute, func(w *world) { w.stop() }, 1001, "1001 Going Away"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ends := make(chan string, 1)
			up := newSeen(t, echo(ends))
			w := newWorld(t, nil, gateway.Route{Path: "/live", Upstreams: mustURLs(t, up.URL)})
			c := w.dial("/live?x=1", "Authorization", "Bearer "+w.token(tt.life, nil))
			if c.resp.StatusCode != 101 {
				t.Fatalf("status %d", c.resp.StatusCode)
			}
			c.send(ws.OpText, "halo")
			if op, p := c.read(); op != ws.OpText || p != "halo" {
				t.Fatalf("got %v %q", op, p)
			}
			c.send(ws.OpPing, "p")
			if op, p := c.read(); op != ws.OpPong || p != "p" {
				t.Fatalf("got %v %q", op, p)
			}
			go tt.end(w)
			c.wantClose(tt.code)
			if got := <-ends; got != tt.want {
				t.Errorf("upstream saw %q, want %q", got, tt.want)
			}
			if r := up.last(t); r.Header.Get("Authorization") != "" || r.Header.Get("Sandi-Identity") == "" {
				t.Errorf("upstream's handshake: %v", r.Header)
			}
			if strings.Contains(w.log.String(), "x=1") {
				t.Error("the query stands in the log")
			}
		})
	}
}
