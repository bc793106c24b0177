package store_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/session"
)

// model is a session as DESIGN.md tells of it, in as few words as will do.
type model struct {
	generation     int
	rotated        time.Time // zero: never
	idle, absolute time.Time
	dead           bool // ended, or its user disabled or the password changed
}

// present is the rule for a token of a generation, by its rightful holder: the
// step, and the model afterwards.
func (m model) present(g int, l session.Limits, now time.Time) (session.Step, model) {
	inWindow := !m.rotated.IsZero() && now.Before(m.rotated.Add(l.RetryWindow))
	next := m
	next.idle = now.Add(l.Idle)
	if next.idle.After(m.absolute) {
		next.idle = m.absolute
	}
	switch {
	case m.dead || !now.Before(m.idle) || !now.Before(m.absolute) || g > m.generation+1:
		return session.StepRefused, m
	case g == m.generation+1:
		next.generation, next.rotated = g, now
		return session.StepForward, next
	case g == m.generation && !l.Rotate:
		return session.StepSame, next
	case !l.Rotate:
		return session.StepRefused, m
	case g == m.generation && inWindow:
		return session.StepSame, m
	case g == m.generation:
		next.generation, next.rotated = g+1, now
		return session.StepRotated, next
	case g == m.generation-1 && inWindow:
		return session.StepRetry, m
	}
	m.dead = true
	return session.StepReuse, m
}

// TestRotationAgainstModel plays random lives of a session on the store and on
// the model, and demands the same answers and the same row after each event.
func TestRotationAgainstModel(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		waits := []time.Duration{time.Millisecond, time.Second, window - time.Millisecond, window, time.Hour, idle / 3}
		rapid.Check(t, func(rt *rapid.T) {
			user := f.addUser(t, session.NewID().String())
			s := f.begin(t, user.Subject)
			l := limits()
			l.Rotate = rapid.IntRange(0, 4).Draw(rt, "rotate") > 0
			l.RetryWindow = rapid.SampledFrom([]time.Duration{0, window}).Draw(rt, "window")
			m := model{idle: s.IdleExpiresAt, absolute: s.ExpiresAt}
			present := func(rt *rapid.T) {
				g := m.generation + rapid.SampledFrom([]int{0, 0, 0, 0, -1, -1, -2, 1, 2}).Draw(rt, "generation")
				p := presented(s, uint32(max(g, 0)))
				want, after := m.present(int(p.Generation), l, f.clock())
				if rapid.IntRange(0, 9).Draw(rt, "thief") == 0 {
					p.SecretHash[0] ^= 1
					want, after = session.StepRefused, m
				}
				if got := f.rotate(t, p, l).Step; got != want {
					rt.Fatalf("generation %d of %+v: got step %d, want %d", g, m, got, want)
				}
				m = after
			}
			rt.Repeat(map[string]func(*rapid.T){
				"present":  present,
				"present ": present, // more often than the rest
				"wait": func(rt *rapid.T) {
					f.advance(rapid.SampledFrom(waits).Draw(rt, "wait"))
				},
				"bar": func(rt *rapid.T) {
					keep := ""
					var err error
					switch rapid.IntRange(0, 20).Draw(rt, "what") { // rarely, or all lives are short
					case 0:
						err = f.EndSession(t.Context(), s.ID, "", true, session.LoggedOut, audit.Event{})
					case 1:
						err = f.SetDisabled(t.Context(), user.Subject, true, audit.Event{})
					case 2, 3:
						keep = rapid.SampledFrom([]string{"", s.ID.String()}).Draw(rt, "keep")
						c := account.PasswordChange{Subject: user.Subject, Force: true, Hash: "x", Keep: keep}
						err = f.ChangePassword(t.Context(), c, audit.Event{})
					default:
						return
					}
					if err != nil {
						rt.Fatal(err)
					}
					m.dead = m.dead || keep == ""
				},
				"": func(rt *rapid.T) {
					row := f.row(t, s.ID)
					if int(row.Generation) != m.generation || !row.RotatedAt.Equal(m.rotated) {
						rt.Fatalf("row is %d, rotated %v; model %+v", row.Generation, row.RotatedAt, m)
					}
					if row.EndedAt.IsZero() && !row.IdleExpiresAt.Equal(m.idle) {
						rt.Fatalf("row is idle at %v, model at %v", row.IdleExpiresAt, m.idle)
					}
					if !row.EndedAt.IsZero() && !m.dead {
						rt.Fatal("row has ended, model is alive")
					}
				},
			})
		})
	})
}
