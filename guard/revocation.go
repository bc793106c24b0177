package guard

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// RevocationKind is what a RevocationEntry stops.
type RevocationKind string

// The kinds. A session or token no longer counts at all; of the others, tokens
// issued up to NotBefore do not.
const (
	RevokedSession RevocationKind = "session" // handle: the claim sid
	RevokedToken   RevocationKind = "token"   // handle: the claim jti
	RevokedUser    RevocationKind = "user"    // handle: the claim sub
	RevokedClient  RevocationKind = "client"  // handle: the claim client_id
	RevokedRoles   RevocationKind = "roles"   // handle: the claim sub of whose roles changed
	RevokedKey     RevocationKind = "key"     // handle: the header's kid
)

// RevocationEntry is one thing that no longer counts.
type RevocationEntry struct {
	// Kind says what Handle names. One of the constants.
	Kind RevocationKind
	// Handle is the value of the kind's claim. Required.
	Handle string
	// NotBefore is the watermark of kinds other than session and token: tokens
	// issued in its second or earlier no longer count. Zero means all tokens.
	NotBefore time.Time
	// ExpiresAt is when no token that the entry could stop is alive; Prune then
	// drops it, up to a second later. Zero keeps it until Reset. An entry for all
	// tokens of a key is kept for as long as the list is, whatever this says:
	// who has the key signs more of them, and an old key set may still have it.
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

// RevocationList is what no longer counts, in memory: about 35 bytes an entry. A look-up takes no
// lock, allocates nothing and costs one word of a Bloom filter for each handle of the token; only
// where that says "maybe" is the exact set read. Whoever prunes the list bounds it by how much is
// revoked within the life of an access token. It is safe for concurrent use.
//
// Handles are kept as 124 bits of two hashes (hash/maphash, which is made to resist who chooses the
// strings), by seeds that the list drew at random and shows to nobody. So a collision cannot be
// searched for, and chance makes one of two handles in 2^124 times. It would stop a token too many:
// what is revoked is never let through.
type RevocationList struct {
	maxStaleness time.Duration
	now          func() time.Time // nil is the clock of the process
	seeds        [2]maphash.Seed
	touched      atomic.Pointer[time.Time] // nil before the first Touch
	// The first eight bits of a hash choose the shard, so that growing copies a 256th of the list.
	shards [256]atomic.Pointer[table]

	mu       sync.Mutex // serialises writers of shards and tables
	watchers watchers
}

// NewRevocationList makes an empty list, of about 2 KB.
func NewRevocationList(c RevocationListConfig) *RevocationList {
	l := &RevocationList{maxStaleness: c.MaxStaleness, now: c.Now, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	return l
}

// Add revokes. When it returns, no look-up misses the entries. Of two entries for the same thing
// the later dates count, so that order does not matter. It panics for an entry of an unknown kind
// or without a handle, which would revoke nothing and look as if it did; see End for the caller of
// a request.
func (l *RevocationList) Add(es ...RevocationEntry) {
	mustStop(es)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range es {
		id := l.identify(e)
		shard := &l.shards[id.hash.shard()]
		shard.Store(shard.Load().put(id, e.dates()))
	}
	l.watchers.notify(es)
}

// End revokes the session of t, by its sid, or t alone, by its jti, where it has no session: what a
// sign-out does. until is when the last token of the session has expired, such as the end of its
// refresh token; zero keeps the entry until Reset. What is remembered outlives t in any case. It
// fails, and nothing is revoked, where t has neither sid nor jti.
func (l *RevocationList) End(t *Token, until time.Time) error {
	e := RevocationEntry{Kind: RevokedSession, Handle: t.Session(), ExpiresAt: until}
	dies := t.ExpiresAt()
	if !dies.IsZero() {
		dies = dies.Add(t.verifiedBy().cfg.Leeway)
	}
	if e.Handle == "" {
		e = RevocationEntry{Kind: RevokedToken, Handle: t.ID(), ExpiresAt: dies}
	}
	if e.Handle == "" {
		return errNoHandle
	}
	if dies.IsZero() || !e.ExpiresAt.IsZero() && e.ExpiresAt.Before(dies) {
		e.ExpiresAt = dies
	}
	l.Add(e)
	return nil
}

var errNoHandle = errors.New("guard: end session: the token has neither sid nor jti to be known by: have its issuer set one")

// Reset replaces the whole list, but for the keys that were revoked for all tokens: what has leaked
// once stays so in every history, also one that has forgotten it. There are as few as there were
// leaks; only a new list is without them. An entry that is in both is never missed meanwhile. It
// panics as Add does.
func (l *RevocationList) Reset(es []RevocationEntry) {
	mustStop(es)
	l.mu.Lock()
	defer l.mu.Unlock()
	var shards [len(l.shards)]*table
	if n := len(es) / len(shards); n > 0 {
		for i := range shards {
			shards[i] = newTable(n + n/8)
		}
	}
	for _, e := range es {
		id := l.identify(e)
		i := id.hash.shard()
		shards[i] = shards[i].put(id, e.dates())
	}
	for i, t := range shards {
		for id := range l.shards[i].Load().revokedKeys() {
			t = t.put(id, endless)
		}
		l.shards[i].Store(t)
	}
	l.watchers.notifyAll()
}

// Touch says that the list is now up to date, after the feed was read.
func (l *RevocationList) Touch() { l.touchedAt(l.time()) }

// Distrust makes the list stale until the next Touch: what it is kept equal to was replaced, and it
// says what no longer holds. It does nothing where MaxStaleness is 0.
func (l *RevocationList) Distrust() { l.touched.Store(nil) }

// touchedAt is Touch for what was up to date at t.
func (l *RevocationList) touchedAt(t time.Time) { l.touched.Store(&t) }

// Prune drops the entries whose ExpiresAt has passed and says how many. Call it about once a
// minute: it reads the list once, holding up no look-up at all and an Add for a 256th of that.
func (l *RevocationList) Prune() int {
	now, total := unixSecondsUp(l.time()), 0
	for i := range l.shards {
		l.mu.Lock()
		t, dropped := l.shards[i].Load().prune(now)
		l.shards[i].Store(t)
		l.mu.Unlock()
		total += dropped
	}
	return total
}

// Len is how many entries there are.
func (l *RevocationList) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for i := range l.shards {
		if t := l.shards[i].Load(); t != nil {
			n += t.live
		}
	}
	return n
}

// Revoked implements Revocations. The error is ErrStale.
func (l *RevocationList) Revoked(_ context.Context, t *Token) (bool, error) {
	if l.maxStaleness > 0 {
		return l.revokedAt(t, l.time())
	}
	return l.revokedAt(t, time.Time{})
}

// revokedAt is Revoked for who has just read the clock, which costs more than the rest.
func (l *RevocationList) revokedAt(t *Token, at time.Time) (bool, error) {
	if l.maxStaleness > 0 && l.isStale(at) {
		return false, ErrStale
	}
	if t == nil {
		return false, nil
	}
	h := &t.handles
	if h.list != l || h.claims != t.Claims {
		made := l.handlesOf(t)
		h = &made
	}
	for i := range h.hashes {
		hash := h.hashes[i]
		if hash == 0 {
			continue
		}
		if s := l.shards[hash.shard()].Load(); s.mayHold(hash) && h.stoppedBy(s, handleKind(i)) {
			return true, nil
		}
	}
	return false, nil
}

// isStale asks the monotonic clock, which cannot be set back to keep the list fresh, and the wall
// clock, which goes on while the machine sleeps.
func (l *RevocationList) isStale(at time.Time) bool {
	touched := l.touched.Load()
	return touched == nil || at.Sub(*touched) > l.maxStaleness || at.UnixNano()-touched.UnixNano() > int64(l.maxStaleness)
}

func (l *RevocationList) time() time.Time {
	if l.now == nil {
		return time.Now()
	}
	return l.now()
}
