package revocation

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sandi-auth/sandi/internal/gaps"
)

const (
	// kept is how many of the newest entries a Feed holds at least, once there were as many. Whoever is
	// further behind is answered from the store.
	kept = 1024
	// maxBehind is how old a Feed's last look at the store may be: followers elsewhere take its
	// word for being up to date, and count their own staleness from there.
	maxBehind = 2 * time.Second
	// maxWaiting bounds what waiting readers hold: a connection and a goroutine each; maxWaitingOne is
	// of one name, so that whoever has one secret does not take the others' places.
	maxWaiting    = 1000
	maxWaitingOne = 200
	pageSize      = 1000 // entries of one answer
)

// ErrBehind says that the store could not be read lately; ErrBusy that too many wait already.
var (
	ErrBehind = errors.New("revocation: feed is behind the store")
	ErrBusy   = errors.New("revocation: too many read the feed")
)

// Feed is what a Follower reads, for others to follow in turn: however many wait for news, the
// store is asked once. It is safe for concurrent use.
type Feed struct {
	store  Store
	now    func() time.Time
	nudged chan struct{} // full when the Follower is to look at once
	closed chan struct{}
	close  func()

	mu     sync.Mutex // guards what follows
	epoch  string
	from   int64   // recent is all there is after it,
	recent []Entry // never changed below its length
	late   []Entry // what was found of what was missing, the last 1024 in the order of finding; never changed either
	last   int64   // recent is up to here
	whole  bool    // which is the end
	head   int64
	looked time.Time
	news   chan struct{} // closed when there are some

	reading sync.Mutex // guards what follows
	total   int
	by      map[string]int // readers of a name
}

// NewFeed makes a Feed that a Follower of the same store fills. now is its clock.
func NewFeed(s Store, now func() time.Time) *Feed {
	f := &Feed{
		store: s, now: now, nudged: make(chan struct{}, 1), closed: make(chan struct{}), news: make(chan struct{}), by: map[string]int{},
	}
	f.close = sync.OnceFunc(func() { close(f.closed) })
	return f
}

// Nudge says that something was revoked, here or on another node: the Follower looks at once.
// Of many nudges it looks once, at most every 20 ms.
func (f *Feed) Nudge() {
	select {
	case f.nudged <- struct{}{}:
	default: // it is about to look
	}
}

// Close lets all who wait go, for a server that stops. Read waits no more.
func (f *Feed) Close() { f.close() }

// Waiting is how many readers wait.
func (f *Feed) Waiting() int {
	f.reading.Lock()
	defer f.reading.Unlock()
	return f.total
}

// enter says whether one more of that name may read. Whoever may leaves.
func (f *Feed) enter(reader string) bool {
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.total >= maxWaiting || f.by[reader] >= maxWaitingOne {
		return false
	}
	f.total++
	f.by[reader]++
	return true
}

func (f *Feed) leave(reader string) {
	f.reading.Lock()
	defer f.reading.Unlock()
	f.total--
	if f.by[reader]--; f.by[reader] == 0 {
		delete(f.by, reader)
	}
}

// Query is what a reader of the feed asks for.
type Query struct {
	Epoch string // the history that After and Missing count in; "" before anything was read
	After int64  // up to here it was read,
	// Missing is what was not there up to After, ascending: transactions that commit later than ones of a higher Seq.
	Missing []gaps.Range
	Wait    time.Duration // for how long, where there is nothing
}

// Read returns at most 1000 entries with a Seq above q.After, and before them at most 1000 of q.Missing, ascending. Where there are
// none it waits for some, then returns none. reset says that q.Epoch is not that of the history, or q.After lies
// beyond its head: the entries are then its first ones. reader is the name of who asks, of whom no more than 200 wait. Other
// errors than ErrBehind and ErrBusy are the store's.
func (f *Feed) Read(ctx context.Context, reader string, q Query) (p Page, reset bool, err error) {
	if !f.enter(reader) {
		return Page{}, false, ErrBusy
	}
	defer f.leave(reader)
	timer := time.NewTimer(q.Wait)
	defer timer.Stop()
	asked := int64(-1)
	for waited := q.Wait <= 0; ; {
		p, reset, news, err := f.page(ctx, q, &asked)
		if err != nil || reset || len(p.Entries) > 0 || waited {
			return p, reset, err
		}
		select {
		case <-news:
			continue
		case <-timer.C:
		case <-f.closed:
		case <-ctx.Done():
		}
		waited = true
	}
}

