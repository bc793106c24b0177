package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
)

// TestRealtimeOutsider: a user without the role finds no spelling of a channel that gives him what it protects, nor who is there, and a cursor is
// worth nothing in another channel.
func TestRealtimeOutsider(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, func(c *config.Config) {
		c.Realtime.Rate = 1000
		c.Realtime.Channels = append(c.Realtime.Channels, config.Channel{Name: "open/*"}, config.Channel{
			Name: "open/secret/*", Presence: true, SubscribeRoles: []string{"field-operative"}, PublishRoles: []string{"field-operative"},
		})
	})
	c := plain(t)
	agent := r.member(r.agent(c))
	token, _ := r.login(c, "user1", "password1")
	outsider := r.member(token)
	for _, name := range []string{"ops", "open/secret/plan"} {
		agent.say(frame{"type": "subscribe", "channel": name})
		agent.next("subscribed")
	}
	agent.say(frame{"type": "publish", "channel": "open/secret/plan", "data": "the plan"})
	cursor := agent.next("message").str("cursor")
	agent.say(frame{"type": "publish", "channel": "ops", "data": "the plan"})
	agent.next("published")
	for _, name := range []string{
		"ops", "ops/", "/ops", "OPS", "ops\u0000", " ops", "ops/*", "open/secret/plan", "open/secret/plan/", "open/secret//plan", "open/secret/*", "*", "/*", "open/", "open",
	} {
		for _, kind := range []string{"subscribe", "publish", "presence"} {
			outsider.say(frame{"type": kind, "channel": name, "data": 1, "cursor": cursor, "ref": kind})
			if f := outsider.answer(); f.str("type") != "error" || f.str("ref") != kind {
				t.Errorf("%s %q: %v", kind, name, f)
			}
		}
	}
	for _, name := range []string{"open/x", "open//secret/plan", "open/Secret/plan", "open/secret", "open/./secret/plan", "open/secret:plan"} { // other channels than it
		outsider.say(frame{"type": "subscribe", "channel": name, "cursor": cursor})
		for f := outsider.any(); f.str("type") != "subscribed"; f = outsider.any() {
			if f["data"] == "the plan" {
				t.Errorf("%q: %v", name, f)
			}
			if f.str("type") == "error" {
				break
			}
		}
	}
}

// TestRealtimeAfterLogout: what was begun before a logout is worth nothing after it: a ticket, an open handshake, a POST under way, a recovery.
func TestRealtimeAfterLogout(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, nil)
	c := plain(t)
	token, _ := r.login(c, "user1", "password1")
	watcher := r.member(r.agent(c))
	ticket, late := r.ticket(token), r.ticket(token)
	byHeader, byToken := r.engine("Authorization", "Bearer "+token), r.engine()
	waiting := r.dial("/missions")
	sid := "&sid=" + r.polled(token)

	body, write := io.Pipe()
	posted := make(chan int, 1)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", r.url+"/socket.io/?EIO=4&transport=polling"+sid, body)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			posted <- 0
			return
		}
		defer res.Body.Close()
		posted <- res.StatusCode
	}()
	_, _ = io.WriteString(write, `42["message",`)
	r.want(r.call(c, "POST", "/api/auth/logout", token, ""), 200, "")
	_, _ = io.WriteString(write, `"after the end"]`)
	_ = write.Close()
	<-posted

	r.dial("/missions?ticket="+ticket).closed(4004, "Unauthorized: Token Revoked")
	for name, s := range map[string]func() (byte, frame){
		"a handshake with a header": func() (byte, frame) { return byHeader.connect("") },
		"the token":                 func() (byte, frame) { return byToken.connect(`{"token":"` + token + `"}`) },
		"a ticket":                  func() (byte, frame) { return r.engineAt("&ticket=" + late).connect("") },
	} {
		if kind, answer := s(); kind != 4 || answer["data"].(map[string]any)["code"] != 4004.0 {
			t.Errorf("%s after the logout: %d %v", name, kind, answer)
		}
	}
	waiting.say(frame{"type": "auth", "token": token})
	waiting.closed(4004, "Unauthorized: Token Revoked")
	watcher.say(frame{"type": "publish", "data": "the last"})
	for f := watcher.any(); f["data"] != "the last"; f = watcher.any() {
		if f["data"] == "after the end" {
			t.Error("a message was published after the logout")
		}
	}
}

// polled is a session by polling with the token.
func (r *running) polled(token string) string {
	r.t.Helper()
	do := func(method, query, body string) string {
		req, err := http.NewRequest(method, r.url+"/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body))
		if err != nil {
			r.t.Fatal(err)
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			r.t.Fatal(err)
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		return string(raw)
	}
	var open frame
	if err := json.Unmarshal([]byte(do("GET", "", "")[1:]), &open); err != nil {
		r.t.Fatal(err)
	}
	do("POST", "&sid="+open.str("sid"), `40{"token":"`+token+`"}`)
	if got := do("GET", "&sid="+open.str("sid"), ""); !strings.HasPrefix(got, "40") {
		r.t.Fatalf("answer to CONNECT: %q", got)
	}
	return open.str("sid")
}
