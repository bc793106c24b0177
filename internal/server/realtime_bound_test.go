package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"
)

// A token that is bound to a key opens a socket only with a proof in the handshake, or by a ticket that was got with one.
// secure-defaults 21d
func TestRealtimeBoundToken(t *testing.T) {
	t.Parallel()
	g := grantsOf(startRealtime(t, nil), plain(t))
	k := newDPoPKey(t)
	token := g.sign("at+jwt", g.agent(g.client), map[string]any{"cnf": map[string]any{"jkt": k.thumbprint()}})
	sum := sha256.Sum256([]byte(token))
	proof := func(method, path string) []string {
		return []string{"Authorization", "DPoP " + token, "DPoP", k.proof(t, g.clock.now(), method, g.url+path, map[string]any{"ath": base64.RawURLEncoding.EncodeToString(sum[:])})}
	}
	g.dial("/missions", proof("GET", "/missions")...).next("welcome")
	if kind, answer := g.engineAt("", proof("GET", "/socket.io/")...).connect(""); kind != 0 {
		t.Errorf("Socket.IO with a proof: %v", answer)
	}
	ticket := func() string {
		return g.want(g.call(g.client, "POST", "/api/auth/ticket", "", "", proof("POST", "/api/auth/ticket")...), 200, "").str("ticket")
	}
	g.dial("/missions?ticket=" + ticket()).next("welcome")
	if kind, answer := g.engineAt("&ticket=" + ticket()).connect(""); kind != 0 {
		t.Errorf("Socket.IO with a ticket: %v", answer)
	}
	g.dial("/missions?token="+token).closed(4001, invalidReason)
	g.dial("/missions", "Authorization", "Bearer "+token).closed(4001, invalidReason)
	g.dial("/missions", "Authorization", "DPoP "+token).closed(4001, invalidReason)
	g.dial("/missions", "Sec-WebSocket-Protocol", "sandi.v1, bearer."+token).closed(4001, invalidReason)
	if kind, _ := g.engine().connect(`{"token":"` + token + `"}`); kind != 4 {
		t.Error("Socket.IO's auth.token took a token that is bound to a key")
	}
}
