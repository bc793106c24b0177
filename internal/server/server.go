package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/api"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/token"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// Options are what New needs.
type Options struct {
	Config config.Config // validated; what is unset is resolved here
	Logger *slog.Logger
	Stdout io.Writer // what an operator is to read: the bootstrap secret, the demo's lines
	// Demo mounts the seeds' applications and makes their accounts; nil in real use.
	Demo *Demo
	Now  func() time.Time // default time.Now
	// InsecureWeakHash makes password hashes cheap. It is for tests, which make thousands.
	InsecureWeakHash bool
}

// Server is everything, wired and listening.
type Server struct {
	cfg      config.Config
	log      *slog.Logger
	now      func() time.Time
	registry *prometheus.Registry

	db          *store.DB
	ring        *key.Ring
	revocations *guard.RevocationList
	feed        *revocation.Feed
	follower    *revocation.Follower
	readers     readers // of the feed
	limits      *cluster.Memory
	accounts    *account.Service
	sessions    *session.Service
	minter      *token.Minter
	guard       *guard.Guard
	web         *web.Web
	api         *api.API
	demo        *Demo
	weakHash    bool

	listener, adminListener net.Listener
	stopping                atomic.Bool // readyz says no while requests drain
}

// New listens, opens the store and wires every part. What it opened is closed again when it fails.
func New(ctx context.Context, o Options) (_ *Server, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{cfg: o.Config, log: o.Logger, now: o.Now, demo: o.Demo, weakHash: o.InsecureWeakHash, registry: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	for _, step := range []func(context.Context) error{s.listen, s.openStore, s.openKeys, s.openRevocations, s.wireDomains, s.wireSurfaces} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, s.welcome(ctx, o.Stdout)
}

// listen takes the ports first: they are what most often is not to be had, and the issuer may depend on them.
func (s *Server) listen(context.Context) (err error) {
	if s.listener, err = listenOn(s.cfg.Listen.Addr, "listen.addr"); err != nil {
		return err
	}
	s.cfg = s.cfg.Resolved(s.listener.Addr().String())
	if s.cfg.Admin.Addr == "" || s.demo != nil {
		return nil
	}
	s.adminListener, err = listenOn(s.cfg.Admin.Addr, "admin.addr")
	return err
}

func listenOn(addr, setting string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err
		}
		return nil, fmt.Errorf("listen on %s (%s): %w", addr, setting, err)
	}
	return l, nil
}

func (s *Server) openStore(ctx context.Context) (err error) {
	if err := store.PrepareFolder(s.cfg.Data); err != nil {
		return err
	}
	s.revocations = guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: s.cfg.Revocation.MaxStaleness, Now: s.now})
	s.db, err = store.Open(ctx, store.Config{
		URL: s.cfg.Store.URL, Now: s.now, Logger: s.log, AccessLifetime: s.cfg.Lifetimes().Access,
		Revoked: func(entries []revocation.Entry) {
			if err := revocation.Apply(s.revocations, entries); err != nil { // the Follower fails for it too, and then requests get 503
				s.log.Error("revocation does not count here", "error", err)
			}
			if s.feed != nil { // else the store is still being opened
				s.feed.Nudge()
			}
		},
	})
	if err != nil {
		return err
	}
	s.feed = revocation.NewFeed(s.db, s.now)
	if s.demo != nil {
		return s.db.ClaimDemo(ctx)
	}
	return s.db.RefuseDemo(ctx)
}

func (s *Server) openKeys(ctx context.Context) error {
	master, err := key.OpenMaster(ctx, s.cfg.Key.MasterFile, s.db)
	if err != nil {
		return err
	}
	life := s.cfg.Lifetimes()
	s.ring, err = key.NewRing(key.Config{
		Store: s.db, Master: master, Algorithm: jwt.Algorithm(s.cfg.Token.Algorithm), SecretFile: s.cfg.Token.SecretFile,
		AccessLifetime: s.db.AccessLifetime(), RotateEvery: s.cfg.Key.RotateEvery, Now: s.now, Logger: s.log,
	})
	if err != nil {
		return err
	}
	if err := s.ring.Load(ctx); err != nil {
		return err
	}
	s.sessions, err = session.New(session.Config{
		Store: s.db, MACKeys: []session.MACKey{{ID: master.ID(), Key: master.Derive("refresh token", 32)}},
		CSRFKey: master.Derive("csrf value", 32), MaxPerUser: s.cfg.Session.MaxPerUser,
		Limits:   session.Limits{RetryWindow: s.cfg.Session.RetryWindow, Idle: life.Idle, Rotate: life.Rotate},
		Absolute: life.Absolute, Now: s.now,
	})
	return err
}

func (s *Server) openRevocations(ctx context.Context) (err error) {
	if s.readers, err = loadReaders(s.cfg.Revocation.ReadersFile); err != nil {
		return err
	}
	s.follower = revocation.NewFollower(revocation.Config{Store: s.db, List: s.revocations, Feed: s.feed, Now: s.now, Logger: s.log})
	return s.follower.Load(ctx)
}

