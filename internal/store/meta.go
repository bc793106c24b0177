package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// The facts about the store itself.
const (
	metaEpoch          = "epoch"              // made by the migration
	metaMaster         = "master_fingerprint" // of the key that seals the signing keys
	metaAccessLifetime = "access_lifetime"    // milliseconds, the longest ever
	metaDemo           = "demo"               // there is one: made by sandi demo
	metaOldest         = "oldest_schema"      // that a binary must know; written by a migration that the one before cannot work with
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

// RememberLifetime tells the store of tokens that live as long as d. From its return on every process that
// revokes, also one that has been running for long, keeps what it revokes for at least that time: it comes before
// the first such token is signed. Open does it with Config.AccessLifetime.
func (db *DB) RememberLifetime(ctx context.Context, d time.Duration) error {
	return db.raise(ctx, "remember access lifetime", d, func(*tx) error { return nil })
}

// raise is RememberLifetime together with the change that permits such tokens, which do makes under the store's lock.
func (db *DB) raise(ctx context.Context, what string, d time.Duration, do func(*tx) error) error {
	var longest time.Duration
	err := db.write(ctx, what, func(t *tx) error {
		if err := t.lockStore(); err != nil {
			return err
		}
		known, err := readLifetime(ctx, t)
		if longest = max(d, known); err == nil && d > known {
			err = t.setMeta(metaAccessLifetime, strconv.FormatInt(d.Milliseconds(), 10))
		}
		if err != nil {
			return err
		}
		return do(t)
	})
	if err == nil {
		db.accessLifetime.Store(int64(longest))
	}
	return err
}

// readLifetime is the longest life of an access token that was ever told to the store, 0 when there is none yet.
func readLifetime(ctx context.Context, q querier) (time.Duration, error) {
	s, err := readMeta(ctx, q, metaAccessLifetime)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read access lifetime: %w", err)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// revocable is how long a revocation made now is kept. It is read where it is used: another process may have
// signed a token that lives longer than any this one knows of.
func (t *tx) revocable() (time.Duration, error) {
	if t.keep == 0 {
		longest, err := readLifetime(context.Background(), t)
		if err != nil {
			return 0, err
		}
		t.keep = longest + revocationGrace
	}
	return t.keep, nil
}

// AccessLifetime is the longest life of an access token that any process with this store was ever configured with
// or signed, as of Open or the last RememberLifetime of this DB. For keys and revocations what another process
// remembers later counts too: they read it anew.
func (db *DB) AccessLifetime() time.Duration { return time.Duration(db.accessLifetime.Load()) }
