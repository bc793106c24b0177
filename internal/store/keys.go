package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/revocation"
)

var _ key.Store = (*DB)(nil)

// Keys lists the signing keys, sealed, by ActivateAt.
func (db *DB) Keys(ctx context.Context) ([]key.Record, error) {
	keys, err := readKeys(ctx, db.readers)
	return keys, db.dialect.fault("read keys", err)
}

// SigningKeys is Keys with the fingerprint of their master key and the longest life of an access token.
func (db *DB) SigningKeys(ctx context.Context) (s key.Stored, err error) {
	if s.Keys, err = readKeys(ctx, db.readers); err == nil {
		s.Master, err = readMaster(ctx, db.readers)
	}
	if err == nil {
		s.AccessLifetime, err = readLifetime(ctx, db.readers)
	}
	return s, db.dialect.fault("read keys", err)
}

func readKeys(ctx context.Context, q querier) (keys []key.Record, err error) {
	err = each(ctx, q, func(r *sql.Rows) error {
		var k key.Record
		err := r.Scan(&k.KID, &k.Algorithm, &k.Sealed, instant{&k.CreatedAt}, instant{&k.ActivateAt})
		keys = append(keys, k)
		return err
	}, `SELECT kid, algorithm, sealed, created_at, activate_at FROM "keys" ORDER BY activate_at, created_at, kid`)
	return keys, err
}

// readMaster is the fingerprint of the store's master key, "" when there is none yet.
func readMaster(ctx context.Context, q querier) (string, error) {
	fp, err := readMeta(ctx, q, metaMaster)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return fp, err
}

// changeKeys has changes of the keys wait for one another, and hands do the keys and the master key as they are.
func (db *DB) changeKeys(ctx context.Context, what string, do func(t *tx, keys []key.Record, master string) error) error {
	return db.write(ctx, what, func(t *tx) error {
		if err := t.lockStore(); err != nil {
			return err
		}
		keys, err := readKeys(ctx, t)
		if err != nil {
			return err
		}
		master, err := readMaster(ctx, t)
		if err != nil {
			return err
		}
		return do(t, keys, master)
	})
}

// AddKey inserts r if the newest key is still newest, and r.Master the store's master key; says whether it did.
func (db *DB) AddKey(ctx context.Context, r key.Record, newest string, e audit.Event) (added bool, err error) {
	err = db.changeKeys(ctx, "add key", func(t *tx, keys []key.Record, master string) error {
		last := ""
		if len(keys) > 0 {
			last = keys[len(keys)-1].KID
		}
		added = last == newest && r.Master == master
		if !added {
			return nil
		}
		if err := t.insertKey(r); err != nil {
			return err
		}
		return t.audit(e)
	})
	return added && err == nil, err
}

func (t *tx) insertKey(r key.Record) error {
	_, err := t.exec(`INSERT INTO "keys" (kid, algorithm, sealed, created_at, activate_at) VALUES (?, ?, ?, ?, ?)`,
		r.KID, r.Algorithm, r.Sealed, millis(r.CreatedAt), millis(r.ActivateAt))
	return err
}

// RemoveKey deletes a key, with its audit event; one that is not there is no fault.
func (db *DB) RemoveKey(ctx context.Context, kid string) error {
	return db.write(ctx, "remove key", func(t *tx) error {
		n, err := t.exec(`DELETE FROM "keys" WHERE kid = ?`, kid)
		if err != nil || n == 0 {
			return err
		}
		return t.audit(audit.Event{Action: audit.KeyRemoved, Detail: map[string]string{"kid": kid}})
	})
}

// RevokeKey deletes a key and revokes its tokens, as key.Store has it.
func (db *DB) RevokeKey(ctx context.Context, kid string, successor *key.Record, keep time.Duration, events ...audit.Event) (revoked bool, err error) {
	err = db.changeKeys(ctx, "revoke key", func(t *tx, keys []key.Record, master string) error {
		i := slices.IndexFunc(keys, func(r key.Record) bool { return r.KID == kid })
		revoked = i >= 0 && (len(keys) > 1 || successor != nil) && (successor == nil || successor.Master == master)
		if !revoked {
			return nil
		}
		if _, err := t.exec(`DELETE FROM "keys" WHERE kid = ?`, kid); err != nil {
			return err
		}
		if successor != nil {
			if err := t.insertKey(*successor); err != nil {
				return err
			}
		}
		longest, err := t.revocable()
		if err != nil {
			return err
		}
		t.keep = max(longest, keep)
		if err := t.revoke(revocation.Key, kid, time.Time{}); err != nil {
			return err
		}
		for _, e := range events {
			if err := t.audit(e); err != nil {
				return err
			}
		}
		return nil
	})
	return revoked && err == nil, err
}

// ChangeMaster replaces the seals of all keys and the fingerprint, as key.Store has it. Second factors, of which there may be very many, come first,
// batch by batch; those that were added meanwhile, together with the keys.
func (db *DB) ChangeMaster(ctx context.Context, from, to string, resealed []key.Record, reseal key.Reseal, e audit.Event) (changed bool, err error) {
	if err := db.resealFactors(ctx, reseal); err != nil {
		return false, err
	}
	err = db.changeKeys(ctx, "change master key", func(t *tx, keys []key.Record, master string) error {
		changed = master == from && slices.EqualFunc(keys, resealed, func(a, b key.Record) bool { return a.KID == b.KID })
		if !changed {
			return nil
		}
		for _, r := range resealed {
			if _, err := t.exec(`UPDATE "keys" SET sealed = ? WHERE kid = ?`, r.Sealed, r.KID); err != nil {
				return err
			}
		}
		for last, all := "", false; !all; {
			if last, all, err = t.resealFactors(last, reseal); err != nil {
				return err
			}
		}
		if err := t.setMeta(metaMaster, to); err != nil {
			return err
		}
		return t.audit(e)
	})
	return changed && err == nil, err
}

// MasterFingerprint returns the store's, setting it to fp when there is none yet; with an empty fp it returns "" then.
func (db *DB) MasterFingerprint(ctx context.Context, fp string) (kept string, err error) {
	if fp == "" {
		kept, err = readMaster(ctx, db.readers)
		return kept, db.dialect.fault("read master fingerprint", err)
	}
	err = db.write(ctx, "set master fingerprint", func(t *tx) error {
		if err := t.lockStore(); err != nil {
			return err
		}
		if kept, err = readMaster(ctx, t); err != nil || kept != "" {
			return err
		}
		kept = fp
		return t.setMeta(metaMaster, fp)
	})
	return kept, err
}
