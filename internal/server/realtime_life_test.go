package server_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

// A newer token of the same subject keeps a connection past the end of the one before; any other changes nothing. What the newer one
// may not any more ends.
// WS-f, WS-g; secure-defaults 21c
func TestRealtimeReauthenticate(t *testing.T) {
	t.Parallel()
	g := grantsOf(startRealtime(t, nil), plain(t))
	full := g.agent(g.client)
	other, _ := g.login(g.client, "user1", "password1")
	exp := time.Now().Unix() + 6
	first := g.sign("at+jwt", full, map[string]any{"exp": exp})
	raw, sio := g.member(first), g.join(first)

	raw.say(frame{"type": "subscribe", "channel": "ops"})
	raw.next("subscribed")
	if a := sio.ask("subscribe", frame{"channel": "ops"}); a["ok"] != true {
		t.Fatalf("subscribe: %v", a)
	}
	bound := g.sign("at+jwt", full, map[string]any{"cnf": map[string]any{"jkt": newDPoPKey(t).thumbprint()}})
	for name, token := range map[string]string{"of another subject": other, "garbage": "x", "bound to a key": bound} {
		raw.say(frame{"type": "auth", "token": token})
		if f := raw.answer(); f.str("type") != "error" {
			t.Errorf("a token %s: %v", name, f)
		}
		if a := sio.ask("auth:refresh", token); a["ok"] != false {
			t.Errorf("a token %s: %v", name, a)
		}
	}
	// The demoted token comes last: the one before it would end sooner, and is refused for that.
	demoted := g.sign("at+jwt", full, map[string]any{"roles": []string{}})
	raw.say(frame{"type": "auth", "token": demoted, "ref": "again"})
	if f := raw.next("unsubscribed"); f.str("channel") != "ops" || f.str("reason") != "forbidden" {
		t.Errorf("unsubscribed: %v", f)
	}
	raw.say(frame{"type": "subscribe", "channel": "ops"})
	for f := raw.answer(); f.str("type") != "error"; f = raw.answer() {
		if f.str("type") != "auth_ok" && f.str("type") != "presence" {
			t.Fatalf("got %v, want forbidden", f)
		}
	}
	if a := sio.ask("auth:refresh", frame{"token": demoted}); a["ok"] != true || a.str("expires_at") == "" {
		t.Errorf("auth:refresh: %v", a)
	}
	if a := sio.ask("publish", frame{"channel": "ops", "data": 1}); a["ok"] != false {
		t.Errorf("a role that was lost still publishes: %v", a)
	}
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for time.Now().Unix() <= exp+1 { // past the end of the first
		<-poll.C
	}
	raw.say(frame{"type": "ping"})
	raw.next("pong")
	if a := sio.ask("publish", frame{"data": "still here"}); a["ok"] != true {
		t.Errorf("after the first token's end: %v", a)
	}
}

// answer is the next message that is neither presence nor one of a channel.
func (w *wire) answer() frame {
	w.Helper()
	for {
		f := w.any()
		if name := f.str("type"); name != "presence" && name != "message" && name != "auth_expiring" {
			return f
		}
	}
}

// A client that comes back says which message it saw last, and misses none; nor does it see one twice.
func TestRealtimeResume(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, nil)
	token := r.agent(plain(t))
	speaker, listener := r.member(token), r.member(token)
	publish := func(from, to int) {
		for i := from; i < to; i++ {
			speaker.say(frame{"type": "publish", "channel": "ops", "data": i})
			speaker.next("published")
		}
	}
	listener.say(frame{"type": "subscribe", "channel": "ops"})
	listener.next("subscribed")
	publish(0, 5)
	cursor := ""
	for i := range 5 {
		m := listener.next("message")
		if m["data"] != float64(i) {
			t.Fatalf("message %d: %v", i, m)
		}
		cursor = m.str("cursor")
	}
	_ = listener.conn.Close()
	publish(5, 12)
	back := r.member(token)
	back.say(frame{"type": "subscribe", "channel": "ops", "cursor": cursor})
	for i := 5; i < 12; i++ {
		if m := back.next("message"); m["data"] != float64(i) {
			t.Fatalf("message %d: %v", i, m)
		}
	}
	if s := back.next("subscribed"); s["complete"] != true {
		t.Errorf("subscribed: %v", s)
	}
	publish(12, 13)
	if m := back.next("message"); m["data"] != 12.0 {
		t.Errorf("after the replay: %v", m)
	}
	back.say(frame{"type": "subscribe", "channel": "hq", "cursor": "no cursor"})
	if f := back.answer(); f.str("code") != "bad_request" {
		t.Errorf("a malformed cursor: %v", f)
	}
}

// A node that stops tells its clients when to come back, and closes them with 1001.
func TestRealtimeDrain(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, func(c *config.Config) { c.Realtime.DrainTime = time.Second })
	token := r.agent(plain(t))
	raw, sio, silent := r.member(token), r.join(token), r.dial("/missions")
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	if f := raw.next("going_away"); f["retry_after"] == nil {
		t.Errorf("going_away: %v", f)
	}
	raw.closed(1001, "Going Away")
	sio.event("going_away")
	sio.closed(1001, "Going Away") // without a disconnect packet, which clients do not come back after
	silent.closed(1001, "Going Away")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// What every member is told before its token ends.
func TestRealtimeExpiring(t *testing.T) {
	t.Parallel()
	g := grantsOf(startRealtime(t, nil), plain(t))
	token := g.sign("at+jwt", g.agent(g.client), map[string]any{"exp": time.Now().Unix() + 20})
	raw, sio := g.dial("/missions", "Authorization", "Bearer "+token), g.join(token)
	if f := raw.any(); f.str("type") != "welcome" {
		t.Errorf("the first message is %v", f)
	}
	left := raw.next("auth_expiring")["expires_in"]
	if s, ok := left.(float64); !ok || s <= 0 || s > 20 {
		t.Errorf("expires_in: %v", left)
	}
	if args := sio.event("auth_expiring"); fmt.Sprint(args[0]) == "" {
		t.Errorf("auth_expiring: %v", args)
	}
}
