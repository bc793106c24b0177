package revocation

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// kept is how many of the newest entries a Feed holds at least, once there were as many. Whoever is
	// further behind is answered from the store.
	kept = 1024
	// maxBehind is how old a Feed's last look at the store may be: followers elsewhere take its
	// word for being up to date, and count their own staleness from there.
	maxBehind = 2 * time.Second
	// maxWaiting bounds what waiting readers hold: a connection and a goroutine each.
	maxWaiting = 1000
)

// ErrBehind says that the store could not be read lately; ErrBusy that too many wait already.
var (
	ErrBehind = errors.New("revocation: feed is behind the store")
	ErrBusy   = errors.New("revocation: too many wait for the feed")
)

// Feed is what a Follower reads, for others to follow in turn: however many wait for news, the
// store is asked once. It is safe for concurrent use.
type Feed struct {
	store   Store
	now     func() time.Time
	waiting atomic.Int64
	nudged  chan struct{} // full when the Follower is to look at once
	closed  chan struct{}
	close   func()

	mu     sync.Mutex // guards what follows
	epoch  string
	from   int64   // recent is all there is after it,
	recent []Entry // never changed below its length
	last   int64   // up to here
	head   int64   // what is known to be the end
	looked time.Time
	news   chan struct{} // closed when there are some
}

// NewFeed makes a Feed that a Follower of the same store fills. now is its clock.
func NewFeed(s Store, now func() time.Time) *Feed {
	f := &Feed{store: s, now: now, nudged: make(chan struct{}, 1), closed: make(chan struct{}), news: make(chan struct{})}
	f.close = sync.OnceFunc(func() { close(f.closed) })
	return f
}

// Nudge says that something was revoked in this process: the Follower looks at once where
// somebody waits for it.
func (f *Feed) Nudge() {
	if f.waiting.Load() == 0 {
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
func (f *Feed) Waiting() int { return int(f.waiting.Load()) }

// Read returns at most 1000 entries with a Seq above after, ascending. Where there are none it
// waits so long for some, then returns none. reset says that epoch is not that of the history, or
// after lies beyond its head: the entries are then its first ones. Other errors than ErrBehind and
// ErrBusy are the store's.
func (f *Feed) Read(ctx context.Context, epoch string, after int64, wait time.Duration) (p Page, reset bool, err error) {
	if f.waiting.Add(1) > maxWaiting {
		f.waiting.Add(-1)
		return Page{}, false, ErrBusy
	}
	defer f.waiting.Add(-1)
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

// page is what there is now, and what tells that there is more.
func (f *Feed) page(ctx context.Context, epoch string, after int64) (p Page, reset bool, news <-chan struct{}, err error) {
	f.mu.Lock()
	p, news = Page{Epoch: f.epoch, Head: f.head}, f.news
	recent, from, behind := f.recent, f.from, f.now().Sub(f.looked) > maxBehind
	f.mu.Unlock()
	if behind {
		return Page{}, false, nil, ErrBehind
	}
	if reset = epoch != p.Epoch || after > p.Head; reset {
		after = 0
	}
	if after >= from {
		i, _ := slices.BinarySearchFunc(recent, after+1, func(e Entry, seq int64) int { return cmp.Compare(e.Seq, seq) })
		p.Entries = recent[i:min(i+pageSize, len(recent))]
		return p, reset, news, nil
	}
	old, err := f.store.Revocations(ctx, after, pageSize)
	if err == nil && old.Epoch != p.Epoch {
		err = ErrBehind // the Follower will see it too
	}
	return old, reset, news, err
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
	f.recent, f.head, f.last = append(f.recent, p.Entries...), p.Head, after
	if n := len(p.Entries); n > 0 {
		f.last = p.Entries[n-1].Seq
		if n == pageSize { // there may be more, which is not known here yet
			f.head = f.last
		}
	}
	if n := len(f.recent); n > 2*kept {
		f.from = f.recent[n-kept-1].Seq
		f.recent = slices.Clone(f.recent[n-kept:])
	}
	if replaced || len(p.Entries) > 0 {
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
