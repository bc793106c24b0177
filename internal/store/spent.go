package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"
)

// errSpent is a one-time value that was spent before.
var errSpent = errors.New("spent before")

// Spend remembers a one-time value until expires, and says whether this is the first time: of any number at once, on any
// node, one is. Where the answer is an error the value may be spent, and is not to be honoured.
func (db *DB) Spend(ctx context.Context, id string, expires time.Time) (first bool, err error) {
	sum := sha256.Sum256([]byte(id))
	err = db.write(ctx, "spend one-time value", func(t *tx) error {
		_, err := t.exec(`INSERT INTO spent (id, expires_at) VALUES (?, ?)`, sum[:], millis(expires))
		if t.dialect.taken(err) {
			err = errSpent
		}
		return err
	})
	if errors.Is(err, errSpent) {
		return false, nil
	}
	return err == nil, err
}

// PurgeSpent forgets at most limit values that expired before now: nobody honours them any more.
func (db *DB) PurgeSpent(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = db.write(ctx, "purge spent values", func(t *tx) error {
		var old [][]byte
		err := each(context.Background(), t, func(r *sql.Rows) error {
			var sum []byte
			err := r.Scan(&sum)
			old = append(old, sum)
			return err
		}, `SELECT s.id FROM spent s WHERE s.expires_at < ? ORDER BY s.expires_at LIMIT ?`+t.dialect.skipLocked(), millis(now), limit)
		for _, sum := range old {
			if _, err := t.exec(`DELETE FROM spent WHERE id = ?`, sum); err != nil {
				return err
			}
		}
		n = len(old)
		return err
	})
	return n, err
}
