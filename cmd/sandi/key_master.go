package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
)

func (a *app) keyMasterCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "master",
		Short: "Make, compare and change the master key",
		Long: `Look after the master key, which encrypts the signing keys and the secrets of
second factors, and authenticates refresh tokens. To change it while nodes run:

  1. sandi key master new --out NEW, and copy that file to every node
  2. on every node set key.master_file to NEW and key.other_master_files to the
     old file, and restart them one by one
  3. sandi key master change
  4. when the last refresh token of the old key is dead (token.refresh_absolute
     later), take it out of key.other_master_files`,
	}, a.masterNewCommand(), a.masterStatusCommand(), a.masterChangeCommand())
}

func (a *app) masterNewCommand() *cobra.Command {
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "new --out FILE",
		Short: "Make a random master key in a new file",
		Long: `Make a random master key in a new file, with mode 0600. Nodes that share a
database never make one themselves: each needs a copy of the same file, named by
key.master_file. Keep another copy apart from the backups of the database.`,
		Example: "  sandi key master new --out /etc/sandi/master.key",
	}
	c.Flags().StringVar(&out, "out", "", "the `file`; one that exists is left alone; required")
	jsonFlag(c, &asJSON)
	return does(c, func(*cobra.Command, []string) error {
		if out == "" {
			return usage("such as --out /etc/sandi/master.key", "--out is required: a master key is never printed")
		}
		m, err := key.CreateMaster(out)
		if errors.Is(err, fs.ErrExist) {
			return fault("choose another name", "%s is there already, and was left as it is", out)
		}
		if err != nil {
			return err
		}
		if asJSON {
			return a.json(masterFile{File: out, Fingerprint: m.Fingerprint()})
		}
		return a.print(fmt.Sprintf("made %s, fingerprint %s\n", oneLine(out), m.Fingerprint()))
	})
}

// masterFile is one of the configured files.
type masterFile struct {
	File        string `json:"file"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Store       bool   `json:"of_the_store"`
	Problem     string `json:"problem,omitempty"`
}

// masterStatus is the answer of key master status.
type masterStatus struct {
	OK          bool         `json:"ok"`
	Fingerprint string       `json:"store_fingerprint"` // empty while the store has none
	Files       []masterFile `json:"files"`             // key.master_file first
}

func (a *app) masterStatusCommand() *cobra.Command {
	var t target
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Compare the master key files with the store",
		Long: `Show the fingerprints of the configured master keys, and which of them the store
is sealed under. Exit code 1 where it is none, or where a file cannot be used: a
node with this configuration would not start. A fingerprint reveals nothing of
its key.`,
		Example: "  sandi key master status --config /etc/sandi.yaml --json",
	}
	t.flags(c)
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error {
			s, err := readMasterStatus(ctx, d)
			if err != nil {
				return err
			}
			if err := a.printMasterStatus(s, asJSON); err != nil || s.OK {
				return err
			}
			return &findings{exitFault}
		})
	})
}

func readMasterStatus(ctx context.Context, d *data) (s masterStatus, err error) {
	if s.Fingerprint, err = d.db.MasterFingerprint(ctx, ""); err != nil {
		return s, err
	}
	usable := true
	for _, file := range append([]string{d.cfg.Key.MasterFile}, d.cfg.Key.OtherMasterFiles...) {
		f := masterFile{File: file}
		m, err := key.LoadMaster(file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			f.Problem = "missing"
		case err != nil:
			f.Problem = sentence(err)
		default:
			f.Fingerprint = m.Fingerprint()
			f.Store = f.Fingerprint == s.Fingerprint
		}
		s.OK = s.OK || f.Store
		usable = usable && f.Problem == ""
		s.Files = append(s.Files, f)
	}
	s.OK = usable && (s.OK || s.Fingerprint == "")
	return s, nil
}

func (a *app) printMasterStatus(s masterStatus, asJSON bool) error {
	if asJSON {
		return a.json(s)
	}
	rows := [][]string{{"FINGERPRINT", "STATE", "FILE"}}
	found := s.Fingerprint == ""
	for _, f := range s.Files {
		state := "not the store's"
		if f.Store {
			state = "the store's"
		}
		if s.Fingerprint == "" {
			state = "the store has none yet"
		}
		if f.Problem != "" {
			f.Fingerprint, state = "-", f.Problem
		}
		found = found || f.Store
		rows = append(rows, []string{f.Fingerprint, state, f.File})
	}
	if !found {
		rows = append(rows, []string{s.Fingerprint, "the store's", "not among the files"})
	}
	return a.table(rows)
}

func (a *app) masterChangeCommand() *cobra.Command {
	var t target
	var yes, asJSON bool
	c := &cobra.Command{
		Use:   "change",
		Short: "Seal the store under the key of key.master_file",
		Long: `Make the key of key.master_file the store's master key: every signing key and
second factor is sealed anew, and nodes authenticate new refresh tokens with it within 10 seconds.
The store's present key has to be among key.other_master_files. No session ends
and no token is refused, if every node has both files; one that has not says not
ready, and answers logins and refreshes with 503.`,
		Example: "  sandi key master change --config /etc/sandi.yaml",
	}
	t.flags(c)
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	jsonFlag(c, &asJSON)
	return does(c, func(cmd *cobra.Command, _ []string) error {
		return a.withData(cmd, t, func(ctx context.Context, d *data) error { return a.changeMaster(ctx, d, yes, asJSON) })
	})
}

func (a *app) changeMaster(ctx context.Context, d *data, yes, asJSON bool) error {
	masters, err := d.masters()
	if err != nil {
		return err
	}
	if err := a.confirm(ctx, yes, "Does every node have both files, and was it restarted with them?"); err != nil {
		return err
	}
	n, err := masters.Change(ctx, d.db, fromCLI)
	if err != nil {
		return err
	}
	now, until := masters.All()[0].Fingerprint(), a.now().Add(d.cfg.Lifetimes().Absolute).UTC().Truncate(time.Second)
	if asJSON {
		return a.json(struct {
			Fingerprint string    `json:"fingerprint"`
			Sealed      int       `json:"sealed"`
			KeepUntil   time.Time `json:"keep_old_until"`
		}{now, n, until})
	}
	return a.print(fmt.Sprintf("the store's master key is %s; %s sealed anew\nkeep the old file in key.other_master_files until %s, %s from now: refresh tokens of it are about\n",
		now, plural(n, "signing key"), stamp(until), config.FormatDuration(d.cfg.Lifetimes().Absolute)))
}
