package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/sandi-auth/sandi/internal/testdb"
)

// mute is a connection that takes nothing any more, once it is told so.
type mute struct {
	net.Conn
	now *atomic.Bool
}

func (m mute) Write(b []byte) (int, error) {
	if m.now.Load() {
		return 0, errors.New("reset")
	}
	return m.Conn.Write(b)
}

// TestUnsent: what MariaDB's driver could not even send is a broken connection, whatever it calls that: tried anew or Unavailable, no fault of ours.
func TestUnsent(t *testing.T) {
	t.Parallel()
	s, _, err := newServer(Config{URL: testdb.MariaDB(t)})
	if err != nil {
		t.Fatal(err)
	}
	d := s.(mariadb)
	var broken atomic.Bool
	d.config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return mute{c, &broken}, err
	}
	connector, err := d.connector(true)
	if err != nil {
		t.Fatal(err)
	}
	pool := sql.OpenDB(connector)
	defer pool.Close()
	for name, use := range map[string]func(*sql.Conn) error{
		"exec":            func(c *sql.Conn) error { _, err := c.ExecContext(t.Context(), "BEGIN"); return err },
		"exec, prepared":  func(c *sql.Conn) error { _, err := c.ExecContext(t.Context(), "DO ?", 1); return err },
		"query":           func(c *sql.Conn) error { return c.QueryRowContext(t.Context(), "SELECT 1").Scan(new(int)) },
		"query, prepared": func(c *sql.Conn) error { return c.QueryRowContext(t.Context(), "SELECT ?", 1).Scan(new(int)) },
	} {
		for _, before := range []bool{false, true} { // whether the statement was prepared while all was well
			broken.Store(false)
			c, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if before {
				if err := use(c); err != nil {
					t.Fatal(err)
				}
			}
			broken.Store(true)
			if err := use(c); !errors.Is(err, driver.ErrBadConn) || !d.broken(err) {
				t.Errorf("%s, prepared before %t: %v", name, before, err)
			}
			_ = c.Close()
		}
	}
	if _, err := connector.Connect(t.Context()); !errors.Is(err, driver.ErrBadConn) || !d.broken(err) { // the server greets, and we cannot answer
		t.Errorf("connect: %v", err)
	}
}
