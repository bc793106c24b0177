package guard

import (
	"iter"
	"math"
	"sync/atomic"
	"time"
)

// table is a part of a list: a Bloom filter and behind it the exact set, a hash table with linear
// probing. It has one writer at a time and any number of readers, who take no lock: a slot belongs
// to one identity for as long as the table lives, its dates are one word, and a full table is
// replaced by a copy. A nil table is empty.
type table struct {
	filter []atomic.Uint64 // one word for five slots: a miss reads one word and no slot
	slots  []slot
	used   int // slots taken, those of dropped entries included
	live   int
}

// slot is 24 bytes, of which an entry takes 27 to 35: tables are filled by 70 to 87 per cent.
type slot struct {
	hash  atomic.Uint64 // 0 is free; written last, so that whoever sees it sees check
	check uint64
	dates atomic.Uint64 // 0 is dropped
}

// identity is a handle as a list knows it: two hashes by seeds of its own. The eight high bits of
// hash choose the table, the next 32 the place in it, the low 24 the bits of the filter. The three
// low bits of check are the kind.
type identity struct {
	hash  handleHash
	check uint64
}

type handleHash uint64

// dates are NotBefore and ExpiresAt in Unix seconds, each in half a word, so that readers see both
// change at once.
type dates uint64

// forever is later than all dates; a date of the year 2106 or later is taken for it.
const forever = math.MaxUint32

// endless are the dates of what stops all tokens and does not expire.
const endless dates = forever<<32 | forever

func newDates(notBefore, expires uint32) dates { return dates(notBefore)<<32 | dates(expires) }

func (d dates) notBefore() uint32 { return uint32(d >> 32) }
func (d dates) expires() uint32   { return uint32(d) }

// later has the later of both dates.
func (d dates) later(o dates) dates {
	return newDates(max(d.notBefore(), o.notBefore()), max(d.expires(), o.expires()))
}

// unixSeconds is t in Unix seconds; what is before 1970 is 0.
func unixSeconds(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), forever)) }

// unixSecondsUp is unixSeconds, rounded up.
func unixSecondsUp(t time.Time) uint32 { return unixSeconds(t.Add(time.Second - 1)) }

// newTable has room for n entries.
func newTable(n int) *table {
	slots := n + n/7 + 2
	return &table{filter: make([]atomic.Uint64, slots/5+1), slots: make([]slot, slots)}
}

// shard is one of 256.
func (h handleHash) shard() uint8 { return uint8(h >> 56) }

// place spreads hashes over n places, in their order.
func (h handleHash) place(n int) int { return int(h >> 24 & math.MaxUint32 * handleHash(n) >> 32) }

// bits are the four that a hash sets in its word of the filter.
func (h handleHash) bits() uint64 {
	return 1<<(h&63) | 1<<(h>>6&63) | 1<<(h>>12&63) | 1<<(h>>18&63)
}

// mayHold is false for a handle that no entry has, 995 times in 1000.
func (t *table) mayHold(h handleHash) bool {
	if t == nil {
		return false
	}
	bits := h.bits()
	return t.filter[h.place(len(t.filter))].Load()&bits == bits
}

// stops says whether an entry stops what was issued then.
func (t *table) stops(id identity, issued uint32) bool {
	s, found := t.find(id)
	if !found {
		return false
	}
	d := dates(s.dates.Load())
	return d != 0 && issued <= d.notBefore()
}

// find returns the slot of an entry, or else the free one where it belongs.
func (t *table) find(id identity) (s *slot, found bool) {
	for i := id.hash.place(len(t.slots)); ; i++ {
		if i == len(t.slots) {
			i = 0
		}
		s = &t.slots[i]
		switch handleHash(s.hash.Load()) {
		case 0:
			return s, false
		case id.hash:
			if s.check == id.check {
				return s, true
			}
		}
	}
}

// put adds an entry, or gives one that is there the later of both dates. It returns the table that
// has the entry then: a larger copy where t was full.
func (t *table) put(id identity, d dates) *table {
	if t == nil {
		t = newTable(4)
	} else if s, found := t.find(id); found {
		old := dates(s.dates.Load())
		if old == 0 {
			t.live++
		}
		s.dates.Store(uint64(old.later(d)))
		return t
	}
	if t.used >= len(t.slots)*7/8 {
		t = t.copy()
	}
	t.insert(id, d)
	return t
}

// insert adds an entry that is not there.
func (t *table) insert(id identity, d dates) {
	t.filter[id.hash.place(len(t.filter))].Or(id.hash.bits())
	s, _ := t.find(id)
	s.check = id.check
	s.dates.Store(uint64(d))
	s.hash.Store(uint64(id.hash))
	t.used++
	t.live++
}

// revokedKeys are the keys of which no token counts any more.
func (t *table) revokedKeys() iter.Seq[identity] {
	return func(yield func(identity) bool) {
		if t == nil {
			return
		}
		for i := range t.slots {
			s := &t.slots[i]
			id := identity{handleHash(s.hash.Load()), s.check}
			if dates(s.dates.Load()) == endless && id == id.of(kindKey) && !yield(id) {
				return
			}
		}
	}
}

// copy is t without what was dropped and with room for a quarter more. As places are in the order
// of hashes, it reads and writes from front to back.
func (t *table) copy() *table {
	next := newTable(t.live + t.live/4 + 4)
	for i := range t.slots {
		s := &t.slots[i]
		if d := dates(s.dates.Load()); d != 0 {
			next.insert(identity{handleHash(s.hash.Load()), s.check}, d)
		}
	}
	return next
}

// prune drops what expired before now and returns the table to go on with: itself, a copy where
// half of it is dropped entries, nil where all of it is.
func (t *table) prune(now uint32) (next *table, dropped int) {
	if t == nil {
		return nil, 0
	}
	before := t.live
	for i := range t.slots {
		s := &t.slots[i]
		if d := dates(s.dates.Load()); d != 0 && d.expires() < now {
			s.dates.Store(0)
			t.live--
		}
	}
	dropped = before - t.live
	switch {
	case t.live == 0:
		return nil, dropped
	case t.live < t.used/2:
		return t.copy(), dropped
	}
	return t, dropped
}
