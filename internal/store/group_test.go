package store

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
)

var errRefused = errors.New("refused")

func openTest(t *testing.T, c Config) *DB {
	t.Helper()
	c.URL = "sqlite:" + filepath.Join(t.TempDir(), "sandi.db")
	db, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// hold makes the writer busy with a change until the returned function is
// called, so that what comes meanwhile stands in one transaction with it.
func hold(db *DB) (release func() error) {
	begun, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- db.write(context.Background(), "hold", func(*tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	return func() error {
		close(end)
		return <-done
	}
}

// TestGroup proves that changes which wait share a transaction, and that one
// that fails half way spoils none of them.
func TestGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls, entries atomic.Int32
		db := openTest(t, Config{Revoked: func(es []revocation.Entry) {
			calls.Add(1)
			entries.Add(int32(len(es)))
		}})
		defer db.Close()
		release := hold(db)
		const n = 100
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				errs[i] = db.write(t.Context(), "revoke", func(t *tx) error {
					if err := t.revoke(revocation.Token, string(rune('A'+i)), time.Time{}); err != nil {
						return err
					}
					if i%3 == 0 {
						return errRefused
					}
					return nil
				})
				if i%3 != 0 && calls.Load() == 0 {
					t.Error("a caller was answered before the hook had run")
				}
			})
		}
		synctest.Wait() // all stand in the queue
		if got := db.Backlog(); got != n+1 {
			t.Errorf("got a backlog of %d, want %d", got, n+1)
		}
		if err := release(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		for i, err := range errs {
			if failed := i%3 == 0; failed != errors.Is(err, errRefused) || !failed && err != nil {
				t.Errorf("change %d: got %v", i, err)
			}
		}
		p, err := db.Revocations(t.Context(), 0, 1000)
		if err != nil || len(p.Entries) != 66 || p.Head != 66 {
			t.Errorf("got %d entries, head %d, error %v; want the 66 that did not fail", len(p.Entries), p.Head, err)
		}
		if calls.Load() != 1 || entries.Load() != 66 {
			t.Errorf("the hook was called %d times with %d entries, want once with 66", calls.Load(), entries.Load())
		}
	})
}

// TestPanic: a change that panics fails alone, with the place of the fault for the log.
func TestPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, Config{})
		defer db.Close()
		release := hold(db)
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				errs[i] = db.write(t.Context(), "revoke", func(t *tx) error {
					if err := t.revoke(revocation.Token, string(rune('A'+i)), time.Time{}); err != nil || i != 1 {
						return err
					}
					panic(problem.New(problem.Forbidden, "not_an_answer"))
				})
			})
			synctest.Wait()
		}
		if err := release(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := errs[1]; err == nil || !strings.Contains(err.Error(), "panic: ") || !strings.Contains(err.Error(), "group_test.go:") {
			t.Errorf("got %v, want the panic and its stack", err)
		} else if p := problem.From(err); p.Kind != problem.Internal {
			t.Errorf("got kind %v, want problem.Internal", p.Kind)
		}
		if errs[0] != nil || errs[2] != nil {
			t.Errorf("got %v and %v for the others", errs[0], errs[2])
		}
		if err := db.write(t.Context(), "go on", func(t *tx) error { return t.revoke(revocation.Token, "D", time.Time{}) }); err != nil {
			t.Error(err)
		}
		var got string
		p, err := db.Revocations(t.Context(), 0, 10)
		for _, e := range p.Entries {
			got += e.Handle
		}
		if err != nil || got != "ACD" {
			t.Errorf("got %q, %v; want all but the one that panicked", got, err)
		}
	})
}

// TestUnbatched commits one by one.
func TestUnbatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		db := openTest(t, Config{Unbatched: true, Revoked: func([]revocation.Entry) { calls.Add(1) }})
		defer db.Close()
		release := hold(db)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := db.write(t.Context(), "revoke", func(t *tx) error { return t.revoke(revocation.Token, "x", t.now) }); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if err := release(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if calls.Load() != 5 {
			t.Errorf("the hook was called %d times, want 5", calls.Load())
		}
	})
}

// TestWithdrawn: a caller who gives up while waiting changes nothing and returns
// at once; one whose change has begun gets its outcome.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, Config{})
		defer db.Close()
		release := hold(db)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		ran := false
		go func() {
			done <- db.write(ctx, "late", func(*tx) error { ran = true; return nil })
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v while the writer is held, want context.Canceled", err)
		}
		if err := release(); err != nil {
			t.Error(err)
		}

		ctx, cancel = context.WithCancel(t.Context())
		err := db.write(ctx, "begun", func(t *tx) error {
			cancel()
			return t.revoke(revocation.Token, "begun", t.now)
		})
		if err != nil {
			t.Errorf("got %v for a change that had begun, want its outcome", err)
		}
		p, err := db.Revocations(t.Context(), 0, 10)
		if err != nil || len(p.Entries) != 1 || ran {
			t.Errorf("got %v (error %v), withdrawn change ran: %t", p.Entries, err, ran)
		}
	})
}

