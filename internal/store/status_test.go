package store_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// TestPlacesOfNodes: nodes that share a store hand out no place twice, and fill one list before the next.
// checklist 171
func TestPlacesOfNodes(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		const each = 200
		var mu sync.Mutex
		seen := map[revocation.Place]bool{}
		nodes := []*revocation.Places{}
		for _, db := range []*store.DB{f.DB, f.another(t)} {
			nodes = append(nodes, revocation.NewPlaces(revocation.PlacesConfig{Store: db, Issuer: "https://auth.example", Block: 16, Now: f.clock}))
		}
		together(8, func(i int) {
			for range each {
				place, err := nodes[i%2].Next(t.Context(), start.Add(time.Minute))
				for errors.Is(err, problem.Unavailable) { // busy
					place, err = nodes[i%2].Next(t.Context(), start.Add(time.Minute))
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if seen[place] {
					t.Errorf("%+v was handed out twice", place)
				}
				seen[place] = true
				mu.Unlock()
			}
		})
		lists := map[int64]bool{}
		for place := range seen {
			lists[place.List] = true
		}
		if len(seen) != 8*each || len(lists) != 1 {
			t.Errorf("%d places in %d lists, want %d in one", len(seen), len(lists), 8*each)
		}
	})
}

// TestTakePlaces: a list has room for so many, and for what expires at one instant.
func TestTakePlaces(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		take := func(expires time.Time, n int) (int64, int) {
			t.Helper()
			list, first, err := f.TakePlaces(t.Context(), expires, n)
			if err != nil {
				t.Fatal(err)
			}
			return list, first
		}
		noon := start.Add(3 * time.Hour)
		a, first := take(noon, revocation.ListSize-10)
		if b, second := take(noon, 10); a < 1 || b != a || first != 0 || second != revocation.ListSize-10 {
			t.Errorf("took from %d of %d, then from %d of %d", first, a, second, b)
		}
		if b, first := take(noon, 1); b == a || first != 0 {
			t.Errorf("a full list gave place %d", first)
		}
		if b, first := take(noon.Add(time.Hour), 1); b == a || first != 0 {
			t.Errorf("what expires later is in list %d at %d", b, first)
		}
	})
}

// TestStatusBits: the places of sessions that were ended, by whatever, and of tokens that were revoked by themselves.
func TestStatusBits(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		ani, budi := f.addUser(t, "ani").Subject, f.addUser(t, "budi").Subject
		expires := start.Add(30 * 24 * time.Hour)
		list, first, err := f.TakePlaces(t.Context(), expires, 100)
		if err != nil {
			t.Fatal(err)
		}
		begin := func(subject string, bit int) session.ID {
			t.Helper()
			s := f.newSession(subject)
			s.Status = revocation.Place{List: list, Bit: first + bit}
			if _, err := f.BeginSession(t.Context(), s, session.ID{}, 100, audit.Event{}); err != nil {
				t.Fatal(err)
			}
			return s.ID
		}
		want := func(want ...int) {
			t.Helper()
			bits, size, until, err := f.StatusBits(t.Context(), list)
			slices.Sort(bits)
			if err != nil || !slices.Equal(bits, want) || size != 100 || !until.Equal(expires) {
				t.Errorf("got %v of %d until %v, %v; want %v", bits, size, until, err, want)
			}
		}
		one := begin(ani, 3)
		begin(ani, 5)
		begin(budi, 99)
		want()
		if err := f.EndSession(t.Context(), one, ani, false, session.LoggedOut, audit.Event{}); err != nil {
			t.Fatal(err)
		}
		want(3)
		if err := f.RevokeToken(t.Context(), "jti", start.Add(time.Minute), revocation.Place{List: list, Bit: 7}, audit.Event{}); err != nil {
			t.Fatal(err)
		}
		want(3, 7)
		if err := f.SetDisabled(t.Context(), budi, true, audit.Event{}); err != nil {
			t.Fatal(err)
		}
		want(3, 7, 99)
		if _, _, _, err := f.StatusBits(t.Context(), list+1); !errors.Is(err, revocation.ErrNoList) {
			t.Errorf("unknown list: %v", err)
		}
		purge := func(at time.Time, want int) {
			t.Helper()
			if n, err := f.PurgeStatus(t.Context(), at, 10); n != want || err != nil {
				t.Errorf("purged %d at %v, %v; want %d", n, at, err, want)
			}
		}
		purge(expires.Add(59*time.Minute), 0)
		purge(expires.Add(61*time.Minute), 1)
		if _, _, _, err := f.StatusBits(t.Context(), list); !errors.Is(err, revocation.ErrNoList) {
			t.Errorf("purged list: %v", err)
		}
	})
}
