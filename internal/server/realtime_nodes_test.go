package server_test

import (
	"path/filepath"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// Nodes that share a database and Redis are one: what is said at one is heard at all, once; a client goes on at another without a gap;
// and a logout at one ends the sockets of all.
// WS-d
func TestRealtimeNodes(t *testing.T) {
	t.Parallel()
	storeURL, redis := testdb.Postgres(t), testdb.Redis(t)
	master := filepath.Join(t.TempDir(), "master.key")
	if _, err := key.CreateMaster(master); err != nil {
		t.Fatal(err)
	}
	node := func() *running {
		return startIn(t, t.TempDir(), &server.Demo{}, func(c *config.Config) {
			realtimeConfig(c, nil)
			c.Store.URL, c.Cluster.URL, c.Key.MasterFile, c.Issuer = storeURL, redis.URL(), master, "http://127.0.0.1:4711"
		})
	}
	nodes := []*running{node(), node(), node()}
	token := nodes[0].agent(plain(t))
	raws, chats := make([]*wire, len(nodes)), make([]*chat, len(nodes))
	for i, n := range nodes {
		raws[i], chats[i] = n.member(token), n.join(token)
	}
	const each = 20
	for _, n := range nodes {
		speaker := n.member(token)
		speaker.say(frame{"type": "unsubscribe", "channel": "hq"})
		for range each {
			speaker.publish(frame{"type": "publish", "data": "x"})
		}
	}
	early, late := "", ""
	for i := range nodes {
		seen := map[string]bool{}
		for range each * len(nodes) {
			m := raws[i].next("message")
			if seen[m.str("id")] {
				t.Errorf("node %d: message %s twice", i, m.str("id"))
			}
			seen[m.str("id")] = true
			if late = m.str("cursor"); len(seen) == 30 {
				early = late
			}
		}
		for range each * len(nodes) {
			id, _ := chats[i].event("message")[1].(map[string]any)["id"].(string)
			if !seen[id] {
				t.Errorf("node %d: Socket.IO got %q twice, or alone", i, id)
			}
			delete(seen, id)
		}
	}
	nodes[0].resumes(token, early, each*len(nodes)-30) // cursors of the last node
	nodes[1].resumes(token, late, 0)
	nodes[2].want(nodes[2].call(plain(t), "POST", "/api/auth/logout", token, ""), 200, "")
	for i := range nodes {
		raws[i].closed(4004, revokedReason)
		chats[i].event("auth_error")
	}
}

// publish sends a message until it is taken: where other nodes cannot be reached, nobody has got it.
func (w *wire) publish(m frame) {
	w.Helper()
	for {
		w.say(m)
		f := w.answer()
		for f.str("type") == "unsubscribed" {
			f = w.answer()
		}
		if f.str("type") == "published" {
			return
		}
		if f.str("code") != "temporarily_unavailable" {
			w.Fatalf("publish: %v", f)
		}
	}
}

// resumes comes back with a cursor of another node and gets so many messages.
func (r *running) resumes(token, cursor string, want int) {
	r.t.Helper()
	w := r.dial("/missions?cursor="+cursor, "Authorization", "Bearer "+token)
	joined, _ := w.next("welcome")["channels"].([]any)
	if len(joined) != 1 { // not complete: nodes of a few seconds vouch for no cursor of another
		r.t.Errorf("joined %v", joined)
	}
	seen := map[string]bool{}
	for range want {
		seen[w.next("message").str("id")] = true
	}
	if len(seen) != want {
		r.t.Errorf("got %d messages, want %d", len(seen), want)
	}
	w.say(frame{"type": "ping"})
	for f := w.any(); f.str("type") != "pong"; f = w.any() {
		if f.str("type") == "message" {
			r.t.Errorf("one message more: %v", f)
		}
	}
}
