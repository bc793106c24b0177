package revocation_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/gaps"
	"github.com/sandi-auth/sandi/internal/revocation"
)

// ledger is a store in which entries appear in any order.
type ledger struct {
	onRead func() // called before a page is read; set before anybody reads

	mu      sync.Mutex // guards what follows
	epoch   string
	entries []revocation.Entry // ascending
	away    bool
	late    int // calls of RevocationsIn
}

func newLedger() *ledger { return &ledger{epoch: "e1"} }

// place is where seq stands, or would. It is called with mu held.
func (l *ledger) place(seq int64) int {
	i, _ := slices.BinarySearchFunc(l.entries, seq, func(e revocation.Entry, seq int64) int { return cmp.Compare(e.Seq, seq) })
	return i
}

// commit shows entries of the sessions s<seq>.
func (l *ledger) commit(seqs ...int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, seq := range seqs {
		e := revocation.Entry{Seq: seq, Kind: revocation.Session, Handle: fmt.Sprint("s", seq)}
		l.entries = slices.Insert(l.entries, l.place(seq), e)
	}
}

func (l *ledger) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// asked is how often it was asked for what is missing since it was last asked.
func (l *ledger) asked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.late
	l.late = 0
	return n
}

var errAway = errors.New("connection refused")

func (l *ledger) Revocations(_ context.Context, after int64, limit int) (p revocation.Page, err error) {
	if l.onRead != nil {
		l.onRead()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return p, errAway
	}
	p.Epoch = l.epoch
	if n := len(l.entries); n > 0 {
		p.Head = l.entries[n-1].Seq
	}
	news := l.entries[l.place(after+1):]
	p.Entries = slices.Clone(news[:min(limit, len(news))])
	return p, nil
}

func (l *ledger) RevocationsIn(_ context.Context, ranges []gaps.Range) (out []revocation.Entry, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late++
	if l.away {
		return nil, errAway
	}
	for _, r := range ranges {
		out = append(out, l.entries[l.place(r.From):l.place(r.To+1)]...)
	}
	return out[:min(1000, len(out))], nil
}

func (l *ledger) PurgeRevocations(context.Context, time.Time, int) (int, error) { return 0, nil }

// node is a process that follows a ledger.
type node struct {
	t    *testing.T
	feed *revocation.Feed
	list *list
	*revocation.Follower
}

func newNode(t *testing.T, l revocation.Store) *node {
	n := &node{t: t, feed: revocation.NewFeed(l, time.Now), list: &list{entries: map[string]guard.RevocationEntry{}}}
	n.Follower = revocation.NewFollower(revocation.Config{Store: l, List: n.list, Feed: n.feed})
	if err := n.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// run follows until the returned function is called.
func (n *node) run() (stop func()) {
	ctx, cancel := context.WithCancel(n.t.Context())
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("Run: %v", err)
		}
	}
}

// wantRevoked expects it within one interval of the Follower.
func (n *node) wantRevoked(handle string) {
	n.t.Helper()
	time.Sleep(250 * time.Millisecond)
	synctest.Wait()
	if !slices.Contains(n.list.handles(), handle) {
		n.t.Fatalf("%s is not revoked; %d others are", handle, len(n.list.handles()))
	}
}

// through are the numbers from first to last.
func through(first, last int64) (out []int64) {
	for ; first <= last; first++ {
		out = append(out, first)
	}
	return out
}
