package main

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/store"
)

// TestSignedLifeIsRemembered: before there is a token that lives longer than those of the server, its store knows
// of it, so that a revocation of its subject is kept until it is dead.
func TestSignedLifeIsRemembered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg, err := config.Load("", nil, map[string]string{"data": dir, "listen.addr": "127.0.0.1:0", "admin.addr": "", "token.access": "5m"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(t.Context(), server.Options{Config: cfg, Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := sandi(t, "", "token", "sign", "--data", dir, "--expires-in", "1h", "--claim", "sub=ani", "--claim", "iss=x"); code != 0 {
		t.Fatal(stderr)
	}
	db, err := store.Open(t.Context(), store.Config{URL: cfg.Store.URL, AccessLifetime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := db.AccessLifetime(); got != time.Hour {
		t.Errorf("got %v, want the hour of the token that was signed", got)
	}
}
