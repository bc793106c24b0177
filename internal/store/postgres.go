package store

import (
	"database/sql/driver"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgres is PostgreSQL 15 and later. Its driver keeps the statements that it has prepared, for each connection.
type postgres struct {
	config  *pgx.ConnConfig
	rebound *sync.Map // what rebind has written: as many as there are texts in this package
}

// newPostgres reads a store URL from which the password was taken. Its parameters are libpq's (sslmode, sslrootcert).
func newPostgres(u *url.URL, password string) (server, error) {
	for name := range u.Query() {
		if strings.Contains(name, "password") {
			return nil, errors.New("a password stands among the parameters, where lists of processes show it")
		}
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // without the URL around it
		}
		return nil, err
	}
	if password != "" {
		config.Password = password
	}
	config.ConnectTimeout = connectLimit
	config.RuntimeParams["application_name"] = "sandi"
	config.RuntimeParams["timezone"] = "UTC"
	return postgres{config: config, rebound: &sync.Map{}}, nil
}

func (d postgres) connector(limited bool) (driver.Connector, error) {
	c := d.config.Copy()
	if limited {
		c.RuntimeParams["default_transaction_isolation"] = "read committed"
		c.RuntimeParams["statement_timeout"] = "2s"
		c.RuntimeParams["lock_timeout"] = "1500ms" // before its client gives up: a lock that comes later must not be used
		c.RuntimeParams["idle_in_transaction_session_timeout"] = "5s"
		// No plan of ours depends on what its arguments are; planning costs more than most statements do.
		c.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	}
	return stdlib.GetConnector(*c), nil
}

// encrypted says that no way to connect is without TLS.
func (d postgres) encrypted() bool {
	ways := []bool{d.config.TLSConfig != nil}
	for _, f := range d.config.Fallbacks {
		ways = append(ways, f.TLSConfig != nil)
	}
	for _, tls := range ways {
		if !tls {
			return false
		}
	}
	return true
}

func (postgres) name() string { return "postgres" }

func (postgres) goose() goose.Dialect { return goose.DialectPostgres }

// rebind writes $1, $2 and so on. No text of this package has a ? that is no argument.
func (d postgres) rebind(query string) string {
	if s, ok := d.rebound.Load(query); ok {
		return s.(string)
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	d.rebound.Store(query, b.String())
	return b.String()
}

func (postgres) forUpdate() string { return " FOR UPDATE" }

func (postgres) skipLocked() string { return " FOR UPDATE SKIP LOCKED" }

func (postgres) returning(column string) string { return " RETURNING " + column }

func (postgres) replacing(key string, columns ...string) string { return onConflict(key, columns) }

func (postgres) skipLists() string {
	return `SELECT setval(pg_get_serial_sequence('status_lists', 'id'), ?)`
}

func (postgres) clock() string { return `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)` }

func (postgres) hasTable() string {
	return `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ?`
}

// migrationLock is any number that no other program is likely to lock.
const migrationLock = "7345097234509723"

func (postgres) takeLock() string {
	return `SELECT 1 FROM (SELECT pg_advisory_lock(` + migrationLock + `)) AS taken`
}

// code is the SQLSTATE, empty for an error that is not the server's.
func (postgres) code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func (d postgres) taken(err error) bool { return d.code(err) == "23505" } // unique_violation

func (d postgres) conflict(err error) bool {
	switch d.code(err) {
	case "40001", "40P01", "55P03": // serialization_failure, deadlock_detected, lock_not_available
		return true
	}
	return false
}

func (d postgres) broken(err error) bool {
	switch code := d.code(err); code {
	case "57P01", "57P02", "57P03", "57P05", "25P03": // shutdown, crash, starting, idle for too long
		return true
	default: // connection_exception
		return strings.HasPrefix(code, "08") || lost(err)
	}
}

func (d postgres) refused(err error) bool {
	switch code := d.code(err); code {
	case "57014", "25006": // query_canceled (statement_timeout), read_only_sql_transaction
		return true
	default: // insufficient_resources, system_error
		return d.conflict(err) || d.broken(err) || waited(err) || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "58")
	}
}

func (d postgres) fault(what string, err error) error { return fault(d, what, err) }

func (d postgres) explain(err error) (reason, hint string) {
	switch code := d.code(err); code {
	case "28P01", "28000":
		return "it refuses this user or password", "check the user in store.url, the password and pg_hba.conf"
	case "3D000":
		return "there is no such database", "create it: createdb -O " + d.config.User + " " + d.config.Database
	case "42501":
		return "this user may not create tables there", "let the user own the database, or run sandi migrate up as one who may"
	}
	return "", ""
}
