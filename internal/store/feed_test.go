package store_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/demo"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// TestRevocations: the feed is what the hook was handed, page by page, with its
// head, which a purge does not move.
func TestRevocations(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		empty, err := f.Revocations(t.Context(), 0, 10)
		if err != nil || empty.Epoch == "" || empty.Head != 0 || len(empty.Entries) != 0 {
			t.Fatalf("got %+v, %v for an empty feed", empty, err)
		}
		for range 5 {
			f.end(t, f.begin(t, "ani").ID, true)
			f.advance(time.Minute)
		}
		want := f.takeRevoked()
		var got []revocation.Entry
		for after := int64(0); ; {
			p, err := f.Revocations(t.Context(), after, 2)
			if err != nil || p.Head != 5 || p.Epoch != empty.Epoch {
				t.Fatalf("got head %d, epoch %q, %v", p.Head, p.Epoch, err)
			}
			if len(p.Entries) == 0 {
				break
			}
			got = append(got, p.Entries...)
			after = got[len(got)-1].Seq
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("feed (-hook +feed):\n%s", diff)
		}
		// Access lifetime 15 min and 2 min of grace: three of five have expired 20 minutes in.
		for _, n := range []int{2, 1, 0} {
			if got, err := f.PurgeRevocations(t.Context(), start.Add(19*time.Minute+time.Second), 2); err != nil || got != n {
				t.Errorf("purged %d, %v; want %d", got, err, n)
			}
		}
		p, err := f.Revocations(t.Context(), 0, 10)
		if err != nil || p.Head != 5 || len(p.Entries) != 2 || p.Entries[0].Seq != 4 {
			t.Errorf("got %+v, %v after the purge", p, err)
		}
	})
}

// TestLeakedKeyStays: that a key leaked is never purged.
func TestLeakedKeyStays(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		for _, kid := range []string{"old", "leaked"} {
			if _, err := f.AddKey(t.Context(), key.Record{KID: kid, Algorithm: "ES256", Sealed: []byte{1}, CreatedAt: start, ActivateAt: start}, map[string]string{"leaked": "old"}[kid], audit.Event{}); err != nil {
				t.Fatal(err)
			}
		}
		if revoked, err := f.RevokeKey(t.Context(), "leaked", nil, time.Hour, audit.Event{}); err != nil || !revoked {
			t.Fatal(revoked, err)
		}
		f.addUser(t, "ani")
		f.disable(t, "ani", true) // which is the head
		if n, err := f.PurgeRevocations(t.Context(), start.Add(1000*time.Hour), 10); err != nil || n != 0 {
			t.Errorf("purged %d, %v", n, err)
		}
	})
}

// TestRevocationsOutliveLongestLifetime: a command that knows nothing of the
// server's longer tokens revokes for as long as they live.
func TestRevocationsOutliveLongestLifetime(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		server := f.config()
		server.AccessLifetime = time.Hour
		db, err := store.Open(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		f.reopen(t)
		f.end(t, f.begin(t, "ani").ID, true)
		if es := f.takeRevoked(); len(es) != 1 || !es[0].ExpiresAt.Equal(start.Add(time.Hour+2*time.Minute)) {
			t.Errorf("got %+v, want an entry for 62 minutes", es)
		}
	})
}

// TestAuditIsAppendOnly: events read back as written, and no statement changes
// or removes one.
// secure-defaults 19a
func TestAuditIsAppendOnly(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		want := audit.Event{
			Seq: 1, At: start, Action: audit.LoginRefused, Subject: "ani", Session: "s",
			From:   audit.From{Address: "192.0.2.7", UserAgent: "curl/8", RequestID: "r", Actor: "cli"},
			Detail: map[string]string{"reason": "wrong \"password\""},
		}
		if err := f.Audit(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if err := f.Audit(t.Context(), audit.Event{Action: audit.KeyCreated}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]audit.Event{want, {Seq: 2, At: start, Action: audit.KeyCreated}}, f.events(t)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		raw := f.raw(t)
		for _, s := range []string{`UPDATE audit SET subject = 'budi'`, `DELETE FROM audit`, `DELETE FROM audit WHERE seq = 1`} {
			if _, err := raw.ExecContext(t.Context(), s); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: got %v, want a refusal", s, err)
			}
		}
	})
}

