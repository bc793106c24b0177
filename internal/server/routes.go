package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sandi-auth/sandi/internal/demo"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/realtime"
	"github.com/sandi-auth/sandi/internal/web"
)

// public is the table of contents of the public listener.
func (s *Server) public() http.Handler {
	mux := http.NewServeMux()
	s.api.Routes(mux)
	s.oauth.Routes(mux)
	s.console.Routes(mux)
	mux.Handle("GET /.well-known/jwks.json", s.web.Handle(s.jwks))
	if s.readers != nil {
		mux.Handle("GET /revocations", s.web.Handle(s.readRevocations))
	}
	mux.Handle("GET /healthz", s.web.Handle(s.healthz))
	mux.Handle("GET /readyz", s.web.Handle(s.readyz))
	if s.door != nil {
		s.door.Routes(mux, s.cfg.Realtime.Path, s.cfg.Realtime.SocketIOPath)
	}
	if s.demo != nil { // its one port carries everything
		s.manage(mux, s.web)
		demo.New(s.guard, s.web, s.db).Routes(mux)
		mux.Handle("GET /metrics", s.metricsPage())
	}
	return s.forwarded(s.web.Wrap(s.web.Mux(mux)))
}

// operations is the table of contents of the operators' listener. It has a chain of its own: it is called by its own address, not by
// the issuer's name, and no page of any origin reads it.
func (s *Server) operations() http.Handler {
	c := web.Config{Logger: s.log, Now: s.now}
	if host, _, err := net.SplitHostPort(s.cfg.Admin.Addr); err == nil && !s.cfg.Admin.TLS().On() && !s.cfg.Admin.InsecurePlain {
		c.Hosts = hosts(host) // loopback: against a page that points its own name here
	}
	chain := web.New(c)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metricsPage())
	mux.Handle("GET /healthz", s.web.Handle(s.healthz))
	mux.Handle("GET /readyz", s.web.Handle(s.readyz))
	s.manage(mux, chain)
	return chain.Wrap(chain.Mux(mux))
}

// manage mounts the management API.
func (s *Server) manage(mux *http.ServeMux, chain *web.Web) {
	if s.hub != nil {
		realtime.NewAdmin(realtime.AdminConfig{Hub: s.hub, Store: s.db, Web: chain, Guard: s.guard}).Routes(mux)
	}
}

func (s *Server) metricsPage() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})
}

// jwks publishes the public keys. Verifiers may keep them for key.jwks_max_age: a key is published longer
// before it signs. A set that was not compared with the store lately may lack one, and is not kept.
func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) error {
	body, err := json.Marshal(s.ring.KeySet())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	age := "no-cache"
	if s.ring.Fresh() {
		age = fmt.Sprintf("public, max-age=%d", s.cfg.Key.JWKSMaxAge/time.Second)
	}
	w.Header().Set("Cache-Control", age)
	if w.Header().Get("Access-Control-Allow-Origin") == "" {
		w.Header().Set("Access-Control-Allow-Origin", "*") // public by nature, and no cookie rides along
	}
	_, _ = w.Write(body)
	return nil
}

type status struct {
	Status string `json:"status"`
}

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return web.JSON(w, http.StatusOK, status{"ok"})
}

// readyz says that requests may be sent here: the store answers, the revocations and its master key are known, no stop is under way.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	notReady := &problem.Error{Kind: problem.Unavailable, Code: "temporarily_unavailable", Sentence: "not_ready", RetryAfter: time.Second}
	if s.stopping.Load() {
		return notReady
	}
	if err := s.drift.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		notReady.Cause = err
		return notReady
	}
	if _, err := s.revocations.Revoked(r.Context(), nil); err != nil {
		notReady.Cause = err
		return notReady
	}
	if err := s.ring.Ready(); err != nil {
		notReady.Cause = err
		return notReady
	}
	return web.JSON(w, http.StatusOK, status{"ready"})
}

// hosts are the names that a listener known as host answers for: itself, and where that is loopback, loopback's other spellings.
func hosts(host string) []string {
	if ip := net.ParseIP(host); strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return []string{host, "localhost", "127.0.0.1", "::1"}
	}
	return []string{host}
}
