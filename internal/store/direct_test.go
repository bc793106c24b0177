package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// eachServer runs a test on an empty store of every database server. kill ends the connection of a transaction.
func eachServer(t *testing.T, test func(t *testing.T, db *DB, kill func(*tx) error)) {
	t.Helper()
	t.Parallel()
	for _, s := range []struct {
		name      string
		empty     func(testing.TB) string
		self, end string
	}{
		{"PostgreSQL", testdb.Postgres, `SELECT pg_backend_pid()`, `SELECT pg_terminate_backend(%d)`},
		{"MariaDB", testdb.MariaDB, `SELECT CONNECTION_ID()`, `KILL CONNECTION %d`},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			url := s.empty(t)
			db, err := Open(t.Context(), Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			test(t, db, func(tx *tx) error {
				id, err := tx.count(s.self)
				if err != nil {
					return err
				}
				killer, err := Raw(url)
				if err != nil {
					return err
				}
				defer killer.Close()
				_, err = killer.ExecContext(context.Background(), fmt.Sprintf(s.end, id))
				return err
			})
		})
	}
}

// seen is how many revocations the store has.
func seen(t *testing.T, db *DB) int {
	t.Helper()
	p, err := db.Revocations(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	return len(p.Entries)
}

func revokeOne(t *tx) error { return t.revoke(revocation.Token, "x", t.now) }

// TestKilledBeforeCommit: a change whose connection is lost on the way is made again, once.
func TestKilledBeforeCommit(t *testing.T) {
	eachServer(t, func(t *testing.T, db *DB, kill func(*tx) error) {
		tries := 0
		err := db.write(t.Context(), "killed", func(tx *tx) error {
			if tries++; tries > 1 {
				return revokeOne(tx)
			}
			return errors.Join(revokeOne(tx), kill(tx), revokeOne(tx))
		})
		if n := seen(t, db); err != nil || n != 1 || tries != 2 {
			t.Errorf("got %v with %d rows after %d tries, want one row by the second", err, n, tries)
		}
	})
}

// TestKilledAtCommit: nobody is told that a change was made whose COMMIT was not answered, and it is not made twice.
func TestKilledAtCommit(t *testing.T) {
	eachServer(t, func(t *testing.T, db *DB, kill func(*tx) error) {
		err := db.write(t.Context(), "killed", func(tx *tx) error { return errors.Join(revokeOne(tx), kill(tx)) })
		if p := problem.From(err); p.Kind != problem.Unavailable {
			t.Errorf("got %v, want problem.Unavailable", err)
		}
		if n := seen(t, db); n != 0 {
			t.Errorf("%d rows are there", n)
		}
		if err := db.write(t.Context(), "go on", revokeOne); err != nil {
			t.Error(err)
		}
	})
}

// TestDeadlock: of two changes that wait for each other one is made again, and both are made.
func TestDeadlock(t *testing.T) {
	eachServer(t, func(t *testing.T, db *DB, _ func(*tx) error) {
		for _, name := range []string{"a", "b"} {
			if _, err := db.Lease(t.Context(), name, "x", 0); err != nil {
				t.Fatal(err)
			}
		}
		var both, wg sync.WaitGroup // both hold their first row
		both.Add(2)
		tries := make([]int, 2)
		for i, order := range [][]string{{"a", "b"}, {"b", "a"}} {
			wg.Go(func() {
				err := db.write(t.Context(), "cross", func(tx *tx) error {
					tries[i]++
					for n, name := range order {
						if _, err := tx.exec(`UPDATE leases SET expires_at = expires_at + 1 WHERE name = ?`, name); err != nil {
							return err
						}
						if n == 0 && tries[i] == 1 {
							both.Done()
							both.Wait()
						}
					}
					return revokeOne(tx)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := seen(t, db); n != 2 || tries[0]+tries[1] < 3 {
			t.Errorf("%d changes after %v tries, want 2 after at least 3", n, tries)
		}
	})
}
