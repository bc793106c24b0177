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
	"github.com/sandi-auth/sandi/internal/server"
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
	path, embedded := strings.CutPrefix(cfg.Store.URL, "sqlite:")
	if _, err := os.Stat(path); embedded && errors.Is(err, fs.ErrNotExist) {
		return fault("check --data and --config, or start 'sandi serve' once: it makes the folder, the database and the keys",
			"there is no database at %s", path)
	}
	// What stores and keys say to a log, a command says by its own output or its error.
	d := &data{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	kept, err := server.StoreConfig(cfg)
	if err != nil {
		return err
	}
	kept.Now, kept.Logger = a.now, d.log
	if d.db, err = store.Open(c.Context(), kept); err != nil {
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

// masters reads the master keys that the configuration names.
func (d *data) masters() (*key.Masters, error) {
	return key.LoadMasters(d.cfg.Key.MasterFile, d.cfg.Key.OtherMasterFiles)
}

// ring loads the signing keys. Keys made by it are of the newest one's
// algorithm: changing that is a matter of the server's configuration.
func (a *app) ring(ctx context.Context, d *data) (*key.Ring, error) {
	masters, err := d.masters()
	if err != nil {
		return nil, err
	}
	algorithm := jwt.Algorithm(d.cfg.Token.Algorithm)
	if algorithm != jwt.HS256 {
		records, err := d.db.Keys(ctx)
		if err != nil {
			return nil, err
		}
		if len(records) > 0 {
			algorithm = jwt.Algorithm(records[len(records)-1].Algorithm)
		}
	}
	r, err := key.NewRing(key.Config{
		Store: d.db, Masters: masters, Algorithm: algorithm, SecretFile: d.cfg.Token.SecretFile,
		AccessLifetime: d.cfg.LongestAccess(), CacheTime: d.cfg.Key.JWKSMaxAge, Now: a.now, Logger: d.log,
	})
	if err != nil {
		return nil, err
	}
	return r, r.Load(ctx)
}
