package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/realtime"
)

// startAdmin is a server with live sockets, and an administrator's access token.
func startAdmin(t *testing.T) (g *grants, c *http.Client, admin string) {
	t.Helper()
	g = startGrants(t, func(c *config.Config) {
		c.Realtime.Enabled, c.Realtime.DefaultChannel, c.Realtime.Channels = true, "", []config.Channel{{Name: "general"}}
	})
	c = plain(t)
	admin, _ = g.login(c, "admin", g.adminPassword())
	// Once it knows a channel of the store, it has forgotten the sockets of its former life.
	if err := g.db.PutChannel(t.Context(), realtime.Channel{Name: "begun"}, audit.Event{}); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, "the hub runs", func() bool {
		return g.call(c, "POST", "/api/admin/channels/begun/messages", admin, `{"data":1}`).status == 200
	})
	if err := g.db.RemoveChannel(t.Context(), "begun", audit.Event{}); err != nil {
		t.Fatal(err)
	}
	return g, c, admin
}

// Whoever is no administrator neither reads nor changes anything, whatever they send; a cookie is no credential there.
func TestAdminSocketsAreForAdministrators(t *testing.T) {
	t.Parallel()
	g, c, _ := startAdmin(t)
	user, _ := g.login(c, "user1", "password1")
	b := browser(t)
	g.want(g.call(b, "POST", "/login?transport=cookie", "", credentials("admin", g.adminPassword())), 200, "")
	csrf := cookie(b, g.url, "sandi_csrf")
	for _, route := range []string{
		"GET /api/admin/sockets", "DELETE /api/admin/sockets/x", "GET /api/admin/channels", "GET /api/admin/channels/general",
		"PUT /api/admin/channels/ops", "DELETE /api/admin/channels/general", "POST /api/admin/channels/general/messages",
	} {
		method, path, _ := strings.Cut(route, " ")
		for _, try := range []struct {
			a      answer
			status int
			code   string
		}{
			{g.call(c, method, path, "", ""), 401, "token_missing"},
			{g.call(c, method, path, "x.y.z", ""), 401, "token_invalid"},
			{g.call(c, method, path, user, ""), 403, "forbidden"},
			{g.call(b, method, path, "", "", "X-CSRF-TOKEN", csrf), 401, "token_missing"},
		} {
			if try.a.status != try.status || try.a.str("error") != try.code {
				t.Errorf("%s: got %d %s, want %d %s", route, try.a.status, try.a.raw, try.status, try.code)
			}
		}
	}
}

// An administrator sees who is connected, page by page, and has one closed.
func TestAdminSockets(t *testing.T) {
	t.Parallel()
	g, c, admin := startAdmin(t)
	now := g.clock.now().Truncate(time.Millisecond).UTC()
	var begun []realtime.SocketView
	for i, sub := range []string{"user1", "agentx", "user1"} {
		begun = append(begun, realtime.SocketView{
			ID: fmt.Sprintf("s%d", i), Node: "elsewhere", Subject: sub, ClientID: "app", Session: "x", Transport: "websocket", Address: "192.0.2.7",
			ConnectedAt: now, ExpiresAt: now.Add(time.Minute),
		})
	}
	if err := g.db.RecordSockets(t.Context(), realtime.Record{Node: "elsewhere", Begun: begun}); err != nil {
		t.Fatal(err)
	}
	const path = "/api/admin/sockets"
	list := func(query string) (ids, next string) {
		t.Helper()
		a := g.want(g.call(c, "GET", path+query, admin, ""), 200, "")
		for _, s := range a.body["sockets"].([]any) {
			ids += s.(map[string]any)["id"].(string) + " "
		}
		return strings.TrimSpace(ids), a.str("next")
	}
	for _, tt := range []struct{ query, ids, next string }{
		{"", "s0 s1 s2", ""},
		{"?limit=2", "s0 s1", "s1"},
		{"?limit=2&after=s1", "s2", ""},
		{"?sub=user1", "s0 s2", ""},
		{"?sub=user1&limit=1", "s0", "s0"},
		{"?sub=user1&limit=1&after=s0", "s2", "s2"},
		{"?sub=nobody", "", ""},
	} {
		if ids, next := list(tt.query); ids != tt.ids || next != tt.next {
			t.Errorf("%q: got %q, next %q; want %q, %q", tt.query, ids, next, tt.ids, tt.next)
		}
	}
	for _, limit := range []string{"0", "-1", "1001", "x", "1e2"} {
		g.want(g.call(c, "GET", path+"?limit="+limit, admin, ""), 400, "invalid_request")
	}
	first := g.call(c, "GET", path+"?limit=1", admin, "").raw
	for _, want := range []string{`"sub":"user1"`, `"transport":"websocket"`, `"address":"192.0.2.7"`, `"node":"elsewhere"`, `"expires_at":"` + now.Add(time.Minute).Format("2006-01-02T15:04")} {
		if !strings.Contains(first, want) {
			t.Errorf("%s lacks %s", first, want)
		}
	}
	if a := g.want(g.call(c, "DELETE", path+"/s1", admin, ""), 204, ""); a.raw != "" {
		t.Errorf("204 with %q", a.raw)
	}
	for _, id := range []string{"none", "S1", "%00", "s1%20"} {
		g.want(g.call(c, "DELETE", path+"/"+id, admin, ""), 404, "not_found")
	}
	if ids, err := g.db.SocketsToEnd(t.Context(), "elsewhere"); err != nil || fmt.Sprint(ids) != "[s1]" {
		t.Errorf("to end: %v, %v", ids, err)
	}
	events, err := g.db.Events(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Action == audit.SocketKicked && (e.From.Actor != "admin" || e.From.Address == "" || e.From.RequestID == "" || e.Detail["socket"] != "s1") {
			t.Errorf("event %+v", e)
		}
	}
	if n := g.audited(audit.SocketKicked); n != 1 {
		t.Errorf("%d events, want 1", n)
	}
}

