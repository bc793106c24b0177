package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/store"
)

func (a *app) backupCommand() *cobra.Command {
	var t target
	var out string
	var force, asJSON bool
	c := &cobra.Command{
		Use:   "backup",
		Short: "Copy the embedded store into a file, while the server runs",
		Long: `Copy the embedded store, as it is at one instant, into one file that only its
owner can read. Servers go on reading and writing meanwhile. The file gets its
name when it is whole, checked and on the disk.

It holds users with their password hashes, sessions, sealed signing keys and the
audit log. It does not hold the master key, without which it is of no use: keep
that one too, and elsewhere. PostgreSQL and MariaDB have tools of their own, see
'sandi restore --help'.`,
		Example: `  sandi backup --data /var/lib/sandi --out /backup/sandi.db
  sandi backup --out /backup/sandi-$(date +%F).db --json`,
	}
	t.flags(c)
	c.Flags().StringVar(&out, "out", "", "the `file` to make (default: sandi-backup-TIME.db in this folder)")
	c.Flags().BoolVar(&force, "force", false, "replace the file where it exists")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		cfg, err := a.load(cmd, t, nil)
		if err != nil {
			return err
		}
		if out == "" {
			out = "sandi-backup-" + a.now().UTC().Format("20060102T150405Z") + ".db"
		}
		s, err := a.backUp(cmd.Context(), store.BackupConfig{URL: cfg.Store.URL, To: out, Replace: force, Progress: a.copyProgress()})
		if err != nil {
			return err
		}
		return a.printBackup(cfg, s, asJSON)
	})
}

// backUp is store.Backup, with the faults of a command line in words.
func (a *app) backUp(ctx context.Context, c store.BackupConfig) (s store.Snapshot, err error) {
	path, err := store.EmbeddedPath(c.URL)
	if err != nil {
		return s, err
	}
	s, err = store.Backup(ctx, c)
	switch _, missing := os.Stat(path); {
	case err != nil && errors.Is(missing, fs.ErrNotExist):
		return s, fault("check --data and --config", "there is no database at %s", path)
	case errors.Is(err, fs.ErrExist):
		return s, fault("name another file, or add --force", "%s exists already", c.To)
	}
	return s, err
}

// backupView is a backup as the command prints it.
type backupView struct {
	File      string       `json:"file"`
	Bytes     int64        `json:"bytes"`
	Schema    int64        `json:"schema"`
	Users     int          `json:"users"`
	Sessions  int          `json:"sessions"`   // that have not ended
	LastEvent time.Time    `json:"last_event"` // of the audit log
	Apart     []neededFile `json:"not_included"`
}

// neededFile is a file that a store is of no use without, or that a server wants beside it.
type neededFile struct {
	What string `json:"what"`
	Path string `json:"path"`
}

func neededFiles(cfg config.Config) []neededFile {
	files := []neededFile{{"master key", cfg.Key.MasterFile}}
	for _, path := range cfg.Key.OtherMasterFiles {
		files = append(files, neededFile{"other master key", path})
	}
	if cfg.Token.SecretFile != "" {
		files = append(files, neededFile{"secret of HS256", cfg.Token.SecretFile})
	}
	if cfg.Revocation.ReadersFile != "" {
		files = append(files, neededFile{"readers of revocations", cfg.Revocation.ReadersFile})
	}
	return files
}

func (a *app) printBackup(cfg config.Config, s store.Snapshot, asJSON bool) error {
	v := backupView{
		File: s.Path, Bytes: s.Size, Schema: s.Schema, Users: s.Users, Sessions: s.Sessions, LastEvent: s.LastEvent,
		Apart: neededFiles(cfg),
	}
	if sameFolder(s.Path, cfg.Key.MasterFile) {
		a.warn("the backup lies in the folder of the master key: whoever takes that folder can forge tokens; move one of them")
	}
	if asJSON {
		return a.json(v)
	}
	text := fmt.Sprintf("backed up to %s: %s, %s, %d KiB, last audit event %s\nIt does not hold:\n",
		oneLine(v.File), plural(v.Users, "user"), plural(v.Sessions, "session"), (v.Bytes+1023)/1024, stamp(v.LastEvent))
	for _, f := range v.Apart {
		text += fmt.Sprintf("  %s: %s\n", f.What, oneLine(f.Path))
	}
	return a.print(text)
}

// sameFolder says that two files lie in one folder; not where one of the folders cannot be looked at.
func sameFolder(a, b string) bool {
	x, errX := os.Stat(filepath.Dir(a))
	y, errY := os.Stat(filepath.Dir(b))
	return errX == nil && errY == nil && os.SameFile(x, y)
}
