package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// Run serves until ctx ends, closes what is connected, lets running requests finish, and returns nil after a clean stop.
func (g *Gateway) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	live, goodbye := context.WithCancel(background)
	defer goodbye()
	group, failed := errgroup.WithContext(background)
	group.Go(func() error { return ended(g.gateway.Run(live)) })
	if g.follower != nil {
		group.Go(func() error { return ended(g.follower.Run(background)) })
	}
	for _, c := range g.certificates {
		group.Go(func() error { return ended(c.Run(background)) })
	}
	servers := map[*http.Server]net.Listener{boundedServer(g.handler(), g.log, false): g.listener}
	if g.adminListener != nil {
		servers[boundedServer(g.operations(), g.log, true)] = g.adminListener
	}
	for srv, l := range servers {
		group.Go(func() error { return ended(srv.Serve(l)) })
	}
	group.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
		case <-failed.Done():
		}
		g.stopping.Store(true)
		goodbye()
		return shutdown(servers, g.cfg.Gateway.ShutdownTimeout, g.log)
	})
	return errors.Join(group.Wait(), g.Close())
}

// gatewayKeys is where upstreams find what verifies the identities that they get.
const gatewayKeys = "/.well-known/sandi-gateway/jwks.json"

// handler is the gateway with what it answers by itself.
func (g *Gateway) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == gatewayKeys && r.Method == http.MethodGet:
			g.publish(w)
		case g.forward != nil && asksForward(r, config.Listen{TrustedProxies: g.cfg.Gateway.TrustedProxies}.Proxies()):
			g.forward.ServeHTTP(w, r)
		default:
			g.gateway.ServeHTTP(w, r)
		}
	})
}

func (g *Gateway) publish(w http.ResponseWriter) {
	set, err := jwt.NewKeySet(g.signer.Public())
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	body, _ := json.Marshal(set)
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(body)
}

// operations is the operators' listener: metrics, and whether this process serves.
func (g *Gateway) operations() http.Handler {
	c := web.Config{Logger: g.log, Now: g.now}
	if host, _, err := net.SplitHostPort(g.cfg.Admin.Addr); err == nil && !g.cfg.Admin.TLS().On() && !g.cfg.Admin.InsecurePlain {
		c.Hosts = hosts(host) // loopback: against a page that points its own name here
	}
	chain := web.New(c)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{}))
	mux.Handle("GET /healthz", chain.Handle(func(w http.ResponseWriter, _ *http.Request) error { return web.JSON(w, http.StatusOK, status{"ok"}) }))
	mux.Handle("GET /readyz", chain.Handle(g.readyz))
	return chain.Wrap(chain.Mux(mux))
}

// readyz says that requests may be sent here, or why not: where it is not known what was revoked, each one with a token is answered 503.
func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) error {
	why := ""
	if g.stopping.Load() {
		why = "the gateway is going away"
	} else if g.list != nil {
		if _, err := g.list.Revoked(r.Context(), nil); err != nil {
			why = "the revocations of gateway.issuer were not read for longer than revocation.max_staleness: see the log for what is in the way"
		}
	}
	if why == "" {
		return web.JSON(w, http.StatusOK, status{"ready"})
	}
	w.Header().Set("Retry-After", "1")
	return web.JSON(w, http.StatusServiceUnavailable, struct {
		Error string `json:"error"`
		Msg   string `json:"msg"`
	}{"temporarily_unavailable", why})
}
