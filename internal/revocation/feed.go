package revocation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
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
	last   int64   // up to here
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

// Nudge says that something was revoked in this process: the Follower looks at once where
// somebody waits for it.
func (f *Feed) Nudge() {
	if f.Waiting() == 0 {
		return
	}
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

// Read returns at most 1000 entries with a Seq above after, ascending. Where there are none it
// waits so long for some, then returns none. reset says that epoch is not that of the history, or
// after lies beyond its head: the entries are then its first ones. reader is the name of who asks, of
// whom no more than 200 wait. Other errors than ErrBehind and ErrBusy are the store's.
func (f *Feed) Read(ctx context.Context, reader, epoch string, after int64, wait time.Duration) (p Page, reset bool, err error) {
	if !f.enter(reader) {
		return Page{}, false, ErrBusy
	}
	defer f.leave(reader)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for waited := wait <= 0; ; {
		p, reset, news, err := f.page(ctx, epoch, after)
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
func (f *Feed) page(ctx context.Context, epoch string, after int64) (p Page, reset bool, news <-chan struct{}, err error) {
	f.mu.Lock()
	p, news = Page{Epoch: f.epoch, Head: f.head}, f.news
	recent, known := f.recent, f.whole && epoch == f.epoch && f.from <= after && after <= f.head
	behind := f.now().Sub(f.looked) > maxBehind
	f.mu.Unlock()
	if behind {
		return Page{}, false, nil, ErrBehind
	}
	if known {
		i, _ := slices.BinarySearchFunc(recent, after+1, func(e Entry, seq int64) int { return cmp.Compare(e.Seq, seq) })
		p.Entries = recent[i:min(i+pageSize, len(recent))]
		return p, false, news, nil
	}
	p, err = f.store.Revocations(ctx, after, pageSize)
	reset = err == nil && (p.Epoch != epoch || p.Head < after)
	if reset && after > 0 {
		p, err = f.store.Revocations(ctx, 0, pageSize)
	}
	return p, reset, news, err
}

// add takes in a page that was read after some seq.
func (f *Feed) add(after int64, p Page) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = f.now()
	replaced := p.Epoch != f.epoch || after != f.last
	if replaced {
		f.epoch, f.from, f.recent = p.Epoch, after, nil
	}
	n := len(p.Entries)
	f.recent, f.head, f.last, f.whole = append(f.recent, p.Entries...), p.Head, after, n < pageSize
	if n > 0 {
		f.last = p.Entries[n-1].Seq
	}
	if n := len(f.recent); n > 2*kept {
		f.from = f.recent[n-kept-1].Seq
		f.recent = slices.Clone(f.recent[n-kept:])
	}
	if replaced || n > 0 {
		close(f.news)
		f.news = make(chan struct{})
	}
}

// nudge is what Run waits for besides its tick.
func (f *Feed) nudge() <-chan struct{} {
	if f == nil {
		return nil
	}
	return f.nudged
}
