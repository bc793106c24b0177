package revocation_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/revocation"
)

// counted counts the reads of a store.
type counted struct {
	revocation.Store
	reads atomic.Int64
}

func (c *counted) Revocations(ctx context.Context, after int64, limit int) (revocation.Page, error) {
	c.reads.Add(1)
	return c.Store.Revocations(ctx, after, limit)
}

// newFed is a world with a Feed, loaded.
func newFed(t *testing.T) (*world, *revocation.Feed, *counted) {
	w := newWorld(t)
	c := &counted{Store: w.db}
	feed := revocation.NewFeed(c, time.Now)
	w.Follower = revocation.NewFollower(revocation.Config{Store: c, List: w.list, Feed: feed})
	if err := w.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w, feed, c
}

// read expects these seqs, of the history that it returns.
func read(t *testing.T, f *revocation.Feed, epoch string, after int64, wait time.Duration, wantReset bool, want ...int64) string {
	t.Helper()
	p, reset, err := f.Read(t.Context(), "orders", revocation.Query{Epoch: epoch, After: after, Wait: wait})
	if err != nil || reset != wantReset || len(p.Entries) != len(want) {
		t.Fatalf("got %+v, reset %v, %v; want %v", p, reset, err, want)
	}
	for i, e := range p.Entries {
		if e.Seq != want[i] {
			t.Errorf("entry %d has seq %d, want %d", i, e.Seq, want[i])
		}
	}
	return p.Epoch
}

// TestFeed: a hundred who wait cost the store nothing, and all get the news of one read.
func TestFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, feed, store := newFed(t)
		defer w.run()()
		epoch := read(t, feed, "", 0, time.Minute, true) // whoever knows no history is not kept waiting
		w.revoke()
		time.Sleep(time.Second)
		read(t, feed, epoch, 0, time.Minute, false, 1)
		before, begun := store.reads.Load(), time.Now()
		read(t, feed, epoch, 1, 10*time.Second, false)
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("waited %s", took)
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { read(t, feed, epoch, 1, time.Minute, false, 2) })
		}
		synctest.Wait()
		if feed.Waiting() != 100 {
			t.Errorf("%d wait", feed.Waiting())
		}
		w.revoke()
		wg.Wait()
		if n := store.reads.Load() - before; n > 42 || feed.Waiting() != 0 {
			t.Errorf("%d reads of the store, want the Follower's 4 a second", n)
		}
	})
}

// TestFeedNudge: what was revoked here, or on a node that says so, is not kept for the next tick, whether somebody waits for
// it or not; of many nudges few are followed.
func TestFeedNudge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, feed, store := newFed(t)
		defer w.run()()
		epoch := read(t, feed, "", 0, 0, true)
		var wg sync.WaitGroup
		begun := time.Now()
		wg.Go(func() { read(t, feed, epoch, 0, time.Minute, false, 1) })
		synctest.Wait()
		a := w.revoke()
		feed.Nudge()
		feed.Nudge()
		if wg.Wait(); time.Since(begun) != 0 {
			t.Errorf("took %s", time.Since(begun))
		}
		time.Sleep(100 * time.Millisecond)
		b := w.revoke()
		feed.Nudge()
		synctest.Wait()
		w.want(a, b)
		before := store.reads.Load()
		for range 1000 {
			feed.Nudge()
			time.Sleep(time.Millisecond)
		}
		if n := store.reads.Load() - before; n < 50 || n > 55 {
			t.Errorf("%d reads in a second of nudges, want one in 20 ms and the Follower's 4", n)
		}
	})
}

// TestFeedNewHistory: who asks for another epoch, or beyond the head, gets the beginning.
func TestFeedNewHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, feed, _ := newFed(t)
		defer w.run()()
		w.revoke()
		w.revoke()
		time.Sleep(time.Second)
		old := read(t, feed, "", 0, 0, true, 1, 2)
		read(t, feed, old, 3, time.Minute, true, 1, 2)
		var wg sync.WaitGroup
		wg.Go(func() {
			if epoch := read(t, feed, old, 2, time.Minute, true, 3); epoch != "restored" {
				t.Errorf("epoch %q", epoch)
			}
		})
		synctest.Wait()
		w.revoke()
		w.exec(`DELETE FROM revocations WHERE seq < 3; UPDATE meta SET value = 'restored' WHERE name = 'epoch'`)
		wg.Wait()
		begun := time.Now()
		wg.Go(func() { read(t, feed, "restored", 3, time.Minute, true) })
		synctest.Wait()
		w.exec(`DELETE FROM revocations; UPDATE meta SET value = 'empty' WHERE name = 'epoch'`)
		if wg.Wait(); time.Since(begun) > time.Second {
			t.Errorf("told of an empty history after %s", time.Since(begun))
		}
	})
}

