//go:build drill

package server_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/testdb"
)

const (
	drillNodes    = 3
	drillSessions = 250
	drillSockets  = 4           // of each session: 1,000
	mostByStore   = time.Second // from the 200 of the logout to the close frame, 99 of 100
	mostByRedis   = 100 * time.Millisecond
	mostLate      = time.Second // from exp to the close frame, each
)

// drillSocket is a client that waits for its end.
type drillSocket struct {
	wire *wire
	end  chan struct{} // closed when code and at are there
	code int
	at   time.Time // of the close frame
	err  error
}

func await(w *wire) *drillSocket {
	d := &drillSocket{wire: w, end: make(chan struct{})}
	_ = w.conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
	go func() {
		defer close(d.end)
		for d.code == 0 && d.err == nil {
			d.read()
		}
		_ = w.conn.Close()
	}()
	return d
}

// read reads one frame. Pings of either layer are answered.
func (d *drillSocket) read() {
	head, err := ws.ReadHeader(d.wire.in)
	if err != nil {
		d.err = err
		return
	}
	payload := make([]byte, head.Length)
	if _, d.err = io.ReadFull(d.wire.in, payload); d.err != nil {
		return
	}
	switch {
	case head.OpCode == ws.OpClose && len(payload) >= 2:
		d.code, d.at = int(binary.BigEndian.Uint16(payload)), time.Now()
	case head.OpCode == ws.OpPing:
		d.err = ws.WriteFrame(d.wire.conn, ws.MaskFrame(ws.NewPongFrame(payload)))
	case string(payload) == "2":
		d.err = ws.WriteFrame(d.wire.conn, ws.MaskFrame(ws.NewTextFrame([]byte("3"))))
	}
}

// drillCluster is nodes on one database, with or without Redis.
func drillCluster(t *testing.T, redis bool, change func(*config.Config)) (nodes []*running) {
	t.Helper()
	storeURL, clusterURL := testdb.Postgres(t), ""
	if redis {
		clusterURL = testdb.Redis(t).URL()
	}
	master := filepath.Join(t.TempDir(), "master.key")
	if _, err := key.CreateMaster(master); err != nil {
		t.Fatal(err)
	}
	for range drillNodes {
		nodes = append(nodes, startIn(t, t.TempDir(), &server.Demo{}, func(c *config.Config) {
			realtimeConfig(c, nil)
			c.Store.URL, c.Cluster.URL, c.Key.MasterFile, c.Issuer = storeURL, clusterURL, master, "http://127.0.0.1:4711"
			c.Realtime.MaxPerUser, c.Session.MaxPerUser = 10_000, 10_000
			if change != nil {
				change(c)
			}
		}))
	}
	return nodes
}

// enter opens a socket with the token, raw or Socket.IO in turn.
func (r *running) enter(token string, n int) *drillSocket {
	r.t.Helper()
	if n%2 == 0 {
		return await(r.member(token))
	}
	return await(r.join(token).wire)
}

// spread is the distribution of durations as a log line has it.
func spread(d []time.Duration) string {
	at := func(q float64) time.Duration { return percentile(d, q).Round(100 * time.Microsecond) }
	return fmt.Sprintf("half within %s, 99 of 100 within %s, all within %s", at(0.5), at(0.99), at(1))
}

func percentile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[int(q*float64(len(d)-1)+0.5)]
}

// From the 200 of a logout to the close frame of its session's sockets on every node.
func TestDrillRealtimeLogout(t *testing.T) {
	for _, c := range []struct {
		name  string
		redis bool
		most  time.Duration
	}{{"database", false, mostByStore}, {"Redis", true, mostByRedis}} {
		t.Run(c.name, func(t *testing.T) {
			nodes := drillCluster(t, c.redis, nil)
			tokens := make([]string, drillSessions)
			sockets := make([][]*drillSocket, drillSessions)
			for i := range tokens {
				tokens[i] = nodes[i%drillNodes].agent(plain(t))
				for j := range drillSockets {
					sockets[i] = append(sockets[i], nodes[(i+j)%drillNodes].enter(tokens[i], i+j/2))
				}
			}
			answered := logOut(nodes, tokens)
			var took []time.Duration
			for i, of := range sockets {
				for _, s := range of {
					if <-s.end; s.code != 4004 {
						t.Fatalf("ended with %d, %v", s.code, s.err)
					}
					took = append(took, max(s.at.Sub(answered[i]), 0))
				}
			}
			t.Logf("%d sockets of %d sessions on %d nodes: %s", len(took), drillSessions, drillNodes, spread(took))
			if p99 := percentile(took, 0.99); p99 > c.most {
				t.Errorf("99 of 100 are closed within %s, want %s", p99, c.most)
			}
		})
	}
}

// logOut ends the sessions, four at a time, at the nodes in turn, and says when each was answered.
func logOut(nodes []*running, tokens []string) []time.Time {
	answered := make([]time.Time, len(tokens))
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			for i := worker; i < len(tokens); i += 4 {
				n := nodes[i%len(nodes)]
				r, _ := http.NewRequest(http.MethodPost, n.url+"/api/auth/logout", strings.NewReader("{}"))
				r.Header.Set("Authorization", "Bearer "+tokens[i])
				r.Header.Set("Content-Type", "application/json")
				resp, err := c.Do(r)
				if err != nil {
					n.t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if answered[i] = time.Now(); resp.StatusCode != http.StatusOK {
					n.t.Errorf("logout: %s", resp.Status)
				}
			}
		})
	}
	wait.Wait()
	return answered
}

// No socket outlives its token's exp by more than a second, nor ends before it.
func TestDrillRealtimeExpiry(t *testing.T) {
	nodes := drillCluster(t, false, func(c *config.Config) { c.Token.Access = 3 * time.Second })
	type one struct {
		*drillSocket
		exp time.Time
	}
	var all []one
	for i := range drillSessions {
		token := nodes[i%drillNodes].agent(plain(t))
		exp, _ := payload(t, token)["exp"].(float64)
		for j := range drillSockets {
			all = append(all, one{nodes[(i+j)%drillNodes].enter(token, i+j/2), time.Unix(int64(exp), 0)})
		}
	}
	var late []time.Duration
	for _, s := range all {
		if <-s.end; s.code != 4002 {
			t.Fatalf("ended with %d, %v", s.code, s.err)
		}
		if d := s.at.Sub(s.exp); d < 0 {
			t.Errorf("ended %s before its exp", -d)
		} else {
			late = append(late, d)
		}
	}
	t.Logf("%d sockets on %d nodes: %s of exp", len(late), drillNodes, spread(late))
	if worst := percentile(late, 1); worst > mostLate {
		t.Errorf("one outlived its exp by %s, want %s at most", worst, mostLate)
	}
}
