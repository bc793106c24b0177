package store

import (
	"context"
	"database/sql"
	"time"
)

const (
	// deviceKept is how long an expired device authorization is still told that it has (RFC 8628 section 3.5, expired_token).
	deviceKept = time.Hour
	// logoutKept is how long after it was due a logout token is kept that nobody delivers.
	logoutKept = 48 * time.Hour
)

// PurgeOAuth deletes at most limit of each of what is of no use any more at now: requests, codes, device authorizations, and
// logout tokens that nobody delivers. It says how many of the most numerous.
func (db *DB) PurgeOAuth(ctx context.Context, now time.Time, limit int) (n int, err error) {
	for _, purge := range []func(*tx, time.Time, int) (int, error){
		(*tx).purgeRequests, (*tx).purgeCodes, (*tx).purgeDevices, (*tx).purgeLogouts,
	} {
		purged := 0
		err := db.write(ctx, "purge authorizations", func(t *tx) (err error) {
			purged, err = purge(t, now, limit)
			return err
		})
		if err != nil {
			return n, err
		}
		n = max(n, purged)
	}
	return n, nil
}

func (t *tx) purgeRequests(now time.Time, limit int) (int, error) {
	return t.purge(`SELECT r.expires_at, r.kind, r.id FROM requests r WHERE r.expires_at < ? ORDER BY r.expires_at LIMIT ?`,
		`DELETE FROM requests WHERE expires_at = ? AND kind = ? AND id = ?`, now, limit)
}

func (t *tx) purgeDevices(now time.Time, limit int) (int, error) {
	return t.purge(`SELECT d.hash FROM devices d WHERE d.expires_at < ? ORDER BY d.expires_at LIMIT ?`,
		`DELETE FROM devices WHERE hash = ?`, now.Add(-deviceKept), limit)
}

func (t *tx) purgeLogouts(now time.Time, limit int) (int, error) {
	return t.purge(`SELECT l.due_at, l.id FROM logouts l WHERE l.due_at < ? ORDER BY l.due_at LIMIT ?`,
		`DELETE FROM logouts WHERE due_at = ? AND id = ?`, now.Add(-logoutKept), limit)
}

// purge deletes the rows that query finds, by what it selects of each.
func (t *tx) purge(query, remove string, before time.Time, limit int) (int, error) {
	var old [][]any
	err := each(context.Background(), t, func(r *sql.Rows) error {
		columns, err := r.Columns()
		if err != nil {
			return err
		}
		key, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range key {
			dest[i] = &key[i]
		}
		old = append(old, key)
		return r.Scan(dest...)
	}, query, millis(before), limit)
	for _, key := range old {
		if _, err := t.exec(remove, key...); err != nil {
			return 0, err
		}
	}
	return len(old), err
}

// purgeCodes deletes codes that were not used in time, and used ones whose session has no more tokens. Of a session that was
// refreshed since, the code is kept for longer.
func (t *tx) purgeCodes(now time.Time, limit int) (int, error) {
	longest, err := t.revocable()
	if err != nil {
		return 0, err
	}
	type code struct {
		hash []byte
		idle time.Time // of its session, zero where that has ended
	}
	var old []code
	err = each(context.Background(), t, func(r *sql.Rows) error {
		var c code
		err := r.Scan(&c.hash, instant{&c.idle})
		old = append(old, c)
		return err
	}, `SELECT c.hash, COALESCE((SELECT s.idle_expires_at FROM sessions s WHERE s.id = c.session_id AND s.ended_at = 0), 0)
		FROM codes c WHERE c.keep_until < ? ORDER BY c.keep_until LIMIT ?`, millis(now), limit)
	for _, c := range old {
		query, args := `DELETE FROM codes WHERE hash = ?`, []any{c.hash}
		if until := c.idle.Add(longest); until.After(now) {
			query, args = `UPDATE codes SET keep_until = ? WHERE hash = ?`, []any{millis(until), c.hash}
		}
		if _, err := t.exec(query, args...); err != nil {
			return 0, err
		}
	}
	return len(old), err
}