// page is what there is now, and what tells that there is more. In memory is the end of one history, once it was read to its
// end; of all else the store is asked. It alone says that a history was replaced: another process on the same store may
// have read further than this one, and its reader must not be told to forget what that was.
//
// asked is up to where the store was asked for what q.Missing has of the time before: once, for what comes there later the
// Follower finds. It misses whatever a reader of another node misses: an entry that it has seen the store has.
func (f *Feed) page(ctx context.Context, q Query, asked *int64) (p Page, reset bool, news <-chan struct{}, err error) {
	f.mu.Lock()
	p, news = Page{Epoch: f.epoch, Head: f.head}, f.news
	recent, late, from := f.recent, f.late, f.from
	known := f.whole && q.Epoch == f.epoch && from <= q.After && q.After <= f.last
	behind := f.now().Sub(f.looked) > maxBehind
	f.mu.Unlock()
	switch {
	case behind:
		return Page{}, false, nil, ErrBehind
	case !known:
		p, reset, err = f.stored(ctx, q)
		return p, reset, news, err
	}
	i := place(recent, q.After+1)
	p.Entries = recent[i:min(i+pageSize, len(recent))]
	if len(q.Missing) == 0 {
		return p, false, news, nil
	}
	found := append(within(late, q.Missing), within(recent[:i], q.Missing)...)
	if before := upTo(q.Missing, from); *asked < from && len(before) > 0 {
		old, err := f.store.RevocationsIn(ctx, before)
		if err != nil {
			return Page{}, false, nil, err
		}
		found = append(found, old...)
	}
	*asked = from
	p.Entries = joined(found, p.Entries)
	return p, false, news, nil
}

// stored asks the store.
func (f *Feed) stored(ctx context.Context, q Query) (p Page, reset bool, err error) {
	p, err = f.store.Revocations(ctx, q.After, pageSize)
	reset = err == nil && (p.Epoch != q.Epoch || p.Head < q.After)
	switch {
	case err != nil:
	case reset && q.After > 0:
		p, err = f.store.Revocations(ctx, 0, pageSize)
	case !reset && len(q.Missing) > 0:
		var found []Entry
		found, err = f.store.RevocationsIn(ctx, q.Missing)
		p.Entries = joined(found, p.Entries)
	}
	return p, reset, err
}

// add takes in a page that was read after some seq; whole says that it is the end of the feed.
func (f *Feed) add(after int64, p Page, whole bool) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = f.now()
	replaced := p.Epoch != f.epoch || after != f.last
	if replaced {
		f.epoch, f.from, f.recent, f.late = p.Epoch, after, nil, nil
	}
	n := len(p.Entries)
	f.head, f.last, f.whole = p.Head, after, whole
	if n > 0 {
		f.last = p.Entries[n-1].Seq
	}
	if n > 2*kept { // of a load
		f.from, f.recent = p.Entries[n-kept-1].Seq, slices.Clone(p.Entries[n-kept:])
	} else if f.recent = append(f.recent, p.Entries...); len(f.recent) > 2*kept {
		n := len(f.recent)
		f.from, f.recent = f.recent[n-kept-1].Seq, slices.Clone(f.recent[n-kept:])
	}
	if replaced || n > 0 {
		f.wake()
	}
}

// found takes in entries that were missing.
func (f *Feed) found(entries []Entry) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	i := place(entries, f.from+1)
	f.recent = joined(slices.Clone(entries[i:]), f.recent) // for those who read on from before them, too
	f.late = slices.Concat(f.late, entries)
	f.late = f.late[max(0, len(f.late)-kept):]
	f.wake()
}

// wake is called with mu held.
func (f *Feed) wake() {
	close(f.news)
	f.news = make(chan struct{})
}

// nudge is what Run waits for besides its tick.
func (f *Feed) nudge() <-chan struct{} {
	if f == nil {
		return nil
	}
	return f.nudged
}
