package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/web"
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
	if g.cfg.Gateway.TLS().On() {
		c, err := openCertificate("gateway.", g.cfg.Gateway.TLS(), g.log, g.now)
		if err != nil {
			return err
		}
		g.certificates = append(g.certificates, c)
		g.listener = newTLSListener(l, c)
	} else if g.cfg.Listen.DevTLS {
		if g.listener, err = listenDevTLS(l, g.cfg.Data, g.log, g.now); err != nil {
			return err
		}
	}
	if g.cfg.Admin.Addr != "" {
		g.adminListener, err = listenOn(g.cfg.Admin.Addr, "admin.addr")
	}
	return err
}

// openSigner reads the key that signs identities for upstreams, and makes it at the first start.
func (g *Gateway) openSigner(context.Context) error {
	path := g.cfg.Gateway.KeyFile
	if path == "" {
		if err := store.PrepareFolder(g.cfg.Data); err != nil {
			return err
		}
		path = filepath.Join(g.cfg.Data, "gateway.jwk")
	}
	text, err := readFile(path, "a private JWK", true)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = newSigner(path)
	}
	if err != nil {
		return fmt.Errorf("read gateway.key_file: %w", err)
	}
	if g.signer, err = jwt.ParseKey(text); err != nil || !g.signer.CanSign() || g.signer.Algorithm() == jwt.HS256 {
		return &badFile{fmt.Sprintf("gateway.key_file %s holds no private key that others can verify", path), "remove it, and the next start makes one"}
	}
	return nil
}

func newSigner(path string) ([]byte, error) {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		return nil, err
	}
	text, err := key.PrivateJWK()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(append(text, '\n'))
	return text, errors.Join(err, f.Sync(), f.Close())
}

// openKeys fetches the issuer's keys. The issuer is the operator's own choice: it may stand in a private network.
func (g *Gateway) openKeys(ctx context.Context) (err error) {
	issuer := g.cfg.Gateway.Issuer
	g.keys, err = guard.NewRemoteKeys(guard.RemoteKeysConfig{
		Issuer: issuer, InsecureAllowPrivate: true, InsecureAllowHTTP: strings.HasPrefix(issuer, "http:"), Now: g.now, Logger: g.log,
	})
	if err != nil {
		return fmt.Errorf("read gateway.issuer: %w", err)
	}
	if err := g.keys.Fetch(ctx); err != nil {
		return fmt.Errorf("fetch the keys of gateway.issuer: %w", err)
	}
	return nil
}

// openFeed reads what was revoked.
func (g *Gateway) openFeed(ctx context.Context) (err error) {
	c := g.cfg.Gateway
	if c.RevocationsSecret == "" {
		g.log.Warn("revoked tokens count here until they expire", "setting", "gateway.revocations_secret_file is not set")
		return nil
	}
	at := c.RevocationsURL
	if at == "" {
		at = strings.TrimSuffix(c.Issuer, "/") + "/revocations"
	}
	g.list = guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: max(5*time.Second, g.cfg.Revocation.MaxStaleness), Now: g.now})
	g.follower, err = guard.NewFollower(guard.FollowerConfig{
		URL: at, List: g.list, Now: g.now, Logger: g.log, InsecureAllowHTTP: strings.HasPrefix(at, "http:"),
		Credential: func(context.Context) (string, error) {
			secret, err := readFile(c.RevocationsSecret, "the secret of this reader", true)
			return strings.TrimSpace(string(secret)), err
		},
	})
	if err != nil {
		return fmt.Errorf("read gateway.revocations_url: %w", err)
	}
	if err := g.follower.Load(ctx); err != nil {
		return fmt.Errorf("read the revocations of gateway.issuer: %w", err)
	}
	return nil
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
	chain := web.New(web.Config{Logger: g.log, Now: g.now})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{}))
	ok := chain.Handle(func(w http.ResponseWriter, _ *http.Request) error { return web.JSON(w, http.StatusOK, status{"ok"}) })
	mux.Handle("GET /healthz", ok)
	mux.Handle("GET /readyz", ok)
	return chain.Wrap(chain.Mux(mux))
}

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
