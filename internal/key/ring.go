package key

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	// clockSlack is what the clocks of a verifier and of this node may differ by.
	clockSlack = time.Minute
	// followSlack is the time in which every node has seen a new key: they look each second.
	followSlack = 5 * time.Second
)

// ErrPending means that a next key already waits to become active.
var ErrPending = errors.New("a next key is already waiting")

// Config is what a Ring works with. Store, Masters, AccessLifetime and Now are required.
type Config struct {
	Store   Store
	Masters *Masters
	// Algorithm of new keys: ES256 (default), EdDSA, RS256 or PS256; HS256 takes SecretFile.
	// Where it is changed, the next start rotates to a key of the new one.
	Algorithm jwt.Algorithm
	// SecretFile holds the shared secret of HS256, mode 0600. Whoever can verify
	// with it can also sign, so it is for a single party and never published.
	SecretFile string
	// AccessLifetime is the longest life of the tokens that this node signs. What other processes told the
	// store of counts too.
	AccessLifetime time.Duration
	// CacheTime is how long verifiers may keep the published set; default 5 min. A key signs CacheTime and 5 s
	// after it was made.
	CacheTime time.Duration
	// RotateEvery is the age at which a key is replaced; 0 means by command alone.
	RotateEvery time.Duration
	Now         func() time.Time
	Logger      *slog.Logger // default slog.DiscardHandler
}

// Ring holds the signing keys of this node. It implements jwt.Keys, and is safe
// for concurrent use after Load, or the first Refresh.
type Ring struct {
	cfg      Config
	current  atomic.Pointer[membership]
	lifetime atomic.Int64 // a time.Duration: the longest of an access token that the store knows

	mu        sync.Mutex // one reload at a time; guards what follows
	master    string     // the fingerprint that the store has
	switchAt  time.Time  // when another master key takes over; zero while none waits
	refetched time.Time  // when Refetch last read the store

	refreshed atomic.Int64 // Unix nanoseconds of the last reload
}

// membership is the keys between two changes. It is immutable.
type membership struct {
	records []Record    // by ActivateAt
	signs   []time.Time // from when on this node signs with each
	keys    []*jwt.Key  // able to sign, in the same order
	set     *jwt.KeySet
}

