package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/jwt"
)

// data is what a server keeps, opened beside it.
type data struct {
	cfg config.Config
	log *slog.Logger
	db  *store.DB
}

// fromCLI is who did it, in the audit log.
var fromCLI = audit.From{Actor: "cli"}

// withData opens the store that the target names, hands it to do, and closes it. A
// store that is not there is not made: a folder mistyped would look like one without users.
func (a *app) withData(c *cobra.Command, t target, do func(ctx context.Context, d *data) error) (err error) {
	cfg, err := a.load(c, t, nil)
	if err != nil {
		return err
	}
	path := strings.TrimPrefix(cfg.Store.URL, "sqlite:")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fault("check --data and --config, or start 'sandi serve' once: it makes the folder, the database and the keys",
			"there is no database at %s", path)
	}
	// What stores and keys say to a log, a command says by its own output or its error.
	d := &data{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	d.db, err = store.Open(c.Context(), store.Config{URL: cfg.Store.URL, AccessLifetime: cfg.Lifetimes().Access, Now: a.now, Logger: d.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.db.Close()) }()
	return do(c.Context(), d)
}

// accounts are the users, under the password policy of the configuration.
func (a *app) accounts(d *data) (*account.Service, error) {
	p := d.cfg.Password
	return account.New(account.Config{
		Store: d.db, Limits: cluster.NewMemory(a.now), Now: a.now, Logger: d.log,
		Hash:      account.Params{MemoryKiB: p.MemoryKiB, Iterations: p.Iterations, Parallelism: p.Parallelism},
		MinLength: p.MinLength, MaxLength: p.MaxLength, Words: p.Words,
	})
}

// keptKeys is a key.Store that a Ring can read without changing anything: which keys are due
// and which are gone is up to the server, whose configuration may not be ours.
type keptKeys struct {
	*store.DB
}

// AddKey adds nothing.
func (keptKeys) AddKey(context.Context, key.Record, string, audit.Event) (bool, error) {
	return false, nil
}

// RemoveKey removes nothing.
func (keptKeys) RemoveKey(context.Context, string) error { return nil }

// addableKeys is keptKeys, but keys can be added.
type addableKeys struct {
	keptKeys
}

// AddKey adds r.
func (k addableKeys) AddKey(ctx context.Context, r key.Record, newest string, e audit.Event) (bool, error) {
	return k.DB.AddKey(ctx, r, newest, e)
}

// ring loads the signing keys. Keys made by it are of the newest one's
// algorithm: changing that is a matter of the server's configuration.
func (a *app) ring(ctx context.Context, d *data, keys key.Store) (*key.Ring, error) {
	master, err := key.LoadMaster(d.cfg.Key.MasterFile)
	if err != nil {
		return nil, err
	}
	algorithm := jwt.Algorithm(d.cfg.Token.Algorithm)
	if algorithm != jwt.HS256 {
		records, err := d.db.Keys(ctx)
		if err != nil {
			return nil, err
		}
		if len(records) == 0 {
			return nil, fault("start 'sandi serve' once; it makes the first one", "there are no signing keys yet")
		}
		algorithm = jwt.Algorithm(records[len(records)-1].Algorithm)
	}
	r, err := key.NewRing(key.Config{
		Store: keys, Master: master, Algorithm: algorithm, SecretFile: d.cfg.Token.SecretFile,
		AccessLifetime: d.db.AccessLifetime(), Now: a.now, Logger: d.log,
	})
	if err != nil {
		return nil, err
	}
	return r, r.Load(ctx)
}
