package store

import (
	"context"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// RevokeToken revokes a token without a session of its own by its jti, and sets its bit in its status list where it has one. For a token
// that has expired there is nothing to write.
func (db *DB) RevokeToken(ctx context.Context, jti string, expires time.Time, place revocation.Place, e audit.Event) error {
	return db.write(ctx, "revoke token", func(t *tx) error {
		if !t.now.Before(expires) {
			return nil
		}
		if place != (revocation.Place{}) {
			if _, err := t.exec(`INSERT INTO status_bits (list, bit) VALUES (?, ?)`+t.dialect.replacing("list, bit", "bit"), place.List, place.Bit); err != nil {
				return err
			}
		}
		if err := t.revoke(revocation.Token, jti, time.Time{}); err != nil {
			return err
		}
		return t.audit(e)
	})
}
