package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"
)

// migrate brings the schema, or the demo application's, up to date. One that is
// newer than this binary is refused: it does not know what it would break.
func (db *DB) migrate(ctx context.Context, pool *sql.DB, demo bool) error {
	files, err := db.dialect.migrations(demo)
	if err != nil {
		return err
	}
	table := "schema_version"
	if demo {
		table = "demo_schema_version"
	}
	p, err := goose.NewProvider(db.dialect.goose(), pool, files,
		goose.WithTableName(table), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for tried := int64(-1); ; {
		current, target, err := p.GetVersions(ctx)
		if err == nil && current > target {
			return &OpenError{
				Path: db.path, Reason: fmt.Sprintf("schema %d is newer than this binary, which knows %d", current, target),
				hint: "run the newer sandi that wrote it, or restore a backup made before the upgrade",
			}
		}
		if err == nil {
			_, err = p.Up(ctx)
		}
		// Another process may be migrating the same file: whoever loses the race
		// for a step finds it done, and goes on from there.
		if err == nil || current <= tried {
			return err
		}
		tried = current
	}
}

// MigrateDemo applies the demo application's migrations, which seed its
// products. Nothing else ever makes those tables.
func (db *DB) MigrateDemo(ctx context.Context) error {
	pool, err := sql.Open(db.dialect.driver(), db.dialect.dsn(db.path, false))
	if err != nil {
		return fmt.Errorf("migrate demo: %w", err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	return db.dialect.fault("migrate demo", db.migrate(ctx, pool, true))
}
