package server_test

import (
	"encoding/json"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
)

// A client that was cut off has its session again, with what it missed on the way and what was said while it was away, each once; but
// only with a token that counts now, of the same subject.
func TestRealtimeRecovery(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, nil)
	c := plain(t)
	token := r.agent(c)
	speaker := r.join(token)
	say := func(from, to int) {
		for i := from; i < to; i++ {
			if a := speaker.ask("publish", frame{"channel": "ops", "data": i}); a["ok"] != true {
				t.Fatalf("publish: %v", a)
			}
		}
	}
	s := r.join(token)
	if a := s.ask("subscribe", "ops"); a["ok"] != true {
		t.Fatalf("subscribe: %v", a)
	}
	say(0, 4)
	for i := range 2 { // it reads two of four: the others are lost on the way
		if args := s.event("message"); args[0] != float64(i) {
			t.Fatalf("message %d: %v", i, args)
		}
	}
	_ = s.conn.Close()
	say(4, 6)
	auth := func(token string) string {
		b, _ := json.Marshal(frame{"token": token, "pid": s.pid, "offset": s.offset})
		return string(b)
	}
	if kind, answer := r.engine().connect(auth("garbage")); kind != 4 || answer.str("message") != denied {
		t.Errorf("recovery with a garbage token: %d %v", kind, answer)
	}
	back := r.recover(s, auth(token))
	for i := 2; i < 6; i++ {
		if args := back.event("message"); args[0] != float64(i) {
			t.Fatalf("message %d: %v", i, args)
		}
	}
	say(6, 7)
	if args := back.event("message"); args[0] != 6.0 {
		t.Errorf("after the recovery: %v", args)
	}
	s.pid, s.offset = back.pid, back.offset
	_ = back.conn.Close()
	other, _ := r.login(c, "user1", "password1")
	kind, answer := r.engine().connect(auth(other))
	if kind != 0 || answer.str("sid") == s.sid || answer.str("pid") == s.pid {
		t.Errorf("another subject with the same pid: %d %v", kind, answer)
	}
}

// Where something was lost, or is not allowed any more, the client begins anew, and can tell.
func TestRealtimeRecoveryRefused(t *testing.T) {
	t.Parallel()
	g := grantsOf(startRealtime(t, nil), plain(t))
	token := g.agent(g.client)
	speaker := g.join(token)
	for name, tt := range map[string]struct {
		channel, token string
		missed         int
	}{
		"more missed than is kept": {"brief", token, 3},
		"a token without the role": {"ops", g.sign("at+jwt", token, map[string]any{"roles": []string{}}), 1},
		"nothing missed":           {"ops", token, 0},
	} {
		s := g.join(token)
		if a := s.ask("subscribe", tt.channel); a["ok"] != true {
			t.Fatalf("%s: subscribe: %v", name, a)
		}
		_ = s.conn.Close()
		g.eventually(func() bool { // it is seen to be gone
			there, _ := speaker.ask("presence", "hq")["presence"].([]any)
			return len(there) == 1 && there[0].(map[string]any)["sockets"] == 1.0
		})
		for range tt.missed {
			if a := speaker.ask("publish", frame{"channel": tt.channel, "data": 1}); a["ok"] != true {
				t.Fatalf("%s: publish: %v", name, a)
			}
		}
		auth := `{"token":"` + tt.token + `","pid":"` + s.pid + `"}`
		back := g.engine()
		if tt.missed == 0 {
			back = g.recover(s, auth)
		} else if _, answer := back.connect(auth); answer.str("sid") == s.sid {
			t.Errorf("%s: recovered", name)
		}
		if a := back.ask("presence", tt.channel); (a["ok"] == true) && tt.missed > 0 {
			t.Errorf("%s: still there: %v", name, a)
		}
		back.write("41")
		_ = back.conn.Close()
		g.eventually(func() bool {
			there, _ := speaker.ask("presence", "hq")["presence"].([]any)
			return len(there) == 1 && there[0].(map[string]any)["sockets"] == 1.0
		})
	}
}

// A subject keeps as many sessions that were cut off as it may have sockets: it does not use up the places of all. What is not kept begins
// anew, and can tell.
// WS-j
func TestRealtimeRecoveryOfOneSubject(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, func(c *config.Config) { c.Realtime.MaxPerUser = 2 })
	c := plain(t)
	token := r.agent(c)
	other, _ := r.login(c, "user1", "password1")
	watcher := r.join(other)
	gone := func() {
		r.eventually(func() bool { // it is seen to be gone
			there, _ := watcher.ask("presence", "hq")["presence"].([]any)
			return len(there) == 1
		})
	}
	auth := func(s *chat, token string) string { return `{"token":"` + token + `","pid":"` + s.pid + `"}` }
	var cut []*chat
	for range 3 {
		s := r.join(token)
		_ = s.conn.Close()
		gone()
		cut = append(cut, s)
	}
	late := r.engine()
	if kind, answer := late.connect(auth(cut[2], token)); kind != 0 || answer.str("sid") == cut[2].sid {
		t.Errorf("a third session of one subject is kept: %d %v", kind, answer)
	}
	late.write("41")
	gone()
	recovered := func(s *chat, token string) (c *chat) {
		r.eventually(func() bool {
			c = r.engine()
			_, answer := c.connect(auth(s, token))
			if answer.str("sid") != s.sid {
				c.write("41") // takes no place
				_ = c.conn.Close()
			}
			return answer.str("sid") == s.sid
		})
		return c
	}
	for range 3 { // its place is free whenever it comes back
		back := recovered(cut[0], token)
		_ = back.conn.Close()
		gone()
		cut[0] = back
	}
	s := r.join(other)
	_ = s.conn.Close()
	recovered(s, other)
}

// recover comes back as s, once the server has noticed that s was cut off.
func (r *running) recover(s *chat, auth string) (c *chat) {
	r.t.Helper()
	r.eventually(func() bool {
		c = r.engine()
		kind, answer := c.connect(auth)
		if kind != 0 || answer.str("sid") != s.sid {
			_ = c.conn.Close()
			return false
		}
		return true
	})
	return c
}
