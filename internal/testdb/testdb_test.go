package testdb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sandi-auth/sandi/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// kinds are the database servers: shared, and for one test.
var kinds = []struct {
	name   string
	shared func(testing.TB) string
	start  func(testing.TB, testdb.Options) *testdb.Server
}{
	{"PostgreSQL", testdb.Postgres, testdb.StartPostgres},
	{"MariaDB", testdb.MariaDB, testdb.StartMariaDB},
}

// connect opens a store URL with the driver that it is for.
func connect(tb testing.TB, storeURL string) *sql.DB {
	tb.Helper()
	u, err := url.Parse(storeURL)
	if err != nil {
		tb.Fatal(err)
	}
	open := func() (*sql.DB, error) { return sql.Open("pgx", storeURL) }
	if u.Scheme == "mysql" {
		c := mysql.NewConfig()
		c.Logger = &mysql.NopLogger{} // what it says is in its errors too
		c.Net, c.Addr, c.User, c.DBName = "tcp", u.Host, u.User.Username(), strings.TrimPrefix(u.Path, "/")
		c.Passwd, _ = u.User.Password()
		open = func() (*sql.DB, error) {
			connector, err := mysql.NewConnector(c)
			return sql.OpenDB(connector), err
		}
	}
	db, err := open()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func run(tb testing.TB, db *sql.DB, statements ...string) {
	tb.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			tb.Fatalf("%s: %v", s, err)
		}
	}
}

func count(tb testing.TB, db *sql.DB) (n int) {
	tb.Helper()
	if err := db.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM kept").Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// Every test has a database of its own, which holds nothing, and goes although
// somebody is in the middle of a transaction.
func TestDatabase(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			for range 3 {
				t.Run("database", func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithCancel(context.Background())
					t.Cleanup(cancel) // after the database is dropped
					db := connect(t, k.shared(t))
					run(t, db, "CREATE TABLE kept (id INT PRIMARY KEY)")
					tx, err := db.BeginTx(ctx, nil)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := tx.ExecContext(ctx, "INSERT INTO kept VALUES (1)"); err != nil {
						t.Fatal(err)
					}
				})
			}
		})
	}
}

// What was committed is there after the server was killed, and a frozen server
// goes on where it was.
func TestServer(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := k.start(t, testdb.Options{Durable: true})
			addr, storeURL := s.Addr(), s.CreateDatabase(t)
			db := connect(t, storeURL)
			run(t, db, "CREATE TABLE kept (id INT PRIMARY KEY)", "INSERT INTO kept VALUES (1)")
			s.Stop()
			s.Stop()
			if err := db.PingContext(t.Context()); err == nil {
				t.Error("a stopped server answers")
			}
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			if s.Addr() != addr {
				t.Errorf("address %s, was %s", s.Addr(), addr)
			}
			again := connect(t, storeURL)
			if n := count(t, again); n != 1 {
				t.Errorf("%d rows after Stop and Start, want 1", n)
			}
			s.Freeze()
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := again.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a frozen server answers, %v", err)
			}
			s.Thaw()
			if n := count(t, again); n != 1 {
				t.Errorf("%d rows after Freeze and Thaw, want 1", n)
			}
		})
	}
}

func TestRedis(t *testing.T) {
	t.Parallel()
	s := testdb.Redis(t)
	u, err := url.Parse(s.URL())
	if err != nil || u.Host != s.Addr() {
		t.Fatalf("URL %q of %s, %v", s.URL(), s.Addr(), err)
	}
	password, _ := u.User.Password()
	ask := func(line, want string) {
		t.Helper()
		c := dial(t, s.Addr())
		if _, err := fmt.Fprintf(c, "AUTH %s\r\n%s\r\n", password, line); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"+OK", want} {
			if got, err := c.lines.ReadString('\n'); strings.TrimSpace(got) != want {
				t.Fatalf("%s: got %q, %v, want %q", line, got, err, want)
			}
		}
	}
	if c := dial(t, s.Addr()); c.say("PING") == nil {
		t.Error("answers without a password")
	}
	ask("SET key value", "+OK")
	s.Freeze()
	s.Thaw()
	ask("EXISTS key", ":1")
	s.Stop()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	ask("EXISTS key", ":0")
}

// The query log has each statement of the owner, as often as it was carried out.
func TestQueries(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			s := k.start(t, testdb.Options{})
			if err := s.LogQueries(); err != nil {
				t.Fatal(err)
			}
			db := connect(t, s.CreateDatabase(t))
			run(t, db, "CREATE TABLE kept\n(id INT PRIMARY KEY)", "INSERT INTO kept VALUES (1)")
			prepared, err := db.PrepareContext(t.Context(), "UPDATE kept\nSET id = id + 1")
			if err != nil {
				t.Fatal(err)
			}
			defer prepared.Close()
			for range 2 {
				if _, err := prepared.ExecContext(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			got, err := s.Queries()
			if err != nil {
				t.Fatal(err)
			}
			for i, q := range got {
				got[i] = strings.Join(strings.Fields(q), " ")
			}
			again := "UPDATE kept SET id = id + 1"
			if want := []string{"CREATE TABLE kept (id INT PRIMARY KEY)", "INSERT INTO kept VALUES (1)", again, again}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