// TestWaitsNoLongerThan: a change that stood in the queue for too long is withdrawn, so that nobody acts on an
// answer of long ago; the client is told to come again.
func TestWaitsNoLongerThan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, Config{})
		defer db.Close()
		release := hold(db)
		done, ran, begun := make(chan error, 1), false, time.Now()
		go func() {
			done <- db.write(t.Context(), "late", func(*tx) error { ran = true; return nil })
		}()
		err := <-done // the bubble's clock goes on to the limit
		if p := problem.From(err); p.Kind != problem.Unavailable || p.RetryAfter != time.Second || time.Since(begun) != 5*time.Second {
			t.Errorf("got %v after %v, want problem.Unavailable after 5 s", err, time.Since(begun))
		}
		if err := release(); err != nil || ran {
			t.Errorf("got %v, withdrawn change ran: %t", err, ran)
		}
	})
}

// TestCloseDrains: Close finishes what waits and refuses what comes later.
func TestCloseDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := openTest(t, Config{})
		release := hold(db)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := db.write(t.Context(), "waiting", func(*tx) error { return nil }); err != nil {
					t.Errorf("got %v for a change that waited", err)
				}
			})
		}
		synctest.Wait()
		wg.Go(func() {
			if err := db.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		synctest.Wait()
		if err := db.write(t.Context(), "late", func(*tx) error { return nil }); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v after Close, want ErrClosed", err)
		}
		if err := release(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := db.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
	})
}

// TestLostTransaction: when the transaction itself is lost, everybody in it is
// told so, nobody's change is kept, and the next transaction works.
func TestLostTransaction(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*tx) error{
		"rolled back by SQLite": func(t *tx) error { return errors.Join(rollback(t), errRefused) },
		"commit fails": func(t *tx) error {
			_, deferred := t.exec("PRAGMA defer_foreign_keys = 1")
			_, err := t.exec(`INSERT INTO user_roles (subject, role) VALUES ('nobody', 'x')`)
			return errors.Join(deferred, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { loseTransaction(t, lose) })
		})
	}
}

func rollback(t *tx) error {
	_, err := t.exec("ROLLBACK")
	return err
}

func loseTransaction(t *testing.T, lose func(*tx) error) {
	var calls atomic.Int32
	db := openTest(t, Config{Revoked: func([]revocation.Entry) { calls.Add(1) }})
	defer db.Close()
	release := hold(db)
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, do := range []func(*tx) error{func(t *tx) error { return t.revoke(revocation.Token, "x", t.now) }, lose} {
		wg.Go(func() { errs[i] = db.write(t.Context(), "lose", do) })
		synctest.Wait()
	}
	held := release()
	wg.Wait()
	errs = append(errs, held)
	for i, err := range errs {
		if err == nil {
			t.Errorf("change %d: got no error", i)
		}
	}
	if err := db.write(t.Context(), "go on", func(t *tx) error { return t.revoke(revocation.Token, "y", t.now) }); err != nil {
		t.Error(err)
	}
	p, err := db.Revocations(t.Context(), 0, 10)
	if err != nil || len(p.Entries) != 1 || p.Entries[0].Handle != "y" || calls.Load() != 1 {
		t.Errorf("got %v (error %v), hook called %d times", p.Entries, err, calls.Load())
	}
}

// TestDiskFull: what does not fit is refused as problem.Unavailable, changes
// nothing, and is taken again once there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	db := openTest(t, Config{})
	limit := func(pragma string) {
		t.Helper()
		err := db.write(t.Context(), "limit", func(t *tx) error { return each(context.Background(), t, func(*sql.Rows) error { return nil }, pragma) })
		if err != nil {
			t.Fatal(err)
		}
	}
	large := audit.Event{Action: audit.LoginRefused, Detail: map[string]string{"x": strings.Repeat("x", 1<<20)}}
	limit("PRAGMA max_page_count = 1") // means: as large as it is
	err := db.Audit(t.Context(), large)
	if !errors.Is(err, problem.Unavailable) || problem.From(err).RetryAfter != time.Second {
		t.Errorf("got %v, want problem.Unavailable", err)
	}
	limit("PRAGMA max_page_count = 1000000")
	if err := db.Audit(t.Context(), large); err != nil {
		t.Errorf("got %v once there was room", err)
	}
	if es, err := db.Events(t.Context(), 0, 10); err != nil || len(es) != 1 || es[0].Seq != 1 {
		t.Errorf("got %d events, %v; want the one that fitted", len(es), err)
	}
}
