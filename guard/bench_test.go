package guard_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkRequire is what guarding costs a handler that does nothing: the rest
// of a request (connection, parsing, routing) is left out of both.
func BenchmarkRequire(b *testing.B) {
	s := newSigner(b)
	list := guard.NewRevocationList(guard.RevocationListConfig{})
	fill(list, 10_000)
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	plain, listed := s.guard(), s.guard(func(c *guard.Config) { c.Revocations = list })
	token := s.access(map[string]any{"roles": []string{"manager"}, "scope": "read write"})
	b.Run("unguarded", func(b *testing.B) { serveN(b, nothing, token) })
	b.Run("guarded", func(b *testing.B) { serveN(b, plain.Require()(nothing), token) })
	b.Run("guarded-revocations", func(b *testing.B) { serveN(b, listed.Require()(nothing), token) })
	b.Run("guarded-role-scope", func(b *testing.B) {
		serveN(b, plain.Require(guard.Role("manager"), guard.Scope("read"))(nothing), token)
	})
	b.Run("verify-alone", func(b *testing.B) {
		c := s.config()
		v, err := jwt.NewVerifier(jwt.Config{Keys: c.Keys, Issuer: c.Issuer, Audience: c.Audience, Types: []string{"at+jwt"}, Now: clock})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := v.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func serveN(b *testing.B, h http.Handler, token string) {
	b.Helper()
	w, r := discard{http.Header{}}, get(token)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

func fill(l *guard.RevocationList, n int) {
	for from := 0; from < n; from += 10_000 {
		es := make([]guard.RevocationEntry, min(n-from, 10_000))
		for i := range es {
			es[i] = guard.RevocationEntry{Kind: guard.RevokedSession, Handle: fmt.Sprint("session-", from+i), ExpiresAt: clock().Add(time.Hour)}
		}
		l.Add(es...)
	}
}

// BenchmarkRevocationMiss compares one look-up of what is not revoked with that of a map with
// 16-byte keys and as many entries: of a handle hashed before, as in a Token, and of one that is
// not. Each round asks the map before and after the list; those where its two answers differ by
// more than 5 per cent are left out, and the medians of the others reported.
func BenchmarkRevocationMiss(b *testing.B) {
	for _, n := range []int{1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			before := heap()
			list := guard.NewRevocationList(guard.RevocationListConfig{})
			fill(list, n)
			perEntry := float64(heap()-before) / float64(n)
			peer := make(map[[16]byte]int64, n)
			for _, k := range keys(n) {
				peer[k] = 1
			}
			compareMisses(b, list, peer)
			b.ReportMetric(perEntry, "B/entry")
		})
	}
}

func compareMisses(b *testing.B, list *guard.RevocationList, peer map[[16]byte]int64) {
	b.Helper()
	missing := keys(1 << 20)
	inMap := func(keys [][16]byte) (found int) {
		for i := range keys {
			if _, ok := peer[keys[i]]; ok {
				found++
			}
		}
		return found
	}
	var maps, lists, wholes, ratios []float64
	for b.Loop() {
		first := miss(b, missing, inMap)
		prepared, whole := miss(b, missing, list.CountPrepared), miss(b, missing, list.CountSessions)
		if last := miss(b, missing, inMap); max(first, last) <= 1.05*min(first, last) {
			maps, lists, wholes = append(maps, first), append(lists, prepared), append(wholes, whole)
			ratios = append(ratios, 2*prepared/(first+last))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(maps), "map-ns")
	b.ReportMetric(median(lists), "list-ns")
	b.ReportMetric(median(wholes), "list+hash-ns")
	b.ReportMetric(median(ratios), "list/map")
	b.ReportMetric(float64(len(ratios)), "rounds")
}

// miss is the time of one look-up in nanoseconds. The first of them are not counted: they bring into
// the processor's caches what another table has pushed out.
func miss(b *testing.B, keys [][16]byte, find func(keys [][16]byte) (found int)) float64 {
	b.Helper()
	const warm, turn = 1 << 17, 1 << 16
	keys = keys[rand.IntN(len(keys)-warm-turn):]
	found := find(keys[:warm])
	start := time.Now()
	found += find(keys[warm : warm+turn])
	took := time.Since(start)
	if found > 0 {
		b.Fatal(found, "found that were never added")
	}
	return float64(took) / turn
}

func keys(n int) [][16]byte {
	keys := make([][16]byte, n)
	for i := range keys {
		binary.NativeEndian.PutUint64(keys[i][:8], rand.Uint64())
		binary.NativeEndian.PutUint64(keys[i][8:], rand.Uint64())
	}
	return keys
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func median(of []float64) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	slices.Sort(of)
	return of[len(of)/2]
}

// BenchmarkRevocationList is a whole Revoked for tokens of which nothing is revoked: one that is
// hot, ten thousand in turn, and one that a program made itself; and Add.
func BenchmarkRevocationList(b *testing.B) {
	s := newSigner(b)
	for _, n := range []int{0, 10_000, 1_000_000} {
		l := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Hour})
		fill(l, n)
		l.Touch()
		g := s.guard(func(c *guard.Config) { c.Revocations = l })
		hot := make([]*guard.Token, 10_000)
		for i := range hot {
			id := fmt.Sprint(i)
			t, err := g.Check(get(s.access(map[string]any{"sub": "user" + id, "sid": "s" + id, "jti": "t" + id})))
			if err != nil {
				b.Fatal(err)
			}
			hot[i] = t
		}
		for name, tokens := range map[string][]*guard.Token{"hot": hot[:1], "turns": hot, "handmade": {{Claims: hot[0].Claims}}} {
			b.Run(fmt.Sprintf("%s-%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if revoked, err := l.Revoked(b.Context(), tokens[i]); revoked || err != nil {
						b.Fatal(revoked, err)
					}
					if i++; i == len(tokens) {
						i = 0
					}
				}
			})
		}
		b.Run(fmt.Sprintf("add-%d", n), func(b *testing.B) {
			handles := make([]string, 1<<20)
			for i := range handles {
				handles[i] = fmt.Sprint("added-", i)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				l.Add(guard.RevocationEntry{Kind: guard.RevokedUser, Handle: handles[i%len(handles)]})
				i++
			}
		})
	}
}
