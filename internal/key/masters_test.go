package key_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/jwt"
)

// withMasters is a node with those keys.
func (b *bench) withMasters(t *testing.T, m *key.Masters) *key.Ring {
	t.Helper()
	return b.ring(t, func(c *key.Config) { c.Masters = m })
}

// TestMasterChange: the master key is changed while nodes run, node by node, and back. Each goes on signing with the
// keys that it has; what authenticates refresh tokens changes once every node has seen so; a node without the new
// key says that it is not ready, and starts no more.
// secure-defaults 18c
func TestMasterChange(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		old, later := b.master, key.GenerateMaster()
		left := key.NewMasters(old)
		alone := b.withMasters(t, left)
		kid := alone.Signer().ID()
		both := [2]*key.Masters{key.NewMasters(later, old), key.NewMasters(old, later)} // the order is no matter
		nodes := [2]*key.Ring{b.withMasters(t, both[0]), b.withMasters(t, both[1])}
		current := func(first, second int) {
			t.Helper()
			if both[0].Current() != first || both[1].Current() != second {
				t.Errorf("authenticate with %d and %d, want %d and %d", both[0].Current(), both[1].Current(), first, second)
			}
		}
		current(1, 0)
		if n, err := both[0].Change(t.Context(), b.db, audit.From{Actor: "cli"}); n != 1 || err != nil {
			t.Fatalf("Change = %d, %v", n, err)
		}
		checkEvents(t, b, audit.Event{Action: audit.MasterChanged, From: audit.From{Actor: "cli"}, Detail: map[string]string{"from": old.Fingerprint(), "to": later.Fingerprint()}})
		set := nodes[0].KeySet()
		refresh(t, nodes[:]...)
		current(1, 0) // not before a node without the new key has seen that it has to stop
		if err := alone.Refresh(t.Context()); !refusal(err) || left.Current() != -1 || !refusal(alone.Ready()) {
			t.Errorf("a node without the new key: %v, current %d, ready %v", err, left.Current(), alone.Ready())
		}
		b.clock.advance(5 * time.Second)
		refresh(t, nodes[:]...)
		current(0, 1)
		if nodes[0].KeySet() != set || nodes[0].Signer().ID() != kid || nodes[0].Ready() != nil {
			t.Error("the change of the master key changed the signing keys")
		}
		if err := newRing(t, b, key.NewMasters(old)).Refresh(t.Context()); !refusal(err) {
			t.Errorf("a start without the new key: %v, want a refusal with a hint", err)
		}
		if after := b.withMasters(t, key.NewMasters(later)); after.Signer().ID() != kid {
			t.Error("a start without the old key made another signing key")
		}
		if _, err := both[0].Change(t.Context(), b.db, audit.From{}); !refusal(err) || !strings.Contains(err.Error(), "already") {
			t.Errorf("the same change again: %v", err)
		}
		if _, err := left.Change(t.Context(), b.db, audit.From{}); !refusal(err) {
			t.Errorf("without the present key: %v", err)
		}
		if _, err := both[1].Change(t.Context(), b.db, audit.From{}); err != nil {
			t.Errorf("back: %v", err)
		}
		if err := alone.Refresh(t.Context()); err != nil || left.Current() != 0 || alone.Ready() != nil {
			t.Errorf("the node whose key counts again: %v, current %d, ready %v", err, left.Current(), alone.Ready())
		}
	})
}

func newRing(t *testing.T, b *bench, m *key.Masters) *key.Ring {
	t.Helper()
	r, err := key.NewRing(key.Config{Store: b.db, Masters: m, AccessLifetime: access, RotateEvery: 30 * time.Second, CacheTime: time.Second, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A change of the master key among rotations and revocations leaves no key that the new one does not open.
func TestMasterChangeRace(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		later := key.GenerateMaster()
		m := key.NewMasters(later, b.master)
		first := b.ring(t)
		var wg sync.WaitGroup
		for range 4 {
			r := b.ring(t, func(c *key.Config) { c.Store, c.Masters = b.open(t), key.NewMasters(b.master, later) })
			wg.Go(func() {
				for range 5 {
					if _, err := r.Rotate(t.Context(), audit.From{}); err != nil && !errors.Is(err, key.ErrPending) {
						t.Error(err)
					}
					if _, _, err := r.Revoke(t.Context(), r.Signer().ID(), "", audit.From{}); err != nil && !refusal(err) {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			if _, err := m.Change(t.Context(), b.db, audit.From{}); err != nil && !strings.Contains(err.Error(), "changed meanwhile") {
				t.Error(err)
			}
		})
		wg.Wait()
		if stored, err := b.db.SigningKeys(t.Context()); err != nil || stored.Master != later.Fingerprint() {
			if _, err := m.Change(t.Context(), b.db, audit.From{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := newRing(t, b, key.NewMasters(later)).Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		if err := first.Refresh(t.Context()); !refusal(err) {
			t.Errorf("without the new key: %v", err)
		}
	})
}

// HS256 keeps no key in the store, and follows a change of the master key all the same.
func TestMasterChangeHS256(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	later := key.GenerateMaster()
	masters := key.NewMasters(b.master, later)
	path := masterFile(t)
	if err := os.WriteFile(path, []byte(key.NewSecret()), 0o600); err != nil {
		t.Fatal(err)
	}
	r := b.ring(t, func(c *key.Config) { c.Algorithm, c.SecretFile, c.Masters = jwt.HS256, path, masters })
	if n, err := key.NewMasters(later, b.master).Change(t.Context(), b.db, audit.From{}); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	refresh(t, r)
	b.clock.advance(5 * time.Second)
	refresh(t, r)
	if masters.Current() != 1 {
		t.Error("refresh tokens are authenticated with the old key")
	}
	if _, _, err := r.Revoke(t.Context(), r.Signer().ID(), "", audit.From{}); !refusal(err) {
		t.Errorf("Revoke: %v, want a refusal with a hint", err)
	}
}
