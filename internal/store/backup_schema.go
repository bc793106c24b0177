package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// object is a table, index, trigger or view of a database.
type object struct{ kind, name, table string }

// objectsOf are the objects of a database with their SQL, which is empty for an index that SQLite made. To list them runs
// nothing of what they say.
func objectsOf(ctx context.Context, pool *sql.DB) (map[object]string, error) {
	rows, err := pool.QueryContext(ctx, `SELECT type, name, tbl_name, COALESCE(sql, '') FROM sqlite_schema`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	objects := map[object]string{}
	for rows.Next() {
		var o object
		var text string
		if err := rows.Scan(&o.kind, &o.name, &o.table, &text); err != nil {
			return nil, err
		}
		objects[o] = text
	}
	return objects, rows.Err()
}

// harmless are the tables in which SQLite keeps what ANALYZE found.
var harmless = map[object]string{
	{"table", "sqlite_stat1", "sqlite_stat1"}: "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
	{"table", "sqlite_stat4", "sqlite_stat4"}: "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}

// checkSchema wants a file to have the objects of its version of the schema, each with the same SQL, and no others. A
// trigger of somebody else could keep revocations from being written, or never end; nothing of the file has run before
// this is known.
func checkSchema(ctx context.Context, pool *sql.DB, path string) (err error) {
	found, err := objectsOf(ctx, pool)
	if err != nil {
		return err
	}
	model, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.Close()) }()
	model.SetMaxOpenConns(1) // each has a memory of its own
	for _, demo := range []bool{false, true} {
		if _, has := found[object{"table", tableOf(demo), tableOf(demo)}]; has || !demo {
			if err := build(ctx, model, pool, path, demo, found); err != nil {
				return err
			}
		}
	}
	want, err := objectsOf(ctx, model)
	if err != nil {
		return err
	}
	for o, text := range found {
		if ours, has := want[o]; (!has || ours != text) && (harmless[o] == "" || harmless[o] != text) {
			return notSchema(path, fmt.Sprintf("the %s %q is not what Sandi makes", o.kind, o.name))
		}
	}
	for o := range want {
		if _, has := found[o]; !has {
			return notSchema(path, fmt.Sprintf("the %s %q is missing", o.kind, o.name))
		}
	}
	return nil
}

// checkFile is checkSchema of a file that nobody writes to.
func checkFile(ctx context.Context, path string) error {
	pool, err := sql.Open("sqlite", fileURI(path, readAlone()))
	if err != nil {
		return err
	}
	return errors.Join(checkSchema(ctx, pool, path), pool.Close())
}

// build brings model to the version of the schema, or of the demo application's, that the database behind pool says it has. The
// table that says so is compared before it is read.
func build(ctx context.Context, model, pool *sql.DB, path string, demo bool, found map[object]string) error {
	table := tableOf(demo)
	p, err := migrator(embedded{}, model, demo)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	sources := p.ListSources()
	if _, err := p.UpTo(ctx, sources[0].Version); err != nil {
		return err
	}
	want, err := objectsOf(ctx, model)
	if err != nil {
		return err
	}
	if o := (object{"table", table, table}); found[o] != want[o] {
		return notSchema(path, fmt.Sprintf("the table %q is not what Sandi makes", table))
	}
	var version int64
	if err := pool.QueryRowContext(ctx, `SELECT COALESCE(MAX(version_id), 0) FROM `+table).Scan(&version); err != nil {
		return err
	}
	if known := sources[len(sources)-1].Version; version > known {
		return &OpenError{
			Path: path, Reason: fmt.Sprintf("schema %d is newer than this binary, which knows %d", version, known),
			hint: "run the newer sandi that wrote it, or use a backup made before the upgrade",
		}
	}
	if version <= sources[0].Version { // that is what the model is already
		return nil
	}
	_, err = p.UpTo(ctx, version)
	return err
}

func notSchema(path, what string) error {
	return &OpenError{
		Path: path, Reason: "has a schema that is not Sandi's: " + what,
		hint: "use a backup of a store that nobody changed; in a store of your own, drop what does not belong there",
	}
}
