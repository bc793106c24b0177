package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// errHeld is a lease that another took in the same moment.
var errHeld = errors.New("lease is held")

// Lease takes or renews the lease of a name for d, by the database's clock, and says whether holder has it now. It is
// another's until that one's time is over. A d of 0 gives it back.
func (db *DB) Lease(ctx context.Context, name, holder string, d time.Duration) (held bool, err error) {
	err = db.write(ctx, "take lease", func(t *tx) error {
		held = false
		now, err := t.dbNow()
		if err != nil {
			return err
		}
		until := millis(now.Add(d))
		n, err := t.exec(`UPDATE leases SET holder = ?, expires_at = ? WHERE name = ? AND (holder = ? OR expires_at <= ?)`,
			holder, until, name, holder, millis(now))
		if held = n == 1; err != nil || held {
			return err
		}
		if n, err := t.count(`SELECT COUNT(*) FROM leases l WHERE l.name = ?`, name); err != nil || n == 1 {
			return err
		}
		_, err = t.exec(`INSERT INTO leases (name, holder, expires_at) VALUES (?, ?, ?)`, name, holder, until)
		if t.dialect.taken(err) {
			return errHeld
		}
		held = err == nil
		return err
	})
	if errors.Is(err, errHeld) {
		return false, nil
	}
	return held && err == nil, err
}

func (t *tx) count(query string, args ...any) (n int, err error) {
	err = one(context.Background(), t, []any{&n}, query, args...)
	return n, err
}

// dbNow is the database's clock.
func (t *tx) dbNow() (time.Time, error) {
	clock := t.dialect.clock()
	if clock == "" {
		return t.now, nil
	}
	var ms int64
	err := one(context.Background(), t, []any{&ms}, `SELECT `+clock)
	return fromMillis(ms), err
}

// Now is the database's clock, to the millisecond; on the embedded store, which has none, this process's.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	clock := db.dialect.clock()
	if clock == "" {
		return db.now(), nil
	}
	var ms int64
	asked := time.Now()
	if err := one(ctx, db.readers, []any{&ms}, `SELECT `+clock); err != nil {
		return time.Time{}, db.dialect.fault("read the store's clock", err)
	}
	db.ahead.Store(ms - asked.Add(time.Since(asked)/2).UnixMilli())
	return fromMillis(ms), nil
}

// CountLeases is how many leases with this beginning of their names are somebody's now.
func (db *DB) CountLeases(ctx context.Context, prefix string) (n int, err error) {
	now, err := db.Now(ctx)
	if err != nil {
		return 0, err
	}
	err = one(ctx, db.readers, []any{&n}, `SELECT COUNT(*) FROM leases l WHERE l.name LIKE ? AND l.expires_at > ?`, prefix+"%", millis(now))
	return n, db.dialect.fault("count leases", err)
}

// PurgeLeases deletes at most limit leases that have been nobody's for an hour.
func (db *DB) PurgeLeases(ctx context.Context, limit int) (n int, err error) {
	err = db.write(ctx, "purge leases", func(t *tx) error {
		now, err := t.dbNow()
		if err != nil {
			return err
		}
		var old []string
		err = each(context.Background(), t, func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			old = append(old, name)
			return err
		}, `SELECT l.name FROM leases l WHERE l.expires_at < ? LIMIT ?`, millis(now.Add(-time.Hour)), limit)
		for _, name := range old { // it may have been taken since
			if _, err := t.exec(`DELETE FROM leases WHERE name = ? AND expires_at < ?`, name, millis(now.Add(-time.Hour))); err != nil {
				return err
			}
		}
		n = len(old)
		return err
	})
	return n, err
}
