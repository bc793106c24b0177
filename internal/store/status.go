package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/revocation"
)

var (
	_ revocation.PlaceStore = (*DB)(nil)
	_ oauth.StatusStore     = (*DB)(nil)
)

// listKept is how long a list is published after all that it is for has expired: clocks differ.
const listKept = time.Hour

// TakePlaces gives n places, from first on, of a list that expires then: those of one that has room, or of a new one. Nobody is ever given
// them again, also where the caller does not hear of it.
func (db *DB) TakePlaces(ctx context.Context, expires time.Time, n int) (list int64, first int, err error) {
	if n < 1 || n > revocation.ListSize {
		panic("store: TakePlaces takes 1 place or more, and no more than a list has")
	}
	err = db.write(ctx, "take places of a status list", func(t *tx) error {
		if err := t.lockStore(); err != nil { // two nodes would each make a list, or be given the same places
			return err
		}
		err := one(ctx, t, []any{&list, &first}, `SELECT l.id, l.taken FROM status_lists l WHERE l.expires_at = ? AND l.taken <= ?
			ORDER BY l.id LIMIT 1`, millis(expires), revocation.ListSize-n)
		if errors.Is(err, sql.ErrNoRows) {
			first = 0
			list, err = t.insert("id", `INSERT INTO status_lists (expires_at, taken) VALUES (?, ?)`, millis(expires), n)
			return err
		}
		if err == nil {
			_, err = t.exec(`UPDATE status_lists SET taken = ? WHERE id = ?`, first+n, list)
		}
		return err
	})
	return list, first, err
}

// StatusBits are the places of a list that no longer count, in any order: those of sessions that were ended, and those of tokens that were
// revoked by themselves. size is how many of its places were taken. The error is revocation.ErrNoList for one that there is not.
func (db *DB) StatusBits(ctx context.Context, list int64) (bits []int, size int, expires time.Time, err error) {
	err = one(ctx, db.readers, []any{&size, instant{&expires}}, `SELECT l.taken, l.expires_at FROM status_lists l WHERE l.id = ?`, list)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, time.Time{}, revocation.ErrNoList
	}
	if err == nil {
		err = each(ctx, db.readers, func(r *sql.Rows) error {
			var bit int
			err := r.Scan(&bit)
			bits = append(bits, bit)
			return err
		}, `SELECT s.status_bit FROM sessions s WHERE s.status_list = ? AND s.status_list > 0 AND s.ended_at > 0
			UNION ALL SELECT b.bit FROM status_bits b WHERE b.list = ?`, list, list)
	}
	if err != nil {
		return nil, 0, time.Time{}, db.dialect.fault("read status list", err)
	}
	return bits, size, expires, nil
}

// PurgeStatus deletes at most limit lists that expired an hour before now, with what was kept of their places; says how many.
func (db *DB) PurgeStatus(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = db.write(ctx, "purge status lists", func(t *tx) error {
		var old []int64
		err := each(ctx, t, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			old = append(old, id)
			return err
		}, `SELECT l.id FROM status_lists l WHERE l.expires_at < ? ORDER BY l.expires_at LIMIT ?`, millis(now.Add(-listKept)), min(limit, purgeLists))
		for _, id := range old {
			for _, statement := range []string{`DELETE FROM status_bits WHERE list = ?`, `DELETE FROM status_lists WHERE id = ?`} {
				if _, err := t.exec(statement, id); err != nil {
					return err
				}
			}
		}
		n = len(old)
		return err
	})
	return n, err
}

// purgeLists of one transaction: each may have many bits.
const purgeLists = 20
