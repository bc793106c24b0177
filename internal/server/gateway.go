package server

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/jwt"
)

// wireGateway builds the guard in front of other servers, where it has an address.
func (s *Server) wireGateway(context.Context) error {
	issuer, err := url.Parse(s.cfg.Issuer)
	if err != nil {
		return fmt.Errorf("read issuer: %w", err)
	}
	if err := s.wireForward(issuer); err != nil || s.gatewayListener == nil {
		return err
	}
	g := s.cfg.Gateway
	public, err := url.Parse(g.PublicURL)
	if err != nil {
		return fmt.Errorf("read gateway.public_url: %w", err)
	}
	c, err := gatewayConfig(s.cfg, public)
	if err != nil {
		return err
	}
	s.gatewayParts(&c)
	c.NewGuard = func(sources []guard.Source, origins []string, proof bool) (*guard.Guard, error) {
		own, err := s.ownGuard(public)
		if err != nil {
			return nil, err
		}
		if own.Sources, own.Cookie.Origins = append(slices.Clone(sources), guard.FromTicket("ticket")), origins; !proof {
			own.DPoP = nil
		}
		return guard.New(own)
	}
	s.gateway, err = gateway.New(c)
	return err
}

// wireForward builds the endpoint that other proxies ask, where it is switched on.
func (s *Server) wireForward(issuer *url.URL) error {
	if !s.cfg.Gateway.ForwardAuth {
		return nil
	}
	own, err := s.ownGuard(issuer)
	if err != nil {
		return err
	}
	own.Sources, own.DPoP, own.Cookie.Origins = []guard.Source{guard.FromHeader(), guard.FromCookie()}, nil, s.socketOrigins(issuer)
	judge, err := guard.New(own)
	if err != nil {
		return err
	}
	c, err := gatewayConfig(s.cfg, issuer)
	if err != nil {
		return err
	}
	s.gatewayParts(&c)
	s.forward, err = gateway.NewForward(gateway.ForwardConfig{Guard: judge, Config: c})
	return err
}

// gatewayParts are what this server gives to its gateway.
func (s *Server) gatewayParts(c *gateway.Config) {
	c.Signer = func() (*jwt.Key, error) { return s.ring.Signer(), nil }
	c.Issuer, c.Limits, c.Metrics, c.Logger, c.Now = s.cfg.Issuer, s.shared, s.registry, s.log, s.now
	if s.hub != nil {
		c.Sockets = s.hub
	}
}

// forwarded answers the questions of other proxies before anything judges host and path, which are those of their clients' requests. Only
// proxies are answered: whoever else asked would get an identity of their own for any upstream, past the rules of its routes.
func (s *Server) forwarded(next http.Handler) http.Handler {
	if s.forward == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asksForward(r, s.cfg.Listen.Proxies()) {
			s.forward.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// asksForward says that a request is a proxy's question: one of this machine, or a trusted one.
func asksForward(r *http.Request, proxies []netip.Prefix) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || r.URL.Path != "/forward-auth" && !strings.HasPrefix(r.URL.Path, "/forward-auth/") {
		return false
	}
	ip := from.Addr().Unmap()
	return ip.IsLoopback() || slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// secureGateway is l, speaking TLS where the configuration says so; with an error it is l still, to be closed.
func (s *Server) secureGateway(l net.Listener) (net.Listener, error) {
	if s.dev != nil && !s.cfg.Gateway.TLS().On() {
		return s.dev.listener(l), nil
	}
	return s.secured(l, "gateway.", s.cfg.Gateway.TLS())
}

// runGateway asks for the health of what is behind it, until ctx ends.
func (s *Server) runGateway(ctx context.Context) error {
	if s.gateway == nil {
		return nil
	}
	return s.gateway.Run(ctx)
}

// gatewayConfig is what the configuration says of the routes.
func gatewayConfig(cfg config.Config, public *url.URL) (gateway.Config, error) {
	c := gateway.Config{
		Hosts: hosts(public.Hostname()), Proxies: config.Listen{TrustedProxies: cfg.Gateway.TrustedProxies}.Proxies(),
		Cookie: cfg.Cookie.Access, CSRFCookie: cfg.Cookie.CSRF, CSRFHeader: "X-CSRF-TOKEN",
	}
	for i, r := range cfg.Gateway.Routes {
		one := gateway.Route{
			Host: r.Host, Path: r.Path, Methods: r.Methods, StripPath: r.StripPath, KeepHost: r.KeepHost,
			Public: r.Public, Scopes: r.Scopes, Roles: r.Roles, Fresh: r.Fresh, DPoP: r.DPoP, CookieAuth: r.CookieAuth, QueryToken: r.QueryToken,
			SocketIO: r.SocketIO, Identity: r.Identity, Forward: r.ForwardToken, Origins: r.Origins, Rate: r.Rate,
			Timeout: r.Timeout, Retries: r.Retries, MaxBody: int64(r.MaxBody), HealthPath: r.HealthPath, HealthEvery: r.HealthEvery,
		}
		for _, text := range r.Upstream {
			u, err := url.Parse(text)
			if path, ok := strings.CutPrefix(text, "unix:"); ok {
				u, err = &url.URL{Scheme: "unix", Path: path}, nil
			}
			if err != nil {
				return c, fmt.Errorf("read gateway.routes[%d].upstream: %w", i, err)
			}
			one.Upstreams = append(one.Upstreams, u)
		}
		if r.CAFile != "" {
			text, err := readFile(r.CAFile, "certificates", false)
			if err != nil {
				return c, fmt.Errorf("read gateway.routes[%d].ca_file: %w", i, err)
			}
			if one.RootCAs = x509.NewCertPool(); !one.RootCAs.AppendCertsFromPEM(text) {
				return c, &badFile{fmt.Sprintf("gateway.routes[%d].ca_file %s holds no certificate", i, r.CAFile), "name a file of certificates in PEM"}
			}
		}
		c.Routes = append(c.Routes, one)
	}
	return c, nil
}

// listenGateway takes the gateway's port. What is unset of its URL follows from the port that it got.
func listenGateway(cfg config.Config) (*limited, config.Config, error) {
	l, err := listenOn(cfg.Gateway.Addr, "gateway.addr")
	if err != nil {
		return nil, cfg, err
	}
	proxies := config.Listen{TrustedProxies: cfg.Gateway.TrustedProxies}.Proxies()
	return limit(l, cfg.Gateway.MaxConnections, proxies), cfg.ResolvedGateway(l.Addr().String()), nil
}

// GatewayAddr is the address of the gateway's listener, "" where there is none.
func (s *Server) GatewayAddr() string {
	if s.gatewayListener == nil {
		return ""
	}
	return s.gatewayListener.Addr().String()
}
