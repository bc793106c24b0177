package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// RestoreConfig is what Restore needs. URL and From are required.
type RestoreConfig struct {
	URL  string // store.url, of an embedded store
	From string // a file that Backup made
	// AccessLifetime is as in Config.
	AccessLifetime time.Duration
	// Renewal is what happens to the store before anybody sees it; Present is what the old one says.
	Renewal Renewal
	// Progress; nil means nobody wants to know.
	Progress Progress
	Now      func() time.Time // nil means time.Now
}

// Restored is what Restore did.
type Restored struct {
	Renewed
	Kept string // where the old store is; empty where there was none
	// KeysCompared says that the old store told its signing keys. Else those count again that were revoked since the backup.
	KeysCompared bool
}

// Restore replaces an embedded store by a copy of it. The copy is checked, brought up to date and renewed aside; the old
// store is copied aside; and then the new one is written over it in one transaction of SQLite, under a lock that no server
// gets past. So whenever this is cut off, the store is the old one or the new one, whole. A store that a server has open,
// and a copy that is damaged, of another program or of a newer schema, are an *OpenError, and nothing has changed.
func Restore(ctx context.Context, c RestoreConfig) (r Restored, err error) {
	path, err := EmbeddedPath(c.URL)
	if err != nil {
		return r, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if a, err := os.Stat(path); err == nil {
		if b, err := os.Stat(c.From); err == nil && os.SameFile(a, b) {
			return r, &OpenError{Path: c.From, Reason: "is the store itself", hint: "name a backup of it"}
		}
	}
	if _, err := Inspect(ctx, c.From); err != nil {
		return r, err
	}
	if err := PrepareFolder(filepath.Dir(path)); err != nil {
		return r, err
	}
	old, err := lockOld(ctx, path, c.Now())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, old.close(err)) }()
	staged, err := os.MkdirTemp(filepath.Dir(path), ".sandi-restore-*") // mode 0700
	if err != nil {
		return r, fmt.Errorf("restore store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staged)) }()
	file := filepath.Join(staged, "sandi.db")
	if r.Renewed, err = c.stage(ctx, file, old); err != nil {
		return r, err
	}
	r.KeysCompared = old.keys != nil
	r.Kept, err = old.replace(ctx, file, c.Progress)
	return r, err
}

// stage makes the new store in a file that nobody else knows.
func (c RestoreConfig) stage(ctx context.Context, file string, old *oldStore) (done Renewed, err error) {
	if err := makeFile(file); err != nil {
		return done, err
	}
	if err := copyStore(ctx, c.From, readAlone(), file, c.Progress); err != nil {
		return done, nameFault(err, c.From)
	}
	if err := checkFile(ctx, file); err != nil { // again: the backup may be another file by now
		return done, nameFault(err, c.From)
	}
	db, err := Open(ctx, Config{
		URL: "sqlite:" + file, AccessLifetime: max(cmp.Or(c.AccessLifetime, 15*time.Minute), old.lifetime),
		Now: c.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return done, nameFault(err, c.From)
	}
	renewal := c.Renewal
	renewal.Present = old.keys
	done, err = db.Renew(ctx, renewal)
	if err := errors.Join(err, db.Close()); err != nil {
		return done, fmt.Errorf("restore store: %w", err)
	}
	return done, singleFile(ctx, file)
}
