package store

import (
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
)

// mariadb is MariaDB 10.11 and later, and MySQL 8 where it has the same.
type mariadb struct{ config *mysql.Config }

// newMariaDB reads a store URL from which the password was taken. Its one parameter is tls: true (verified),
// skip-verify, preferred, or false, the default.
func newMariaDB(u *url.URL, password string) (server, error) {
	c := mysql.NewConfig()
	for name := range u.Query() {
		if name != "tls" {
			return nil, fmt.Errorf("it has no parameter %q; there is tls", name)
		}
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	c.Net, c.Addr = "tcp", net.JoinHostPort(u.Hostname(), port)
	c.User, c.Passwd, c.DBName = u.User.Username(), password, strings.TrimPrefix(u.Path, "/")
	switch mode := u.Query().Get("tls"); mode {
	case "", "false":
	case "true":
		c.TLS = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	case "skip-verify", "preferred":
		c.TLSConfig = mode
	default:
		return nil, errors.New("tls must be true, skip-verify, preferred or false")
	}
	c.Collation = "utf8mb4_bin"
	c.Loc, c.ClientFoundRows = time.UTC, true // an UPDATE counts what it found, also where nothing changes
	c.Timeout = connectLimit
	c.Logger = &mysql.NopLogger{} // what fails is returned as well
	return mariadb{c}, nil
}

// The settings of a connection. The comments are read by MariaDB alone, and by MySQL 8 alone. A lock is waited for a second, less than a
// client waits: one that came later would be used.
const (
	always = ` /*M!100300 , tx_isolation = 'READ-COMMITTED' */ /*!80000 , transaction_isolation = 'READ-COMMITTED' */`
	bounds = `1 /*M!100300 , max_statement_time = 2, idle_transaction_timeout = 5 */ /*!80000 , max_execution_time = 2000 */`
)

func (d mariadb) connector(limited bool) (driver.Connector, error) {
	c := d.config.Clone()
	c.Params = map[string]string{"time_zone": "'+00:00'", "sql_mode": "'TRADITIONAL,ANSI_QUOTES'" + always}
	if !limited {
		return mysql.NewConnector(c) // for migrations, which nothing else reads the answers of
	}
	c.Params["innodb_lock_wait_timeout"] = bounds
	inner, err := mysql.NewConnector(c)
	return preparing{inner}, err
}

func (d mariadb) encrypted() bool { return d.config.TLS != nil || d.config.TLSConfig == "skip-verify" }

func (mariadb) name() string { return "mysql" }

func (mariadb) goose() goose.Dialect { return goose.DialectMySQL }

func (mariadb) rebind(query string) string { return query }

func (mariadb) forUpdate() string { return " FOR UPDATE" }

func (mariadb) skipLocked() string { return " FOR UPDATE SKIP LOCKED" }

func (mariadb) returning(string) string { return "" } // MySQL has none; the driver tells the number

func (mariadb) replacing(_ string, columns ...string) string {
	set := make([]string, len(columns))
	for i, c := range columns {
		set[i] = c + " = VALUES(" + c + ")"
	}
	return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
}

func (mariadb) skipLists() string { return insertList }

func (mariadb) clock() string { return `CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)` }

func (mariadb) hasTable() string {
	return `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?`
}

// Its locks are the whole server's, and their names short.
func (mariadb) takeLock() string { return `SELECT GET_LOCK(SHA1(CONCAT('sandi ', DATABASE())), 60)` }

// code is the server's error number, 0 for an error that is not its own.
func (mariadb) code(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

func (d mariadb) taken(err error) bool { return d.code(err) == 1062 } // ER_DUP_ENTRY

func (d mariadb) conflict(err error) bool {
	switch d.code(err) {
	case 1213, 1205, 1020: // deadlock, lock wait timeout, changed since last read
		return true
	}
	return false
}

func (d mariadb) broken(err error) bool {
	switch d.code(err) {
	case 1053, 1927, 1158, 1159, 1160, 1161, 4031: // shutdown, killed, network, idle for too long
		return true
	}
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok && string(e.SQLState[:2]) == "08" { // connection exception
		return true
	}
	for _, cut := range []error{mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer} {
		if errors.Is(err, cut) { // in the middle of something
			return true
		}
	}
	return lost(err)
}

func (d mariadb) refused(err error) bool {
	switch d.code(err) {
	case 1040, 1203, 1226, 1461, // too many connections, or prepared statements
		1021, 1114, 1037, 1041, // disk, table or memory is full
		1290, 1836, 1792, // read-only
		1317, 1969, 3024, 1028, 1129: // interrupted, out of time, host blocked
		return true
	}
	return d.conflict(err) || d.broken(err) || waited(err)
}

func (d mariadb) fault(what string, err error) error { return fault(d, what, err) }

func (d mariadb) explain(err error) (reason, hint string) {
	switch d.code(err) {
	case 1045, 1698:
		return "it refuses this user or password", "check the user in store.url, the password, and the host that the user may come from"
	case 1049:
		return "there is no such database", "create it: CREATE DATABASE " + d.config.DBName
	case 1044:
		return "there is no such database, or this user may not use it", "GRANT ALL ON " + d.config.DBName + ".* TO the user"
	case 1142, 1227, 1370:
		return "this user may not create tables there", "GRANT ALL ON " + d.config.DBName + ".* TO the user, or run sandi migrate up as one who may"
	case 1419:
		return "this user may not create triggers while the binary log is on", "set log_bin_trust_function_creators = 1 on the server"
	}
	return "", ""
}
