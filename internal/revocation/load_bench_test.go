package revocation_test

import (
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/store"
)

// BenchmarkLoad is the start of a node beside a million live revocations: the median of the loads, in seconds, and what the list and
// the feed keep of an entry, in bytes.
func BenchmarkLoad(b *testing.B) {
	const n = 1_000_000
	path := filepath.Join(b.TempDir(), "sandi.db")
	db, err := store.Open(b.Context(), store.Config{URL: "sqlite:" + path})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := execute(b.Context(), path, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
		INSERT INTO revocations (kind, handle, not_before, expires_at) SELECT 'session', lower(hex(randomblob(16))), 0, 4102444800000 FROM n`); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	var kept []int64
	for b.Loop() {
		before := heap()
		list := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Minute})
		feed := revocation.NewFeed(db, time.Now)
		begun := time.Now()
		if err := revocation.NewFollower(revocation.Config{Store: db, List: list, Feed: feed}).Load(b.Context()); err != nil || list.Len() != n {
			b.Fatalf("%d entries, %v", list.Len(), err)
		}
		took = append(took, time.Since(begun))
		kept = append(kept, heap()-before)
		runtime.KeepAlive(list)
		runtime.KeepAlive(feed)
	}
	slices.Sort(took)
	slices.Sort(kept)
	b.ReportMetric(took[len(took)/2].Seconds(), "s/load")
	b.ReportMetric(took[0].Seconds(), "s/fastest")
	b.ReportMetric(float64(kept[len(kept)/2])/n, "B/entry")
}

// heap is what is in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
