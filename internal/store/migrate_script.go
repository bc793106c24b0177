package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// migrator applies the migrations of a dialect. goose would read the files too, but takes 4 MB for each of their lines where its pool is
// empty, as it is again and again under the race detector: that was half the time of tests.
func migrator(d dialect, conns *sql.DB, demo bool) (*goose.Provider, error) {
	known, texts, err := knownSteps(d, demo)
	if err != nil {
		return nil, err
	}
	steps := make([]*goose.Migration, len(known))
	for i, m := range known {
		statements, alone, err := parseScript(texts[i])
		if err != nil {
			return nil, fmt.Errorf("read migration %d: %w", m.Version, err)
		}
		up := &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error { return runAll(ctx, tx.ExecContext, statements) }}
		if alone {
			up = &goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error { return runAll(ctx, db.ExecContext, statements) }}
		}
		steps[i] = goose.NewGoMigration(m.Version, up, nil)
	}
	return goose.NewProvider(d.goose(), conns, nil, goose.WithTableName(tableOf(demo)), goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(steps...))
}

// knownSteps are the migrations that this binary has, none of them applied, and their texts.
func knownSteps(d dialect, demo bool) (steps []Migration, texts []string, err error) {
	files, err := schemaFiles(d, demo)
	if err != nil {
		return nil, nil, err
	}
	names, err := fs.Glob(files, "*.sql")
	for _, name := range names { // in the order of their numbers
		number, title, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, nil, fmt.Errorf("read name of migration: %w", err)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, nil, err
		}
		steps, texts = append(steps, Migration{Version: version, Name: title}), append(texts, string(text))
	}
	return steps, texts, err
}

// parseScript reads a file in goose's form: "-- +goose Up", then statements, each to a line that ends with a semicolon, or between
// StatementBegin and StatementEnd. NO TRANSACTION is for databases whose DDL commits by itself. What is before a statement is a comment.
func parseScript(text string) (statements []string, alone bool, err error) {
	var now strings.Builder
	up, block := false, false
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		mark, marked := strings.CutPrefix(trimmed, "-- +goose ")
		done := false
		switch {
		case mark == "NO TRANSACTION":
			alone = true
			continue
		case mark == "Up" && !up:
			up = true
			continue
		case mark == "StatementBegin" && up && !block:
			block = true
			continue
		case mark == "StatementEnd" && block:
			block, done = false, true
		case marked:
			return nil, false, fmt.Errorf("%q is not for here", trimmed)
		case now.Len() == 0 && (trimmed == "" || strings.HasPrefix(trimmed, "--")):
			continue
		case !up:
			return nil, false, fmt.Errorf("%q stands before -- +goose Up", trimmed)
		default:
			now.WriteString(line)
			code, _, _ := strings.Cut(trimmed, " --")
			done = !block && strings.HasSuffix(strings.TrimSpace(code), ";")
		}
		if done {
			statements = append(statements, strings.TrimSpace(now.String()))
			now.Reset()
		}
	}
	if block || now.Len() > 0 || len(statements) == 0 {
		return nil, false, fmt.Errorf("%.60q does not end with a semicolon", now.String())
	}
	return statements, alone, nil
}

// runAll executes statements in their order.
func runAll(ctx context.Context, exec func(context.Context, string, ...any) (sql.Result, error), statements []string) error {
	for i, s := range statements {
		if _, err := exec(ctx, s); err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return nil
}
