package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// server is the dialect of a database server.
type server interface {
	dialect
	// connector makes connections: limited ones with the time limits of queries, else for migrations.
	connector(limited bool) (driver.Connector, error)
	// encrypted says that no connection is without TLS.
	encrypted() bool
	// explain says what an operator can do about an error; empty when it is not known.
	explain(err error) (reason, hint string)
}

// notURL is without the URL, unless that is a path: it may hold a password.
func notURL(store string) *OpenError {
	if !strings.HasPrefix(store, "sqlite:") {
		store, _, _ = strings.Cut(store, ":")
	}
	return &OpenError{
		Path: store, Reason: "not a store URL",
		hint: "write sqlite: and the path of a file, postgres://USER@HOST:PORT/DATABASE, or mysql://USER@HOST:PORT/DATABASE",
	}
}

// newServer reads the URL of a database server and answers with its host and database, which may be told.
func newServer(c Config) (s server, place string, err error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, "", notURL(c.URL) // the cause would show the password
	}
	dialects := map[string]func(*url.URL, string) (server, error){
		"postgres": newPostgres, "postgresql": newPostgres, "mysql": newMariaDB, "mariadb": newMariaDB,
	}
	dial, ok := dialects[u.Scheme]
	if !ok {
		return nil, "", notURL(c.URL)
	}
	password := c.Password
	if u.User != nil {
		if inside, ok := u.User.Password(); ok && password == "" {
			password = inside
		}
		u.User = url.User(u.User.Username())
	}
	place = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	if strings.Trim(u.Path, "/") == "" {
		return nil, "", &OpenError{Path: place, Reason: "names no database", hint: "write its name behind the host: " + u.Scheme + "://USER@HOST/sandi"}
	}
	if s, err = dial(u, password); err != nil {
		return nil, "", &OpenError{Path: place, Reason: "the URL is wrong: " + oneLine(err), hint: "see store.url in the configuration guide"}
	}
	return s, place, nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// connectServer makes the pool of connections.
func (db *DB) connectServer(ctx context.Context, c Config) error {
	s, place, err := newServer(c)
	if err != nil {
		return err
	}
	db.dialect, db.path = s, place
	if !s.encrypted() && !loopback(place) {
		db.log.Warn("connections to the store may be without TLS", "store", place)
	}
	connector, err := s.connector(true)
	if err != nil {
		return err
	}
	db.writers = sql.OpenDB(connector)
	db.writers.SetMaxOpenConns(c.MaxConns)
	db.writers.SetMaxIdleConns(c.MaxConns)
	db.writers.SetConnMaxLifetime(30 * time.Minute)
	db.readers = &pool{DB: db.writers, dialect: s}
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	return db.writers.PingContext(ctx)
}

// loopback says that the connection does not leave this machine.
func loopback(place string) bool {
	u, err := url.Parse(place)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Host == "" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// checkOurs refuses the database of another program, whose tables are not to be touched. Sandi's first
// table is the one that says how new its schema is.
func (db *DB) checkOurs(ctx context.Context) error {
	has := func(tables ...string) (found bool, err error) {
		for _, name := range tables {
			var n int
			if err := one(ctx, &pool{DB: db.writers, dialect: db.dialect}, []any{&n}, db.dialect.hasTable(), name); err != nil || n > 0 {
				return n > 0, err
			}
		}
		return false, nil
	}
	// In this order: another process may be making the tables, ours first.
	foreign, err := has("users", "sessions", "keys", "audit", "meta", "places", "leases", "bootstrap", "revocations", "user_roles")
	if err != nil || !foreign {
		return err
	}
	ours, err := has(schemaTable)
	if err == nil && !ours {
		err = &OpenError{
			Path: db.path, Reason: "is a database of another program",
			hint: "name another one by store.url, or another folder by data",
		}
	}
	return err
}

// describeServer turns what an operator can mend into an *OpenError. What the drivers say holds no password.
func (db *DB) describeServer(s server, err error) error {
	if _, ours := errors.AsType[*OpenError](err); ours {
		return err
	}
	if reason, hint := s.explain(err); reason != "" {
		return &OpenError{Path: db.path, Reason: reason, Cause: err, hint: hint}
	}
	if s.refused(err) || errors.Is(err, driver.ErrBadConn) {
		return &OpenError{
			Path: db.path, Reason: "cannot be reached: " + oneLine(err), Cause: err,
			hint: "check host, port and TLS in store.url, and that the server runs and lets this machine in",
		}
	}
	return fmt.Errorf("open store %s: %w", db.path, err)
}
