package main

import (
	"bufio"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/jwt"
)

// restoreFlags are those of restore.
type restoreFlags struct {
	target
	keepSessions, afterDump, force, yes, asJSON bool
}

const restoreLong = `Put a backup in the place of the embedded store, while no server has it open. The
backup is checked and brought up to date first; the old store is kept beside the
new one, as sandi.db.before-restore-TIME. Cut off at any point, the store is the
old one or the new one.

What was revoked after the backup was made is forgotten with the old store.
Therefore every access token that was ever issued is refused from now on, those
of 'sandi token sign' too, and every session ends: people log in again. The
signing keys stay, but for those that the old store did not have any more; where
there is no old store to ask, a key that was revoked since is back, and the command
says so. Users, roles and passwords are those of the backup: disable and change
again what was disabled and changed since.

--keep-sessions lets the refresh tokens go on that the backup knows. Do it only
if nothing was stolen: logouts and password changes made since are forgotten. A
session that was refreshed once since goes on, and the audit log says that it was
rolled forward; one that was refreshed more often has to log in again; and a
refresh token that had been replaced since counts again.

PostgreSQL and MariaDB are backed up and restored by pg_dump and pg_restore, or
by mariadb-dump and mariadb. Stop the servers, load the dump, and before they
start again run 'sandi restore --after-dump', which does the rest of the above.`

func (a *app) restoreCommand() *cobra.Command {
	var f restoreFlags
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the embedded store",
		Long:  restoreLong,
		Example: `  sandi restore /backup/sandi.db --data /var/lib/sandi
  sandi restore /backup/sandi.db --yes --json
  sandi restore --after-dump --config /etc/sandi.yaml --yes`,
		Args: f.args,
	}
	f.flags(c)
	c.Flags().BoolVar(&f.keepSessions, "keep-sessions", false, "end no session that the backup knows; see above")
	c.Flags().BoolVar(&f.afterDump, "after-dump", false, "the store was loaded from a dump: refuse its tokens and end its sessions")
	c.Flags().BoolVar(&f.force, "force", false, "restore without looking whether the master key is the backup's")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	jsonFlag(c, &f.asJSON)
	return does(c, func(cmd *cobra.Command, args []string) error {
		if f.afterDump {
			return a.afterDump(cmd, f)
		}
		return a.restore(cmd, f, args[0])
	})
}

// args wants a file, and none after a dump.
func (f *restoreFlags) args(cmd *cobra.Command, args []string) error {
	switch {
	case f.afterDump && len(args) > 0:
		return usage("leave the file out", "--after-dump works on the store as it is, and takes no file")
	case !f.afterDump && len(args) != 1:
		return usage("run '"+cmd.CommandPath()+" --help'", "%s needs one file, and was given %d", cmd.CommandPath(), len(args))
	}
	return nil
}

// restoreView is what a restore has done, as the command prints it.
type restoreView struct {
	Store         string    `json:"store"`
	From          string    `json:"from,omitempty"`      // empty after a dump
	Kept          string    `json:"kept,omitempty"`      // the old store
	LastEvent     time.Time `json:"last_event,omitzero"` // of the backup's audit log
	Epoch         string    `json:"epoch"`               // of the revocations
	SessionsKept  bool      `json:"sessions_kept"`
	SessionsEnded int       `json:"sessions_ended"`
	KeysCompared  bool      `json:"keys_compared"`        // with the old store's: else keys that were revoked since are back
	RefusedUpTo   time.Time `json:"tokens_refused_until"` // access tokens issued up to this second
}

func (a *app) restore(cmd *cobra.Command, f restoreFlags, from string) error {
	cfg, err := a.load(cmd, f.target, nil)
	if err != nil {
		return err
	}
	path, err := store.EmbeddedPath(cfg.Store.URL)
	if err != nil {
		return err
	}
	s, err := store.Inspect(cmd.Context(), from)
	if err != nil {
		return err
	}
	if err := checkMaster(cfg, s, f.force); err != nil {
		return err
	}
	r := f.renewal(map[string]string{"backup": filepath.Base(from), "last_event": stamp(s.LastEvent)})
	if r.Keys, err = a.secretKeys(cfg); err != nil {
		return err
	}
	if err := a.confirm(cmd.Context(), f.yes, fmt.Sprintf("Replace the store %s by a backup with %s, whose last audit event is of %s?",
		oneLine(path), plural(s.Users, "user"), stamp(s.LastEvent))); err != nil {
		return err
	}
	done, err := store.Restore(cmd.Context(), store.RestoreConfig{
		URL: cfg.Store.URL, From: from, AccessLifetime: cfg.LongestAccess(), Renewal: r, Progress: a.copyProgress(), Now: a.now,
	})
	if err != nil {
		return err
	}
	return a.printRestore(cmd.Context(), f, done.Renewed, restoreView{
		Store: path, From: from, Kept: done.Kept, LastEvent: s.LastEvent, KeysCompared: done.KeysCompared,
	})
}

