package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/config"
)

const (
	invalidReason = "Unauthorized: Invalid Token"
	expiredReason = "Unauthorized: Token Expired"
	revokedReason = "Unauthorized: Token Revoked"
)

// signIn logs in as seed 001 does.
func (r *running) agent(c *http.Client) string {
	r.t.Helper()
	return r.want(r.call(c, "POST", "/api/auth/login", "", credentials("AgentX", "TopSecret123")), 200, "").str("access_token")
}

// ticket is a new one.
func (r *running) ticket(token string) string {
	r.t.Helper()
	return r.want(r.call(plain(r.t), "POST", "/api/auth/ticket", token, ""), 200, "").str("ticket")
}

// withTickets puts tickets in place of NEW and SPENT: they count for 30 seconds, for which a parallel test may have to wait.
func (r *running) withTickets(path, token string) string {
	r.t.Helper()
	if strings.HasSuffix(path, "SPENT") {
		used := r.ticket(token)
		r.dial("/missions?ticket=" + used).next("welcome")
		return strings.Replace(path, "SPENT", used, 1)
	}
	if strings.HasSuffix(path, "NEW") {
		return strings.Replace(path, "NEW", r.ticket(token), 1)
	}
	return path
}

// Seed 001's raw client as printed: the token in the query, and 4001 with the seed's words for one that is no token. The query stands
// in no log.
// ASVS 4.4.4; WS-e, WS-l; secure-defaults 16b
func TestRealtimeSeedRaw(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, nil)
	token := r.agent(plain(t))
	w := r.dial("/missions?token=" + token)
	hello := w.next("welcome")
	if hello.str("sub") != "agentx" || hello.str("socket") == "" {
		t.Errorf("welcome: %v", hello)
	}
	if joined, _ := hello["channels"].([]any); len(joined) != 1 || joined[0].(map[string]any)["channel"] != "hq" {
		t.Errorf("channels: %v", hello["channels"])
	}
	w.say(frame{"type": "publish", "data": frame{"intel": "x"}, "ref": "r1"})
	if m := w.next("message"); m.str("channel") != "hq" || m.str("from") != "agentx" {
		t.Errorf("message: %v", m)
	}
	for _, bad := range []string{"garbage", "", token[:len(token)-2], token + ".x"} {
		r.dial("/missions?token="+bad).closed(4001, invalidReason)
	}
	if log := r.log.String(); strings.Contains(log, token[:40]) || strings.Contains(log, "token=") || !strings.Contains(log, `"path":"/missions"`) {
		t.Error("the query of a handshake stands in the log")
	}
}

// Each place for a credential lets in; what is answered is sandi.v1 and nothing else that was offered.
// secure-defaults 21a; ASVS 4.4.3; WS-c, WS-i
func TestRealtimeCredentials(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, nil)
	c := browser(t)
	token := r.agent(plain(t))
	r.want(r.call(c, "POST", "/api/auth/login?transport=cookie", "", credentials("test", "test")), 200, "")
	jar := "jwt=" + cookie(c, r.url, "jwt")
	for _, tt := range []struct {
		name, path string
		header     []string
		sub        string
	}{
		{"header", "/missions", []string{"Authorization", "Bearer " + token}, "agentx"},
		{"protocol", "/missions", []string{"Sec-WebSocket-Protocol", "sandi.v1, bearer." + token}, "agentx"},
		{"ticket", "/missions?ticket=" + r.ticket(token), []string{"Origin", "https://app.example"}, "agentx"},
		{"query", "/missions?token=" + token, nil, "agentx"},
		{"cookie from our own page", "/missions", []string{"Cookie", jar, "Origin", r.url}, "test"},
		{"cookie from a listed page", "/missions", []string{"Cookie", jar, "Origin", "https://app.example"}, "test"},
		{"explicit beats ambient", "/missions", []string{"Cookie", jar, "Origin", r.url, "Authorization", "Bearer " + token}, "agentx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := r.dial(tt.path, tt.header...)
			if sub := w.next("welcome").str("sub"); sub != tt.sub {
				t.Errorf("let in as %q, want %q", sub, tt.sub)
			}
			want := ""
			if tt.name == "protocol" {
				want = "sandi.v1"
			}
			if w.protocol != want {
				t.Errorf("protocol %q, want %q", w.protocol, want)
			}
		})
	}
	w := r.dial("/missions", "Cookie", "jwt=garbage") // by a program, which the first message is for
	w.closed(4001, invalidReason)
	w = r.dial("/missions")
	w.say(frame{"type": "publish", "data": "x"})
	if _, end := w.read(); end != nil {
		t.Errorf("a message before the token closes: %v", end)
	}
	w.say(frame{"type": "auth", "token": token, "ref": 7})
	if ok := w.next("auth_ok"); ok["ref"] != 7.0 || w.next("welcome").str("sub") != "agentx" {
		t.Errorf("auth_ok: %v", ok)
	}
}

