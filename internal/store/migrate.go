package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	schemaTable     = "schema_version"
	demoSchemaTable = "demo_schema_version"
	// migrateLimit is how long migrations may take, and the wait for another process's.
	migrateLimit = 5 * time.Minute
)

// Migration is a step of the schema. Versions mean the same on every database.
type Migration struct {
	Version   int64
	Name      string    // of its file; empty for one that this binary does not know
	AppliedAt time.Time // zero while it is not
}

// Migrate brings the schema of the store at c.URL up to date and says what it did, nothing when it was. Errors are those of Open,
// which does the same.
func Migrate(ctx context.Context, c Config) ([]Migration, error) {
	c.NoMigrate = false
	db, applied, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	return applied, db.Close()
}

// Migrations lists the steps of the schema, applied or not, by Version.
func (db *DB) Migrations(ctx context.Context) ([]Migration, error) {
	steps, err := db.migrations(ctx, db.readers.DB, false)
	return steps, db.dialect.fault("read migrations", err)
}

// migrations reads what was applied, and adds what this binary would. A store without a schema has none applied.
func (db *DB) migrations(ctx context.Context, conns *sql.DB, demo bool) ([]Migration, error) {
	steps, _, err := knownSteps(db.dialect, demo)
	if err != nil {
		return nil, err
	}
	q, table := &pool{DB: conns, dialect: db.dialect}, tableOf(demo)
	var tables int
	if err := one(ctx, q, []any{&tables}, db.dialect.hasTable(), table); err != nil || tables == 0 {
		return steps, err
	}
	err = each(ctx, q, func(r *sql.Rows) error {
		var m Migration
		if err := r.Scan(&m.Version, moment{&m.AppliedAt}); err != nil {
			return err
		}
		i, ok := slices.BinarySearchFunc(steps, m, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
		switch {
		case ok:
			steps[i].AppliedAt = m.AppliedAt
		case m.Version > 0: // 0 is goose's own
			steps = slices.Insert(steps, i, m)
		}
		return nil
	}, `SELECT version_id, tstamp FROM `+table+` WHERE is_applied ORDER BY version_id`)
	return steps, err
}

func tableOf(demo bool) string {
	if demo {
		return demoSchemaTable
	}
	return schemaTable
}

// migrate brings the schema, or the demo application's, up to date.
func (db *DB) migrate(ctx context.Context, conns *sql.DB, demo bool) (applied []Migration, err error) {
	before, err := db.migrations(ctx, conns, demo)
	if err != nil {
		return nil, err
	}
	pending := func(m Migration) bool { return m.AppliedAt.IsZero() }
	if last := before[len(before)-1]; last.Name == "" {
		return nil, db.checkNewer(ctx, conns, before)
	}
	if !slices.ContainsFunc(before, pending) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, migrateLimit)
	defer cancel()
	if err := db.up(ctx, conns, demo); err != nil {
		return nil, err
	}
	after, err := db.migrations(ctx, conns, demo)
	for _, m := range after {
		if slices.ContainsFunc(before, func(b Migration) bool { return b.Version == m.Version && pending(b) }) {
			applied = append(applied, m)
		}
	}
	return applied, err
}

// checkNewer accepts a schema that is one step newer than what this binary knows, so that nodes can be replaced one by
// one. A step that the binary before it cannot work with says so: it sets metaOldest to its own version.
func (db *DB) checkNewer(ctx context.Context, conns *sql.DB, steps []Migration) error {
	known, current := int64(0), steps[len(steps)-1].Version
	for _, m := range steps {
		if m.Name != "" {
			known = m.Version
		}
	}
	s, err := readMeta(ctx, &pool{DB: conns, dialect: db.dialect}, metaOldest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	oldest, err := strconv.ParseInt(cmp.Or(s, "0"), 10, 64)
	if err != nil {
		return fmt.Errorf("read oldest schema: %w", err)
	}
	if current > known+1 || oldest > known {
		return &OpenError{
			Path: db.path, Reason: fmt.Sprintf("schema %d is newer than this binary, which knows %d", current, known),
			hint: "run the newer sandi that wrote it, or restore a backup made before the upgrade",
		}
	}
	db.log.Warn("store has a newer schema, which this binary can work with until it is replaced", "schema", current, "known", known)
	return nil
}

// up applies what is not applied yet. On a server one process after the other does, on a
// connection without the limits of queries; on SQLite each step takes the file's lock.
func (db *DB) up(ctx context.Context, conns *sql.DB, demo bool) error {
	if s, ok := db.dialect.(server); ok {
		connector, err := s.connector(false)
		if err != nil {
			return err
		}
		conns = sql.OpenDB(connector)
		defer conns.Close() // and with it the lock
		c, err := conns.Conn(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := lockMigrations(ctx, c, s.takeLock()); err != nil { // before goose looks at its table, which it fills after making it
			return err
		}
		if err := db.beginVersions(ctx, c, tableOf(demo)); err != nil {
			return err
		}
	}
	p, err := migrator(db.dialect, conns, demo)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for tried := int64(-1); ; {
		_, err := p.Up(ctx)
		if err == nil {
			return nil
		}
		// Another process may be migrating the same file: whoever loses the race
		// for a step finds it done, and goes on from there.
		current, unread := p.GetDBVersion(ctx)
		if unread != nil || current <= tried {
			return err
		}
		tried = current
	}
}

// beginVersions mends a table of versions that goose has made and not begun, which it then refuses: on MariaDB a process that
// is killed leaves it so.
func (db *DB) beginVersions(ctx context.Context, c *sql.Conn, table string) error {
	var tables, versions int
	if err := c.QueryRowContext(ctx, db.dialect.rebind(db.dialect.hasTable()), table).Scan(&tables); err != nil || tables == 0 {
		return err
	}
	if err := c.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+table).Scan(&versions); err != nil || versions > 0 {
		return err
	}
	_, err := c.ExecContext(ctx, `INSERT INTO `+table+` (version_id, is_applied) VALUES (0, TRUE)`)
	return err
}

// lockMigrations waits for the lock by which one process after the other migrates a database server. It ends with the connection.
func lockMigrations(ctx context.Context, c *sql.Conn, query string) error {
	var had sql.NullInt64
	if err := c.QueryRowContext(ctx, query).Scan(&had); err != nil {
		return fmt.Errorf("lock migrations: %w", err)
	}
	if had.Int64 != 1 {
		return errors.New("lock migrations: another process has been migrating for a minute")
	}
	return nil
}

// MigrateDemo applies the demo application's migrations, which seed its
// products. Nothing else ever makes those tables.
func (db *DB) MigrateDemo(ctx context.Context) error {
	conns := db.writers
	if !db.Shared() { // its only connection is the writer's
		var err error
		if conns, err = sql.Open("sqlite", embedded{}.dsn(db.path, false)); err != nil {
			return fmt.Errorf("migrate demo: %w", err)
		}
		defer conns.Close()
		conns.SetMaxOpenConns(1)
	}
	_, err := db.migrate(ctx, conns, true)
	return db.dialect.fault("migrate demo", err)
}
