package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sandi-auth/sandi/internal/config"
)

const denied = "Akses Tidak Sah - Izin Ditolak!"

// Seed 001's Socket.IO client as printed: auth.token, "message", and the seed's words for who is refused.
func TestRealtimeSeedSocketIO(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, nil)
	c := plain(t)
	token := r.agent(c)
	speaker, listener := r.join(token), r.join(token)
	speaker.write(`42["message","target acquired"]`)
	if args := listener.event("message"); args[0] != "target acquired" || args[1].(map[string]any)["from"] != "agentx" {
		t.Errorf("message: %v", args)
	}
	jar := browser(t)
	r.want(r.call(jar, "POST", "/api/auth/login?transport=cookie", "", credentials("test", "test")), 200, "")
	good := "jwt=" + cookie(jar, r.url, "jwt")
	for name, tt := range map[string]struct {
		query, auth string
		header      []string
		kind        byte
		code        int
	}{
		"garbage":                      {"", `{"token":"garbage"}`, nil, 4, 4001},
		"nothing":                      {"", ``, nil, 4, 4001},
		"null, as of an empty storage": {"", `{"token":null}`, nil, 4, 4001},
		"an empty token":               {"", `{"token":""}`, nil, 4, 4001},
		"no string":                    {"", `{"token":[1]}`, nil, 4, 4001},
		"garbage and a good cookie":    {"", `{"token":"garbage"}`, []string{"Cookie", good, "Origin", r.url}, 4, 4001},
		"two tokens":                   {"", `{"token":"` + token + `"}`, []string{"Authorization", "Bearer " + token}, 4, 4001},
		"a spent ticket":               {"&ticket=SPENT", ``, nil, 4, 4001},
		"a cookie without an origin":   {"", ``, []string{"Cookie", good}, 4, 4003},
		"a cookie":                     {"", `{"token":null}`, []string{"Cookie", good, "Origin", "https://app.example"}, 0, 0},
		"a header":                     {"", ``, []string{"Authorization", "Bearer " + token}, 0, 0},
		"a ticket":                     {"&ticket=NEW", ``, nil, 0, 0},
		"a query":                      {"&token=" + token, ``, nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := r.engineAt(r.withTickets(tt.query, token), tt.header...)
			kind, answer := s.connect(tt.auth)
			if kind != tt.kind {
				t.Fatalf("got %d %v, want %d", kind, answer, tt.kind)
			}
			data, _ := answer["data"].(map[string]any)
			if kind == 4 && (answer.str("message") != denied || data["code"] != float64(tt.code) || data["reason"] == "") {
				t.Errorf("connect_error: %v", answer)
			}
		})
	}
	s := r.engine()
	s.write(`40/admin,{"token":"` + token + `"}`)
	if kind, rest, _ := s.packet(); kind != '4' || rest != `/admin,{"message":"Invalid namespace"}` {
		t.Errorf("another namespace: %c%s", kind, rest)
	}
	if _, status := r.open("/socket.io/?EIO=4&transport=websocket", headers("Origin", "https://evil.example")); status != 403 {
		t.Errorf("another origin: %d, want 403", status)
	}
}

// The events of the protocol, each with its acknowledgement.
func TestRealtimeEvents(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, nil)
	c := plain(t)
	s := r.join(r.agent(c))
	outsider, _ := r.login(c, "user1", "password1")
	for _, tt := range []struct {
		event string
		args  []any
		want  string // what the acknowledgement begins with, as fmt prints it, "" for ok
	}{
		{"subscribe", []any{"ops"}, ""},
		{"subscribe", []any{frame{"channel": "ops"}}, ""},
		{"publish", []any{frame{"channel": "ops", "data": frame{"a": 1}}}, ""},
		{"message", []any{"ops", "by name"}, ""},
		{"message", []any{frame{"free": "form"}}, ""},
		{"presence", []any{"hq"}, ""},
		{"unsubscribe", []any{"ops"}, ""},
		{"subscribe", []any{"nowhere"}, "no_channel"},
		{"subscribe", []any{}, "bad_request"},
		{"subscribe", []any{7}, "bad_request"},
		{"publish", []any{"x"}, "bad_request"},
		{"publish", []any{frame{"channel": "ops"}}, "bad_request"},
		{"message", []any{}, "bad_request"},
		{"message", []any{1, 2}, "bad_request"},
		{"message", []any{1, 2, 3}, "bad_request"},
		{"auth:refresh", []any{"garbage"}, "token_invalid"},
		{"fly", []any{1}, "bad_request"},
	} {
		a := s.ask(tt.event, tt.args...)
		e, _ := a["error"].(map[string]any)
		if code := fmt.Sprint(e["code"]); tt.want == "" && a["ok"] != true || tt.want != "" && (a["ok"] != false || code != tt.want || e["msg"] == "") {
			t.Errorf("%s%v: %v", tt.event, tt.args, a)
		}
	}
	s.write(`451-429["message",{"_placeholder":true,"num":0}]`)
	if err := ws.WriteFrame(s.conn, ws.MaskFrame(ws.NewBinaryFrame([]byte{1}))); err != nil {
		t.Fatal(err)
	}
	if a := r.join(outsider).ask("subscribe", "ops"); a["ok"] != false || a["error"].(map[string]any)["code"] != "forbidden" {
		t.Errorf("who lacks the role: %v", a)
	}
	s.write(`42["fly"]`) // without an acknowledgement nothing is said
	if a := s.ask("ping"); a["ok"] != true {
		t.Errorf("ping: %v", a)
	}
}

