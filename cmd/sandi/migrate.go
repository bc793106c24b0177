package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/internal/store"
)

func (a *app) migrateCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "migrate",
		Short: "Show and apply the changes of the store's schema",
		Long: `A server brings the schema of its store up to date when it starts, one node after
the other. These commands show what there is to do, and do it before the first
node of a new version starts. Changes only add: the version before goes on working
meanwhile.`,
	}, a.migrateStatusCommand(), a.migrateUpCommand())
}

// migrationView is a step of the schema as the commands print it.
type migrationView struct {
	Version   int64     `json:"version"`
	Name      string    `json:"name,omitempty"`      // empty where a newer version brought it
	State     string    `json:"state"`               // applied, pending, or unknown to this version
	AppliedAt time.Time `json:"applied_at,omitzero"` // where it is not pending
}

func viewMigrations(steps []store.Migration) []migrationView {
	views := []migrationView{}
	for _, m := range steps {
		v := migrationView{Version: m.Version, Name: m.Name, State: "applied", AppliedAt: m.AppliedAt}
		switch {
		case m.AppliedAt.IsZero():
			v.State = "pending"
		case m.Name == "":
			v.State = "unknown"
		}
		views = append(views, v)
	}
	return views
}

func (a *app) printMigrations(steps []migrationView, asJSON bool) error {
	if asJSON {
		return a.json(steps)
	}
	rows := [][]string{{"VERSION", "NAME", "STATE", "APPLIED"}}
	for _, m := range steps {
		name := m.Name
		if name == "" {
			name = "-"
		}
		rows = append(rows, []string{strconv.FormatInt(m.Version, 10), name, m.State, stamp(m.AppliedAt)})
	}
	return a.table(rows)
}

func (a *app) migrateStatusCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "List the steps of the schema, and which are applied",
		Long: `List the steps of the schema, and which are applied. It changes nothing. Exit code
0 where all are, and 1 where one is pending, or unknown because a newer version
applied it.`,
		Example: `  sandi migrate status --config /etc/sandi.yaml
  sandi migrate status --json | jq -r '.[] | select(.state == "pending") | .name'`,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		s, err := a.storeConfig(cmd, t)
		if err != nil {
			return err
		}
		steps, err := migrations(cmd.Context(), s)
		if err != nil {
			return err
		}
		views := viewMigrations(steps)
		if err := a.printMigrations(views, asJSON); err != nil {
			return err
		}
		for _, m := range views {
			if m.State != "applied" {
				return &findings{exitFault}
			}
		}
		return nil
	})
}

func (a *app) migrateUpCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "up",
		Short: "Apply what is pending",
		Long: `Apply the steps of the schema that are pending, as a server does when it starts, and
list them. Several may run at once: one does it, the others wait. Servers of the
version before go on working.`,
		Example: `  sandi backup --out before-upgrade.db && sandi migrate up
  sandi migrate up --config /etc/sandi.yaml --json`,
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		s, err := a.storeConfig(cmd, t)
		if err != nil {
			return err
		}
		applied, err := store.Migrate(cmd.Context(), s)
		if err != nil {
			return err
		}
		if len(applied) == 0 && !asJSON {
			return a.print("the schema is up to date\n")
		}
		return a.printMigrations(viewMigrations(applied), asJSON)
	})
}

// storeConfig is how the target's store is opened. An embedded one that is not there is not made, as in withData.
func (a *app) storeConfig(c *cobra.Command, t target) (store.Config, error) {
	cfg, err := a.load(c, t, nil)
	if err != nil {
		return store.Config{}, err
	}
	if path, embedded := strings.CutPrefix(cfg.Store.URL, "sqlite:"); embedded {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return store.Config{}, fault("check --data and --config", "there is no database at %s", path)
		}
	}
	s, err := server.StoreConfig(cfg)
	s.Now = a.now
	return s, err
}

// migrations are those of a store, which is left as it is.
func migrations(ctx context.Context, s store.Config) (steps []store.Migration, err error) {
	s.NoMigrate = true
	db, err := store.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if steps, err = db.Migrations(ctx); err != nil {
		return nil, fmt.Errorf("look at the schema: %w", err)
	}
	return steps, nil
}