// afterDump makes a store trustworthy that another tool has restored.
func (a *app) afterDump(cmd *cobra.Command, f restoreFlags) error {
	return a.withData(cmd, f.target, func(ctx context.Context, d *data) error {
		r := f.renewal(map[string]string{"backup": "dump"})
		var err error
		if r.Keys, err = a.secretKeys(d.cfg); err != nil {
			return err
		}
		if err := a.confirm(ctx, f.yes, "Refuse every access token of this store, and end its sessions?"); err != nil {
			return err
		}
		done, err := d.db.Renew(ctx, r)
		if err != nil {
			return err
		}
		scheme, path, _ := strings.Cut(d.cfg.Store.URL, ":")
		if d.db.Shared() {
			path = scheme // the rest may hold a password
		}
		return a.printRestore(ctx, f, done, restoreView{Store: path})
	})
}

func (f *restoreFlags) renewal(detail map[string]string) store.Renewal {
	detail["sessions"] = "ended"
	if f.keepSessions {
		detail["sessions"] = "kept"
	}
	return store.Renewal{KeepSessions: f.keepSessions, From: fromCLI, Detail: detail}
}

func (a *app) printRestore(ctx context.Context, f restoreFlags, done store.Renewed, v restoreView) error {
	v.Epoch, v.SessionsKept, v.SessionsEnded, v.RefusedUpTo = done.Epoch, f.keepSessions, done.Ended, done.RefusedUpTo
	// A token issued in the second of the restore would be refused: a server started at once must not meet it.
	select {
	case <-time.After(done.RefusedUpTo.Add(time.Second).Sub(a.now())):
	case <-ctx.Done():
	}
	if f.asJSON {
		return a.json(v)
	}
	text := ""
	if v.From != "" {
		text = fmt.Sprintf("restored %s into %s; its last audit event is of %s\n", oneLine(v.From), oneLine(v.Store), stamp(v.LastEvent))
	}
	if v.Kept != "" {
		text += fmt.Sprintf("the old store is %s\n", oneLine(v.Kept))
	}
	text += fmt.Sprintf("access tokens issued up to %s are refused\n", stamp(v.RefusedUpTo))
	if !v.KeysCompared {
		text += "signing keys are those of the backup: one that was revoked since is back; revoke it again with 'sandi key revoke'\n"
	}
	if v.SessionsKept {
		return a.print(text + "sessions go on as the backup knows them: what was ended since lives again\n")
	}
	return a.print(text + plural(v.SessionsEnded, "session") + " ended: everybody logs in again\n")
}

// checkMaster refuses a backup whose signing keys the server could not open.
func checkMaster(cfg config.Config, s store.Snapshot, force bool) error {
	if s.Master == "" || force {
		return nil
	}
	masters, err := key.LoadMasters(cfg.Key.MasterFile, cfg.Key.OtherMasterFiles)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(masters.All(), func(m *key.Master) bool { return m.Fingerprint() == s.Master }) {
		return nil
	}
	return fault("put the backup's own master key there, or name it in key.other_master_files",
		"the backup belongs to another master key than %s", cfg.Key.MasterFile)
}

// secretKeys are the ids of keys that no store holds: that of HS256.
func (a *app) secretKeys(cfg config.Config) (kids []string, err error) {
	if jwt.Algorithm(cfg.Token.Algorithm) != jwt.HS256 {
		return nil, nil
	}
	// The secret is under no master key, and in no store: any will do.
	r, err := key.NewRing(key.Config{
		Store: (*store.DB)(nil), Masters: key.NewMasters(key.GenerateMaster()), Algorithm: jwt.HS256, SecretFile: cfg.Token.SecretFile,
		AccessLifetime: cfg.LongestAccess(), Now: a.now,
	})
	if err != nil {
		return nil, err
	}
	for _, k := range r.KeySet().All() {
		kids = append(kids, k.ID())
	}
	return kids, nil
}

// confirm asks a person; whoever is none says --yes.
func (a *app) confirm(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	tty, ok := a.terminal()
	if !ok {
		return usage("add --yes where that is what you want", "this asks before it changes the store, and standard input is no terminal")
	}
	_, _ = fmt.Fprint(a.stderr, question+" [y/N] ")
	answer, err := interruptible(ctx, func() (string, error) { return bufio.NewReader(tty).ReadString('\n') })
	if err != nil && answer == "" {
		return fmt.Errorf("read answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return fault("", "nothing was changed")
	}
	return nil
}
