package cluster

import (
	"container/heap"
	"time"
)

// entry is the state of one key.
type entry struct {
	key     string
	level   int       // failures counted; 0 in a table of rates
	at      time.Time // rates: theoretical arrival time; failures: the last one
	expires time.Time // from here on the entry says no more than its absence would
	index   int       // place in the heap

	origin  string // failures: see tries
	version int64
}

// table is a bounded map of entries.
//
// What is thrown out when it is full decides whether it can be abused: were it
// the oldest entry, anybody with many addresses or names at hand could wash out
// his own throttle, or keep filling until everybody else's were gone. So entries
// go in this order: those that have expired, then the least restrictive (fewest
// failures, then earliest). To push out an entry of n failures, an attacker has
// to fill the whole table with entries of n failures and more, each try of which
// is itself throttled; what a flood of fresh keys pushes out is fresh keys.
type table struct {
	max     int
	entries map[string]*entry
	order   laxest
	swept   time.Time
}

func newTable(max int) *table { return &table{max: max, entries: map[string]*entry{}} }

// find returns the live entry of key, nil when there is none.
func (t *table) find(key string, now time.Time) *entry {
	e := t.entries[key]
	if e == nil || now.Before(e.expires) {
		return e
	}
	t.remove(e)
	return nil
}

// put sets the state of key, making room for it where it is new.
func (t *table) put(key string, level int, at, expires, now time.Time) *entry {
	if e := t.entries[key]; e != nil {
		e.level, e.at, e.expires = level, at, expires
		heap.Fix(&t.order, e.index)
		return e
	}
	if len(t.entries) >= t.max {
		t.makeRoom(now)
	}
	e := &entry{key: key, level: level, at: at, expires: expires}
	t.entries[key] = e
	heap.Push(&t.order, e)
	return e
}

func (t *table) remove(e *entry) {
	heap.Remove(&t.order, e.index)
	delete(t.entries, e.key)
}

// makeRoom drops the expired entries, which takes a pass over all of them and
// is therefore done once a minute at most, and failing that the laxest one.
func (t *table) makeRoom(now time.Time) {
	if now.Sub(t.swept) >= time.Minute {
		t.swept = now
		kept := t.order[:0]
		for _, e := range t.order {
			if now.Before(e.expires) {
				e.index = len(kept)
				kept = append(kept, e)
			} else {
				delete(t.entries, e.key)
			}
		}
		clear(t.order[len(kept):])
		t.order = kept
		heap.Init(&t.order)
	}
	if len(t.entries) >= t.max {
		t.remove(t.order[0])
	}
}

// laxest is a heap with the least restrictive entry on top.
type laxest []*entry

func (l laxest) Len() int { return len(l) }

func (l laxest) Less(i, j int) bool {
	if l[i].level != l[j].level {
		return l[i].level < l[j].level
	}
	return l[i].at.Before(l[j].at)
}

func (l laxest) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].index, l[j].index = i, j
}

func (l *laxest) Push(x any) {
	e := x.(*entry)
	e.index = len(*l)
	*l = append(*l, e)
}

func (l *laxest) Pop() any {
	old := *l
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*l = old[:len(old)-1]
	return e
}
