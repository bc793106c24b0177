package revocation

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// List is what a Follower keeps equal to the store: a *guard.RevocationList.
type List interface {
	Add(entries ...guard.RevocationEntry)
	Reset(entries []guard.RevocationEntry)
	// Touch says that the list is up to date now.
	Touch()
	// Prune drops what has expired.
	Prune() int
}

// Apply adds entries to a list. As the store's hook it makes a revocation count in this process
// before its caller is answered. It fails, and adds none, where one is of a kind that is not known
// here, which a newer version has put into the store.
func Apply(l List, entries []Entry) error {
	es, err := forList(entries)
	if err != nil {
		return err
	}
	l.Add(es...)
	return nil
}

func forList(entries []Entry) ([]guard.RevocationEntry, error) {
	out := make([]guard.RevocationEntry, len(entries))
	for i, e := range entries {
		if !e.Kind.known() || e.Handle == "" {
			return nil, fmt.Errorf("revocation %d is of the kind %q and the handle %q, which stop nothing here: has a newer version written it?", e.Seq, e.Kind, e.Handle)
		}
		out[i] = guard.RevocationEntry{Kind: guard.RevocationKind(e.Kind), Handle: e.Handle, NotBefore: e.NotBefore, ExpiresAt: e.ExpiresAt}
	}
	return out, nil
}

// Config is what NewFollower needs. Store and List are required.
type Config struct {
	Store Store
	List  List
	// Feed hands on what is read; nil means to nobody.
	Feed *Feed
	// Interval is the time between two reads of the feed: how late what another
	// process revokes may be here. Zero means 250 ms; more than a second is made a second.
	Interval time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger; nil means none.
	Logger *slog.Logger
}

const (
	pageSize   = 1000        // entries of one read
	purgeEvery = time.Minute // between two clearings of what has expired
	purgeBatch = 500         // rows of one transaction of a clearing
)

// Follower reads the feed. It is used by one goroutine: Load, then Run.
type Follower struct {
	store    Store
	list     List
	feed     *Feed
	interval time.Duration
	now      func() time.Time
	log      *slog.Logger

	loaded bool
	epoch  string
	cursor int64 // the Seq read last
	failed bool  // the last read failed
}

// NewFollower builds a Follower.
func NewFollower(c Config) *Follower {
	f := &Follower{
		store: c.Store, list: c.List, feed: c.Feed, now: c.Now, log: c.Logger,
		interval: min(cmp.Or(c.Interval, 250*time.Millisecond), time.Second),
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	return f
}

// Load reads the whole feed, so that the list is complete before the first request.
func (f *Follower) Load(ctx context.Context) error { return f.follow(ctx) }

// Run follows the feed and clears away what has expired, until ctx ends; then it
// returns nil. While the store cannot be read the list is not touched, so that it says by
// itself when it is too old to be trusted.
func (f *Follower) Run(ctx context.Context) error {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	purge := time.NewTicker(purgeEvery)
	defer purge.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			f.report(ctx, f.follow(ctx))
		case <-f.feed.nudge():
			f.report(ctx, f.follow(ctx))
		case <-purge.C:
			f.list.Prune()
			if err := f.purge(ctx); err != nil && ctx.Err() == nil {
				f.log.ErrorContext(ctx, "expired revocations cannot be purged", "error", err)
			}
		}
	}
}

// report logs the beginning and the end of an outage, not every failed read.
func (f *Follower) report(ctx context.Context, err error) {
	if ctx.Err() != nil || (err != nil) == f.failed {
		return
	}
	f.failed = err != nil
	if f.failed {
		f.log.ErrorContext(ctx, "revocation feed cannot be read", "error", err)
	} else {
		f.log.InfoContext(ctx, "revocation feed is read again")
	}
}

// follow reads on from the cursor to the end of the feed. What it reads may be in
// the list already, by the hook; adding it twice changes nothing.
func (f *Follower) follow(ctx context.Context) error {
	for {
		p, err := f.store.Revocations(ctx, f.cursor, pageSize)
		if err != nil {
			return err
		}
		if f.loaded && (p.Epoch != f.epoch || p.Head < f.cursor) {
			f.log.WarnContext(ctx, "revocation history was replaced; reloading", "epoch", p.Epoch, "head", p.Head)
			if err := f.reload(ctx); err != nil {
				return err
			}
			continue // to what was revoked while it loaded
		}
		if err := Apply(f.list, p.Entries); err != nil {
			return err // again and again, so that the list goes stale and requests get 503
		}
		f.loaded, f.epoch = true, p.Epoch
		f.advance(p)
		if len(p.Entries) < pageSize {
			f.list.Touch()
			return nil
		}
	}
}

// reload replaces the list by the feed of a new history.
func (f *Follower) reload(ctx context.Context) error {
	var all []guard.RevocationEntry
	f.cursor, f.epoch = 0, "" // what fails below begins again at the next read
	for {
		p, err := f.store.Revocations(ctx, f.cursor, pageSize)
		if err != nil {
			return err
		}
		es, err := forList(p.Entries)
		if err != nil {
			return err
		}
		f.advance(p)
		all = append(all, es...)
		if len(p.Entries) < pageSize {
			f.list.Reset(all)
			f.epoch = p.Epoch
			return nil
		}
	}
}

func (f *Follower) advance(p Page) {
	f.feed.add(f.cursor, p)
	if n := len(p.Entries); n > 0 {
		f.cursor = p.Entries[n-1].Seq
	}
}

// purge deletes expired rows, batch by batch, so that no other change waits long.
func (f *Follower) purge(ctx context.Context) error {
	for {
		n, err := f.store.PurgeRevocations(ctx, f.now(), purgeBatch)
		if err != nil || n < purgeBatch {
			return err
		}
	}
}
