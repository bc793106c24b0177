package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
)

// startGateway runs a gateway without an issuer of its own in front of an empty server, on r's clock. Its url is the operators' listener.
func (r *running) startGateway(change func(*config.Config)) *running {
	r.t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r.t.Cleanup(upstream.Close)
	c := config.Default()
	c.Data, c.Admin.Addr, c.Revocation.MaxStaleness = r.t.TempDir(), "127.0.0.1:0", time.Minute
	c.Gateway.Addr, c.Gateway.Issuer = "127.0.0.1:0", r.url
	c.Gateway.Routes = []config.Route{{Path: "/", Upstream: []string{upstream.URL}}}
	change(&c)
	log := &lockedBuffer{}
	g, err := server.NewGateway(r.t.Context(), server.GatewayOptions{Config: c, Logger: slog.New(slog.NewJSONHandler(log, nil)), Now: r.clock.now})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("stop gateway: %v", err)
		}
	})
	return &running{t: r.t, url: "http://" + g.AdminAddr(), admin: "http://" + g.Addr(), log: log, clock: r.clock}
}

// A gateway that cannot know any more what was revoked is not ready, and says why.
// secure-defaults 23d
func TestGatewayReady(t *testing.T) {
	t.Parallel()
	r, secret := startWithReader(t)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	deaf := r.startGateway(func(*config.Config) {})
	g := r.startGateway(func(c *config.Config) { c.Gateway.RevocationsSecret = file })
	c := plain(t)
	g.want(g.call(c, "GET", "/readyz", "", ""), 200, "")
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	g.want(g.call(c, "GET", "/readyz", "", ""), 200, "") // it knows enough for a while
	r.clock.advance(2 * time.Minute)
	a := g.want(g.call(c, "GET", "/readyz", "", ""), 503, "temporarily_unavailable")
	if !strings.Contains(a.str("msg"), "revocation") || a.header.Get("Retry-After") == "" {
		t.Errorf("it does not say why: %s", a.raw)
	}
	g.want(g.call(c, "GET", "/healthz", "", ""), 200, "")
	deaf.want(deaf.call(c, "GET", "/readyz", "", ""), 200, "") // it was told to do without
}

// The operators' listener of a gateway speaks TLS where the configuration says so, and on loopback answers to its own name alone.
// ASVS 12.2.1
func TestGatewayOperations(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	g := r.startGateway(func(*config.Config) {})
	c := plain(t)
	if a := g.call(c, "GET", "/metrics", "", ""); a.status != 200 || !strings.Contains(a.raw, "go_goroutines") {
		t.Errorf("metrics: %d", a.status)
	}
	g.want(g.call(c, "GET", "/metrics", "", "", "Host", "rebound.example"), 421, "wrong_host")

	a, f := newAuthority(t), newFiles(t)
	f.put(a, a.issue(time.Hour))
	g = r.startGateway(func(c *config.Config) { c.Admin.TLSCertFile, c.Admin.TLSKeyFile = f.chain, f.key })
	if resp, err := c.Get(g.url + "/healthz"); err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Error("the operators' listener speaks plain HTTP")
		}
	}
	g.url = "https" + strings.TrimPrefix(g.url, "http")
	if resp, err := secure(t, &tls.Config{RootCAs: a.pool()}).Get(g.url + "/healthz"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("with TLS: %v %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
	if text := []byte(g.log.String()); bytes.Contains(text, []byte(`"level":"ERROR"`)) {
		t.Errorf("log:\n%s", text)
	}
}
