package testdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// Options are how a database server is started. The zero value is the fast one.
type Options struct {
	// Durable makes a commit reach the disk before it is answered, as a server of
	// users does. Without it a commit survives the death of the server, not that
	// of the machine.
	Durable bool
}

// Server is a database server. Its methods may be called from many goroutines.
type Server struct {
	*daemon
	engine

	admin, user string // their passwords
	made        atomic.Int64
}

// engine is where the databases differ.
type engine interface {
	// open connects: to the database named, or to none in particular.
	open(addr, user, password, database string) (*sql.DB, error)
	superuser() string
	// ordinary makes the user that owns the databases, and may do no more.
	ordinary(password string) []string
	create(database string) []string
	drop(database string) []string
	url(addr, password, database string) string
	// logQueries turns the query log on, for the owner's new connections.
	logQueries() []string
	queries(*Server) ([]string, error)
}

// owner is who owns the databases and is named in their URLs.
const owner = "sandi"

// adminTime is how long a statement of the superuser may take.
const adminTime = 30 * time.Second

// begin starts the server for the first time.
func (s *Server) begin() error {
	s.answers = func() error { return s.Exec("SELECT 1") }
	if err := s.Start(); err != nil {
		return err
	}
	return s.Exec(s.ordinary(s.user)...)
}

// URL is the store URL of a database, with the password of its owner.
func (s *Server) URL(database string) string { return s.url(s.Addr(), s.user, database) }

// Connect opens a database as its owner, with the plain driver.
func (s *Server) Connect(database string) (*sql.DB, error) {
	return s.open(s.Addr(), owner, s.user, database)
}

// LogQueries turns the query log on, for connections that are opened later by
// the owner of the databases.
func (s *Server) LogQueries() error { return s.Exec(s.logQueries()...) }

// Queries are the statements in the query log, in their order. A prepared one is
// there each time that it was carried out. What only asks whether a connection
// lives is left out.
func (s *Server) Queries() ([]string, error) { return s.queries(s) }

// Exec has the superuser carry out statements, one after the other, over a
// connection of its own that is closed again.
func (s *Server) Exec(statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTime)
	defer cancel()
	db, err := s.open(s.Addr(), s.superuser(), s.admin, "")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err // names no statement: it may hold a password
		}
	}
	return nil
}

// NewDatabase makes an empty database and names it.
func (s *Server) NewDatabase() (name string, err error) {
	name = fmt.Sprintf("%s_%d", owner, s.made.Add(1))
	if err := s.Exec(s.create(name)...); err != nil {
		return "", fmt.Errorf("create database on %s: %w", s.name, err)
	}
	return name, nil
}

// CreateDatabase answers with the store URL of an empty database that is gone
// after the test, whoever is connected to it then.
func (s *Server) CreateDatabase(tb testing.TB) string {
	tb.Helper()
	name, err := s.NewDatabase()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if !s.running() {
			return // its folder goes too
		}
		if err := s.Exec(s.drop(name)...); err != nil {
			tb.Errorf("drop database %s: %v", name, err)
		}
	})
	return s.URL(name)
}

// StartPostgres starts a PostgreSQL server for one test, which ends it. Where
// the programs are missing the test is skipped, and fails with CI=true.
func StartPostgres(tb testing.TB, o Options) *Server {
	tb.Helper()
	return started(tb, o, NewPostgres)
}

// StartMariaDB is StartPostgres for MariaDB.
func StartMariaDB(tb testing.TB, o Options) *Server {
	tb.Helper()
	return started(tb, o, NewMariaDB)
}

func started(tb testing.TB, o Options, start func(Options) (*Server, error)) *Server {
	tb.Helper()
	s, err := start(o)
	need(tb, err)
	tb.Cleanup(s.Close)
	return s
}

// need ends the test where a server could not be had.
func need(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case errors.Is(err, ErrMissing) && !continuousIntegration():
		tb.Skip(err)
	case err != nil:
		tb.Fatal(err)
	}
}
