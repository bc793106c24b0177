package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// TestBeginAfterRevocation: what a user gets after being disabled and enabled is not taken by the watermark
// of that same second, now or by a refresh.
func TestBeginAfterRevocation(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		f.addUser(t, "budi")
		f.advance(300 * time.Millisecond)
		f.disable(t, "ani", true)
		f.disable(t, "ani", false)
		now := f.advance(100 * time.Millisecond)
		next := start.Add(time.Second)
		s := f.newSession("ani")
		b, err := f.BeginSession(t.Context(), s, session.ID{}, 100, audit.Event{})
		if err != nil || !b.Session.CreatedAt.Equal(next) || !b.Session.ExpiresAt.Equal(next.Add(absolute)) {
			t.Errorf("got %+v, %v; want it begun at %v", b.Session, err, next)
		}
		if diff := cmp.Diff(b.Session, f.row(t, s.ID)); diff != "" {
			t.Errorf("row (-answer +row):\n%s", diff)
		}
		if r := f.rotate(t, presented(s, 0), limits()); r.Step != session.StepRotated || !r.At.Equal(next) {
			t.Errorf("got step %d at %v, want a rotation at %v", r.Step, r.At, next)
		}
		if b, err := f.BeginSession(t.Context(), f.newSession("budi"), session.ID{}, 100, audit.Event{}); err != nil || !b.Session.CreatedAt.Equal(now) {
			t.Errorf("got %v, %v; want another user's at %v", b.Session.CreatedAt, err, now)
		}
		now = f.advance(time.Second)
		if b, err := f.BeginSession(t.Context(), f.newSession("ani"), session.ID{}, 100, audit.Event{}); err != nil || !b.Session.CreatedAt.Equal(now) {
			t.Errorf("got %v, %v; want the next second's at %v", b.Session.CreatedAt, err, now)
		}
	})
}

func TestBeginSession(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		user := f.addUser(t, "ani", "manager")
		f.addUser(t, "budi")
		s := f.newSession("ani")
		b, err := f.BeginSession(t.Context(), s, session.ID{}, 100, audit.Event{Action: audit.SessionBegun})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(user, b.User); diff != "" {
			t.Errorf("user (-want +got):\n%s", diff)
		}
		grant := f.begin(t, "ani", func(g *session.Session) { g.Parent = s.ID })
		for _, want := range []session.Session{s, grant} {
			if diff := cmp.Diff(want, f.row(t, want.ID)); diff != "" {
				t.Errorf("row (-want +got):\n%s", diff)
			}
		}
		ended := f.begin(t, "ani")
		f.end(t, ended.ID, false)
		for _, c := range []struct {
			name   string
			change func(*session.Session)
			want   error
		}{
			{"unknown user", func(s *session.Session) { s.Subject = "dewi" }, session.ErrUserGone},
			{"password changed meanwhile", func(s *session.Session) { s.CredentialVersion = 0 }, session.ErrUserGone},
			{"grant of an ended sign-in", func(s *session.Session) { s.Parent = ended.ID }, session.ErrNotFound},
			{"grant of no sign-in", func(s *session.Session) { s.Parent = session.NewID() }, session.ErrNotFound},
			{"grant of another's sign-in", func(g *session.Session) { g.Subject, g.Parent = "budi", s.ID }, session.ErrNotFound},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := f.newSession("ani")
				c.change(&s)
				if _, err := f.BeginSession(t.Context(), s, session.ID{}, 100, audit.Event{}); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				if _, err := f.Session(t.Context(), s.ID); !errors.Is(err, session.ErrNotFound) {
					t.Errorf("got %v for a session that was not begun, want ErrNotFound", err)
				}
			})
		}
	})
}

func (f *fixture) end(tb testing.TB, id session.ID, whole bool) {
	tb.Helper()
	e := audit.Event{Action: audit.SessionEnded}
	if err := f.EndSession(tb.Context(), id, "", whole, session.LoggedOut, e); err != nil {
		tb.Fatal(err)
	}
}

