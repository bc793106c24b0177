package session_test

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// TestRotateChain: each refresh hands out the next generation, and the row stays one.
// secure-defaults 6a
func TestRotateChain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	s, r := f.begin(t, "ani")
	for g := uint32(1); g <= 5; g++ {
		f.clock.advance(time.Minute)
		res, err := f.refresh(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.Open(res.Refresh.Reveal())
		if err != nil || p.ID != s.ID || p.Generation != g || res.Step != session.StepRotated || res.Refresh == r {
			t.Fatalf("got %+v, step %d, %v; want generation %d", p, res.Step, err, g)
		}
		if !slices.Equal(res.User.Roles, []string{"manager", "user"}) {
			t.Errorf("got roles %v", res.User.Roles)
		}
		r = res.Refresh
	}
	if l, err := f.List(t.Context(), "ani"); err != nil || len(l) != 1 || l[0].Generation != 5 {
		t.Errorf("got %v, %v; want one session", l, err)
	}
	if got := f.events(t); !slices.Equal(got, []audit.Action{audit.UserCreated, audit.SessionBegun}) {
		t.Errorf("got events %v; a refresh writes none", got)
	}
}

// TestConcurrentRotate: a hundred callers with one token inside the window get one
// new generation, and all the same successor.
// secure-defaults 6c; checklist 67
func TestConcurrentRotate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	s, r := f.begin(t, "ani")
	var mu sync.Mutex
	answers, steps := map[session.Refresh]int{}, map[session.Step]int{}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			res, err := f.refresh(t.Context(), r)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[res.Refresh]++
			steps[res.Step]++
		})
	}
	wg.Wait()
	if len(answers) != 1 || steps[session.StepRotated] != 1 || steps[session.StepRetry] != 99 {
		t.Errorf("got %d answers by steps %v; want one, by one rotation and 99 retries", len(answers), steps)
	}
	for got := range maps.Keys(answers) {
		if p, err := f.Open(got.Reveal()); err != nil || p.Generation != 1 {
			t.Errorf("got generation %d, %v; want 1", p.Generation, err)
		}
	}
	if row, err := f.db.Session(t.Context(), s.ID); err != nil || row.Generation != 1 || !row.EndedAt.IsZero() {
		t.Errorf("got %+v, %v", row, err)
	}
}

// TestInstantIsOfTheChange: what a session begins and goes on from is the instant at which the store made the
// change, however long it had waited for that.
// checklist 67
func TestInstantIsOfTheChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *session.Config) {
		late := c.Now
		c.Now = func() time.Time { return late().Add(-8 * time.Second) }
	})
	s, old := f.begin(t, "ani")
	at := f.clock.Now()
	if !s.CreatedAt.Equal(at) || !s.AuthTime.Equal(at) || !s.ExpiresAt.Equal(at.Add(30*24*time.Hour)) || !s.IdleExpiresAt.Equal(at.Add(14*24*time.Hour)) {
		t.Errorf("got %+v, want it begun at %v", s, at)
	}
	for _, want := range []session.Step{session.StepRotated, session.StepRetry} {
		f.clock.advance(9 * time.Second)
		res, err := f.refresh(t.Context(), old)
		if err != nil || res.Step != want || !res.At.Equal(f.clock.Now()) {
			t.Fatalf("got step %d at %v, %v; want %d at %v", res.Step, res.At, err, want, f.clock.Now())
		}
	}
	row, err := f.db.Session(t.Context(), s.ID)
	if want := at.Add(9 * time.Second); err != nil || !row.RotatedAt.Equal(want) || !row.LastUsedAt.Equal(want) {
		t.Errorf("got %+v, %v; want it rotated at %v", row, err, want)
	}
}

// TestReuse: an old token outside the window ends the session, once, and the
// newest token with it.
// secure-defaults 6d; checklist 63
func TestReuse(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	s, old := f.begin(t, "ani")
	res, err := f.refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	f.clock.advance(10 * time.Second)
	_, err = f.refresh(t.Context(), old)
	checkRefused(t, err, session.ErrReused, "refresh_reused")
	for _, r := range []session.Refresh{res.Refresh, old} {
		_, err = f.refresh(t.Context(), r)
		checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
	}
	if es := f.revocations(); len(es) != 1 || es[0].Handle != s.ID.String() {
		t.Errorf("got revocations %+v, want one of the session", es)
	}
	if got := f.events(t); !slices.Equal(got, []audit.Action{audit.UserCreated, audit.SessionBegun, audit.RefreshReused}) {
		t.Errorf("got events %v, want one reuse", got)
	}
}

// TestReuseRacesRotate: of the holder's and the thief's token presented at once
// outside the window, whatever the order, the session ends.
func TestReuseRacesRotate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for range 20 {
		s, old := f.begin(t, "ani")
		res, err := f.refresh(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}
		f.clock.advance(time.Minute)
		var wg sync.WaitGroup
		for _, r := range []session.Refresh{old, res.Refresh, old, res.Refresh} {
			wg.Go(func() { f.refresh(t.Context(), r) })
		}
		wg.Wait()
		if row, err := f.db.Session(t.Context(), s.ID); err != nil || row.EndReason != session.Reused {
			t.Fatalf("got %+v, %v; want it ended", row, err)
		}
	}
}

// TestLogoutRacesRotate: a session that has ended is never brought back by a
// refresh that ran at the same time.
// checklist 68
func TestLogoutRacesRotate(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *session.Config) { c.Limits.RetryWindow = 0 })
	for range 20 {
		s, r := f.begin(t, "ani")
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				res, err := f.refresh(t.Context(), r)
				if err != nil {
					checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
					return
				}
				r = res.Refresh
			}
		})
		if err := f.End(t.Context(), s.ID, "ani", true, session.LoggedOut, audit.From{}); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if row, err := f.db.Session(t.Context(), s.ID); err != nil || row.EndedAt.IsZero() {
			t.Fatalf("got %+v, %v; want it ended", row, err)
		}
	}
}

// TestNoRotation: the flask profile answers with the same token again and again,
// while the session stays in use.
func TestNoRotation(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *session.Config) { c.Limits.Rotate = false })
	_, r := f.begin(t, "ani")
	for range 3 {
		now := f.clock.Now().AddDate(0, 0, 9)
		f.clock.advance(9 * 24 * time.Hour)
		res, err := f.refresh(t.Context(), r)
		if err != nil || res.Refresh != r || !res.Session.LastUsedAt.Equal(now) {
			t.Fatalf("got %+v, %v; want the same token", res.Session, err)
		}
	}
	f.clock.advance(9 * 24 * time.Hour)
	_, err := f.refresh(t.Context(), r)
	checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
}

// TestRotateBinding: a token counts only for its client and its key.
// checklist 60, 143
func TestRotateBinding(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	u, err := f.db.User(t.Context(), "ani")
	if err != nil {
		t.Fatal(err)
	}
	_, r, _, err := f.Begin(t.Context(), session.Login{User: u, ClientID: "app", JKT: "thumb"}, audit.From{})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range [][2]string{{"", ""}, {"app", ""}, {"", "thumb"}, {"other", "thumb"}, {"app", "other"}} {
		_, err := f.Rotate(t.Context(), r.Reveal(), by[0], by[1], audit.From{})
		checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
	}
	if _, err := f.Rotate(t.Context(), r.Reveal(), "app", "thumb", audit.From{}); err != nil {
		t.Error(err)
	}
}
