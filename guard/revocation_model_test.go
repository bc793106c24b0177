package guard_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// model is what a RevocationList means, in one plain map.
type model map[thing]guard.RevocationEntry

type thing struct {
	kind   guard.RevocationKind
	handle string
}

// stays says whether the entry revokes a key for ever.
func stays(e guard.RevocationEntry) bool { return e.Kind == guard.RevokedKey && e.NotBefore.IsZero() }

func (m model) add(e guard.RevocationEntry) {
	k := thing{e.Kind, e.Handle}
	if stays(e) {
		e.ExpiresAt = time.Time{}
	}
	if old, ok := m[k]; ok {
		if e.NotBefore.IsZero() || !old.NotBefore.IsZero() && e.NotBefore.Before(old.NotBefore) {
			e.NotBefore, old.NotBefore = old.NotBefore, e.NotBefore
		}
		if old.NotBefore.IsZero() {
			e.NotBefore = time.Time{} // all tokens
		}
		if old.ExpiresAt.IsZero() || !e.ExpiresAt.IsZero() && old.ExpiresAt.After(e.ExpiresAt) {
			e.ExpiresAt = old.ExpiresAt
		}
	}
	m[k] = e
}

func (m model) prune(now time.Time) (dropped int) {
	for k, e := range m {
		if !e.ExpiresAt.IsZero() && e.ExpiresAt.Add(time.Second-1).Truncate(time.Second).Before(now) {
			delete(m, k)
			dropped++
		}
	}
	return dropped
}

func (m model) revoked(t *guard.Token) bool {
	for kind, handle := range map[guard.RevocationKind]string{
		guard.RevokedSession: t.Session(), guard.RevokedToken: t.ID(), guard.RevokedUser: t.Subject(),
		guard.RevokedRoles: t.Subject(), guard.RevokedClient: t.ClientID(), guard.RevokedKey: t.KeyID(),
	} {
		e, ok := m[thing{kind, handle}]
		always := e.NotBefore.IsZero() || kind == guard.RevokedSession || kind == guard.RevokedToken
		if ok && (always || t.IssuedAt().Unix() <= e.NotBefore.Unix()) {
			return true
		}
	}
	return false
}

// random is one of a few hundred things, or one of very many that no token has.
func random(r *rand.Rand, now time.Time) guard.RevocationEntry {
	kinds := []guard.RevocationKind{guard.RevokedSession, guard.RevokedToken, guard.RevokedUser, guard.RevokedClient, guard.RevokedRoles, guard.RevokedKey}
	e := guard.RevocationEntry{Kind: kinds[r.IntN(len(kinds))], Handle: fmt.Sprint("h", r.IntN(200))}
	if r.IntN(10) > 0 {
		e.Handle = fmt.Sprint("other", r.IntN(1_000_000))
	}
	if r.IntN(4) > 0 {
		e.NotBefore = now.Add(time.Duration(r.IntN(4000)-3000) * 100 * time.Millisecond)
	}
	if r.IntN(50) > 0 {
		e.ExpiresAt = now.Add(time.Duration(r.IntN(3000)-500) * 100 * time.Millisecond)
	}
	return e
}

// tokens have handles that random may revoke; every other is made by the program and not prepared.
func (s signer) tokens(l *guard.RevocationList, n int) []*guard.Token {
	s.tb.Helper()
	g := s.guard(func(c *guard.Config) { c.Revocations = l })
	tokens := make([]*guard.Token, n)
	for i := range tokens {
		handle := func(j int) string { return fmt.Sprint("h", (i*7+j*31)%200) }
		t, err := g.Check(get(s.access(map[string]any{
			"sid": handle(0), "jti": handle(1), "sub": handle(2), "client_id": handle(3), "iat": clock().Add(-time.Duration(i) * time.Second).Unix(),
		})))
		if err != nil {
			s.tb.Fatal(err)
		}
		if i%2 == 1 {
			t = &guard.Token{Claims: t.Claims}
		}
		tokens[i] = t
	}
	return tokens
}

