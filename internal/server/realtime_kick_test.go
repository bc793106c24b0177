package server_test

import (
	"net/http"
	"testing"

	"github.com/sandi-auth/sandi/internal/audit"
)

// An administrator sees the live sockets and closes one; what happened to sockets stands in the audit log.
// WS-l
func TestRealtimeKick(t *testing.T) {
	t.Parallel()
	g := grantsOf(startRealtime(t, nil), plain(t))
	admin, _ := g.login(g.client, "admin", g.adminPassword())
	token := g.agent(g.client)
	raw, sio := g.member(token), g.join(token)
	g.dial("/missions?token=garbage").closed(4001, invalidReason)
	list := func() map[string]string { // ids by transport
		t.Helper()
		a := g.want(g.call(g.client, "GET", "/api/admin/sockets", admin, ""), 200, "")
		found := map[string]string{}
		sockets, _ := a.body["sockets"].([]any)
		for _, one := range sockets {
			s := one.(map[string]any)
			found[s["transport"].(string)] = s["id"].(string)
		}
		return found
	}
	ids := list()
	g.eventually(func() bool { ids = list(); return len(ids) == 2 })
	for transport, id := range ids {
		g.want(g.call(g.client, "DELETE", "/api/admin/sockets/"+id, token, ""), 403, "forbidden")
		if a := g.call(g.client, "DELETE", "/api/admin/sockets/"+id, admin, ""); a.status != http.StatusNoContent {
			t.Errorf("%s: %d %s", transport, a.status, a.raw)
		}
	}
	const kicked = "Forbidden: Closed By An Administrator"
	raw.closed(4003, kicked)
	if args := sio.event("auth_error"); args[0].(map[string]any)["reason"] != kicked {
		t.Errorf("auth_error: %v", args)
	}
	for action, want := range map[audit.Action]int{audit.SocketOpened: 2, audit.SocketRefused: 1, audit.SocketKicked: 2, audit.SocketClosed: 2} {
		g.eventually(func() bool { return g.audited(action) >= want })
	}
}