func TestKeys(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		record := func(kid string, activate time.Duration) key.Record {
			return key.Record{KID: kid, Algorithm: "ES256", Sealed: []byte(kid), CreatedAt: start, ActivateAt: start.Add(activate)}
		}
		add := func(r key.Record, newest string, want bool) {
			t.Helper()
			if got, err := f.AddKey(t.Context(), r, newest, audit.Event{Action: audit.KeyCreated}); err != nil || got != want {
				t.Errorf("add %s after %q: got %t, %v; want %t", r.KID, newest, got, err, want)
			}
		}
		a, b := record("b-first", 0), record("a-second", time.Hour)
		add(a, "unknown", false)
		add(a, "", true)
		add(b, "", false)
		add(b, "b-first", true)
		add(record("late", 2*time.Hour), "b-first", false)
		check := func(want ...key.Record) {
			t.Helper()
			got, err := f.Keys(t.Context())
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v; keys (-want +got):\n%s", err, diff)
			}
		}
		check(a, b)
		for range 2 {
			if err := f.RemoveKey(t.Context(), "b-first"); err != nil {
				t.Error(err)
			}
		}
		check(b)
		events := f.events(t)
		want := audit.Event{Seq: 3, At: start, Action: audit.KeyRemoved, Detail: map[string]string{"kid": "b-first"}}
		if diff := cmp.Diff(want, events[len(events)-1]); len(events) != 3 || diff != "" {
			t.Errorf("got %d events, want one for each key added or removed; the last (-want +got):\n%s", len(events), diff)
		}
		for _, fp := range []string{"first", "second"} {
			if got, err := f.MasterFingerprint(t.Context(), fp); err != nil || got != "first" {
				t.Errorf("got fingerprint %q, %v; want the first", got, err)
			}
		}
	})
}

// TestRotateKeyRace: of nodes that add a key at once, one does.
func TestRotateKeyRace(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		other, err := store.Open(t.Context(), f.config())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		var added atomic.Int32
		var wg sync.WaitGroup
		for i, db := range []*store.DB{f.DB, other, f.DB, other} {
			wg.Go(func() {
				r := key.Record{KID: string(rune('a' + i)), Algorithm: "ES256", Sealed: []byte("x"), CreatedAt: start, ActivateAt: start}
				ok, err := db.AddKey(t.Context(), r, "", audit.Event{Action: audit.KeyCreated})
				if err != nil {
					t.Error(err)
				}
				if ok {
					added.Add(1)
				}
			})
		}
		wg.Wait()
		if added.Load() != 1 {
			t.Errorf("%d keys were added, want 1", added.Load())
		}
	})
}

func TestProducts(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		if _, err := f.Products(t.Context()); err == nil {
			t.Error("there are products without the demo's migrations")
		}
		for range 2 { // the second changes nothing
			if err := f.MigrateDemo(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ps, err := f.Products(t.Context())
		if err != nil || len(ps) != 3 {
			t.Fatalf("got %v, %v; want three products", ps, err)
		}
		p, err := f.AddProduct(t.Context(), demo.Product{ID: 1, Name: "Teh Melati", Price: 18000})
		if err != nil || p.ID != 4 {
			t.Fatalf("got %+v, %v; want id 4", p, err)
		}
		p.Price = 19000
		if err := errors.Join(f.UpdateProduct(t.Context(), p), f.DeleteProduct(t.Context(), 1)); err != nil {
			t.Error(err)
		}
		if ps, _ = f.Products(t.Context()); len(ps) != 3 || ps[2] != p || ps[0].ID != 2 {
			t.Errorf("got %v", ps)
		}
		for _, err := range []error{f.DeleteProduct(t.Context(), 1), f.UpdateProduct(t.Context(), demo.Product{ID: 1})} {
			if !errors.Is(err, demo.ErrNoProduct) {
				t.Errorf("got %v for a product that is gone, want ErrNoProduct", err)
			}
		}
		if err := f.MigrateDemo(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ps, _ = f.Products(t.Context()); len(ps) != 3 {
			t.Errorf("migrating again brought back what was deleted: %v", ps)
		}
		f.begin(t, f.addUser(t, session.NewID().String()).Subject) // the writer goes on beside it
	})
}

// TestRevocationOutlivesEverySignedToken: a server that has been running for long keeps a revocation for as long as
// the tokens live that another process has signed since.
func TestRevocationOutlivesEverySignedToken(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		other, err := store.Open(t.Context(), f.config())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if err := other.RememberLifetime(t.Context(), time.Hour); err != nil || other.AccessLifetime() != time.Hour {
			t.Fatalf("got %v, %v", other.AccessLifetime(), err)
		}
		if err := other.RememberLifetime(t.Context(), time.Minute); err != nil || other.AccessLifetime() != time.Hour {
			t.Fatalf("got %v, %v; want the longest", other.AccessLifetime(), err)
		}
		f.disable(t, "ani", true)
		es := f.takeRevoked()
		if len(es) != 1 || es[0].ExpiresAt.Before(f.clock().Add(time.Hour)) {
			t.Errorf("got %v, want one that is kept for more than an hour", es)
		}
	})
}

// The longest access lifetime is kept, whoever opens the store later: the keys of its tokens must stay published.
func TestAccessLifetimeIsTheLongest(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "sandi.db")
	for _, d := range []struct{ opened, want time.Duration }{
		{15 * time.Minute, 15 * time.Minute}, {time.Hour, time.Hour}, {time.Minute, time.Hour}, {0, time.Hour},
	} {
		db, err := store.Open(t.Context(), store.Config{URL: url, AccessLifetime: d.opened})
		if err != nil {
			t.Fatal(err)
		}
		if got := db.AccessLifetime(); got != d.want {
			t.Errorf("opened with %v: got %v, want %v", d.opened, got, d.want)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
