package store_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/session"
)

// BenchmarkRedeemCode is 20 clients at once, each with a new code of a sign-in of its own: two changes, one commit or more for them all.
func BenchmarkRedeemCode(b *testing.B) {
	f := newFixture(b)
	const clients = 20
	signIns := make(chan session.Session, clients)
	for range clients {
		signIns <- f.begin(b, f.addUser(b, session.NewID().String()).Subject)
	}
	b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		s := <-signIns
		for pb.Next() {
			f.advance(time.Millisecond)
			if _, err := f.redeem(b, f.addCode(b, s).hash); err != nil {
				b.Error(err)
				break
			}
		}
		signIns <- s
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "codes/s")
}