// NewRing checks the configuration, and reads the secret where HS256 is
// configured. Load comes next, or Refresh.
func NewRing(cfg Config) (*Ring, error) {
	if cfg.Store == nil || cfg.Masters == nil || cfg.AccessLifetime <= 0 || cfg.Now == nil {
		panic("key: NewRing needs Store, Masters, AccessLifetime and Now")
	}
	if cfg.Algorithm == "" {
		cfg.Algorithm = jwt.ES256
	}
	if cfg.CacheTime == 0 {
		cfg.CacheTime = 5 * time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Ring{cfg: cfg}
	switch cfg.Algorithm {
	case jwt.ES256, jwt.EdDSA, jwt.RS256, jwt.PS256:
		if cfg.SecretFile != "" {
			return nil, refuse("a secret file is set, but "+string(cfg.Algorithm)+" has none", "remove token.secret_file, or set token.algorithm to HS256")
		}
		return r, nil
	case jwt.HS256:
		return r, r.loadSecret()
	default:
		return nil, refuse("signing algorithm "+string(cfg.Algorithm)+" is not supported", "use ES256, EdDSA, RS256, PS256, or HS256 with a secret file")
	}
}

// loadSecret makes the one key of HS256.
func (r *Ring) loadSecret() error {
	if r.cfg.SecretFile == "" {
		return refuse("HS256 needs a secret file", "set token.secret_file to a file with a random secret ("+secretHint+"), or use ES256")
	}
	k, err := LoadSecret(r.cfg.SecretFile)
	if err != nil {
		return err
	}
	return r.setMembers(nil, nil, []*jwt.Key{k})
}

// shared says that the one key is a shared secret, which the store knows nothing of.
func (r *Ring) shared() bool { return r.cfg.Algorithm == jwt.HS256 }

// life is how long a key is needed after its retirement.
func (r *Ring) life() time.Duration {
	return max(r.cfg.AccessLifetime, time.Duration(r.lifetime.Load())) + clockSlack + r.cfg.CacheTime
}

// lead is how long a key is published before it signs.
func (r *Ring) lead() time.Duration { return r.cfg.CacheTime + followSlack }

// KeySet is every key whose tokens are accepted: next, active and retiring.
// The pointer changes only when the membership does. Its JSON is the set to
// publish (RFC 7517 section 5), which leaves out the secret of HS256.
func (r *Ring) KeySet() *jwt.KeySet { return r.current.Load().set }

// Signer is the key that signs at this instant.
func (r *Ring) Signer() *jwt.Key {
	m := r.current.Load()
	return m.keys[m.signer(r.cfg.Now())]
}

// signer is the place of the key that signs.
func (m *membership) signer(now time.Time) int {
	for i := len(m.signs) - 1; i > 0; i-- {
		if !now.Before(m.signs[i]) {
			return i
		}
	}
	return 0 // also while the clock stands before the first ActivateAt
}

// States lists the keys, oldest first; none under HS256, and none before Load.
func (r *Ring) States() []State {
	if r.current.Load() == nil {
		return nil
	}
	return States(r.current.Load().records, r.cfg.Now(), r.life())
}

// setMembers publishes a new membership.
func (r *Ring) setMembers(records []Record, signs []time.Time, keys []*jwt.Key) error {
	verify := slices.Clone(keys)
	if !r.shared() { // who only verifies needs no private halves
		for i, k := range verify {
			verify[i] = k.Public()
		}
	}
	set, err := jwt.NewKeySet(verify...)
	if err != nil {
		return fmt.Errorf("load keys: %w", err)
	}
	r.current.Store(&membership{records, signs, keys, set})
	return nil
}

// sameKeys says that both lists hold the same keys at the same instants.
func sameKeys(a, b []Record) bool {
	return slices.EqualFunc(a, b, func(a, b Record) bool {
		return a.KID == b.KID && a.ActivateAt.Equal(b.ActivateAt)
	})
}

// place is where a record is kept, for Master.Seal.
func place(kid string) string { return "signing key " + kid }

// open decrypts the private key of a record and checks that it is the one named.
func (r *Ring) open(rec Record) (*jwt.Key, error) {
	jwk, err := r.cfg.Masters.Open(rec.Sealed, place(rec.KID))
	if err != nil {
		return nil, fmt.Errorf("open key %s: %w", rec.KID, err)
	}
	k, err := jwt.ParseKey(jwk)
	if err != nil {
		return nil, fmt.Errorf("open key %s: %w", rec.KID, err)
	}
	if k.ID() != rec.KID || string(k.Algorithm()) != rec.Algorithm || !k.CanSign() {
		return nil, fmt.Errorf("open key %s: the store holds another key under this name", rec.KID)
	}
	return k, nil
}

// make generates a key and its record, under the store's master key.
func (r *Ring) make(activate, now time.Time) (Record, error) {
	master, err := r.cfg.Masters.known(r.master)
	if err != nil {
		return Record{}, err
	}
	k, err := jwt.GenerateKey(r.cfg.Algorithm)
	for err == nil && k.ID()[0] == '-' { // a command line would take its id for a flag
		k, err = jwt.GenerateKey(r.cfg.Algorithm)
	}
	if err != nil {
		return Record{}, fmt.Errorf("make key: %w", err)
	}
	jwk, err := k.PrivateJWK()
	if err != nil {
		return Record{}, fmt.Errorf("make key: %w", err)
	}
	return Record{
		KID: k.ID(), Algorithm: string(k.Algorithm()), Sealed: master.Seal(jwk, place(k.ID())), Master: r.master,
		CreatedAt: now, ActivateAt: activate,
	}, nil
}

// created is the audit event of a new key.
func created(rec Record, from audit.From) audit.Event {
	return audit.Event{
		At: rec.CreatedAt, Action: audit.KeyCreated, From: from,
		Detail: map[string]string{"kid": rec.KID, "alg": rec.Algorithm},
	}
}