// A channel is made, replaced, shown and removed; those of the configuration are shown, and changed there alone. What is spelt wrong is
// refused: a requirement that is overlooked would let everybody in.
func TestAdminChannels(t *testing.T) {
	t.Parallel()
	g, c, admin := startAdmin(t)
	const path = "/api/admin/channels"
	put := func(name, body string) answer { return g.call(c, "PUT", path+"/"+name, admin, body) }
	doc := `{"subscribe":{"roles":["agent"],"level":2},"publish":{"scopes":["write"]},"schema":{"type":"object"},"keep":7,"keep_for":"90s","presence":true}`
	a := g.want(put("missions/alpha", doc), 200, "")
	if a.str("name") != "missions/alpha" || a.str("keep_for") != "1m30s" || a.body["configured"] != false {
		t.Errorf("got %s", a.raw)
	}
	g.want(put("ops/*", `{"name":"ops/*","subscribe":{},"publish":{},"read_only":true}`), 200, "")
	if got := g.want(g.call(c, "GET", path+"/missions/alpha", admin, ""), 200, ""); got.raw != a.raw {
		t.Errorf("shown: %s, want %s", got.raw, a.raw)
	}
	g.want(put("missions/alpha", `{"rate":5}`), 200, "")
	if got := g.want(g.call(c, "GET", path+"/missions/alpha", admin, ""), 200, ""); got.body["rate"] != 5.0 || got.body["schema"] != nil {
		t.Errorf("replaced: %s", got.raw)
	}
	names := ""
	for _, one := range g.want(g.call(c, "GET", path, admin, ""), 200, "").body["channels"].([]any) {
		m := one.(map[string]any)
		names += fmt.Sprint(m["name"], " ", m["configured"], "; ")
	}
	if names != "general true; missions/alpha false; ops/* false; " {
		t.Errorf("listed: %s", names)
	}
	for what, body := range map[string]string{
		"misspelt member": `{"suscribe":{"roles":["agent"]}}`, "misspelt requirement": `{"subscribe":{"role":["agent"]}}`, "another name": `{"name":"b"}`,
		"duration": `{"keep_for":"soon"}`, "type": `{"rate":"5"}`, "two": `{}{}`, "cut off": `{`,
	} {
		if a := put("a", body); a.status != 400 || a.str("error") != "invalid_request" || a.str("msg") == "" {
			t.Errorf("%s: got %d %s", what, a.status, a.raw)
		}
	}
	if a := put("a", "rate=5"); a.status != 415 {
		t.Errorf("form: got %d", a.status)
	}
	if a := put("a", `{"schema":{"title":"`+strings.Repeat("x", 70_000)+`"}}`); a.status != 413 {
		t.Errorf("70 kB: got %d", a.status)
	}
	g.want(put("bad%20name", `{}`), 400, "invalid_request")
	g.want(put("general", `{}`), 409, "channel_configured")
	g.want(g.call(c, "DELETE", path+"/general", admin, ""), 409, "channel_configured")
	for _, name := range []string{"none", "missions/beta", "General"} {
		g.want(g.call(c, "GET", path+"/"+name, admin, ""), 404, "not_found")
		g.want(g.call(c, "DELETE", path+"/"+name, admin, ""), 404, "not_found")
	}
	g.want(g.call(c, "DELETE", path+"/missions/alpha", admin, ""), 204, "")
	g.want(g.call(c, "GET", path+"/missions/alpha", admin, ""), 404, "not_found")
	if made, gone := g.audited(audit.ChannelChanged), g.audited(audit.ChannelRemoved); made != 3 || gone != 1 {
		t.Errorf("%d and %d events, want 3 and 1", made, gone)
	}
}

// The server says something in a channel, also where nobody else may.
func TestAdminMessages(t *testing.T) {
	t.Parallel()
	g, c, admin := startAdmin(t)
	send := func(name, body string) answer { return g.call(c, "POST", "/api/admin/channels/"+name, admin, body) }
	if a := g.want(send("general/messages", `{"data":{"text":"hello"}}`), 200, ""); a.str("id") == "" {
		t.Errorf("got %s", a.raw)
	}
	g.want(send("none/messages", `{"data":1}`), 404, "not_found")
	g.want(send("general", `{"data":1}`), 404, "not_found")
	for _, body := range []string{`{}`, `{"data":1,"to":"user1"}`, `{"data":`, `{"data":1}{}`} {
		g.want(send("general/messages", body), 400, "invalid_request")
	}
	if n := g.audited(audit.ChannelMessage); n != 2 { // one by startAdmin
		t.Errorf("%d events, want 2", n)
	}
}

// The management API answers on the operators' listener, and not on the public one.
// secure-defaults 22a
func TestAdminListener(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), nil, func(c *config.Config) {
		c.Admin.Addr, c.Realtime.Enabled, c.API = "127.0.0.1:0", true, config.Default().API
	})
	c, operator := plain(t), *r
	operator.url = r.admin
	for _, path := range []string{"/api/admin/sockets", "/api/admin/channels"} {
		r.want(r.call(c, "GET", path, "", ""), 404, "not_found")
		operator.want(operator.call(c, "GET", path, "", ""), 401, "token_missing")
		operator.want(operator.call(c, "GET", path, "", "", "Host", "evil.example"), 421, "wrong_host")
	}
}
