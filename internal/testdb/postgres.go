package testdb

import (
	"cmp"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// NewPostgres starts a PostgreSQL server, 15 or newer. Its databases sort by a
// language's rules and not by bytes, as most people's do. Whoever is no test
// calls Close at the end.
func NewPostgres(o Options) (_ *Server, err error) {
	bin, err := postgresFolder()
	if err != nil {
		return nil, err
	}
	d, err := newDaemon("PostgreSQL", "postgres")
	if err != nil {
		return nil, err
	}
	d.signal = "QUIT" // its parent process buries its children and frees its System V segment, and writes no data
	s := &Server{daemon: d, engine: postgres{}, admin: password(), user: password()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	argv := []string{filepath.Join(bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.port.number)}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=300", "shared_buffers=32MB",
		"dynamic_shared_memory_type=mmap", // in the data folder, where a killed server leaves nothing elsewhere
	} {
		argv = append(argv, "-c", setting)
	}
	if !o.Durable {
		argv = append(argv, "-c", "fsync=off", "-c", "full_page_writes=off")
	}
	if err = s.keep(argv...); err != nil {
		return nil, err
	}
	secret, err := s.file("password", s.admin)
	if err != nil {
		return nil, err
	}
	// The password goes over loopback as it is: by SCRAM each connection begins with thousands of hashes, which the race detector makes seconds of.
	err = s.install(filepath.Join(bin, "initdb"), "--no-sync", "--pgdata="+s.data(), "--username="+s.superuser(), "--pwfile="+secret,
		"--auth=scram-sha-256", "--auth-host=password", "--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US")
	if err != nil {
		return nil, err
	}
	return s, s.begin()
}

// postgresFolder is where the newest PostgreSQL of Debian is, or the one in PATH.
func postgresFolder() (string, error) {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(folder string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		return n
	}
	slices.SortFunc(folders, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
	for _, folder := range append(folders, filepath.SplitList(os.Getenv("PATH"))...) {
		if _, err := os.Stat(filepath.Join(folder, "initdb")); err == nil {
			return folder, nil
		}
	}
	return "", fmt.Errorf("the program initdb of PostgreSQL is %w", ErrMissing)
}

type postgres struct{}

func (postgres) superuser() string { return "postgres" }

func (p postgres) open(addr, user, password, database string) (*sql.DB, error) {
	return sql.Open("pgx", postgresURL(addr, user, password, cmp.Or(database, "postgres"))+"&connect_timeout=10")
}

func (postgres) ordinary(password string) []string {
	return []string{"CREATE ROLE " + owner + " LOGIN PASSWORD '" + password + "'"}
}

func (postgres) create(database string) []string {
	return []string{"CREATE DATABASE " + database + " OWNER " + owner + " TEMPLATE template0"}
}

func (postgres) drop(database string) []string {
	return []string{"DROP DATABASE " + database + " WITH (FORCE)"}
}

func (postgres) url(addr, password, database string) string {
	return postgresURL(addr, owner, password, database)
}

func postgresURL(addr, user, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: addr, Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

func (postgres) logQueries() []string {
	return []string{"ALTER ROLE " + owner + " SET log_statement = 'all'"}
}

// loggedQuery is a statement in PostgreSQL's log; its further lines begin with a tab.
var loggedQuery = regexp.MustCompile(`(?m)^\S+ \S+ \S+ \[\d+\] LOG:  (?:statement|execute [^:]+): (.*(?:\n\t.*)*)`)

func (postgres) queries(s *Server) (out []string, err error) {
	for _, m := range loggedQuery.FindAllStringSubmatch(s.Log(), -1) {
		if !strings.HasPrefix(m[1], "--") { // what the driver asks idle connections
			out = append(out, m[1])
		}
	}
	return out, nil
}
