package interop_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestSeedServer: seed 001's own Node server (express and socket.io) with its token code deleted runs behind `sandi gateway`.
// secure-defaults 20a, 20e, 21c
func TestSeedServer(t *testing.T) {
	t.Parallel()
	binary := buildSandi(t)
	upstream := freeAddress(t)
	demo, gateway := guardedBy(t, binary, upstream, "15m")
	short, shortGateway := guardedBy(t, binary, upstream, "4s")
	passwords := map[string]string{}
	for _, user := range users {
		passwords[user] = passwordOf(user)
	}
	runCases(t, "seed.mjs", map[string]any{
		"demo": demo, "gateway": gateway, "short": short, "shortGateway": shortGateway, "upstream": upstream, "passwords": passwords,
	}, "express", "socket.io", "socket.io-client", "ws")
}

// guardedBy runs an issuer, and a gateway in front of the upstream that knows its tokens, and what it revokes.
func guardedBy(t *testing.T, binary, upstream, access string) (issuer, gateway string) {
	t.Helper()
	p := newProvider(t)
	secret := rand.Text() + rand.Text()
	readers := must(p.keep("readers", []byte("gateway:"+secret)))
	p.serve(binary, nil, section{
		"listen": section{"addr": strings.TrimPrefix(p.url, "http://")}, "token": section{"access": access}, "revocation": section{"readers_file": readers},
	})
	for _, user := range users {
		p.register(user)
	}
	return p.url, p.gateway(binary, section{
		"issuer": p.url, "revocations_secret_file": must(p.keep("gateway.secret", []byte(secret))),
		"routes": []section{{"path": "/", "upstream": []string{"http://" + upstream}}, {"path": "/socket.io", "upstream": []string{"http://" + upstream}, "socket_io": true}},
	})
}

// gateway runs `sandi gateway` until the test ends.
func (p *provider) gateway(binary string, settings section) string {
	p.t.Helper()
	address := freeAddress(p.t)
	config := must(json.Marshal(section{"data": p.dir + "/gateway", "admin": section{"addr": ""}, "gateway": settings.with(section{"addr": address})}))
	path := must(p.keep("gateway.yaml", config))
	var log bytes.Buffer
	k := keep(p.t, os.Environ(), &log, binary, "gateway", "--config", path)
	p.t.Cleanup(func() {
		if err := k.stop(); err != nil {
			p.t.Errorf("sandi gateway: %v", err)
		}
		if p.t.Failed() {
			p.t.Logf("log of sandi gateway:\n%s", &log)
		}
	})
	g := &provider{t: p.t, url: "http://" + address, http: http.DefaultClient}
	if !within(time.Minute, func() bool { return k.gone() || g.answers("/.well-known/sandi-gateway/jwks.json") }) || k.gone() {
		p.t.Fatal("sandi gateway does not become ready")
	}
	return g.url
}
