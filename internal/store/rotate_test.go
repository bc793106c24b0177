package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
)

// situations lead a session, begun just now, to the moment before a token of
// its is presented, and say which step must answer.
var situations = []struct {
	name       string
	rotations  int           // made before, each a minute after the other
	wait       time.Duration // since the last of them
	present    uint32
	norotate   bool
	want       session.Step
	generation uint32 // of the row afterwards
}{
	{name: "2 first use", present: 0, want: session.StepRotated, generation: 1},
	{name: "2 window over", rotations: 3, wait: window, present: 3, want: session.StepRotated, generation: 4},
	{name: "3 rotated just now", rotations: 3, present: 3, want: session.StepSame, generation: 3},
	{name: "3 end of window", rotations: 1, wait: window - time.Millisecond, present: 1, want: session.StepSame, generation: 1},
	{name: "3 no rotation", wait: time.Hour, present: 0, norotate: true, want: session.StepSame, generation: 0},
	{name: "4 retry", rotations: 3, wait: time.Second, present: 2, want: session.StepRetry, generation: 3},
	{name: "4 end of window", rotations: 1, wait: window - time.Millisecond, present: 0, want: session.StepRetry, generation: 1},
	{name: "5 window over", rotations: 3, wait: window, present: 2, want: session.StepReuse, generation: 3},
	{name: "5 long ago", rotations: 1, wait: time.Hour, present: 0, want: session.StepReuse, generation: 1},
	{name: "5 two behind, within the window", rotations: 3, present: 1, want: session.StepReuse, generation: 3},
	{name: "5 refused without rotation", rotations: 1, wait: time.Hour, present: 0, norotate: true, want: session.StepRefused, generation: 1},
	{name: "6 lost rotation", rotations: 2, wait: time.Hour, present: 3, want: session.StepForward, generation: 3},
	{name: "6 lost rotation, within the window", rotations: 2, present: 3, want: session.StepForward, generation: 3},
	{name: "6 two ahead", rotations: 2, wait: time.Hour, present: 4, want: session.StepRefused, generation: 2},
}

// bars are what makes any step a refusal that changes nothing.
var bars = []struct {
	name string
	bar  func(testing.TB, *fixture, session.Session, *session.Presented, *session.Limits)
}{
	{"wrong client", func(_ testing.TB, _ *fixture, _ session.Session, p *session.Presented, _ *session.Limits) {
		p.ClientID = "other"
	}},
	{"no client", func(_ testing.TB, _ *fixture, _ session.Session, p *session.Presented, _ *session.Limits) {
		p.ClientID = ""
	}},
	{"wrong JKT", func(_ testing.TB, _ *fixture, _ session.Session, p *session.Presented, _ *session.Limits) {
		p.JKT = "other"
	}},
	{"no JKT", func(_ testing.TB, _ *fixture, _ session.Session, p *session.Presented, _ *session.Limits) { p.JKT = "" }},
	{"wrong secret", func(_ testing.TB, _ *fixture, _ session.Session, p *session.Presented, _ *session.Limits) {
		p.SecretHash[31] ^= 1
	}},
	{"unknown id", func(_ testing.TB, _ *fixture, _ session.Session, p *session.Presented, _ *session.Limits) {
		p.ID[0] ^= 1
	}},
	{"ended", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, _ *session.Limits) {
		if err := f.EndSession(tb.Context(), s.ID, s.Subject, true, session.LoggedOut, audit.Event{Action: audit.SessionEnded}); err != nil {
			tb.Fatal(err)
		}
	}},
	{"idle limit over", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, l *session.Limits) {
		f.expire(l, f.row(tb, s.ID).IdleExpiresAt)
	}},
	{"absolute limit over", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, l *session.Limits) {
		f.expire(l, s.ExpiresAt)
	}},
	{"user disabled", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, _ *session.Limits) {
		f.disable(tb, s.Subject, true)
	}},
	{"user disabled and enabled", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, _ *session.Limits) {
		f.disable(tb, s.Subject, true)
		f.disable(tb, s.Subject, false)
	}},
	{"password changed", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, _ *session.Limits) {
		f.changePassword(tb, account.PasswordChange{Subject: s.Subject, ExpectVersion: 1, Hash: "$argon2id$2"})
	}},
	// Rows that no transaction leaves behind: the UPDATE's own conditions refuse them.
	{"disabled in the users table alone", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, _ *session.Limits) {
		f.raw(tb, `UPDATE users SET disabled = TRUE WHERE subject = '`+s.Subject+`'`)
	}},
	{"ended in its row alone", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, _ *session.Limits) {
		f.raw(tb, `UPDATE sessions SET ended_at = 1 WHERE subject = '`+s.Subject+`'`)
	}},
	{"idle limit beyond the absolute", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, l *session.Limits) {
		unchecked := `PRAGMA ignore_check_constraints = 1`
		if f.Shared() {
			unchecked = `ALTER TABLE sessions DROP CONSTRAINT IF EXISTS sessions_limits`
		}
		db := f.raw(tb)
		db.SetMaxOpenConns(1) // SQLite's is the connection's
		execute(tb, db, unchecked, `UPDATE sessions SET idle_expires_at = expires_at + 1000 WHERE subject = '`+s.Subject+`'`)
		f.expire(l, s.ExpiresAt)
	}},
	{"version changed in the users table alone", func(tb testing.TB, f *fixture, s session.Session, _ *session.Presented, _ *session.Limits) {
		f.raw(tb, `UPDATE users SET credential_version = 2 WHERE subject = '`+s.Subject+`'`)
	}},
}

