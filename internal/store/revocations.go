package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/sandi-auth/sandi/internal/revocation"
)

var _ revocation.Store = (*DB)(nil)

// revoke writes an entry that is handed on once it is committed.
func (t *tx) revoke(kind revocation.Kind, handle string, notBefore time.Time) error {
	e := revocation.Entry{Kind: kind, Handle: handle, NotBefore: notBefore, ExpiresAt: t.now.Add(t.revocable)}
	seq, err := t.insert(`INSERT INTO revocations (kind, handle, not_before, expires_at) VALUES (?, ?, ?, ?)`,
		e.Kind, e.Handle, millis(e.NotBefore), millis(e.ExpiresAt))
	if err != nil {
		return err
	}
	e.Seq = seq
	t.revoked = append(t.revoked, e)
	return nil
}

// Revocations returns at most limit entries with a Seq greater than after,
// ascending, with the epoch and the head that the same statement saw.
func (db *DB) Revocations(ctx context.Context, after int64, limit int) (p revocation.Page, err error) {
	err = each(ctx, db.readers, func(r *sql.Rows) error {
		var seq sql.NullInt64
		var kind, handle sql.NullString
		var notBefore, expires sql.NullInt64
		if err := r.Scan(&p.Epoch, &p.Head, &seq, &kind, &handle, &notBefore, &expires); err != nil || !seq.Valid {
			return err
		}
		p.Entries = append(p.Entries, revocation.Entry{
			Seq: seq.Int64, Kind: revocation.Kind(kind.String), Handle: handle.String,
			NotBefore: fromMillis(notBefore.Int64), ExpiresAt: fromMillis(expires.Int64),
		})
		return nil
	}, `SELECT m.value, `+db.dialect.head()+`, r.seq, r.kind, r.handle, r.not_before, r.expires_at
		FROM meta m LEFT JOIN (SELECT seq, kind, handle, not_before, expires_at
			FROM revocations WHERE seq > ? ORDER BY seq LIMIT ?) r ON 1 = 1
		WHERE m.name = ? ORDER BY r.seq`, after, limit, metaEpoch)
	return p, db.dialect.fault("read revocations", err)
}

// PurgeRevocations deletes at most limit entries that expired before now.
func (db *DB) PurgeRevocations(ctx context.Context, now time.Time, limit int) (n int, err error) {
	err = db.write(ctx, "purge revocations", func(t *tx) error {
		var old []int64
		err := each(ctx, t, func(r *sql.Rows) error {
			var seq int64
			err := r.Scan(&seq)
			old = append(old, seq)
			return err
		}, `SELECT seq FROM revocations WHERE expires_at < ? ORDER BY expires_at LIMIT ?`, millis(now), limit)
		for _, seq := range old {
			if _, err := t.exec(`DELETE FROM revocations WHERE seq = ?`, seq); err != nil {
				return err
			}
		}
		n = len(old)
		return err
	})
	return n, err
}
