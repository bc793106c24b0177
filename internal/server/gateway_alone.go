package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/jwt"
)

// GatewayOptions are what NewGateway needs.
type GatewayOptions struct {
	Config config.Config // validated; its section gateway, cookie, admin and log count
	Logger *slog.Logger
	Now    func() time.Time // default time.Now
}

// Gateway is a guard in front of other servers without an issuer of its own: it knows tokens by the keys that their issuer
// publishes, and what was revoked by that one's feed.
type Gateway struct {
	cfg      config.Config
	log      *slog.Logger
	now      func() time.Time
	registry *prometheus.Registry

	keys     *guard.RemoteKeys
	list     *guard.RevocationList // nil without a feed
	follower *guard.Follower
	signer   *jwt.Key
	replay   *guard.ReplayMemory
	gateway  *gateway.Gateway
	forward  http.Handler // nil without gateway.forward_auth

	stopping                atomic.Bool // readyz says no while requests end
	listener, adminListener net.Listener
	certificates            []*certificate
}

// NewGateway listens, and reads keys and revocations for the first time: a gateway that cannot know them does not start.
func NewGateway(ctx context.Context, o GatewayOptions) (_ *Gateway, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Gateway{cfg: o.Config.Resolved(""), log: o.Logger, now: o.Now, registry: prometheus.NewRegistry(), replay: guard.NewReplayMemory(guard.ReplayMemoryConfig{Size: 1 << 16, Now: o.Now})}
	defer func() {
		if err != nil {
			_ = g.Close()
		}
	}()
	if g.cfg.Gateway.Addr == "" || g.cfg.Gateway.Issuer == "" {
		return nil, &badFile{"gateway.addr and gateway.issuer are required", "say in the configuration where the gateway listens, and whose tokens count"}
	}
	g.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, step := range []func(context.Context) error{g.listen, g.openSigner, g.openKeys, g.openFeed, g.wire} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *Gateway) listen(context.Context) error {
	l, cfg, err := listenGateway(g.cfg)
	if err != nil {
		return err
	}
	g.cfg, g.listener = cfg, l
	if g.cfg.Listen.DevTLS && !g.cfg.Gateway.TLS().On() {
		g.listener, err = listenDevTLS(l, g.cfg.Data, g.log, g.now)
	} else {
		g.listener, err = g.secured(l, "gateway.", g.cfg.Gateway.TLS())
	}
	if err != nil || g.cfg.Admin.Addr == "" {
		return err
	}
	if g.adminListener, err = listenOn(g.cfg.Admin.Addr, "admin.addr"); err != nil {
		return err
	}
	g.adminListener, err = g.secured(g.adminListener, "admin.", g.cfg.Admin.TLS())
	return err
}

// secured is l, speaking TLS where the configuration says so; with an error it is l still, to be closed.
func (g *Gateway) secured(l net.Listener, section string, files config.TLS) (net.Listener, error) {
	if !files.On() {
		return l, nil
	}
	c, err := openCertificate(section, files, g.log, g.now)
	if err != nil {
		return l, err
	}
	g.certificates = append(g.certificates, c)
	return newTLSListener(l, c), nil
}

func (g *Gateway) wire(context.Context) error {
	public, err := url.Parse(g.cfg.Gateway.PublicURL)
	if err != nil {
		return fmt.Errorf("read gateway.public_url: %w", err)
	}
	c, err := gatewayConfig(g.cfg, public)
	if err != nil {
		return err
	}
	c.Signer = func() (*jwt.Key, error) { return g.signer, nil }
	c.Issuer, c.Limits, c.Metrics, c.Logger, c.Now = g.cfg.Gateway.PublicURL, cluster.NewMemory(g.now), g.registry, g.log, g.now
	c.NewGuard = func(sources []guard.Source, origins []string, proof bool) (*guard.Guard, error) {
		return g.guard(public, sources, origins, proof)
	}
	if g.gateway, err = gateway.New(c); err != nil || !g.cfg.Gateway.ForwardAuth {
		return err
	}
	judge, err := c.NewGuard([]guard.Source{guard.FromHeader(), guard.FromCookie()}, nil, false)
	if err != nil {
		return err
	}
	g.forward, err = gateway.NewForward(gateway.ForwardConfig{Guard: judge, Config: c})
	return err
}

func (g *Gateway) guard(public *url.URL, sources []guard.Source, origins []string, proof bool) (*guard.Guard, error) {
	c := guard.Config{
		Issuer: g.cfg.Gateway.Issuer, Audience: g.cfg.Gateway.Audience, Keys: g.keys, Sources: sources, Now: g.now,
		Cookie: guard.CookieConfig{Access: g.cfg.Cookie.Access, CSRF: g.cfg.Cookie.CSRF, Origins: origins},
	}
	if len(c.Audience) == 0 {
		c.Audience = []string{g.cfg.Gateway.Issuer}
	}
	if g.list != nil {
		c.Revocations = g.list
	}
	if proof {
		proofs, err := guard.NewProofs(guard.ProofsConfig{PublicURL: public.Scheme + "://" + public.Host, Replay: g.replay, Now: g.now})
		if err != nil {
			return nil, err
		}
		c.DPoP = proofs
	}
	return guard.New(c)
}

// Addr is the address of the gateway's listener.
func (g *Gateway) Addr() string { return g.listener.Addr().String() }

// Close lets go of the listeners. Run closes when it returns; Close is for a Gateway that never ran.
func (g *Gateway) Close() error {
	var errs []error
	for _, l := range []net.Listener{g.listener, g.adminListener} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// AdminAddr is the address of the operators' listener, "" where there is none.
func (g *Gateway) AdminAddr() string {
	if g.adminListener == nil {
		return ""
	}
	return g.adminListener.Addr().String()
}
