package guard_test

import (
	"fmt"
	"net/http"
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
	es := make([]guard.RevocationEntry, n)
	for i := range es {
		es[i] = guard.RevocationEntry{Kind: guard.RevokedSession, Handle: fmt.Sprint("session-", i), ExpiresAt: clock().Add(time.Hour)}
	}
	l.Add(es...)
}

func BenchmarkRevocationList(b *testing.B) {
	s := newSigner(b)
	tok := s.token(nil)
	for _, n := range []int{0, 10_000, 1_000_000} {
		l := guard.NewRevocationList(guard.RevocationListConfig{})
		fill(l, n)
		b.Run(fmt.Sprintf("miss-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if revoked, err := l.Revoked(tok); revoked || err != nil {
					b.Fatal(revoked, err)
				}
			}
		})
		b.Run(fmt.Sprintf("add-%d", n), func(b *testing.B) {
			i := 0
			for b.Loop() {
				l.Add(guard.RevocationEntry{Kind: guard.RevokedUser, Handle: fmt.Sprint(i % 1000)})
				i++
			}
		})
	}
}