// expire moves the clock to the limit, and the window with it, so that only the
// limit differs.
func (f *fixture) expire(l *session.Limits, limit time.Time) {
	l.RetryWindow += limit.Sub(f.clock())
	f.advance(limit.Sub(f.clock()))
}

// TestRotationSteps proves every step of the rotation, and that whatever bars a
// session bars it at each of them and changes nothing.
// secure-defaults 6c, 6d; checklist 60, 63, 67
func TestRotationSteps(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		for _, c := range situations {
			t.Run(c.name, func(t *testing.T) {
				t.Run("granted", func(t *testing.T) {
					s, l := reach(t, f, c.rotations, c.wait, c.norotate)
					before := f.row(t, s.ID)
					got := f.rotate(t, presented(s, c.present), l)
					checkStep(t, f, before, got, c.want, c.generation)
				})
				for _, b := range bars {
					t.Run(b.name, func(t *testing.T) {
						s, l := reach(t, f, c.rotations, c.wait, c.norotate)
						p := presented(s, c.present)
						b.bar(t, f, s, &p, &l)
						checkUnchanged(t, f, s.ID, func() {
							if got := f.rotate(t, p, l); got.Step != session.StepRefused {
								t.Errorf("got step %d, want StepRefused", got.Step)
							}
						})
					})
				}
			})
		}
	})
}

// reach begins a session of a new user and rotates it.
func reach(tb testing.TB, f *fixture, rotations int, wait time.Duration, norotate bool) (session.Session, session.Limits) {
	tb.Helper()
	f.forget(tb)
	s := f.begin(tb, f.addUser(tb, session.NewID().String(), "manager", "user").Subject)
	for g := range rotations {
		f.advance(time.Minute)
		if r := f.rotate(tb, presented(s, uint32(g)), limits()); r.Step != session.StepRotated {
			tb.Fatalf("rotation %d: step %d", g, r.Step)
		}
	}
	f.advance(wait)
	f.takeRevoked()
	l := limits()
	l.Rotate = !norotate
	return s, l
}

