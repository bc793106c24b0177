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
	parts := []func(context.Context) error{s.follower.Run, s.ring.Run, s.accounts.Run, s.housekeep, s.tell, s.count, s.drift.Run, s.giveBack, s.oauth.Run}
	for _, c := range s.certificates {
		parts = append(parts, c.Run)
	}
	for _, part := range parts {
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
		MaxHeaderBytes: 16 << 10, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100}, // secure-defaults 14
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}
