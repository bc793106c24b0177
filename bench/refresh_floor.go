package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// floorUpdate is the least that a rotation has to write.
const floorUpdate = "UPDATE sessions SET generation = generation + 1, rotated_at = ?, last_used_at = ?, idle_expires_at = ? WHERE id = ?"

// counted is how many rotations the query log is read for.
const counted = 100

// refreshServer measures on a database server that is started for it, and not at all where its programs are missing.
func refreshServer(b *bench, name string, start func(testdb.Options) (*testdb.Server, error), update string) error {
	if !b.wants(floorLine(name)) && !b.wants(writesLine(name)) && !b.wants(readsLine(name)) {
		return nil
	}
	server, err := start(testdb.Options{Durable: true})
	if errors.Is(err, testdb.ErrMissing) {
		fmt.Fprintf(b.out, "  %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer server.Close()
	if err := serverFloor(b, name, server, update); err != nil {
		return err
	}
	return statements(b, name, server)
}

func serverFloor(b *bench, name string, server *testdb.Server, update string) error {
	db, database, err := openOn(server)
	if err != nil {
		return err
	}
	defer db.Close()
	run, err := refreshing(db)
	if err != nil {
		return err
	}
	plain, err := server.Connect(database)
	if err != nil {
		return err
	}
	defer plain.Close()
	plain.SetMaxOpenConns(refreshConns)
	plain.SetMaxIdleConns(refreshConns)
	var version string
	if err := plain.QueryRowContext(context.Background(), "SELECT version()").Scan(&version); err != nil {
		return err
	}
	version, _, _ = strings.Cut(strings.TrimPrefix(version, name+" "), " ")
	b.others = append(b.others, name+" "+version)
	return ofFloor(b, name, side{"sandi", run}, db, plain, update)
}

// openOn opens a store on a database of its own.
func openOn(server *testdb.Server) (*store.DB, string, error) {
	database, err := server.NewDatabase()
	if err != nil {
		return nil, "", err
	}
	db, err := store.Open(context.Background(), store.Config{URL: server.URL(database), MaxConns: refreshConns, Now: time.Now})
	return db, database, err
}

func floorLine(name string) string {
	return fmt.Sprintf("%s, %d clients: of the floor", name, refreshers)
}

// ofFloor compares what refreshes with the least it could be, on other sessions of the same database.
func ofFloor(b *bench, name string, subject side, db *store.DB, plain *sql.DB, update string) error {
	rows, err := begin(db, "adi", refreshers)
	if err != nil {
		return err
	}
	prepared, err := plain.PrepareContext(context.Background(), update)
	if err != nil {
		return err
	}
	defer prepared.Close()
	floor := crowd(func(i int) error {
		at := time.Now()
		done, err := prepared.ExecContext(context.Background(), at.UnixMilli(), at.UnixMilli(), at.Add(time.Hour).UnixMilli(), rows[i].id[:])
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); n != 1 || err != nil {
			return fmt.Errorf("floor: %d rows, %w", n, err)
		}
		return nil
	})
	b.compare(comparison{
		name: floorLine(name), subject: subject, reference: side{"floor", floor},
		figure: speed, limit: atLeast(0.7), scale: 8, tolerance: 0.2,
	})
	return nil
}

func writesLine(name string) string { return name + ": writes a rotation" }
func readsLine(name string) string  { return name + ": reads a rotation" }

// statements counts what a rotation asks the server for.
func statements(b *bench, name string, server *testdb.Server) error {
	queries, err := rotationQueries(server)
	if err != nil {
		return err
	}
	var writes, reads float64
	kinds := map[string]int{}
	for _, q := range queries {
		kind := strings.ToUpper(strings.Fields(q)[0])
		kinds[kind]++
		switch kind {
		case "UPDATE", "INSERT", "DELETE", "REPLACE", "WITH":
			writes++
		case "SELECT":
			reads++
		}
	}
	detail := fmt.Sprintf("in %d:", counted)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		detail += fmt.Sprintf(" %d %s", kinds[kind], kind)
	}
	b.state(writesLine(name), writes/counted, "", atMost(1), detail)
	b.state(readsLine(name), reads/counted, "", atMost(1), detail)
	return nil
}

// rotationQueries are the statements of some rotations, of one session.
func rotationQueries(server *testdb.Server) ([]string, error) {
	if err := server.LogQueries(); err != nil {
		return nil, err
	}
	db, _, err := openOn(server)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	one, err := begin(db, "siti", 1)
	if err != nil {
		return nil, err
	}
	before, err := server.Queries()
	if err != nil {
		return nil, err
	}
	for range counted {
		if err := one[0].rotate(); err != nil {
			return nil, err
		}
	}
	all, err := server.Queries()
	if err != nil {
		return nil, err
	}
	return all[len(before):], nil
}