// The list answers as the plain map does, whatever happens to both.
func TestRevocationListIsItsModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r, now := rand.New(rand.NewPCG(seed, 1)), clock()
			l := guard.NewRevocationList(guard.RevocationListConfig{Now: func() time.Time { return now }})
			m, tokens := model{}, newSigner(t).tokens(l, 100)
			hits := 0
			for step := range 120 {
				es := make([]guard.RevocationEntry, r.IntN(400))
				for i := range es {
					es[i] = random(r, now)
				}
				if r.IntN(30) == 0 {
					maps.DeleteFunc(m, func(_ thing, e guard.RevocationEntry) bool { return !stays(e) })
					l.Reset(es)
				} else {
					l.Add(es...)
				}
				for _, e := range es {
					m.add(e)
				}
				now = now.Add(time.Duration(r.IntN(5000)) * time.Millisecond)
				if r.IntN(5) == 0 {
					if got, want := l.Prune(), m.prune(now); got != want {
						t.Fatalf("step %d: pruned %d, want %d", step, got, want)
					}
				}
				if got, want := l.Len(), len(m); got != want {
					t.Fatalf("step %d: Len = %d, want %d", step, got, want)
				}
				for i, tok := range tokens {
					got, err := l.Revoked(t.Context(), tok)
					if want := m.revoked(tok); got != want || err != nil {
						t.Fatalf("step %d, token %d: Revoked = %v, %v; want %v", step, i, got, err, want)
					}
					if got {
						hits++
					}
				}
			}
			if hits == 0 || hits == 120*len(tokens) {
				t.Errorf("%d of all look-ups hit: the test says nothing", hits)
			}
		})
	}
}

// What is revoked is never missed: not while the tables grow, nor while they are pruned and copied,
// nor while the list is replaced by one that has the entry as well.
func TestRevocationListNeverMisses(t *testing.T) {
	t.Parallel()
	keep := guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s1"}
	var now atomic.Int64 // seconds
	l := guard.NewRevocationList(guard.RevocationListConfig{Now: func() time.Time { return clock().Add(time.Duration(now.Load()) * time.Second) }})
	s := newSigner(t)
	prepared, err := s.guard(func(c *guard.Config) { c.Revocations = l }).Check(get(s.access(nil)))
	if err != nil {
		t.Fatal(err)
	}
	l.Add(keep)
	var reader sync.WaitGroup
	var done atomic.Bool
	reader.Go(func() {
		for !done.Load() {
			for _, tok := range []*guard.Token{prepared, {Claims: prepared.Claims}} {
				if got, err := l.Revoked(t.Context(), tok); !got || err != nil {
					t.Errorf("Revoked = %v, %v", got, err)
					return
				}
			}
		}
	})
	others := make([]guard.RevocationEntry, 50)
	for i := range 100_000 / len(others) {
		for j := range others {
			others[j] = guard.RevocationEntry{Kind: guard.RevokedSession, Handle: fmt.Sprint(i, j), ExpiresAt: clock().Add(time.Duration(i+200) * time.Second)}
		}
		l.Add(others...)
		now.Store(int64(i))
		switch {
		case i%200 == 199:
			l.Prune()
		case i%500 == 250:
			l.Reset([]guard.RevocationEntry{keep, {Kind: guard.RevokedUser, Handle: "somebody"}})
		}
	}
	done.Store(true)
	reader.Wait()
}

// A look-up uses what was prepared for this list and these claims, and for no others.
func TestRevocationListTrustsItsOwnHandles(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	lists := [2]*guard.RevocationList{}
	for i := range lists {
		lists[i] = guard.NewRevocationList(guard.RevocationListConfig{})
		lists[i].Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: fmt.Sprint("s", i)})
	}
	var tokens [2]*guard.Token // of sessions s0 and s1, each prepared for the other list
	for i := range tokens {
		var err error
		g := s.guard(func(c *guard.Config) { c.Revocations = lists[1-i] })
		if tokens[i], err = g.Check(get(s.access(map[string]any{"sid": fmt.Sprint("s", i)}))); err != nil {
			t.Fatal(err)
		}
	}
	for i, l := range lists {
		for j, tok := range tokens {
			if got, _ := l.Revoked(t.Context(), tok); got != (i == j) {
				t.Errorf("list %d, session s%d: Revoked = %v", i, j, got)
			}
		}
	}
	other := *tokens[0]
	other.Claims = tokens[1].Claims
	if got, _ := lists[1].Revoked(t.Context(), &other); !got {
		t.Error("a token answers with the handles of the claims that it had before")
	}
}

func TestRevocationLookupsAllocateNothing(t *testing.T) { // not parallel: others' allocations would count
	s := newSigner(t)
	l := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Hour})
	l.Touch()
	fill(l, 10_000)
	tok, err := s.guard(func(c *guard.Config) { c.Revocations = l }).Check(get(s.access(nil)))
	if err != nil {
		t.Fatal(err)
	}
	for name, tok := range map[string]*guard.Token{"prepared": tok, "made by the program": {Claims: tok.Claims}} {
		if n := testing.AllocsPerRun(100, func() { _, _ = l.Revoked(t.Context(), tok) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