// wireDomains builds what stands on the store.
func (s *Server) wireDomains(context.Context) (err error) {
	s.limits = cluster.NewMemory(s.now)
	p, t := s.cfg.Password, s.cfg.Throttle
	if s.weakHash {
		p.MemoryKiB, p.Iterations = 64, 1
	}
	s.accounts, err = account.New(account.Config{
		Store: s.db, Limits: s.limits, Now: s.now, Logger: s.log,
		Hash:        account.Params{MemoryKiB: p.MemoryKiB, Iterations: p.Iterations, Parallelism: p.Parallelism},
		Concurrency: p.Concurrency, Queue: p.Queue, MinLength: p.MinLength, MaxLength: p.MaxLength, Words: p.Words, InsecureWeakHash: s.weakHash,
		AccountFailures: t.AccountFailures, AddressFailures: t.AddressFailures, MaxDelay: t.MaxDelay,
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
		Origins: s.cfg.API.Origins, NoCORS: api.NoCORS(s.cfg.API.Prefixes), HSTS: secure, Now: s.now,
	})
	s.guard, err = guard.New(guard.Config{
		Issuer: s.cfg.Issuer, Audience: s.cfg.Token.Audience, Keys: s.ring, Revocations: s.revocations,
		Sources: []guard.Source{guard.FromHeader(), guard.FromCookie()},
		Cookie:  guard.CookieConfig{Access: s.cfg.Cookie.Access},
		Now:     s.now,
		Observe: func(r *http.Request, t *guard.Token, reason guard.Reason) {
			s.web.NoteGuard(r.Context(), t.Subject(), string(reason))
		},
	})
	if err != nil {
		return err
	}
	life := s.cfg.Lifetimes()
	s.api, err = api.New(api.Config{
		Web: s.web, Accounts: s.accounts, Sessions: s.sessions, Minter: s.minter, Guard: s.guard, Limits: s.limits, Metrics: s.registry,
		Prefixes: s.cfg.API.Prefixes, Transport: s.cfg.API.Transport, OpenRegistration: s.cfg.API.Registration == "open", Origins: s.cfg.API.Origins,
		Cookies: api.Cookies{
			Access: s.cfg.Cookie.Access, Refresh: s.cfg.Cookie.Refresh, CSRF: s.cfg.Cookie.CSRF,
			Secure: secure, AccessLife: life.Access, RefreshLife: life.Idle,
		},
	})
	s.gauges()
	return err
}

// hosts are the names that a listener known as host answers for: itself, and where that is loopback, loopback's other spellings.
func hosts(host string) []string {
	if ip := net.ParseIP(host); strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return []string{host, "localhost", "127.0.0.1", "::1"}
	}
	return []string{host}
}

// Addr is the address of the public listener.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// AdminAddr is the address of the operators' listener, "" where there is none.
func (s *Server) AdminAddr() string {
	if s.adminListener == nil {
		return ""
	}
	return s.adminListener.Addr().String()
}

// Issuer is the URL that clients call this server by.
func (s *Server) Issuer() string { return s.cfg.Issuer }

// Close lets go of everything. Run closes when it returns; Close is for a Server that never ran.
func (s *Server) Close() error {
	var errs []error
	for _, l := range []net.Listener{s.listener, s.adminListener} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}

// Run serves until ctx ends, then lets running requests finish, flushes and closes. It returns nil after a
// clean stop.
func (s *Server) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, failed := errgroup.WithContext(background)
	for _, part := range []func(context.Context) error{s.follower.Run, s.ring.Run, s.accounts.Run, s.housekeep} {
		g.Go(func() error { return ended(part(background)) })
	}
	servers := map[*http.Server]net.Listener{s.httpServer(s.public()): s.listener}
	if s.adminListener != nil {
		servers[s.httpServer(s.operations())] = s.adminListener
	}
	for srv, l := range servers {
		g.Go(func() error { return ended(srv.Serve(l)) })
	}
	g.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
		case <-failed.Done():
		}
		return s.drain(servers)
	})
	return errors.Join(g.Wait(), s.Close())
}

// drain says not ready, stops taking connections, and waits for the requests under way.
func (s *Server) drain(servers map[*http.Server]net.Listener) error {
	s.stopping.Store(true)
	s.feed.Close() // what waits there would be waited for
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Listen.ShutdownTimeout)
	defer cancel()
	var errs []error
	for srv := range servers {
		if err := srv.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
			s.log.Warn("requests still ran at the end of listen.shutdown_timeout, and were cut off")
			errs = append(errs, srv.Close())
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ended takes the ways in which a part says that it was told to stop for a clean end.
func ended(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// httpServer bounds what a client can hold on to: a connection that neither sends nor reads ends by itself.
func (s *Server) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}
