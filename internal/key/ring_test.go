package key_test

import (
	"context"
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
	"github.com/sandi-auth/sandi/internal/testdb"
	"github.com/sandi-auth/sandi/jwt"
)

// clock is advanced by hand.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(c.offset.Load()))
}
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func TestMain(m *testing.M) { testdb.Main(m) }

// bench is one store, and what its nodes have in common.
type bench struct {
	clock  clock
	url    string
	life   time.Duration // of tokens, that the store was told of
	db     *store.DB
	master *key.Master
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return newBenchFor(t, access, embedded(t))
}

func embedded(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "sandi.db") }

func newBenchFor(t *testing.T, life time.Duration, url string) *bench {
	t.Helper()
	b := &bench{master: key.GenerateMaster(), url: url, life: life}
	b.db = b.open(t)
	return b
}

// open is what another process has of the store.
func (b *bench) open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{URL: b.url, AccessLifetime: b.life, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// onEach runs a test on every database.
func onEach(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	for name, empty := range map[string]func(testing.TB) string{"SQLite": embedded, "PostgreSQL": testdb.Postgres, "MariaDB": testdb.MariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newBenchFor(t, access, empty(t)))
		})
	}
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
	cfg := key.Config{Store: b.db, Masters: key.NewMasters(b.master), AccessLifetime: access, RotateEvery: month, Now: b.clock.now}
	for _, f := range change {
		f(&cfg)
	}
	r, err := key.NewRing(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Refresh(t.Context()); err != nil {
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
	onEach(t, func(t *testing.T, b *bench) {
		kids := make([]string, 4)
		var wg sync.WaitGroup
		for i := range kids {
			db := b.open(t)
			wg.Go(func() { kids[i] = b.ring(t, func(c *key.Config) { c.Store = db }).Signer().ID() })
		}
		wg.Wait()
		for _, kid := range kids {
			if kid != kids[0] {
				t.Errorf("nodes sign with different keys: %q", kids)
			}
		}
	})
}

// secure-defaults 2h
func TestOtherMaster(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.ring(t)
	r, err := key.NewRing(key.Config{Store: b.db, Masters: key.NewMasters(key.GenerateMaster()), AccessLifetime: access, Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(context.Context) error{"Load": r.Load, "Refresh": r.Refresh} {
		err := do(t.Context())
		if refusal, ok := errors.AsType[*key.Refusal](err); !ok || !strings.Contains(err.Error(), "another master key") || refusal.Hint() == "" {
			t.Errorf("%s: got %v, want a refusal with a hint", name, err)
		}
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
	forged.KID, forged.Master = "other", b.master.Fingerprint()
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

// TestLoadChangesNothing: whoever looks makes no key, claims no store and removes nothing.
func TestLoadChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	load := func() (*key.Ring, error) {
		r, err := key.NewRing(key.Config{Store: b.db, Masters: key.NewMasters(b.master), AccessLifetime: access, RotateEvery: time.Second, Algorithm: jwt.EdDSA, Now: b.clock.now})
		if err != nil {
			t.Fatal(err)
		}
		return r, r.Load(t.Context())
	}
	_, err := load()
	if r, ok := errors.AsType[*key.Refusal](err); !ok || r.Hint() == "" {
		t.Errorf("an empty store: %v, want a refusal with a hint", err)
	}
	r := b.ring(t)
	if _, err := r.Rotate(t.Context(), audit.From{}); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(month)
	before, err := b.db.SigningKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	looking, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]key.Phase{key.Gone, key.Active}, phases(looking)); diff != "" {
		t.Error(diff)
	}
	if after, err := b.db.SigningKeys(t.Context()); err != nil || cmp.Diff(before, after) != "" {
		t.Errorf("Load changed the store: %v %s", err, cmp.Diff(before, after))
	}
}
