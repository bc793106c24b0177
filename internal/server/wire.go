package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/api"
	"github.com/sandi-auth/sandi/internal/console"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/internal/web"
)

// wireDomains builds what stands on the store.
func (s *Server) wireDomains(context.Context) (err error) {
	p, t := s.cfg.Password, s.cfg.Throttle
	if s.weakHash {
		p.MemoryKiB, p.Iterations = 64, 1
	}
	s.accounts, err = account.New(account.Config{
		Store: s.db, Limits: s.shared, Now: s.now, Logger: s.log,
		Hash:        account.Params{MemoryKiB: p.MemoryKiB, Iterations: p.Iterations, Parallelism: p.Parallelism},
		Concurrency: p.Concurrency, Queue: p.Queue, MinLength: p.MinLength, MaxLength: p.MaxLength, Words: p.Words, InsecureWeakHash: s.weakHash,
		AccountFailures: t.AccountFailures, AddressFailures: t.AddressFailures, MaxDelay: t.MaxDelay,
		Sealer: s.masters, FactorIssuer: issuerHost(s.cfg.Issuer),
	})
	if err != nil {
		return err
	}
	s.minter, err = token.New(token.Config{
		Issuer: s.cfg.Issuer, Audience: s.cfg.Token.Audience, Lifetime: s.cfg.Lifetimes().Access, Signer: s.ring.Signer, Now: s.now,
	})
	return err
}

// wireSurfaces builds what answers requests.
func (s *Server) wireSurfaces(context.Context) error {
	issuer, err := url.Parse(s.cfg.Issuer)
	if err != nil {
		return fmt.Errorf("read issuer: %w", err)
	}
	secure := issuer.Scheme == "https"
	s.web = web.New(web.Config{
		Logger: s.log, Metrics: s.registry, TrustedProxies: s.cfg.Listen.Proxies(), Hosts: hosts(issuer.Hostname()),
		Origins: s.cfg.API.Origins, NoCORS: slices.Concat(api.NoCORS(s.cfg.API.Prefixes), console.NoCORS(), oauth.NoCORS()), HSTS: secure && len(hosts(issuer.Hostname())) == 1, Now: s.now,
	})
	s.tickets = newTickets(s.masters, s.now)
	if err := s.wireGuards(issuer); err != nil {
		return err
	}
	life := s.cfg.Lifetimes()
	s.api, err = api.New(api.Config{
		Web: s.web, Accounts: s.accounts, Sessions: s.sessions, Minter: s.minter, Guard: s.guard, Limits: s.shared, Metrics: s.registry,
		Status: s.statusClaim, Tickets: s.tickets, Prefixes: s.cfg.API.Prefixes, Transport: s.cfg.API.Transport, OpenRegistration: s.cfg.API.Registration == "open", Origins: s.cfg.API.Origins,
		Cookies: api.Cookies{
			Access: s.cfg.Cookie.Access, Refresh: s.cfg.Cookie.Refresh, CSRF: s.cfg.Cookie.CSRF,
			Secure: secure, AccessLife: life.Access, RefreshLife: life.Idle,
		},
	})
	if err != nil {
		return err
	}
	s.gauges()
	return s.wireOAuth(issuer)
}

// ownGuard is a guard of this server's own tokens, for what stands under a URL.
func (s *Server) ownGuard(at *url.URL) (guard.Config, error) {
	proofs, err := s.proofs(at, false)
	return guard.Config{
		Issuer: s.cfg.Issuer, Audience: s.cfg.Token.Audience, DPoP: proofs, Keys: s.ring, Revocations: s.revocations, Replay: s.db,
		Sources: []guard.Source{guard.FromHeader(), guard.FromCookie()},
		Cookie:  guard.CookieConfig{Access: s.cfg.Cookie.Access},
		Tickets: s.tickets,
		Now:     s.now,
		Observe: func(r *http.Request, t *guard.Token, reason guard.Reason) {
			s.web.NoteGuard(r.Context(), t.Subject(), string(reason))
		},
	}, err
}

// wireGuards builds what reads access tokens.
func (s *Server) wireGuards(issuer *url.URL) error {
	own, err := s.ownGuard(issuer)
	if err != nil {
		return err
	}
	userinfo := own // OpenID Connect Core section 5.3.1: what it is for names the issuer, and comes by the header
	userinfo.Audience, userinfo.Sources, userinfo.CacheSize = []string{s.cfg.Issuer}, nil, 4096
	if s.userinfo, err = guard.New(userinfo); err != nil {
		return err
	}
	s.guard, err = guard.New(own)
	return err
}
