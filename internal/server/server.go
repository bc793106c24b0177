package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/api"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/console"
	"github.com/sandi-auth/sandi/internal/gateway"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/realtime"
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
	// Sessions stands between the sessions and their store; nil for nothing. It is for drills, which plant a fault.
	Sessions func(session.Store) session.Store
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
	readers     *readersFile // of the feed; nil for nobody
	shared      shared       // with other nodes
	node        string       // a name of this process, for leases
	news        chan struct{}
	nodes       atomic.Int64 // alive, this one included; 0 until counted
	keepsHouse  atomic.Bool
	accounts    *account.Service
	sessions    *session.Service
	minter      *token.Minter
	guard       *guard.Guard
	userinfo    *guard.Guard // of tokens for the issuer itself
	web         *web.Web
	api         *api.API
	oauth       *oauth.Endpoint
	console     *console.Console
	tickets     *tickets
	hub         *realtime.Hub      // nil without live sockets
	door        *realtime.Door     // to them
	gateway     *gateway.Gateway   // nil for none
	forward     http.Handler       // of other proxies' questions; nil for none
	places      *revocation.Places // in status lists; nil for none
	masters     *key.Masters
	demo        *Demo
	weakHash    bool
	between     func(session.Store) session.Store

	listener, adminListener, gatewayListener net.Listener
	connections                              *limited // those of the public listener
	certificates                             []*certificate
	acme                                     *acmeCertificates // nil for none
	acmeListener                             net.Listener      // plain; nil for none
	dev                                      *devCertificate   // nil for none
	drift                                    *drift
	stopping                                 atomic.Bool // readyz says no while requests drain
}

// New listens, opens the store and wires every part. What it opened is closed again when it fails.
func New(ctx context.Context, o Options) (_ *Server, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{cfg: o.Config, log: o.Logger, now: o.Now, demo: o.Demo, weakHash: o.InsecureWeakHash, between: o.Sessions, news: make(chan struct{}, 1), registry: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	for _, step := range []func(context.Context) error{s.listen, s.openStore, s.openKeys, s.openRevocations, s.wireDomains, s.wireSurfaces, s.wireRealtime, s.wireGateway, s.refuseNamesakes, s.warnClients} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.tellDevTLS(o.Stdout); err != nil {
		return nil, err
	}
	return s, s.welcome(ctx, o.Stdout)
}

// listen takes the ports first: they are what most often is not to be had, and the issuer may depend on them.
func (s *Server) listen(context.Context) (err error) {
	l, err := listenOn(s.cfg.Listen.Addr, "listen.addr")
	if err != nil {
		return err
	}
	s.connections = limit(l, s.cfg.Listen.MaxConnections, s.cfg.Listen.Proxies())
	if s.listener, err = s.securePublic(s.connections); err != nil {
		return err
	}
	s.cfg = s.cfg.Resolved(s.listener.Addr().String())
	if s.cfg.Gateway.Addr != "" {
		var l *limited
		if l, s.cfg, err = listenGateway(s.cfg); err != nil {
			return err
		}
		if s.gatewayListener, err = s.secureGateway(l); err != nil {
			return err
		}
	}
	if s.cfg.Admin.Addr == "" || s.demo != nil {
		return nil
	}
	if l, err = listenOn(s.cfg.Admin.Addr, "admin.addr"); err != nil {
		return err
	}
	s.adminListener, err = s.secured(l, "admin.", s.cfg.Admin.TLS())
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
	c, err := StoreConfig(s.cfg)
	if err != nil {
		return err
	}
	c.Now, c.Logger = s.now, s.log
	c.Revoked = func(entries []revocation.Entry) {
		if err := revocation.Apply(s.revocations, entries); err != nil { // the Follower fails for it too, and then requests get 503
			s.log.Error("revocation does not count here", "error", err)
		}
		if s.feed != nil { // else the store is still being opened
			s.feed.Nudge()
		}
		s.announce()
	}
	if s.db, err = store.Open(ctx, c); err != nil {
		return err
	}
	s.drift = &drift{shared: s.db, now: s.now, log: s.log}
	if err := s.drift.measure(ctx); err != nil {
		return err
	}
	s.feed = revocation.NewFeed(s.db, s.now)
	if s.demo != nil {
		return s.db.ClaimDemo(ctx)
	}
	return s.db.RefuseDemo(ctx)
}

func (s *Server) openKeys(ctx context.Context) error {
	masters, err := key.OpenMasters(ctx, s.cfg.Key.MasterFile, s.cfg.Key.OtherMasterFiles, !s.db.Shared(), s.db)
	if err != nil {
		return err
	}
	s.masters = masters
	s.ring, err = key.NewRing(key.Config{
		Store: s.db, Masters: masters, Algorithm: jwt.Algorithm(s.cfg.Token.Algorithm), SecretFile: s.cfg.Token.SecretFile,
		AccessLifetime: s.cfg.LongestAccess(), CacheTime: s.cfg.Key.JWKSMaxAge, RotateEvery: s.cfg.Key.RotateEvery, Now: s.now, Logger: s.log,
	})
	if err != nil {
		return err
	}
	if err := s.ring.Refresh(ctx); err != nil {
		return err
	}
	return errors.Join(s.openSessions(masters), s.openShared(ctx, masters.All()[masters.Current()]))
}

func (s *Server) openSessions(masters *key.Masters) (err error) {
	s.openPlaces()
	life := s.cfg.Lifetimes()
	var macs []session.MACKey
	for _, m := range masters.All() {
		macs = append(macs, session.MACKey{ID: m.ID(), Key: m.Derive("refresh token", 32), CSRF: m.Derive("csrf value", 32)})
	}
	var kept session.Store = s.db
	if s.between != nil {
		kept = s.between(kept)
	}
	s.sessions, err = session.New(session.Config{
		Store: kept, MACKeys: macs, Current: masters.Current, MaxPerUser: s.cfg.Session.MaxPerUser,
		Limits:   session.Limits{RetryWindow: s.cfg.Session.RetryWindow, Idle: life.Idle, Rotate: life.Rotate},
		Absolute: life.Absolute, Status: s.statusOf(), Now: s.now,
	})
	return err
}

func (s *Server) openRevocations(ctx context.Context) (err error) {
	if s.readers, err = openReaders(s.cfg.Revocation.ReadersFile, s.now, s.log); err != nil {
		return err
	}
	s.follower = revocation.NewFollower(revocation.Config{Store: s.db, List: s.revocations, Feed: s.feed, Now: s.now, Logger: s.log})
	return s.follower.Load(ctx)
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
	for _, l := range []net.Listener{s.listener, s.adminListener, s.gatewayListener, s.acmeListener} {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if s.shared != nil {
		errs = append(errs, s.shared.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}
