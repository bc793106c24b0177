package store

import (
	"context"
	"database/sql"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
)

var _ key.Store = (*DB)(nil)

// Keys lists the signing keys, sealed, by ActivateAt.
func (db *DB) Keys(ctx context.Context) ([]key.Record, error) {
	keys, err := readKeys(ctx, db.readers)
	return keys, db.dialect.fault("read keys", err)
}

func readKeys(ctx context.Context, q querier) (keys []key.Record, err error) {
	err = each(ctx, q, func(r *sql.Rows) error {
		var k key.Record
		err := r.Scan(&k.KID, &k.Algorithm, &k.Sealed, instant{&k.CreatedAt}, instant{&k.ActivateAt})
		keys = append(keys, k)
		return err
	}, `SELECT kid, algorithm, sealed, created_at, activate_at FROM keys ORDER BY activate_at, created_at, kid`)
	return keys, err
}

// AddKey inserts r if the newest key is still newest, and says whether it did.
func (db *DB) AddKey(ctx context.Context, r key.Record, newest string, e audit.Event) (added bool, err error) {
	err = db.write(ctx, "add key", func(t *tx) error {
		keys, err := readKeys(ctx, t)
		if err != nil {
			return err
		}
		last := ""
		if len(keys) > 0 {
			last = keys[len(keys)-1].KID
		}
		if last != newest {
			return nil
		}
		if _, err := t.exec(`INSERT INTO keys (kid, algorithm, sealed, created_at, activate_at) VALUES (?, ?, ?, ?, ?)`,
			r.KID, r.Algorithm, r.Sealed, millis(r.CreatedAt), millis(r.ActivateAt)); err != nil {
			return err
		}
		added = true
		return t.audit(e)
	})
	return added && err == nil, err
}

// RemoveKey deletes a key, with its audit event; one that is not there is no fault.
func (db *DB) RemoveKey(ctx context.Context, kid string) error {
	return db.write(ctx, "remove key", func(t *tx) error {
		n, err := t.exec(`DELETE FROM keys WHERE kid = ?`, kid)
		if err != nil || n == 0 {
			return err
		}
		return t.audit(audit.Event{Action: audit.KeyRemoved, Detail: map[string]string{"kid": kid}})
	})
}
