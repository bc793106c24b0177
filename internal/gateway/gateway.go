package gateway

import (
	"cmp"
	"context"
	"crypto/x509"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/jwt"
)

// Config is what a Gateway needs. NewGuard, Signer, Limits, Logger and Now are required.
type Config struct {
	// NewGuard makes the guard of a route from what the gateway sets: Sources, Cookie.Origins, DPoP where proof is true. All else is the caller's own:
	// keys, audience, revocations.
	NewGuard func(sources []guard.Source, origins []string, proof bool) (*guard.Guard, error)
	// Identity makes the token that says to an upstream who calls (see Claims).
	Signer  func() (*jwt.Key, error)
	Issuer  string // iss of those tokens
	Limits  Limits
	Sockets Sockets // nil: nobody is told of proxied sockets
	Metrics prometheus.Registerer
	Logger  *slog.Logger
	Now     func() time.Time

	Hosts   []string // that routes without a host answer for
	Proxies []netip.Prefix
	Routes  []Route
	// Cookie is the name of the access token's cookie, CSRFHeader that of its value's header; both are taken away before a request goes on.
	Cookie, CSRFCookie, CSRFHeader string
}

// Limits counts for all nodes, as cluster.Memory and cluster.Redis do.
type Limits interface {
	Take(ctx context.Context, key string, r cluster.Rate) (wait time.Duration)
}

// Sockets is told of proxied WebSockets: as realtime.Hub does for its own, for the audit log and the list of live ones.
type Sockets interface {
	// Opened lists one; kick ends it. closed is called once with why.
	Opened(t *guard.Token, from audit.From, kick func()) (closed func(why string))
	Refused(from audit.From, reason string)
}

// Route is a part of the URLs and the servers behind it. See config.Route for each setting.
type Route struct {
	Host        string // without port; *.example.com for one label below
	Path        string
	Methods     []string
	Upstreams   []*url.URL // http, https, h2c, or unix with a path
	StripPath   bool
	KeepHost    bool
	Public      bool
	Scopes      []string
	Roles       []string
	Fresh       time.Duration
	DPoP        bool
	CookieAuth  bool
	QueryToken  string
	SocketIO    bool
	Identity    string // token, headers or none
	Forward     bool   // the caller's credential goes on
	Origins     []string
	Rate        int
	Timeout     time.Duration
	Retries     int
	MaxBody     int64
	HealthPath  string
	HealthEvery time.Duration
	RootCAs     *x509.CertPool // nil: the system's
}

// Gateway is the routes and the connections to what is behind them. It is an http.Handler.
type Gateway struct {
	Config
	identity   *identity
	metrics    *metrics
	guards     map[string]*guard.Guard
	routes     []*route
	hosts      map[string]hostRoutes
	cookies    []string // that are ours
	csrfHeader string   // in lower case

	mu     sync.Mutex // guards what follows
	live   map[*relay]struct{}
	closed bool
	ended  sync.WaitGroup // of relays
}

// New builds a Gateway. It fails for a route that cannot be.
func New(c Config) (*Gateway, error) {
	if c.NewGuard == nil || c.Signer == nil || c.Limits == nil || c.Logger == nil || c.Now == nil {
		panic("gateway: Config.NewGuard, Signer, Limits, Logger and Now are required")
	}
	g := &Gateway{
		Config: c, identity: newIdentity(c.Signer, c.Issuer, c.Now), metrics: newMetrics(c.Metrics), guards: map[string]*guard.Guard{},
		hosts: map[string]hostRoutes{}, live: map[*relay]struct{}{}, csrfHeader: strings.ToLower(cmp.Or(c.CSRFHeader, "X-CSRF-TOKEN")),
		cookies: []string{"sandi_access", "sandi_refresh", "sandi_csrf", "__Host-sandi_access", "__Secure-sandi_refresh", "__Host-sandi_csrf"},
	}
	for _, name := range []string{c.Cookie, c.CSRFCookie} {
		if name != "" {
			g.cookies = append(g.cookies, name)
		}
	}
	for _, r := range c.Routes {
		if err := g.addRoute(r); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Run asks for the health of upstreams until ctx ends; then it closes the proxied sockets with 1001 and waits for them.
func (g *Gateway) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	for _, r := range g.routes {
		for _, u := range r.pool.all {
			if r.HealthPath != "" {
				tasks.Go(func() { r.watch(ctx, u) })
			}
		}
	}
	<-ctx.Done()
	tasks.Wait()
	g.mu.Lock()
	g.closed = true
	live := slices.Collect(maps.Keys(g.live))
	g.mu.Unlock()
	for _, s := range live {
		s.finish(endAway)
	}
	for _, r := range g.routes {
		if r.engine != nil {
			r.engine.close()
		}
	}
	g.ended.Wait()
	for _, r := range g.routes {
		r.pool.closeIdle()
	}
	return nil
}
