package revocation

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/gaps"
)

// List is what a Follower keeps equal to the store: a *guard.RevocationList.
type List interface {
	Add(entries ...guard.RevocationEntry)
	Reset(entries []guard.RevocationEntry)
	// Touch says that the list is up to date now.
	Touch()
	// Distrust says that it is not, until the next Touch.
	Distrust()
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
	loadSize   = 16_000                // entries of one read: so many are in the store's answer and nowhere else
	pruneEvery = time.Minute           // between two clearings of what has expired
	nudgePause = 20 * time.Millisecond // between two reads for a nudge
	manyRanges = 1000                  // of what is missing: more are asked for more seldom,
	manyPause  = 700 * time.Millisecond
)

// Follower reads the feed. It is used by one goroutine: Load, then Run.
type Follower struct {
	store    Store
	list     List
	feed     *Feed
	interval time.Duration
	now      func() time.Time
	log      *slog.Logger

	loading bool         // from the beginning
	epoch   string       // "" before the first read
	cursor  int64        // the Seq read last
	gaps    gaps.Tracker // what was missing up to there
	asked   time.Time    // when the store was last asked for that
	failed  bool         // the last read failed
	nudged  time.Time    // when the last nudge was followed
}

// NewFollower builds a Follower.
func NewFollower(c Config) *Follower {
	f := &Follower{
		store: c.Store, list: c.List, feed: c.Feed, now: c.Now, log: c.Logger,
		interval: min(cmp.Or(c.Interval, 250*time.Millisecond), time.Second), loading: true,
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	return f
}

// Load reads the whole feed, so that the list is complete before the first request. What is revoked meanwhile is in
// the list too: by the hook, by a later page, or by asking for what was missing.
func (f *Follower) Load(ctx context.Context) error { return f.follow(ctx) }

// Run follows the feed and drops from the list what has expired, until ctx ends; then it
// returns nil. While the store cannot be read the list is not touched, so that it says by
// itself when it is too old to be trusted.
func (f *Follower) Run(ctx context.Context) error {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			f.report(ctx, f.follow(ctx))
		case <-f.feed.nudge():
			f.pause(ctx)
			f.report(ctx, f.follow(ctx))
		case <-prune.C:
			f.list.Prune()
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

// pause keeps the reads for nudges apart: the nudges that come meanwhile are followed by the same read.
func (f *Follower) pause(ctx context.Context) {
	if d := nudgePause - f.now().Sub(f.nudged); 0 < d && d <= nudgePause {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	f.nudged = f.now()
}

// follow reads on from the cursor to the end of the feed, and what was missing before. What it reads may be in
// the list already, by the hook; adding it twice changes nothing. An error comes again and again, so that the list goes
// stale and requests get 503.
func (f *Follower) follow(ctx context.Context) error {
	ahead := reading{store: f.store}
	defer ahead.stop()
	for ended := false; !ended; {
		p, err := ahead.page(ctx, f.cursor)
		if err != nil {
			return err
		}
		if f.epoch != "" && (p.Epoch != f.epoch || p.Head < f.cursor) {
			f.log.WarnContext(ctx, "revocation history was replaced; reloading", "epoch", p.Epoch, "head", p.Head)
			f.replace()
			continue
		}
		if err := Apply(f.list, p.Entries); err != nil {
			return err
		}
		ended = len(p.Entries) < loadSize
		f.advance(p, ended)
		if !ended {
			continue
		}
		// What a load leaves out of the ranges is older than thousands of others, and was there before it began.
		if f.gaps.Overflow() && !f.loading {
			f.log.WarnContext(ctx, "too many revocations are missing to ask for each; reloading")
			f.begin()
			ended = false
		}
	}
	if err := f.ask(ctx); err != nil {
		return err
	}
	f.loading = false
	f.list.Touch()
	return nil
}

// replace forgets the history that was read. The list answers nobody until the new one is read to its end.
func (f *Follower) replace() {
	f.list.Distrust()
	f.list.Reset(nil)
	f.epoch = ""
	f.begin()
}

// begin goes back to the beginning.
func (f *Follower) begin() {
	f.loading, f.cursor, f.gaps, f.asked = true, 0, gaps.Tracker{}, time.Time{}
}

// advance moves the cursor behind p.
func (f *Follower) advance(p Page, ended bool) {
	f.epoch = p.Epoch
	f.feed.add(f.cursor, p, ended)
	n := len(p.Entries)
	if n == 0 {
		return
	}
	seqs := make([]int64, n)
	for i, e := range p.Entries {
		seqs[i] = e.Seq
	}
	f.gaps.Seen(f.cursor, seqs, f.now())
	f.cursor = seqs[n-1]
}

// ask asks for what is missing, until no more of it is there.
func (f *Follower) ask(ctx context.Context) error {
	for {
		missing, begun := f.gaps.Missing(), f.now()
		if since := begun.Sub(f.asked); len(missing) == 0 || len(missing) > manyRanges && 0 <= since && since < manyPause {
			return nil
		}
		entries, err := f.store.RevocationsIn(ctx, missing)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			f.gaps.Asked(begun)
			f.asked = begun
			return nil
		}
		if err := Apply(f.list, entries); err != nil {
			return err
		}
		for _, e := range entries {
			f.gaps.Found(e.Seq)
		}
		f.feed.found(entries)
	}
}
