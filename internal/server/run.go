package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// Run serves until ctx ends, then lets running requests finish, flushes and closes. It returns nil after a
// clean stop.
func (s *Server) Run(ctx context.Context) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, failed := errgroup.WithContext(background)
	parts := []func(context.Context) error{s.follower.Run, s.ring.Run, s.accounts.Run, s.housekeep, s.tell, s.count, s.drift.Run, s.giveBack, s.oauth.Run, s.runACME}
	for _, c := range s.certificates {
		parts = append(parts, c.Run)
	}
	for _, part := range parts {
		g.Go(func() error { return ended(part(background)) })
	}
	live, goodbye := context.WithCancel(background) // whoever stays connected is seen off before requests are waited for
	defer goodbye()
	g.Go(func() error { return ended(s.runSockets(live)) })
	g.Go(func() error { return ended(s.runGateway(live)) })
	servers := map[*http.Server]net.Listener{boundedServer(s.public(), s.log, true): s.listener}
	if s.adminListener != nil {
		servers[boundedServer(s.operations(), s.log, true)] = s.adminListener
	}
	if s.gateway != nil {
		servers[boundedServer(s.gateway, s.log, false)] = s.gatewayListener
	}
	s.plainServer(servers)
	for srv, l := range servers {
		g.Go(func() error { return ended(srv.Serve(l)) })
	}
	g.Go(func() error {
		defer stop()
		select {
		case <-ctx.Done():
		case <-failed.Done():
		}
		goodbye()
		return s.drain(servers)
	})
	return errors.Join(g.Wait(), s.Close())
}

// drain says not ready, stops taking connections, and waits for the requests under way.
func (s *Server) drain(servers map[*http.Server]net.Listener) error {
	s.stopping.Store(true)
	s.feed.Close() // what waits there would be waited for
	return shutdown(servers, s.cfg.Listen.ShutdownTimeout, s.log)
}

// shutdown stops taking connections and waits for the requests under way.
func shutdown(servers map[*http.Server]net.Listener, most time.Duration, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	var errs []error
	for srv := range servers {
		if err := srv.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
			log.Warn("requests still ran at the end of shutdown_timeout, and were cut off")
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

// boundedServer bounds what a client can hold on to: a connection that neither sends nor reads ends by itself.
// One in front of others, whose uploads, downloads and streams take their time, is not bounded in that.
func boundedServer(h http.Handler, log *slog.Logger, bounded bool) *http.Server {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100}, // secure-defaults 14
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if bounded {
		srv.ReadTimeout, srv.WriteTimeout = 30*time.Second, time.Minute
	}
	return srv
}
