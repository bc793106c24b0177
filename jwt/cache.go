package jwt

import (
	"context"
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"
	"time"
	"weak"
)

// Cache is a Verifier that remembers the tokens it has verified, and what its owner made of each.
// A token that it knows costs no cryptography: it is found by a hash and compared byte for byte,
// and its exp, nbf and key set are checked again, so that nothing lives longer than its key or its
// time. Everything else (revocation, a proof of possession, what a route asks for) is for the
// caller to check on each use, as before. It is safe for concurrent use and takes no lock to look
// a token up.
//
// What strangers can do to it:
//
//   - Make it grow: no. It has as many places as it was made with, only tokens that passed every
//     check get one, and those over 4 KiB get none. Who holds thousands of good tokens can drive out others', which are then
//     verified again. What has expired is dropped, within a minute.
//   - Make tokens collide: no. The hash is seeded at random for each Cache, covers the whole token,
//     and only picks the set of places to look into, which are seven whatever happens.
//   - Get one token taken for another: no. All bytes are compared, and one Cache serves one
//     Verifier: what another policy accepted is not in it.
//   - Keep a key alive: no. Each entry holds the KeySet that it was verified with, counts only while
//     Keys hands out that very set, and is not kept where that changed during the verification.
//   - Learn a token from the time that a look-up takes: bytes are compared only where all 64 bits of
//     the seeded hash agree.
type Cache[T any] struct {
	v     *Verifier
	read  func(*Claims) T
	seed  maphash.Seed
	sets  []cacheSet[T]
	clean atomic.Bool // a sweep is due to come
}

// cacheSet is one cache line: a byte of the hash of each place's token, and the places. Readers
// take what they find: a tag that does not belong to its place costs them a miss.
type cacheSet[T any] struct {
	tags   atomic.Uint64 // the lowest byte is way 0's; the highest is the writers' lock
	places [ways]atomic.Pointer[cached[T]]
}

// cached is a verified token. It is never changed. All that a look-up reads but the bytes of the
// token stands together.
type cached[T any] struct {
	hash  uint64
	token string
	keys  *KeySet
	from  int64 // Unix nanoseconds, nbf and the leeway before it
	until int64 // exp and the leeway after it
	value T
}

// live is what Config.inTime says of the claims.
func (e *cached[T]) live(at time.Time) error {
	switch now := at.UnixNano(); {
	case now >= e.until:
		return ErrExpired
	case now < e.from:
		return ErrNotYetValid
	}
	return nil
}

const (
	ways       = 7
	maxCached  = 4 << 10 // bytes of token: with its claims it takes up to four times as much
	locked     = 1 << 63
	sweepEvery = time.Minute
)

// NewCache makes a cache of size tokens before v, rounded down to a multiple of seven; below that
// it remembers none. A place takes about 2 KB for a token of ordinary size, 24 KB at the very most,
// and nine bytes while it is empty. read makes of verified claims what Verify returns for the token. It is called
// once a verification, and what it returns is shared by all who bring the token: nobody may change
// it.
func NewCache[T any](v *Verifier, size int, read func(*Claims) T) *Cache[T] {
	return &Cache[T]{v: v, read: read, seed: maphash.MakeSeed(), sets: make([]cacheSet[T], max(size, 0)/ways)}
}

// Verify is Verifier.Verify; a token that is remembered is answered for also where ctx has ended.
// at is the time that exp was compared with, for a caller that goes on to compare times.
func (c *Cache[T]) Verify(ctx context.Context, token string) (value *T, at time.Time, err error) {
	at = c.v.c.Now()
	hash := uint64(0)
	remember := len(c.sets) > 0 && len(token) <= min(maxCached, c.v.c.MaxSize)
	if remember {
		hash = maphash.String(c.seed, token)
		if known := c.find(token, hash); known != nil {
			if err := known.live(at); err != nil {
				return nil, at, err
			}
			return &known.value, at, nil
		}
	}
	t, err := c.v.open(ctx, token)
	if err != nil {
		return nil, at, err
	}
	at = c.v.c.Now() // it may have waited for keys
	claims := &Claims{shared: true}
	if err := c.v.c.accept(claims, t, at); err != nil {
		return nil, at, err
	}
	if remember && c.v.c.Keys.KeySet() == t.set {
		from, until := c.v.c.window(claims)
		e := &cached[T]{hash, strings.Clone(token), t.set, from, until, c.read(claims)}
		c.put(e, at)
		return &e.value, at, nil
	}
	made := c.read(claims)
	return &made, at, nil
}

func (c *Cache[T]) set(hash uint64) *cacheSet[T] {
	i, _ := bits.Mul64(hash, uint64(len(c.sets)))
	return &c.sets[i]
}

// find returns what is known of a token, under the keys that count now.
func (c *Cache[T]) find(token string, hash uint64) *cached[T] {
	s := c.set(hash)
	for tags, i := s.tags.Load(), 0; i < ways; tags, i = tags>>8, i+1 {
		if byte(tags) != byte(hash) {
			continue
		}
		known := s.places[i].Load()
		if known != nil && known.hash == hash && known.token == token && known.keys == c.v.c.Keys.KeySet() {
			return known
		}
	}
	return nil
}

// put keeps an entry, unless another is being put into its set at this moment: then it is for the
// next time. It takes the place of the same token under older keys, of nothing, of an expired one,
// or of any.
func (c *Cache[T]) put(e *cached[T], now time.Time) {
	s := c.set(e.hash)
	tags := s.tags.Load()
	if tags&locked != 0 || !s.tags.CompareAndSwap(tags, tags|locked) {
		return
	}
	at := int(e.hash >> 8 % ways)
	for i := range s.places {
		old := s.places[i].Load()
		if old == nil || old.token == e.token || old.live(now) == ErrExpired {
			at = i
			break
		}
	}
	s.places[at].Store(e)
	s.tags.Store(tags&^(0xff<<(8*at)) | uint64(byte(e.hash))<<(8*at))
	c.sweepLater()
}

// sweepLater sees to it that a sweep comes, without keeping the cache alive for it.
func (c *Cache[T]) sweepLater() {
	if !c.clean.CompareAndSwap(false, true) {
		return
	}
	cache := weak.Make(c)
	time.AfterFunc(sweepEvery, func() {
		if c := cache.Value(); c != nil {
			c.clean.Store(false)
			if c.sweep(c.v.c.Now()) > 0 {
				c.sweepLater()
			}
		}
	})
}

// sweep drops what has expired and returns how many are left.
func (c *Cache[T]) sweep(now time.Time) (left int) {
	for i := range c.sets {
		for j := range c.sets[i].places {
			place := &c.sets[i].places[j]
			switch old := place.Load(); {
			case old == nil:
			case old.live(now) == ErrExpired || old.keys != c.v.c.Keys.KeySet():
				place.CompareAndSwap(old, nil)
			default:
				left++
			}
		}
	}
	return left
}
