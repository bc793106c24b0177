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
	keep, err := t.revocable()
	if err != nil {
		return err
	}
	e := revocation.Entry{Kind: kind, Handle: handle, NotBefore: notBefore, ExpiresAt: t.now.Add(keep)}
	seq, err := t.insert(`INSERT INTO revocations (kind, handle, not_before, expires_at) VALUES (?, ?, ?, ?)`,
		e.Kind, e.Handle, millis(e.NotBefore), millis(e.ExpiresAt))
	if err != nil {
		return err
	}
	e.Seq = seq
	t.revoked = append(t.revoked, e)
	return nil
}

// issuable is the instant from which tokens of the user count: now, and the next whole second where they were
// revoked in this one. A watermark is compared in whole seconds, the unit of iat (RFC 7519 section 2).
func (t *tx) issuable(subject string) (time.Time, error) {
	keep, err := t.revocable()
	if err != nil {
		return time.Time{}, err
	}
	second := t.now.Truncate(time.Second)
	var n int
	// The entries of this second are those that expire last, which the index finds.
	err = one(context.Background(), t, []any{&n}, `SELECT COUNT(*) FROM revocations WHERE expires_at >= ? AND kind = ? AND handle = ?
		AND not_before >= ? AND not_before < ?`,
		millis(second.Add(keep)), revocation.User, subject, millis(second), millis(second.Add(time.Second)))
	if n > 0 {
		return second.Add(time.Second), err
	}
	return t.now, err
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