// TestMaxPerUser: one sign-in beyond the most ends the oldest, with its grants;
// grants and dead sessions do not count.
// ASVS 7.1.2
func TestMaxPerUser(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		begin := func() session.Session {
			t.Helper()
			f.advance(time.Second)
			s := f.newSession("ani")
			if _, err := f.BeginSession(t.Context(), s, session.ID{}, 3, audit.Event{Action: audit.SessionBegun}); err != nil {
				t.Fatal(err)
			}
			return s
		}
		f.addUser(t, "budi")
		for range 2 {
			if _, err := f.BeginSession(t.Context(), f.newSession("budi"), session.ID{}, 0, audit.Event{}); err != nil {
				t.Fatal(err)
			}
			f.checkEnded(t, "", f.clock()) // 0 is no limit
		}
		oldest := begin()
		grant := f.begin(t, "ani", func(g *session.Session) { g.Parent = oldest.ID })
		second, third := begin(), begin()
		f.checkEnded(t, "", f.clock())
		begin()
		f.checkEnded(t, session.TooMany, f.clock(), oldest.ID, grant.ID)
		f.end(t, third.ID, true)
		f.takeRevoked()
		begin()
		f.checkEnded(t, "", f.clock())
		begin()
		f.checkEnded(t, session.TooMany, f.clock(), second.ID)
		events := f.events(t)
		if e := events[len(events)-2]; e.Action != audit.SessionEnded || e.Session != second.ID.String() || e.Detail["reason"] != session.TooMany {
			t.Errorf("got event %+v, want the end of the oldest", e)
		}
	})
}

// TestBeginReplaces: a session that begins ends the one it takes the place of,
// whoever's it is and also where there is room for just one; one that is refused ends nothing.
// ASVS 7.2.4
func TestBeginReplaces(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		f.addUser(t, "budi")
		budi := f.begin(t, "budi")
		child := func() session.ID {
			return f.begin(t, "budi", func(g *session.Session) { g.Parent = budi.ID }).ID
		}
		grant, other := child(), child()
		begin := func(s session.Session, replaces session.ID, limit int) error {
			f.advance(time.Second)
			from := audit.From{Address: "192.0.2.7", Actor: s.Subject}
			_, err := f.BeginSession(t.Context(), s, replaces, limit, audit.Event{Action: audit.SessionBegun, From: from})
			return err
		}
		gone, twice := f.newSession("ani"), budi
		gone.CredentialVersion = 7
		n := len(f.events(t))
		if err := begin(gone, budi.ID, 1); !errors.Is(err, session.ErrUserGone) {
			t.Errorf("got %v, want ErrUserGone", err)
		}
		if err := begin(twice, budi.ID, 1); err == nil {
			t.Error("an id was taken twice")
		}
		f.checkEnded(t, "", f.clock())
		if row := f.row(t, budi.ID); !row.EndedAt.IsZero() || len(f.events(t)) != n {
			t.Errorf("a refused login left a trace: %+v", row)
		}

		ani := f.newSession("ani")
		if err := begin(ani, grant, 1); err != nil { // by a grant, its sign-in
			t.Fatal(err)
		}
		f.checkEnded(t, session.Replaced, f.clock(), budi.ID, grant, other)
		want := audit.Event{
			Seq: f.events(t)[n].Seq, At: f.clock(), Action: audit.SessionEnded, Subject: "budi", Session: grant.String(),
			From: audit.From{Address: "192.0.2.7", Actor: "ani"}, Detail: map[string]string{"reason": session.Replaced},
		}
		if events := f.events(t); len(events) != n+2 || cmp.Diff(want, events[n]) != "" {
			t.Errorf("events: %s", cmp.Diff(want, events[n]))
		}
		next := f.newSession("ani")
		if err := begin(next, ani.ID, 1); err != nil {
			t.Fatal(err)
		}
		f.checkEnded(t, session.Replaced, f.clock(), ani.ID) // not for too many
		for _, nothing := range []session.ID{{}, session.NewID(), ani.ID} {
			if err := begin(f.newSession("ani"), nothing, 0); err != nil {
				t.Fatal(err)
			}
			f.checkEnded(t, "", f.clock())
		}
	})
}