// Polling is read by listed origins alone, with their cookies; a listed page needs nothing else, an unlisted one gets nowhere.
// secure-defaults 21a; ASVS 4.4.2
func TestRealtimePolling(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, nil)
	c := plain(t)
	token := r.agent(c)
	call := func(method, query, origin, body string) answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/socket.io/?EIO=4&transport=polling"+query, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		if body != "" {
			req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		return answer{status: res.StatusCode, header: res.Header, raw: string(raw)}
	}
	a := call("GET", "", "https://app.example", "")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "https://app.example" || a.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Fatalf("handshake: %d %s %v", a.status, a.raw, a.header)
	}
	var open frame
	if err := json.Unmarshal([]byte(a.raw[1:]), &open); err != nil {
		t.Fatal(err)
	}
	sid := "&sid=" + open.str("sid")
	if a := call("POST", sid, "https://evil.example", "40"); a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another page with the session's id: %d %v", a.status, a.header)
	}
	if a := call("POST", sid, "https://app.example", `40{"token":"`+token+`"}`); a.status != 200 {
		t.Fatalf("CONNECT: %d %s", a.status, a.raw)
	}
	if a := call("GET", sid, "https://app.example", ""); !strings.HasPrefix(a.raw, `40{"sid"`) {
		t.Errorf("the answer to CONNECT: %q", a.raw)
	}
	r.want(r.call(c, "POST", "/api/auth/logout", token, ""), 200, "")
	got := ""
	for range 5 {
		a := call("GET", sid, "https://app.example", "")
		if got += a.raw + "|"; a.status != 200 || strings.Contains(a.raw, "41") {
			break
		}
	}
	if !strings.Contains(got, `["auth_error",{"code":4004,`) || !strings.Contains(got, "41") {
		t.Errorf("after the logout: %s, want auth_error and the disconnect packet", got)
	}
	if a := call("OPTIONS", "", "https://evil.example", ""); a.status != 403 {
		t.Errorf("preflight of another origin: %d", a.status)
	}
	if a := call("OPTIONS", "", "https://app.example", ""); a.status != 204 || a.header.Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
}

// With any origin let in, a cookie is still that of the listed pages alone.
func TestRealtimeAnyOrigin(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, func(c *config.Config) {
		c.Realtime.InsecureAnyOrigin, c.Realtime.AuthTimeout = true, time.Second
	})
	c := browser(t)
	token := r.agent(plain(t))
	r.want(r.call(c, "POST", "/api/auth/login?transport=cookie", "", credentials("test", "test")), 200, "")
	jar := "jwt=" + cookie(c, r.url, "jwt")
	for _, origin := range []string{"https://any.example", "null"} {
		r.dial("/missions?ticket="+r.ticket(token), "Origin", origin).next("welcome")
		r.dial("/missions", "Origin", origin, "Cookie", jar).closed(4008, "Too Slow: No Token")
		if kind, answer := r.engineAt("", "Origin", origin, "Cookie", jar).connect(""); kind != 4 {
			t.Errorf("a cookie from %s: %v", origin, answer)
		}
	}
	r.dial("/missions", "Origin", "https://app.example", "Cookie", jar).next("welcome")
}
