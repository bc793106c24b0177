package guard_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// elsewhere is a guard in a bubble, with the keys of p and a list of its own.
func elsewhere(t *testing.T, p *publication) (*guard.Guard, *guard.RevocationList) {
	t.Helper()
	keys, list := inBubble(t, p, guard.RemoteKeysConfig{}), guard.NewRevocationList(guard.RevocationListConfig{})
	saying(t, keys.Fetch(t.Context()), "")
	return newSigner(t).guard(func(c *guard.Config) { c.Keys, c.Revocations, c.Now = keys, list, time.Now }), list
}

// now is a token signed this moment.
func (s signer) now() string {
	s.tb.Helper()
	at := time.Now()
	return s.access(map[string]any{"iat": at.Unix(), "exp": at.Add(15 * time.Minute).Unix()})
}

// checkNow presents a token signed this moment.
func checkNow(t *testing.T, g *guard.Guard, s signer, want error) {
	t.Helper()
	if _, err := g.CheckToken(t.Context(), s.now()); !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", s.key.ID(), err, want)
	}
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusServiceUnavailable)
}

// A key was revoked while nobody asked, and its revocation is no longer in the feed: not even the
// first requests after that pass with it, and all wait for one fetch, also where one failed before.
// secure-defaults 17d, 23a
func TestRemoteQuiet(t *testing.T) {
	t.Parallel()
	leaked, next := signer{t, ed25519Key(t, "k1")}, signer{t, ed25519Key(t, "k2")}
	before, after := text(published(t, leaked.key), ""), text(published(t, next.key), "")
	for name, failed := range map[string]bool{"after a success": false, "after a failure": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &publication{answer: before}
				g, _ := elsewhere(t, p)
				checkNow(t, g, leaked, nil)
				if failed {
					p.set(unavailable)
					time.Sleep(time.Hour)
					checkNow(t, g, leaked, nil) // an issuer that is down stops nobody
				}
				time.Sleep(time.Hour) // the tokens that g remembers have gone: it asks no more
				p.set(after)
				fetched := p.count()
				time.Sleep(time.Hour)
				forged := leaked.now()
				var all sync.WaitGroup
				for range 50 {
					all.Go(func() {
						if _, err := g.CheckToken(t.Context(), forged); !errors.Is(err, guard.TokenInvalid) {
							t.Errorf("revoked key: %v, want %v", err, guard.TokenInvalid)
						}
					})
				}
				all.Wait()
				checkNow(t, g, next, nil)
				if n := p.count() - fetched; n != 1 {
					t.Errorf("%d fetches, want 1", n)
				}
			})
		})
	}
}

// Keys that have only just come of age are fetched beside the request; nobody waits.
func TestRemoteGrace(t *testing.T) {
	t.Parallel()
	s := signer{t, ed25519Key(t, "k1")}
	for after, want := range map[time.Duration]time.Duration{4 * time.Second: 0, 6 * time.Second: 5 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &publication{answer: text(published(t, s.key), "max-age=600")}
				g, _ := elsewhere(t, p)
				p.set(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
				time.Sleep(10*time.Minute + after)
				start := time.Now()
				if checkNow(t, g, s, nil); time.Since(start) != want {
					t.Errorf("waited %s, want %s", time.Since(start), want)
				}
				time.Sleep(10 * time.Second) // the fetch comes to its end
			})
		})
	}
}

// While the issuer is down a key whose revocation was seen stays refused, though the entry has
// expired and a history came that has forgotten it; the other keys of the set go on.
// secure-defaults 23a
func TestRemoteDownRevokedKey(t *testing.T) {
	t.Parallel()
	leaked, next := signer{t, ed25519Key(t, "k1")}, signer{t, ed25519Key(t, "k2")}
	synctest.Test(t, func(t *testing.T) {
		p := &publication{answer: text(published(t, leaked.key, next.key), "")}
		g, list := elsewhere(t, p)
		checkNow(t, g, leaked, nil)
		p.set(unavailable)
		list.Add(guard.RevocationEntry{Kind: guard.RevokedKey, Handle: "k1", ExpiresAt: time.Now().Add(20 * time.Minute)})
		for range 10 {
			checkNow(t, g, leaked, guard.TokenRevoked)
			checkNow(t, g, next, nil)
			time.Sleep(7 * time.Hour)
			if list.Prune(); list.Len() != 1 {
				t.Fatalf("%d entries after Prune, want 1", list.Len())
			}
			list.Reset(nil)
		}
	})
}

// A request waits for keys that are overdue no longer than it has time, nor than a fetch takes, and
// then goes on with those there are. secure-defaults 17c
func TestRemoteOverdueSlow(t *testing.T) {
	t.Parallel()
	s := signer{t, ed25519Key(t, "k1")}
	synctest.Test(t, func(t *testing.T) {
		p := &publication{answer: text(published(t, s.key), "")}
		g, _ := elsewhere(t, p)
		p.set(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(time.Hour)
		start, token := time.Now(), s.now()
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.CheckToken(hurried, token); !errors.Is(err, guard.Unavailable) || time.Since(start) != time.Second {
			t.Errorf("with 1s: %v after %s", err, time.Since(start))
		}
		for range 2 { // the second waits for nothing
			if _, err := g.CheckToken(t.Context(), token); err != nil || time.Since(start) != 5*time.Second {
				t.Errorf("with time: %v after %s", err, time.Since(start))
			}
		}
		if p.count() != 2 {
			t.Errorf("%d fetches, want 2", p.count())
		}
	})
}

// Of keys, those entries stay that stop all tokens; of everything else none does.
func TestRevocationListKeepsRevokedKeys(t *testing.T) {
	t.Parallel()
	now := clock()
	kinds := []guard.RevocationKind{
		guard.RevokedSession, guard.RevokedToken, guard.RevokedUser, guard.RevokedClient, guard.RevokedRoles, guard.RevokedKey,
	}
	for _, kind := range kinds {
		for name, notBefore := range map[string]time.Time{"all": {}, "some": now} {
			l := guard.NewRevocationList(guard.RevocationListConfig{Now: func() time.Time { return now.Add(time.Hour) }})
			want := 0
			if kind == guard.RevokedKey && name == "all" {
				want = 1
			}
			e := guard.RevocationEntry{Kind: kind, Handle: "k1", NotBefore: notBefore, ExpiresAt: now}
			l.Add(e)
			if l.Prune(); l.Len() != want {
				t.Errorf("%s of %s: %d entries after Prune, want %d", name, kind, l.Len(), want)
			}
			l.Add(e)
			for range 2 {
				if l.Reset(nil); l.Len() != want {
					t.Errorf("%s of %s: %d entries after Reset, want %d", name, kind, l.Len(), want)
				}
			}
		}
	}
}