// TestFeedOfTheFarBehind: beyond what is in memory the store answers, page by page.
func TestFeedOfTheFarBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, feed, _ := newFed(t)
		defer w.run()()
		w.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3500)
			INSERT INTO revocations (kind, handle, not_before, expires_at) SELECT 'session', 's' || i, 0, 1 FROM n`)
		time.Sleep(time.Second)
		var after int64
		epoch, pages := "", 0
		for ; after < 3500; pages++ {
			p, _, err := feed.Read(t.Context(), "orders", revocation.Query{Epoch: epoch, After: after})
			if err != nil || len(p.Entries) == 0 || p.Entries[0].Seq != after+1 || p.Head != 3500 {
				t.Fatalf("after %d: %d entries, head %d, %v", after, len(p.Entries), p.Head, err)
			}
			epoch, after = p.Epoch, p.Entries[len(p.Entries)-1].Seq
		}
		if pages != 4 {
			t.Errorf("%d pages, want 4", pages)
		}
	})
}

// TestFeedBehind: while the store cannot be read nobody is told that there is nothing new.
// secure-defaults 23d
func TestFeedBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, feed, _ := newFed(t)
		defer w.run()()
		epoch := read(t, feed, "", 0, 0, true)
		w.exec(`ALTER TABLE meta RENAME TO lost`)
		if _, _, err := feed.Read(t.Context(), "orders", revocation.Query{Epoch: epoch, Wait: 10 * time.Second}); !errors.Is(err, revocation.ErrBehind) {
			t.Errorf("got %v, want ErrBehind", err)
		}
		w.exec(`ALTER TABLE lost RENAME TO meta`)
		time.Sleep(time.Second)
		read(t, feed, epoch, 0, 0, false)
	})
}

// TestFeedOfTwoProcesses: what a reader knows from another process, which read the store later, is not reset here.
func TestFeedOfTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{"news": `SELECT 1`, "new history": `UPDATE meta SET value = 'restored' WHERE name = 'epoch'`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, here, _ := newFed(t)
				there := revocation.NewFeed(w.db, time.Now)
				ahead := revocation.NewFollower(revocation.Config{Store: w.db, List: w.list, Feed: there})
				w.revoke()
				w.exec(statement)
				if err := ahead.Load(t.Context()); err != nil {
					t.Fatal(err)
				}
				epoch := read(t, there, "", 0, 0, true, 1)
				read(t, here, epoch, 1, time.Second, false)
				defer w.run()() // only now it reads what it is asked about
				var wg sync.WaitGroup
				wg.Go(func() { read(t, here, epoch, 1, time.Minute, false, 2) })
				synctest.Wait()
				w.revoke()
				wg.Wait()
			})
		})
	}
}

// torn is a store of which the second page cannot be read.
type torn struct{ revocation.Store }

func (s torn) Revocations(ctx context.Context, after int64, limit int) (revocation.Page, error) {
	if after == 16_000 {
		return revocation.Page{}, errors.New("connection lost")
	}
	return s.Store.Revocations(ctx, after, limit)
}

// TestFeedHalfLoaded: a reader never takes the pages that were loaded so far for the whole history.
func TestFeedHalfLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, feed, _ := newFed(t)
		old := read(t, feed, "", 0, 0, true)
		w.Follower = revocation.NewFollower(revocation.Config{Store: torn{w.db}, List: w.list, Feed: feed})
		defer w.run()()
		w.exec(`UPDATE meta SET value = 'restored' WHERE name = 'epoch'; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 16500)
			INSERT INTO revocations (kind, handle, not_before, expires_at) SELECT 'session', 's' || i, 0, 1 FROM n`)
		time.Sleep(time.Second)
		p, reset, err := feed.Read(t.Context(), "orders", revocation.Query{Epoch: old})
		if err != nil || !reset || len(p.Entries) != 1000 || p.Head != 16500 {
			t.Fatalf("first page: %d entries, head %d, reset %v, %v", len(p.Entries), p.Head, reset, err)
		}
		p, reset, err = feed.Read(t.Context(), "orders", revocation.Query{Epoch: p.Epoch, After: 1000})
		if err != nil || reset || len(p.Entries) != 1000 || p.Head != 16500 {
			t.Errorf("second page: %d entries, head %d, reset %v, %v", len(p.Entries), p.Head, reset, err)
		}
	})
}

// TestFeedBusy: not all may read at a time, and one reader does not take the others' places.
func TestFeedBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, feed, _ := newFed(t)
		defer w.run()()
		epoch := read(t, feed, "", 0, 0, true)
		var wg sync.WaitGroup
		names := []string{"mallory", "stock", "bills", "mail", "shop"}
		for _, name := range names {
			read(t, feed, epoch, 0, 0, false)
			for range 200 {
				wg.Go(func() {
					if _, _, err := feed.Read(t.Context(), name, revocation.Query{Epoch: epoch, Wait: time.Second}); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			synctest.Wait()
			if _, _, err := feed.Read(t.Context(), name, revocation.Query{Epoch: epoch}); !errors.Is(err, revocation.ErrBusy) {
				t.Errorf("%s 201 times: %v, want ErrBusy", name, err)
			}
		}
		if _, _, err := feed.Read(t.Context(), "orders", revocation.Query{Epoch: epoch}); !errors.Is(err, revocation.ErrBusy) || feed.Waiting() != 1000 {
			t.Errorf("beside %d: %v, want ErrBusy", feed.Waiting(), err)
		}
		wg.Wait()
		for _, name := range append(names, "orders") {
			if _, _, err := feed.Read(t.Context(), name, revocation.Query{Epoch: epoch}); err != nil || feed.Waiting() != 0 {
				t.Errorf("%s afterwards, beside %d: %v", name, feed.Waiting(), err)
			}
		}
	})
}

// TestFeedLetsGo: a stop, and a reader who has gone, end the wait.
func TestFeedLetsGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, feed, _ := newFed(t)
		defer w.run()()
		epoch := read(t, feed, "", 0, 0, true)
		begun := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { read(t, feed, epoch, 0, time.Minute, false) })
		synctest.Wait()
		feed.Close()
		feed.Close()
		wg.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := feed.Read(ctx, "orders", revocation.Query{Epoch: epoch, Wait: time.Minute}); err != nil || !time.Now().Equal(begun) {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
	})
}
