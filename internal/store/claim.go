package store

import (
	"context"
	"database/sql"
	"errors"
)

// ClaimDemo marks a store as the demo's, which plants accounts whose passwords are printed in public. One that has
// users and no mark is somebody's, and refused with an *OpenError.
func (db *DB) ClaimDemo(ctx context.Context) error {
	return db.write(ctx, "claim store for the demo", func(t *tx) error {
		if err := t.lockStore(); err != nil {
			return err
		}
		marked, err := isDemo(ctx, t)
		if err != nil || marked {
			return err
		}
		var users bool
		if err := one(ctx, t, []any{&users}, `SELECT EXISTS (SELECT 1 FROM users)`); err != nil {
			return err
		}
		if users {
			return &OpenError{
				Path: db.path, Reason: "has users that are not the demo's, which would put accounts with public passwords beside them",
				hint: "give the demo a folder of its own, or start it without --dir",
			}
		}
		return t.setMeta(metaDemo, "1")
	})
}

// RefuseDemo is an *OpenError where the store is marked as the demo's. It is for whoever serves a store in earnest.
func (db *DB) RefuseDemo(ctx context.Context) error {
	marked, err := isDemo(ctx, db.readers)
	if err != nil {
		return db.dialect.fault("look for the demo's mark", err)
	}
	if marked {
		return &OpenError{
			Path: db.path, Reason: "this folder was made by sandi demo; its accounts have public passwords",
			hint: "start with an empty folder, or go on with: sandi demo --dir",
		}
	}
	return nil
}

func isDemo(ctx context.Context, q querier) (bool, error) {
	_, err := readMeta(ctx, q, metaDemo)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
