package session_test

import (
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/session"
)

// TestOutage: whoever could not have had the answer of a rotation, because the store was away, is not taken for a thief.
func TestOutage(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	until := from.Add(time.Minute)
	for name, c := range map[string]struct {
		rotated, now time.Duration // after from
		behind       uint32
		window       time.Duration
		want         session.Step
	}{
		"rotated in the outage, asked after it":            {30 * time.Second, 65 * time.Second, 1, 10 * time.Second, session.StepRetry},
		"at its beginning":                                 {0, 69 * time.Second, 1, 10 * time.Second, session.StepRetry},
		"while it goes on":                                 {time.Second, 50 * time.Second, 1, 10 * time.Second, session.StepRetry},
		"when the window after it has passed":              {30 * time.Second, 70 * time.Second, 1, 10 * time.Second, session.StepReuse},
		"rotated before it":                                {-time.Second, 65 * time.Second, 1, 10 * time.Second, session.StepReuse},
		"rotated after it, and the window of that passed":  {61 * time.Second, 71 * time.Second, 1, 10 * time.Second, session.StepReuse},
		"without a window, by a clock cut to milliseconds": {30 * time.Second, time.Minute - time.Microsecond, 1, 0, session.StepReuse},
		"two generations behind":                           {30 * time.Second, 65 * time.Second, 2, 10 * time.Second, session.StepReuse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := session.Session{
				ID: session.ID{1}, Subject: "ani", Generation: 2, RotatedAt: from.Add(c.rotated),
				IdleExpiresAt: until.Add(time.Hour), ExpiresAt: until.Add(time.Hour),
			}
			p := session.Presented{ID: s.ID, Generation: s.Generation - c.behind}
			l := session.Limits{RetryWindow: c.window, Idle: time.Hour, Rotate: true, Outage: session.Outage{From: from, Until: until}}
			if got := session.Classify(s, account.User{}, p, l, from.Add(c.now)); got != c.want {
				t.Errorf("got step %d, want %d", got, c.want)
			}
		})
	}
}
