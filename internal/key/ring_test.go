package key_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/jwt"
)

// clock is advanced by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// bench is one store, and what its nodes have in common.
type bench struct {
	clock  clock
	db     *store.DB
	master *key.Master
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{master: key.GenerateMaster()}
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "sandi.db"), Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	b.db = db
	return b
}

const (
	access = 15 * time.Minute
	cache  = 5 * time.Minute
	month  = 30 * 24 * time.Hour
	// ready and gone are how long after its making a key signs, and after its retirement it is needed.
	ready = cache + 5*time.Second
	gone  = access + time.Minute + cache
)

func (b *bench) ring(t *testing.T, change ...func(*key.Config)) *key.Ring {
	t.Helper()
	cfg := key.Config{Store: b.db, Master: b.master, AccessLifetime: access, RotateEvery: month, Now: b.clock.now}
	for _, f := range change {
		f(&cfg)
	}
	r, err := key.NewRing(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func refresh(t *testing.T, rings ...*key.Ring) {
	t.Helper()
	for _, r := range rings {
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func phases(r *key.Ring) (out []key.Phase) {
	for _, s := range r.States() {
		out = append(out, s.State)
	}
	return out
}

// secure-defaults 1a, 3a
func TestFirstKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.ring(t)
	if diff := cmp.Diff([]key.Phase{key.Active}, phases(r)); diff != "" {
		t.Error(diff)
	}
	k := r.Signer()
	if k.Algorithm() != jwt.ES256 || k.ID() != k.Thumbprint() {
		t.Errorf("first key is %v, want ES256 named by its thumbprint", k)
	}
	again := b.ring(t)
	if again.Signer().ID() != k.ID() {
		t.Error("a restart made another key")
	}
	records, err := b.db.Keys(t.Context())
	if err != nil || len(records) != 1 {
		t.Fatalf("Keys = %v, %v", records, err)
	}
	private, err := k.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	var jwk struct{ D string }
	if err := json.Unmarshal(private, &jwk); err != nil || jwk.D == "" {
		t.Fatal("no private member to look for")
	}
	if strings.Contains(string(records[0].Sealed), jwk.D) {
		t.Error("the private key is stored in the clear") // secure-defaults 18a
	}
}

// Two nodes that start at once on an empty store share one key.
func TestFirstKeyRace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	kids := make([]string, 4)
	var wg sync.WaitGroup
	for i := range kids {
		wg.Go(func() { kids[i] = b.ring(t).Signer().ID() })
	}
	wg.Wait()
	for _, kid := range kids {
		if kid != kids[0] {
			t.Errorf("nodes sign with different keys: %q", kids)
		}
	}
}

// secure-defaults 2h
func TestOtherMaster(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ring(t)
	r, err := key.NewRing(key.Config{Store: b.db, Master: key.GenerateMaster(), AccessLifetime: access, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	err = r.Load(t.Context())
	if refusal, ok := errors.AsType[*key.Refusal](err); !ok || !strings.Contains(err.Error(), "another master key") || refusal.Hint() == "" {
		t.Errorf("got %v, want a refusal with a hint", err)
	}
}

// A record that was moved to another name, or swapped for another key, is not used.
// secure-defaults 18a
func TestSwappedRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.ring(t)
	records, err := b.db.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	forged := records[0]
	forged.KID = "other"
	forged.ActivateAt = b.clock.now().Add(time.Hour)
	if ok, err := b.db.AddKey(t.Context(), forged, records[0].KID, audit.Event{At: b.clock.now(), Action: audit.KeyCreated}); err != nil || !ok {
		t.Fatal(ok, err)
	}
	set := r.KeySet()
	if err := r.Refresh(t.Context()); !errors.Is(err, key.ErrSealed) {
		t.Errorf("got %v, want ErrSealed", err)
	}
	if r.KeySet() != set {
		t.Error("the set changed although it could not be read")
	}
}