// What is refused, and how: with a close code after the upgrade, which browsers can see, or plainly for programs that ask for it.
// secure-defaults 21a, 14j; ASVS 4.4.2; WS-c
func TestRealtimeRefusals(t *testing.T) {
	t.Parallel()
	r := startRealtime(t, func(c *config.Config) { c.Realtime.AuthTimeout = time.Second })
	c := browser(t)
	token := r.agent(plain(t))
	r.want(r.call(c, "POST", "/api/auth/login?transport=cookie", "", credentials("test", "test")), 200, "")
	jar := "jwt=" + cookie(c, r.url, "jwt")
	for name, tt := range map[string]struct {
		path   string
		header []string
		code   int
		reason string
	}{
		"bad query, good cookie":     {"/missions?token=garbage", []string{"Cookie", jar, "Origin", r.url}, 4001, invalidReason},
		"bad protocol, good cookie":  {"/missions", []string{"Cookie", jar, "Origin", r.url, "Sec-WebSocket-Protocol", "sandi.v1, bearer.x"}, 4001, invalidReason},
		"two credentials":            {"/missions?token=" + token, []string{"Authorization", "Bearer " + token}, 4001, invalidReason},
		"a spent ticket":             {"/missions?ticket=SPENT", nil, 4001, invalidReason},
		"a token as ticket":          {"/missions?ticket=" + token, nil, 4001, invalidReason},
		"two cookies":                {"/missions", []string{"Cookie", jar + "; " + jar, "Origin", r.url}, 4001, invalidReason},
		"cookie without an origin":   {"/missions", []string{"Cookie", jar}, 4003, "Forbidden"},
		"nothing":                    {"/missions", nil, 4008, "Too Slow: No Token"},
		"an empty header of bearers": {"/missions", []string{"Authorization", "Bearer"}, 4001, invalidReason},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.dial(r.withTickets(tt.path, token), tt.header...).closed(tt.code, tt.reason)
		})
	}
	for _, origin := range []string{"https://evil.example", "null", "https://app.example.evil.example", "http://app.example", "https://app.example:444", r.url + "0"} {
		if _, status := r.open("/missions", headers("Origin", origin, "Authorization", "Bearer "+token)); status != 403 {
			t.Errorf("Origin %s: %d, want 403", origin, status)
		}
	}
	for _, tt := range []struct {
		bearer string
		status int
	}{{"garbage", 401}, {token, 101}} {
		if _, status := r.open("/missions", headers("Authorization", "Bearer "+tt.bearer, "Accept", "application/json")); status != tt.status {
			t.Errorf("a program that asks for a plain answer: %d, want %d", status, tt.status)
		}
	}
	if a := r.call(plain(t), "GET", "/missions", token, ""); a.status != 426 {
		t.Errorf("without an upgrade: %d, want 426", a.status)
	}
}

