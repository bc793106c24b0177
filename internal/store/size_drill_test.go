//go:build drill

package store_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/session"
)

// TestDrillSize: a million refreshes of ten thousand sessions leave a store as large as ten thousand logins did, and take no memory.
func TestDrillSize(t *testing.T) {
	const users, each, rounds = 100, 100, 100
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			f := open(t, d.empty(t))
			sessions := make([]session.Session, 0, users*each)
			for u := range users {
				name := fmt.Sprint("user", u)
				f.addUser(t, name)
				for range each {
					sessions = append(sessions, f.begin(t, name))
				}
			}
			before, heap := f.size(t, d.name), heapInUse()
			begun := time.Now()
			l := limits()
			l.RetryWindow = 0
			for generation := range uint32(rounds) {
				f.advance(time.Minute)
				var wg sync.WaitGroup
				for k := range 64 {
					wg.Go(func() {
						for i := k; i < len(sessions); i += 64 {
							if r := f.rotate(t, presented(sessions[i], generation), l); r.Step != session.StepRotated {
								t.Errorf("session %d, generation %d: step %d", i, generation, r.Step)
							}
						}
					})
				}
				wg.Wait()
			}
			took := time.Since(begun)
			grown := heapInUse() - heap
			if _, err := f.PurgeSessions(t.Context(), f.clock().Add(-time.Hour), 1000); err != nil {
				t.Error(err)
			}
			after := f.size(t, d.name)
			t.Logf("%d refreshes in %s (%.0f a second): store %d KiB before, %d KiB after (%.3f), heap %+d KiB", rounds*len(sessions), took.Round(time.Second),
				float64(rounds*len(sessions))/took.Seconds(), before>>10, after>>10, float64(after)/float64(before), grown>>10)
			if ratio := float64(after) / float64(before); ratio > 1.1 {
				t.Errorf("the store grew to %.3f of its size", ratio)
			}
			if grown > 16<<20 {
				t.Errorf("the heap grew by %d KiB", grown>>10)
			}
		})
	}
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// size is that of the store in bytes, after vacuum.
func (f *fixture) size(t *testing.T, database string) (n int64) {
	t.Helper()
	tables := []string{"users", "user_roles", "sessions", "revocations", "places", "leases", "spent", "meta"}
	vacuum, query := []string{"VACUUM"}, ""
	switch database {
	case "PostgreSQL":
		vacuum = []string{"VACUUM FULL", "ANALYZE"}
		query = `SELECT SUM(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace`
	case "MariaDB":
		vacuum = []string{"OPTIMIZE TABLE " + strings.Join(tables, ", "), "ANALYZE TABLE " + strings.Join(tables, ", ")}
		query = `SELECT SUM(data_length + index_length) FROM information_schema.tables WHERE table_schema = DATABASE()`
	}
	db := f.raw(t, vacuum...)
	if query == "" {
		execute(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
		info, err := os.Stat(f.path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
