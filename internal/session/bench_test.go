package session_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// BenchmarkRefresh is 64 clients, each refreshing its own session in a chain, with
// synchronous=FULL: writes grouped, and committed one by one.
func BenchmarkRefresh(b *testing.B) {
	for _, unbatched := range []bool{false, true} {
		b.Run(fmt.Sprintf("unbatched=%t", unbatched), func(b *testing.B) {
			f := newFixture(b, func(c *session.Config) { c.Limits.RetryWindow = 0 },
				func(c *store.Config) { c.Unbatched = unbatched })
			const clients = 64
			tokens := make(chan session.Refresh, clients)
			for range clients {
				_, r := f.begin(b, "ani")
				tokens <- r
			}
			b.SetParallelism(clients / runtime.GOMAXPROCS(0))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				r := <-tokens
				for pb.Next() {
					res, err := f.refresh(b.Context(), r)
					if err != nil {
						b.Error(err)
						return
					}
					r = res.Refresh
				}
				tokens <- r
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refreshes/s")
		})
	}
}
