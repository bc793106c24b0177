package store_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
)

// asked is a device authorization and the hashes of its codes.
type asked struct {
	device, user oauth.Hash
	oauth.Device
}

func (f *fixture) addDevice(tb testing.TB, userCode string) asked {
	tb.Helper()
	a := asked{hash(session.NewID().String()), hash(userCode), oauth.Device{
		UserCode: userCode, ClientID: "web", Scope: []string{"read"}, Resources: []string{"https://api.example"},
		State: oauth.DevicePending, Interval: 5 * time.Second, ExpiresAt: f.clock().Add(10 * time.Minute),
	}}
	if err := f.AddDevice(tb.Context(), a.device, a.user, a.Device); err != nil {
		tb.Fatal(err)
	}
	return a
}

// decide is what a signed-in user says.
func (f *fixture) decide(tb testing.TB, a asked, state string) error {
	d := a.Device
	d.State = state
	if state == oauth.DeviceApproved {
		d.Subject, d.CredentialVersion, d.AuthTime, d.AMR = "ani", 1, f.clock(), []string{"pwd"}
	}
	return f.DecideDevice(tb.Context(), a.user, d, audit.Event{Action: audit.DeviceApproved})
}

func (f *fixture) poll(tb testing.TB, db *store.DB, a asked) (oauth.Device, bool, session.Begun, error) {
	return db.PollDevice(tb.Context(), a.device, func(oauth.Device) error { return nil }, func(d oauth.Device) (session.Session, error) {
		s := f.newSession(d.Subject)
		s.ClientID, s.Address, s.CredentialVersion = d.ClientID, "198.51.100.9", d.CredentialVersion
		return s, nil
	}, audit.Event{Action: audit.SessionBegun})
}

// TestDevice: pending, too soon, approved, spent.
// checklist 70
func TestDevice(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		a := f.addDevice(t, "WDJBMJHT")
		if diff := cmp.Diff(a.Device, must(f.DeviceByUserCode(t.Context(), a.user))); diff != "" {
			t.Errorf("device (-want +got):\n%s", diff)
		}
		refusal := errors.New("another client")
		for _, p := range []struct {
			after, interval time.Duration
			slow            bool
			state           string
		}{
			{0, 5 * time.Second, false, oauth.DevicePending},
			{4999 * time.Millisecond, 10 * time.Second, true, oauth.DevicePending},
			{10 * time.Second, 10 * time.Second, false, oauth.DevicePending},
			{9 * time.Second, 15 * time.Second, true, oauth.DevicePending},
			{14 * time.Second, 20 * time.Second, true, oauth.DeviceApproved},
		} {
			f.advance(p.after)
			if _, _, _, err := f.PollDevice(t.Context(), a.device, func(oauth.Device) error { return refusal }, nil, audit.Event{}); !errors.Is(err, refusal) {
				t.Errorf("got %v, want the check's own error", err)
			}
			if p.state == oauth.DeviceApproved {
				wantErr(t, "approve", f.decide(t, a, p.state), nil)
				wantErr(t, "decided twice", f.decide(t, a, oauth.DeviceDenied), oauth.ErrNotFound)
			}
			d, slow, b, err := f.poll(t, f.DB, a)
			if err != nil || slow != p.slow || d.Interval != p.interval || d.State != p.state || !b.Session.ID.IsZero() {
				t.Errorf("after %v: got %+v, slow %t, %v; want %+v", p.after, d, slow, err, p)
			}
		}
		_, err := f.DeviceByUserCode(t.Context(), a.user)
		wantErr(t, "user code of a decided one", err, oauth.ErrNotFound)
		f.advance(20 * time.Second)
		d, slow, b, err := f.poll(t, f.DB, a)
		if err != nil || slow || d.State != oauth.DeviceSpent || d.Subject != "ani" || b.User.Subject != "ani" {
			t.Fatalf("got %+v, %t, %+v, %v", d, slow, b, err)
		}
		if diff := cmp.Diff(b.Session, f.row(t, b.Session.ID)); diff != "" {
			t.Errorf("row (-answer +row):\n%s", diff)
		}
		if known := must(f.LoggedInFrom(t.Context(), "ani", "198.51.100.9")); known {
			t.Error("the device's address is taken for one from which the user gave the password")
		}
		d, _, b, err = f.poll(t, f.DB, a)
		if err != nil || d.State != oauth.DeviceSpent || !b.Session.ID.IsZero() {
			t.Errorf("again: got %+v, %+v, %v", d, b, err)
		}
	})
}

// TestDeviceOnce: of many polls at once one gets the session.
// checklist 72
func TestDeviceOnce(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		nodes := []*store.DB{f.DB, f.another(t)}
		a := f.addDevice(t, "WDJBMJHT")
		wantErr(t, "approve", f.decide(t, a, oauth.DeviceApproved), nil)
		var begun atomic.Int64
		together(20, func(i int) {
			_, _, b, err := f.poll(t, nodes[i%2], a)
			for errors.Is(err, problem.Unavailable) {
				_, _, b, err = f.poll(t, nodes[i%2], a)
			}
			if err != nil {
				t.Error(err)
			}
			if !b.Session.ID.IsZero() {
				begun.Add(1)
			}
		})
		if begun.Load() != 1 || len(must(f.SessionsOf(t.Context(), "ani", f.clock()))) != 1 {
			t.Errorf("%d got a session", begun.Load())
		}
	})
}

// TestDeviceEnds: denied, expired, of a user who is gone, and user codes that come again.
// checklist 70
func TestDeviceEnds(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		denied, expired, gone := f.addDevice(t, "BBBBBBBB"), f.addDevice(t, "CCCCCCCC"), f.addDevice(t, "DDDDDDDD")
		wantErr(t, "deny", f.decide(t, denied, oauth.DeviceDenied), nil)
		wantErr(t, "approve", f.decide(t, gone, oauth.DeviceApproved), nil)
		if d, _, _, err := f.poll(t, f.DB, denied); err != nil || d.State != oauth.DeviceDenied {
			t.Errorf("denied: got %+v, %v", d, err)
		}
		f.disable(t, "ani", true)
		_, _, _, err := f.poll(t, f.DB, gone)
		wantErr(t, "disabled user", err, session.ErrUserGone)
		_, _, _, err = f.poll(t, f.DB, asked{device: hash("none")})
		wantErr(t, "unknown", err, oauth.ErrNotFound)
		wantErr(t, "user code taken", f.AddDevice(t.Context(), hash("new"), expired.user, expired.Device), oauth.ErrChanged)
		f.advance(10 * time.Minute)
		if d, _, _, err := f.poll(t, f.DB, expired); err != nil || f.clock().Before(d.ExpiresAt) || d.State != oauth.DevicePending {
			t.Errorf("expired: got %+v, %v", d, err)
		}
		wantErr(t, "approve an expired one", f.decide(t, expired, oauth.DeviceApproved), oauth.ErrNotFound)
		f.addDevice(t, "CCCCCCCC")
	})
}
