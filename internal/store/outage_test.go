package store_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/internal/testdb"
)

// TestLateRotation: a refresh whose statement is held up on its way to the database is told to come again, is not done later behind
// its client's back, and the client who comes again is not taken for a thief, at once and long afterwards.
func TestLateRotation(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		place, err := url.Parse(f.url)
		if err != nil {
			t.Fatal(err)
		}
		proxy := testdb.StartProxy(t, place.Host)
		place.Host = proxy.Addr()
		c := f.config()
		c.URL, c.MaxConns = place.String(), 1
		held, err := store.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		l := limits()
		l.RetryWindow = 0 // nothing is forgiven
		rotate := func(s session.Session, generation uint32) (session.Rotation, error) {
			return held.RotateSession(t.Context(), presented(s, generation), l, audit.Event{}, audit.Event{})
		}
		s := f.begin(t, "ani")
		for generation := range uint32(2) { // the statements of an unknown session and of a known one are prepared
			if _, err := rotate(s, generation); err != nil {
				t.Fatal(err)
			}
		}
		proxy.Blackhole(true)
		if _, err := rotate(s, 2); !errors.Is(err, problem.Unavailable) {
			t.Fatalf("in the outage: got %v, want Unavailable", err)
		}
		proxy.Blackhole(false)
		r, err := rotate(s, 2)
		for errors.Is(err, problem.Unavailable) { // its connection has to be made anew
			r, err = rotate(s, 2)
		}
		if err != nil || r.Step != session.StepRotated || r.Session.Generation != 3 {
			t.Errorf("afterwards: got step %d, generation %d, %v; want it rotated, once", r.Step, r.Session.Generation, err)
		}
	})
}
