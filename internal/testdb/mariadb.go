package testdb

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// NewMariaDB starts a MariaDB server, with the character set and collation that
// it has without configuration. Whoever is no test calls Close at the end.
func NewMariaDB(o Options) (_ *Server, err error) {
	bin, err := exec.LookPath("mariadbd")
	if err != nil {
		return nil, fmt.Errorf("the program mariadbd is %w", ErrMissing)
	}
	d, err := newDaemon("MariaDB", "mysql")
	if err != nil {
		return nil, err
	}
	s := &Server{daemon: d, engine: mariadb{}, admin: password(), user: password()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	// Carried out at every start, before the first connection is let in.
	grant := fmt.Sprintf("CREATE USER IF NOT EXISTS '%[1]s'@'127.0.0.1' IDENTIFIED BY '%[2]s';\n"+
		"GRANT ALL ON *.* TO '%[1]s'@'127.0.0.1' WITH GRANT OPTION;\n", s.superuser(), s.admin)
	begin, err := s.file("begin.sql", grant)
	if err != nil {
		return nil, err
	}
	argv := []string{
		bin, "--no-defaults", "--datadir=" + s.data(), "--tmpdir=" + s.data(), "--socket=" + filepath.Join(s.data(), "socket"),
		"--pid-file=" + filepath.Join(s.data(), "pid"), "--init-file=" + begin, "--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(s.port.number), "--skip-name-resolve", "--skip-log-bin", "--performance-schema=off",
		"--innodb-buffer-pool-size=64M", "--max-connections=300",
	}
	if !o.Durable {
		argv = append(argv, "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync", "--innodb-doublewrite=off")
	}
	if err = s.keep(argv...); err != nil {
		return nil, err
	}
	if err = s.install("mariadb-install-db", "--no-defaults", "--datadir="+s.data(), "--tmpdir="+s.data(), "--skip-test-db"); err != nil {
		return nil, err
	}
	return s, s.begin()
}

type mariadb struct{}

func (mariadb) superuser() string { return "admin" }

func (mariadb) open(addr, user, password, database string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Logger = &mysql.NopLogger{} // what it says is in its errors too
	c.Net, c.Addr, c.User, c.Passwd, c.DBName, c.Timeout = "tcp", addr, user, password, database, 10*time.Second
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (mariadb) ordinary(password string) []string {
	return []string{
		"CREATE USER '" + owner + "'@'127.0.0.1' IDENTIFIED BY '" + password + "'",
		"GRANT ALL ON `" + owner + `\_%` + "`.* TO '" + owner + "'@'127.0.0.1'",
	}
}

func (mariadb) create(database string) []string { return []string{"CREATE DATABASE " + database} }

// drop ends the connections first: their transactions hold locks that DROP waits for.
func (mariadb) drop(database string) []string {
	return []string{
		"FOR c IN (SELECT id FROM information_schema.processlist WHERE db = '" + database + "') DO " +
			"BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; KILL c.id; END; END FOR", // 1094: it has gone by itself
		"DROP DATABASE " + database,
	}
}

func (mariadb) url(addr, password, database string) string {
	u := url.URL{Scheme: "mysql", User: url.UserPassword(owner, password), Host: addr, Path: database, RawQuery: "tls=false"}
	return u.String()
}

func (mariadb) logQueries() []string {
	return []string{"SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1"}
}

func (m mariadb) queries(s *Server) (out []string, err error) {
	db, err := m.open(s.Addr(), m.superuser(), s.admin, "mysql")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	// The table has no order of its own, but keeps the one it was written in.
	rows, err := db.QueryContext(context.Background(), "SELECT argument FROM general_log WHERE command_type IN ('Query', 'Execute') AND user_host LIKE ?", owner+"[%")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var q string
		if err := rows.Scan(&q); err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, rows.Err()
}