// TestEndSession proves which rows end with which.
// ASVS 7.4.1; checklist 94, 95
func TestEndSession(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		for _, c := range []struct {
			name  string
			end   int // of: 0 sign-in, 1 and 2 its grants, 3 another sign-in
			whole bool
			want  []int
		}{
			{"sign-in", 0, false, []int{0, 1, 2}},
			{"sign-in, whole", 0, true, []int{0, 1, 2}},
			{"grant", 1, false, []int{1}},
			{"grant, whole", 1, true, []int{0, 1, 2}},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				f := newFixture(t)
				f.addUser(t, "ani")
				child := func(parent session.ID) session.ID {
					return f.begin(t, "ani", func(s *session.Session) { s.Parent = parent }).ID
				}
				root := f.begin(t, "ani").ID
				ids := []session.ID{root, child(root), child(root), f.begin(t, "ani").ID}
				var want []session.ID
				for _, i := range c.want {
					want = append(want, ids[i])
				}
				now := f.advance(time.Minute)
				f.end(t, ids[c.end], c.whole)
				f.checkEnded(t, session.LoggedOut, now, want...)
				events := f.events(t)
				if e := events[len(events)-1]; e.Action != audit.SessionEnded || e.Subject != "ani" || e.Session != ids[c.end].String() {
					t.Errorf("got event %+v", e)
				}
				checkUnchanged(t, f, ids[c.end], func() { f.end(t, ids[c.end], c.whole) })
				for _, err := range []error{
					f.EndSession(t.Context(), ids[3], "budi", true, "x", audit.Event{}),
					f.EndSession(t.Context(), session.NewID(), "", true, "x", audit.Event{}),
				} {
					if !errors.Is(err, session.ErrNotFound) {
						t.Errorf("ending another's or no session: got %v, want ErrNotFound", err)
					}
				}
			})
		}
	})
}

// TestEndSessionsOf: all of a user's sessions end but the sign-in kept, or made
// from which the kept grant was.
// ASVS 7.5.2
func TestEndSessionsOf(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		f.addUser(t, "budi")
		f.begin(t, "budi")
		a, b := f.begin(t, "ani").ID, f.begin(t, "ani").ID
		grant := f.begin(t, "ani", func(s *session.Session) { s.Parent = a }).ID
		for _, c := range []struct {
			keep session.ID
			want []session.ID
		}{{grant, []session.ID{b}}, {a, nil}, {session.ID{}, []session.ID{a, grant}}, {session.ID{}, nil}} {
			n, err := f.EndSessionsOf(t.Context(), "ani", c.keep, session.LoggedOut, audit.Event{Action: audit.SessionEnded, Subject: "ani"})
			if err != nil || n != len(c.want) {
				t.Errorf("got %d, %v; want %d", n, err, len(c.want))
			}
			f.checkEnded(t, session.LoggedOut, f.clock(), c.want...)
		}
		if n, err := f.CountSessions(t.Context(), f.clock()); err != nil || n != 1 {
			t.Errorf("got %d alive, %v; want budi's", n, err)
		}
	})
}

func TestSessionsOf(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		a, b, c := f.begin(t, "ani"), f.begin(t, "ani"), f.begin(t, "ani")
		f.begin(t, "ani", func(s *session.Session) { s.IdleExpiresAt = start.Add(time.Second) })
		f.advance(time.Minute)
		f.rotate(t, presented(b, 0), limits())
		f.advance(time.Minute)
		f.rotate(t, presented(a, 0), limits())
		f.end(t, c.ID, true)
		got, err := f.SessionsOf(t.Context(), "ani", f.clock())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]session.Session{f.row(t, a.ID), f.row(t, b.ID)}, got); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
	})
}

// TestPurgeSessions deletes what ended or expired before, in batches, and nothing else.
func TestPurgeSessions(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		ended := f.begin(t, "ani").ID
		f.end(t, ended, true)
		f.begin(t, "ani", func(s *session.Session) { s.IdleExpiresAt = start.Add(time.Minute) })
		f.begin(t, "ani", func(s *session.Session) {
			s.IdleExpiresAt, s.ExpiresAt = start.Add(time.Minute), start.Add(time.Minute)
		})
		alive := f.begin(t, "ani").ID
		endedLate := f.begin(t, "ani").ID
		f.advance(time.Hour)
		f.end(t, endedLate, true)
		before := start.Add(30 * time.Minute)
		for _, want := range []int{2, 1, 0} {
			if n, err := f.PurgeSessions(t.Context(), before, 2); err != nil || n != want {
				t.Errorf("purged %d, %v; want %d", n, err, want)
			}
		}
		f.row(t, alive)
		f.row(t, endedLate)
		if _, err := f.Session(t.Context(), ended); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("got %v for a purged session, want ErrNotFound", err)
		}
	})
}
