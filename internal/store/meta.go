package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"
)

// The facts about the store itself.
const (
	metaEpoch          = "epoch"              // made by the migration
	metaMaster         = "master_fingerprint" // of the key that seals the signing keys
	metaAccessLifetime = "access_lifetime"    // milliseconds, the longest ever
)

// revocationGrace outlasts the leeway of a verifier (60 s at most) and the time
// between the transaction that permits a token and its signature (5 s at most).
const revocationGrace = 2 * time.Minute

func readMeta(ctx context.Context, q querier, name string) (value string, err error) {
	err = one(ctx, q, []any{&value}, `SELECT value FROM meta WHERE name = ?`, name)
	return value, err
}

// setMeta inserts or replaces a fact.
func (t *tx) setMeta(name, value string) error {
	n, err := t.exec(`UPDATE meta SET value = ? WHERE name = ?`, value, name)
	if err != nil || n > 0 {
		return err
	}
	_, err = t.exec(`INSERT INTO meta (name, value) VALUES (?, ?)`, name, value)
	return err
}

// rememberLifetime keeps the longest access lifetime the store was opened with.
func (db *DB) rememberLifetime(ctx context.Context, d time.Duration) error {
	return db.write(ctx, "remember access lifetime", func(t *tx) error {
		s, err := readMeta(ctx, t, metaAccessLifetime)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		longest, _ := strconv.ParseInt(s, 10, 64) // 0 when there is none yet
		db.accessLifetime = max(d, time.Duration(longest)*time.Millisecond)
		db.writer.revocable = db.accessLifetime + revocationGrace
		if d.Milliseconds() <= longest {
			return nil
		}
		return t.setMeta(metaAccessLifetime, strconv.FormatInt(d.Milliseconds(), 10))
	})
}

// AccessLifetime is the longest life of an access token that any process with this store was ever configured with:
// signing keys stay published that long after their last signature.
func (db *DB) AccessLifetime() time.Duration { return db.accessLifetime }

// MasterFingerprint returns the store's, setting it to fp when there is none yet.
func (db *DB) MasterFingerprint(ctx context.Context, fp string) (kept string, err error) {
	err = db.write(ctx, "read master fingerprint", func(t *tx) error {
		kept, err = readMeta(ctx, t, metaMaster)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		kept = fp
		return t.setMeta(metaMaster, fp)
	})
	return kept, err
}
