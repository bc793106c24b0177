package store_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

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

// TestLockedRowIsNoOutage: who keeps requests failing does not make the store seem away, and his stolen token a lost answer.
func TestLockedRowIsNoOutage(t *testing.T) {
	onServers(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		victim, locked := f.begin(t, "ani"), f.begin(t, "ani")
		c, err := f.raw(t).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, statement := range []string{"BEGIN", "UPDATE sessions SET acr = '3' WHERE acr = '2' AND generation = 0"} {
			if _, err := c.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		fail := func() {
			t.Helper()
			if _, err := f.RotateSession(t.Context(), presented(locked, 0), limits(), audit.Event{}, audit.Event{}); !errors.Is(err, problem.Unavailable) {
				t.Fatalf("got %v, want Unavailable", err)
			}
		}
		fail()
		if _, err := c.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		f.rotate(t, presented(victim, 0), limits())
		for _, statement := range []string{"BEGIN", "UPDATE sessions SET acr = '3' WHERE generation = 0"} {
			if _, err := c.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		f.advance(9 * time.Second)
		fail()
		f.advance(3 * time.Second)
		if r := f.rotate(t, presented(victim, 0), limits()); r.Step != session.StepReuse {
			t.Errorf("got step %d, want StepReuse", r.Step)
		}
	})
}
