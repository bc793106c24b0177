package guard_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// BenchmarkProof is what a DPoP proof costs a request whose token is remembered: its key is read and its signature verified each
// time, for each is another.
func BenchmarkProof(b *testing.B) {
	s, p := newSigner(b), newProver(b)
	g := s.guard(withDPoP(b, func(c *guard.ProofsConfig) {
		c.Replay = spendFunc(func(string, time.Time) (bool, error) { return true, nil })
	}))
	token := s.access(p.bound(nil))
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	b.Run("bearer", func(b *testing.B) { serveN(b, g.Require()(nothing), s.access(nil)) })
	b.Run("dpop", func(b *testing.B) {
		h, r, w := g.Require()(nothing), dpop(token, p.proof("GET", protected, token, nil)), discard{http.Header{}}
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(w, r)
		}
		if len(w.header) > 0 {
			b.Fatalf("refused: %v", w.header)
		}
	})
}

// BenchmarkStatusLookup is what a status list that is there costs a request.
func BenchmarkStatusLookup(b *testing.B) {
	l := newLists(b)
	l.serve(map[string]any{"status_list": map[string]any{"bits": 1, "lst": deflated(make([]byte, 1<<17)...)}})
	s, t := l.reader(nil), l.at(1<<19)
	b.ReportAllocs()
	for b.Loop() {
		if revoked, err := s.Revoked(b.Context(), t); revoked || err != nil {
			b.Fatal(revoked, err)
		}
	}
}