// checkUnchanged runs do and demands that it left no trace.
func checkUnchanged(tb testing.TB, f *fixture, id session.ID, do func()) {
	tb.Helper()
	before, events := f.row(tb, id), f.events(tb)
	f.takeRevoked()
	do()
	if diff := cmp.Diff(before, f.row(tb, id)); diff != "" {
		tb.Errorf("the row changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(events, f.events(tb)); diff != "" {
		tb.Errorf("the audit log changed:\n%s", diff)
	}
	if es := f.takeRevoked(); len(es) > 0 {
		tb.Errorf("revoked %v", es)
	}
}

// checkStep compares an answer, and what it left in the store, with the rule.
func checkStep(tb testing.TB, f *fixture, before session.Session, got session.Rotation, step session.Step, generation uint32) {
	tb.Helper()
	now, want := f.clock(), before
	want.Generation = generation
	switch {
	case step == session.StepRotated || step == session.StepForward:
		want.RotatedAt, want.LastUsedAt, want.IdleExpiresAt = now, now, now.Add(idle)
	case step == session.StepSame && generation == 0: // without rotation
		want.LastUsedAt, want.IdleExpiresAt = now, now.Add(idle)
	case step == session.StepReuse:
		want.EndedAt, want.EndReason, want.IdleExpiresAt = now, session.Reused, now
	}
	if got.Step != step {
		tb.Fatalf("got step %d, want %d", got.Step, step)
	}
	if diff := cmp.Diff(want, f.row(tb, before.ID)); diff != "" {
		tb.Errorf("row (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, got.Session); diff != "" {
		tb.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"manager", "user"}, got.User.Roles); diff != "" {
		tb.Errorf("roles (-want +got):\n%s", diff)
	}
	es, events := f.takeRevoked(), f.events(tb)
	last := events[len(events)-1]
	switch step {
	case session.StepReuse:
		if len(es) != 1 || es[0].Kind != revocation.Session || es[0].Handle != before.ID.String() {
			tb.Errorf("got revocations %v, want one of the session", es)
		}
		if last.Action != audit.RefreshReused || last.Session != before.ID.String() || last.Subject != before.Subject {
			tb.Errorf("got event %+v, want the reuse", last)
		}
	case session.StepForward:
		if last.Action != audit.RolledForward || len(es) != 0 {
			tb.Errorf("got event %+v and revocations %v, want the roll forward alone", last, es)
		}
	default:
		if last.Action != audit.SessionBegun || len(es) != 0 {
			tb.Errorf("got event %+v and revocations %v, want none", last, es)
		}
	}
}

// TestIdleLimitStaysWithinAbsolute: refreshing never prolongs a session beyond its absolute limit.
// ASVS 7.3.2
func TestIdleLimitStaysWithinAbsolute(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		for _, rotate := range []bool{true, false} {
			f := newFixture(t)
			f.addUser(t, "ani")
			s := f.begin(t, "ani")
			l := limits()
			l.Rotate = rotate
			var g uint32
			for f.clock().Before(s.ExpiresAt.Add(-10 * 24 * time.Hour)) {
				f.advance(10 * 24 * time.Hour)
				g = f.rotate(t, presented(s, g), l).Session.Generation
			}
			if got := f.row(t, s.ID).IdleExpiresAt; !got.Equal(s.ExpiresAt) {
				t.Errorf("rotate %t: got idle limit %v, want the absolute limit %v", rotate, got, s.ExpiresAt)
			}
			f.advance(s.ExpiresAt.Sub(f.clock()))
			if r := f.rotate(t, presented(s, g), l); r.Step != session.StepRefused {
				t.Errorf("rotate %t: got step %d at the absolute limit, want StepRefused", rotate, r.Step)
			}
		}
	})
}

// TestWindowIsNotExtended: retries within the window do not move its end.
// secure-defaults 6c
func TestWindowIsNotExtended(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		s := f.begin(t, "ani")
		f.rotate(t, presented(s, 0), limits())
		for range 9 {
			f.advance(time.Second)
			if r := f.rotate(t, presented(s, 0), limits()); r.Step != session.StepRetry || r.Session.Generation != 1 {
				t.Fatalf("got step %d, generation %d, want a retry with 1", r.Step, r.Session.Generation)
			}
			if r := f.rotate(t, presented(s, 1), limits()); r.Step != session.StepSame {
				t.Fatalf("got step %d, want StepSame", r.Step)
			}
		}
		f.advance(time.Second)
		if r := f.rotate(t, presented(s, 0), limits()); r.Step != session.StepReuse {
			t.Errorf("got step %d ten seconds after the rotation, want StepReuse", r.Step)
		}
	})
}

// TestClockSetBack: a clock that jumps back does not open the window again.
func TestClockSetBack(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		s := f.begin(t, "ani")
		f.advance(time.Hour)
		f.rotate(t, presented(s, 0), limits())
		f.advance(-30 * time.Minute)
		if r := f.rotate(t, presented(s, 1), limits()); r.Step != session.StepRotated {
			t.Errorf("got step %d for the current token, want StepRotated", r.Step)
		}
	})
}

// TestRolesAreReadAtEachRefresh proves that an answer carries the user's roles of that moment.
func TestRolesAreReadAtEachRefresh(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani", "manager")
		s := f.begin(t, "ani")
		f.raw(t, `DELETE FROM user_roles`, `INSERT INTO user_roles (subject, role) VALUES ('ani', 'z'), ('ani', 'a')`)
		if diff := cmp.Diff([]string{"a", "z"}, f.rotate(t, presented(s, 0), limits()).User.Roles); diff != "" {
			t.Errorf("roles (-want +got):\n%s", diff)
		}
	})
}