// A socket that has shown no token is one of few, and may send little.
// secure-defaults 14i; WS-h, WS-j
func TestRealtimeFirstMessage(t *testing.T) {
	t.Parallel()
	g := grantsOf(startRealtime(t, nil), plain(t))
	token := g.agent(g.client)
	for name, tt := range map[string]struct {
		say    frame
		code   int
		reason string
	}{
		"garbage":      {frame{"type": "auth", "token": "x"}, 4001, invalidReason},
		"expired":      {frame{"type": "auth", "token": g.sign("at+jwt", token, map[string]any{"exp": g.clock.now().Unix() - 60})}, 4002, expiredReason},
		"another kind": {frame{"type": "auth", "token": g.sign("id_token+jwt", token, nil)}, 4001, invalidReason},
		"bound to a key, which is not proved": {
			frame{"type": "auth", "token": g.sign("at+jwt", token, map[string]any{"cnf": map[string]any{"jkt": newDPoPKey(t).thumbprint()}})}, 4001, invalidReason,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := g.dial("/missions")
			w.say(tt.say)
			w.closed(tt.code, tt.reason)
		})
	}
	w := g.dial("/missions")
	w.write(`{"type":"auth","token":"` + strings.Repeat("x", 9<<10) + `"}`)
	if _, end := w.read(); end == nil || end.code != 4008 {
		t.Errorf("9 KiB before a token: %v, want 4008", end)
	}
	w = g.member(token)
	w.write(`{"type":"publish","data":"` + strings.Repeat("x", 65<<10) + `"}`)
	if _, end := w.read(); end == nil || end.code != 4008 {
		t.Errorf("65 KiB: %v, want 4008", end)
	}
	w = g.member(token)
	for _, bad := range []string{"x", "[]", `{"type":1}`, `{"type":"fly"}`, `{"type":"publish"}`, `{"type":"ping","ref":{}}`, `{"type":"subscribe","channel":"../etc"}`} {
		w.write(bad)
		text, end := w.read()
		var f frame
		if end != nil || json.Unmarshal([]byte(text), &f) != nil || f.str("type") != "error" || f.str("msg") == "" {
			t.Errorf("%s: %q %v, want an error", bad, text, end)
		}
	}
}

// A socket ends when its token does, on whichever way it came, and within a second.
// secure-defaults 21c; WS-d
func TestRealtimeEnds(t *testing.T) {
	t.Parallel()
	g := grantsOf(startRealtime(t, nil), plain(t))
	people := newAccounts(t, g)
	short := func(token string) string {
		return g.sign("at+jwt", token, map[string]any{"exp": time.Now().Unix() + 4})
	}
	for name, tt := range map[string]struct {
		user   [2]string
		change func(string) string
		end    func(token string)
		code   int
		reason string
	}{
		"expiry": {[2]string{"AgentX", "TopSecret123"}, short, func(string) {}, 4002, expiredReason},
		"logout": {[2]string{"user1", "password1"}, nil, func(token string) {
			g.want(g.call(g.client, "POST", "/api/auth/logout", token, ""), 200, "")
		}, 4004, revokedReason},
		"disabled": {[2]string{"user2", "password2"}, nil, func(string) { people.disable("user2") }, 4004, revokedReason},
		"role lost": {[2]string{"test", "test"}, nil, func(string) {
			people.roles("test", "observer")
		}, 4004, revokedReason},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, _ := g.login(g.client, tt.user[0], tt.user[1])
			if tt.change != nil {
				token = tt.change(token)
			}
			raw, sio := g.member(token), g.join(token)
			begun := time.Now()
			tt.end(token)
			raw.closed(tt.code, tt.reason)
			if args := sio.event("auth_error"); args[0].(map[string]any)["code"] != float64(tt.code) {
				t.Errorf("auth_error: %v", args)
			}
			if kind, _, end := sio.packet(); kind != '1' {
				t.Errorf("got %c %v, want the disconnect packet", kind, end)
			}
			sio.closed(tt.code, tt.reason)
			if exp := int64(payload(t, token)["exp"].(float64)); name == "expiry" && time.Now().Unix() < exp {
				t.Errorf("closed %v after the handshake, before its token ended", time.Since(begun))
			}
		})
	}
}

// accounts changes users as the command line does.
type accounts struct {
	testing.TB
	service *account.Service
}

func newAccounts(t testing.TB, g *grants) accounts {
	t.Helper()
	s, err := account.New(account.Config{Store: g.db, Limits: cluster.NewMemory(time.Now), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return accounts{t, s}
}

func (a accounts) disable(username string) {
	if err := a.service.SetDisabled(a.Context(), username, true, audit.From{}); err != nil {
		a.Error(err)
	}
}

func (a accounts) roles(username string, roles ...string) {
	if err := a.service.SetRoles(a.Context(), username, roles, audit.From{}); err != nil {
		a.Error(err)
	}
}
