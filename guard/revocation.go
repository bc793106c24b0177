package guard

import (
	"errors"
	"hash/maphash"
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// The kinds of RevocationEntry. A session or token no longer counts at all; of
// the others, tokens issued up to NotBefore do not.
const (
	RevokedSession = "session" // handle: the claim sid
	RevokedToken   = "token"   // handle: the claim jti
	RevokedUser    = "user"    // handle: the claim sub
	RevokedClient  = "client"  // handle: the claim client_id
	RevokedRoles   = "roles"   // handle: the claim sub of whose roles changed
	RevokedKey     = "key"     // handle: the header's kid
)

// RevocationEntry is one thing that no longer counts.
type RevocationEntry struct {
	Kind   string
	Handle string
	// NotBefore is the watermark of kinds other than session and token: tokens
	// issued in its second or earlier no longer count. Zero means all tokens.
	NotBefore time.Time
	// ExpiresAt is when no token that the entry could stop is alive; Prune then
	// drops it. Zero keeps it until Reset.
	ExpiresAt time.Time
}

// RevocationListConfig configures a RevocationList.
type RevocationListConfig struct {
	// MaxStaleness is how long the list is trusted after the last Touch, and
	// that it is not trusted before the first. 0 is for a list that is filled
	// by the program that asks it and so is never behind.
	MaxStaleness time.Duration
	// Now is the clock, default time.Now.
	Now func() time.Time
}

// ErrStale says that the list has not been brought up to date for
// MaxStaleness, so that a look-up would answer with what it does not know.
var ErrStale = errors.New("guard: revocation list is stale")

// RevocationList is what no longer counts, in memory. Look-ups take no lock and
// allocate nothing; whoever prunes it bounds it by how much is revoked within
// the life of an access token. It is safe for concurrent use.
type RevocationList struct {
	maxStaleness time.Duration
	now          func() time.Time
	watchers     watchers
	touched      atomic.Pointer[time.Time] // with its monotonic reading: a clock set back does not keep it fresh

	seed   maphash.Seed
	mu     sync.Mutex // serialises writers of shards and count
	count  int
	shards [4096]atomic.Pointer[shard]
}

// shard is never changed once it is published: writers replace it.
type shard map[revoked]watermark

type revoked struct{ kind, handle string }

type watermark struct {
	notBefore int64 // Unix seconds
	expires   int64 // Unix milliseconds
}

// NewRevocationList makes an empty list.
func NewRevocationList(c RevocationListConfig) *RevocationList {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &RevocationList{maxStaleness: c.MaxStaleness, now: c.Now, seed: maphash.MakeSeed()}
}

// Add revokes. When it returns, no look-up misses the entries. Of two entries
// for the same thing the later dates count, so that order does not matter.
func (l *RevocationList) Add(es ...RevocationEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, add := range l.sort(es) {
		next := shard{}
		if old := l.shards[i].Load(); old != nil {
			next = maps.Clone(*old)
			l.count -= len(next)
		}
		next.merge(add)
		l.count += len(next)
		l.shards[i].Store(&next)
	}
	l.watchers.notify(es)
}

// Reset replaces the whole list. An entry that is in both is never missed
// meanwhile.
func (l *RevocationList) Reset(es []RevocationEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sorted := l.sort(es)
	l.count = 0
	for i := range l.shards {
		add := sorted[uint64(i)]
		if len(add) == 0 {
			l.shards[i].Store(nil)
			continue
		}
		next := make(shard, len(add))
		next.merge(add)
		l.count += len(next)
		l.shards[i].Store(&next)
	}
	l.watchers.notifyAll()
}

// Touch says that the list is now up to date, after the feed was read.
func (l *RevocationList) Touch() {
	now := l.now()
	l.touched.Store(&now)
}

// Prune drops the entries whose ExpiresAt has passed and says how many. Call it
// about once a minute.
func (l *RevocationList) Prune() int {
	now := l.now().UnixMilli()
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.count
	for i := range l.shards {
		old := l.shards[i].Load()
		if old == nil || !old.hasExpired(now) {
			continue
		}
		next := maps.Clone(*old)
		maps.DeleteFunc(next, func(_ revoked, m watermark) bool { return m.expires < now })
		l.count -= len(*old) - len(next)
		l.shards[i].Store(&next)
	}
	return before - l.count
}

// Len is how many entries there are.
func (l *RevocationList) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// Revoked implements Revocations. The error is ErrStale.
func (l *RevocationList) Revoked(t *Token) (bool, error) {
	if l.maxStaleness > 0 {
		touched := l.touched.Load()
		if touched == nil || l.now().Sub(*touched) > l.maxStaleness {
			return false, ErrStale
		}
	}
	iat := int64(math.MinInt64) // a token that hides its age is as old as can be
	if at := t.IssuedAt(); !at.IsZero() {
		iat = at.Unix()
	}
	subject := t.Subject()
	return l.stops(RevokedSession, t.Session(), iat) ||
		l.stops(RevokedToken, t.ID(), iat) ||
		l.stops(RevokedUser, subject, iat) ||
		l.stops(RevokedRoles, subject, iat) ||
		l.stops(RevokedClient, t.ClientID(), iat) ||
		l.stops(RevokedKey, t.KeyID(), iat), nil
}

// handles is what of a token a list looks up, computed once.
type handles struct{}

// prepare computes t's handles. It is called before t is shared.
func (l *RevocationList) prepare(t *Token) {}

func (l *RevocationList) stops(kind, handle string, iat int64) bool {
	if handle == "" {
		return false
	}
	s := l.shards[l.index(handle)].Load()
	if s == nil {
		return false
	}
	m, ok := (*s)[revoked{kind, handle}]
	return ok && iat <= m.notBefore
}

func (l *RevocationList) index(handle string) uint64 {
	return maphash.String(l.seed, handle) % uint64(len(l.shards))
}

// sort groups entries by shard, so that each is copied once.
func (l *RevocationList) sort(es []RevocationEntry) map[uint64][]RevocationEntry {
	sorted := make(map[uint64][]RevocationEntry)
	for _, e := range es {
		i := l.index(e.Handle)
		sorted[i] = append(sorted[i], e)
	}
	return sorted
}

func (s shard) merge(es []RevocationEntry) {
	for _, e := range es {
		k := revoked{e.Kind, e.Handle}
		m := watermark{notBefore: math.MaxInt64, expires: math.MaxInt64}
		if e.Kind != RevokedSession && e.Kind != RevokedToken && !e.NotBefore.IsZero() {
			m.notBefore = e.NotBefore.Unix()
		}
		if !e.ExpiresAt.IsZero() {
			m.expires = e.ExpiresAt.UnixMilli()
		}
		if old, ok := s[k]; ok {
			m.notBefore, m.expires = max(m.notBefore, old.notBefore), max(m.expires, old.expires)
		}
		s[k] = m
	}
}

func (s shard) hasExpired(now int64) bool {
	for _, m := range s {
		if m.expires < now {
			return true
		}
	}
	return false
}
