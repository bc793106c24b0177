package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/revocation"
	"github.com/sandi-auth/sandi/internal/session"
)

func TestUsers(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		want := []account.User{f.addUser(t, "ani", "admin", "manager"), f.addUser(t, "budi"), f.addUser(t, "citra", "admin")}
		for _, u := range want {
			got, err := f.User(t.Context(), u.Subject)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(u, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		}
		var listed []account.User
		for after := ""; ; after = listed[len(listed)-1].Subject {
			page, err := f.Users(t.Context(), after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			listed = append(listed, page...)
		}
		if diff := cmp.Diff(want, listed); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		if err := f.CreateUser(t.Context(), want[0], audit.Event{}); !errors.Is(err, account.ErrTaken) {
			t.Errorf("creating ani again: got %v, want ErrTaken", err)
		}
		if err := f.RenameUser(t.Context(), "ani", "Ani", audit.Event{Action: audit.UserRenamed}); err != nil {
			t.Error(err)
		}
		if u, _ := f.User(t.Context(), "ani"); u.Username != "Ani" {
			t.Errorf("got username %q, want Ani", u.Username)
		}
		for name, err := range map[string]error{
			"User":           second(f.User(t.Context(), "dewi")),
			"RenameUser":     f.RenameUser(t.Context(), "dewi", "Dewi", audit.Event{}),
			"ChangePassword": f.ChangePassword(t.Context(), account.PasswordChange{Subject: "dewi", Force: true}, audit.Event{}),
			"RehashPassword": f.RehashPassword(t.Context(), "dewi", 1, "x", audit.Event{}),
			"SetDisabled":    f.SetDisabled(t.Context(), "dewi", true, audit.Event{}),
		} {
			if !errors.Is(err, account.ErrNotFound) {
				t.Errorf("%s of an unknown user: got %v, want ErrNotFound", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestHasRole(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani", "admin")
		check := func(want bool) {
			t.Helper()
			if got, err := f.HasRole(t.Context(), "admin"); err != nil || got != want {
				t.Errorf("got %t, %v; want %t", got, err, want)
			}
		}
		check(true)
		f.disable(t, "ani", true)
		check(false)
		f.disable(t, "ani", false)
		check(true)
	})
}

// TestChangePassword: every session but the kept sign-in and its grants ends, each
// with its revocation, and those go on under the new version.
// ASVS 7.4.3
func TestChangePassword(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		f.addUser(t, "budi")
		keep, other, stranger := f.begin(t, "ani"), f.begin(t, "ani"), f.begin(t, "budi")
		grant := f.begin(t, "ani", func(s *session.Session) { s.Parent = keep.ID })
		otherGrant := f.begin(t, "ani", func(s *session.Session) { s.Parent = other.ID })
		now := f.advance(time.Minute)
		change := account.PasswordChange{Subject: "ani", ExpectVersion: 1, Hash: "$argon2id$2", Keep: keep.ID.String()}
		f.changePassword(t, change)

		u, err := f.User(t.Context(), "ani")
		if err != nil || u.PasswordHash != "$argon2id$2" || u.CredentialVersion != 2 || !u.PasswordChangedAt.Equal(now) {
			t.Errorf("got %+v, %v", u, err)
		}
		f.checkEnded(t, session.PasswordChanged, now, other.ID, otherGrant.ID)
		if v := f.row(t, other.ID).CredentialVersion; v != 1 {
			t.Errorf("an ended session was carried to version %d", v)
		}
		for _, s := range []session.Session{keep, grant, stranger} {
			if r := f.rotate(t, presented(s, 0), limits()); r.Step != session.StepRotated {
				t.Errorf("session of %s: got step %d, want StepRotated", s.Subject, r.Step)
			}
		}
		if err := f.ChangePassword(t.Context(), change, audit.Event{}); !errors.Is(err, account.ErrChanged) {
			t.Errorf("changing under the old version: got %v, want ErrChanged", err)
		}
		// A grant's sign-in is kept whole; by force, whatever the version.
		f.changePassword(t, account.PasswordChange{Subject: "ani", Force: true, Hash: "$argon2id$3", Keep: grant.ID.String()})
		f.checkEnded(t, "", now)
		// Another's session keeps nothing of this user's.
		f.changePassword(t, account.PasswordChange{Subject: "ani", Force: true, Hash: "$argon2id$4", Keep: stranger.ID.String()})
		f.checkEnded(t, session.PasswordChanged, now, keep.ID, grant.ID)
		// A session that had died by its version is not brought back by being kept.
		stale := f.begin(t, "ani", func(s *session.Session) { s.CredentialVersion = 4 })
		f.raw(t, `UPDATE sessions SET credential_version = 3 WHERE ended_at = 0 AND subject = 'ani'`)
		f.changePassword(t, account.PasswordChange{Subject: "ani", Force: true, Hash: "$argon2id$5", Keep: stale.ID.String()})
		if r := f.rotate(t, presented(stale, 0), limits()); r.Step != session.StepRefused {
			t.Errorf("got step %d for a session of an older version, want StepRefused", r.Step)
		}
	})
}

// checkEnded demands that just these sessions were revoked since the last call,
// and that their rows say why.
func (f *fixture) checkEnded(tb testing.TB, reason string, at time.Time, ids ...session.ID) {
	tb.Helper()
	var want, got []string
	for _, id := range ids {
		want = append(want, id.String())
		if row := f.row(tb, id); row.EndReason != reason || !row.EndedAt.Equal(at) {
			tb.Errorf("row ended %v for %q, want %v for %q", row.EndedAt, row.EndReason, at, reason)
		}
	}
	for _, e := range f.takeRevoked() {
		if e.Kind != revocation.Session {
			tb.Errorf("got a revocation of kind %q", e.Kind)
		}
		got = append(got, e.Handle)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		tb.Errorf("revoked (-want +got):\n%s", diff)
	}
}

// TestLoggedInFrom: a place is known for 90 days, whatever becomes of the
// session, as long as the password is the one that was right there.
// secure-defaults 13e
func TestLoggedInFrom(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		f.addUser(t, "budi")
		from := func(address string) session.Session {
			return f.begin(t, "ani", func(s *session.Session) { s.Address = address })
		}
		check := func(subject, address string, want bool) {
			t.Helper()
			if got, err := f.LoggedInFrom(t.Context(), subject, account.Place(address)); err != nil || got != want {
				t.Errorf("%s from %s: got %t, %v; want %t", subject, address, got, err, want)
			}
		}
		kept, gone := from("192.0.2.7"), from("2001:db8:0:1::5")
		f.begin(t, "ani", func(s *session.Session) { s.Address, s.Parent = "203.0.113.1", kept.ID })
		f.end(t, gone.ID, true)
		f.advance(time.Hour)
		if n, err := f.PurgeSessions(t.Context(), f.clock(), 10); n != 1 || err != nil {
			t.Fatalf("purged %d, %v; want the ended session", n, err)
		}
		check("ani", "192.0.2.7", true)
		check("ani", "::ffff:192.0.2.7", true)
		check("ani", "2001:db8:0:1:1234::", true)
		check("ani", "2001:db8:0:2::5", false)
		check("ani", "203.0.113.1", false)
		check("ani", "", false)
		check("budi", "192.0.2.7", false)
		check("dewi", "192.0.2.7", false)
		c := account.PasswordChange{Subject: "ani", ExpectVersion: 1, Hash: "x", Keep: kept.ID.String()}
		if err := f.ChangePassword(t.Context(), c, audit.Event{From: audit.From{Address: "192.0.2.7"}}); err != nil {
			t.Fatal(err)
		}
		check("ani", "192.0.2.7", true)
		check("ani", "2001:db8:0:1::5", false)
		f.advance(90*24*time.Hour - time.Hour - time.Millisecond)
		check("ani", "192.0.2.7", true)
		f.advance(time.Millisecond)
		check("ani", "192.0.2.7", false)
	})
}

// TestPlacesAreFew: at most eight places of a user are kept, the latest ones,
// none for longer than it says anything, and one is written once a day.
func TestPlacesAreFew(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		f.addUser(t, "budi")
		count := func(where string) (n int) {
			t.Helper()
			if err := f.raw(t).QueryRowContext(t.Context(), `SELECT COUNT(*) FROM places WHERE `+where).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		f.begin(t, "budi")
		for i := range 10 {
			f.advance(time.Minute)
			f.begin(t, "ani", func(s *session.Session) { s.Address = fmt.Sprint("192.0.2.", i) })
		}
		if all, latest := count(`subject = 'ani'`), count(`subject = 'ani' AND network >= '192.0.2.2'`); all != 8 || latest != 8 {
			t.Errorf("%d places are kept, %d of the latest; want 8 and 8", all, latest)
		}
		seen := func() bool { return count(fmt.Sprint(`subject = 'budi' AND last_seen = `, f.clock().UnixMilli())) == 1 }
		f.advance(23 * time.Hour)
		if f.begin(t, "budi"); seen() {
			t.Error("a place of less than a day ago was written again")
		}
		f.advance(time.Hour)
		if f.begin(t, "budi"); !seen() {
			t.Error("a place of a day ago was not written again")
		}
		f.advance(89*24*time.Hour + 23*time.Hour)
		f.begin(t, "budi")
		if _, err := f.PurgeSessions(t.Context(), f.clock(), 100); err != nil {
			t.Fatal(err)
		}
		if got := count(`1 = 1`); got != 1 {
			t.Errorf("%d places after 90 days, want the one just seen", got)
		}
	})
}

func TestRehashPassword(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		s := f.begin(t, "ani")
		if err := f.RehashPassword(t.Context(), "ani", 1, "$argon2id$strong", audit.Event{Action: audit.PasswordRehashed}); err != nil {
			t.Fatal(err)
		}
		if u, _ := f.User(t.Context(), "ani"); u.PasswordHash != "$argon2id$strong" || u.CredentialVersion != 1 {
			t.Errorf("got %+v", u)
		}
		if r := f.rotate(t, presented(s, 0), limits()); r.Step != session.StepRotated {
			t.Errorf("got step %d, want the session to go on", r.Step)
		}
		if err := f.RehashPassword(t.Context(), "ani", 2, "x", audit.Event{}); !errors.Is(err, account.ErrChanged) {
			t.Errorf("rehash under another version: got %v, want ErrChanged", err)
		}
	})
}

// TestSetDisabled: disabling ends every session and sets a watermark for the
// tokens; saying it again changes nothing.
// ASVS 7.4.2
func TestSetDisabled(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		f.addUser(t, "ani")
		a, b := f.begin(t, "ani"), f.begin(t, "ani")
		now := f.advance(1500 * time.Millisecond)
		f.disable(t, "ani", true)
		es := f.takeRevoked()
		want := []revocation.Entry{{Seq: 3, Kind: revocation.User, Handle: "ani", NotBefore: now, ExpiresAt: now.Add(17 * time.Minute)}}
		if diff := cmp.Diff(want, es[2:]); len(es) != 3 || diff != "" {
			t.Errorf("got %d entries; the last (-want +got):\n%s", len(es), diff)
		}
		for _, s := range []session.Session{a, b} {
			if row := f.row(t, s.ID); row.EndReason != session.UserDisabled {
				t.Errorf("got %+v", row)
			}
		}
		n := len(f.events(t))
		f.disable(t, "ani", true)
		if got := len(f.events(t)); got != n || len(f.takeRevoked()) > 0 {
			t.Error("disabling a disabled user left a trace")
		}
		_, err := f.BeginSession(t.Context(), f.newSession("ani"), session.ID{}, 100, audit.Event{})
		if !errors.Is(err, session.ErrUserGone) {
			t.Errorf("login of a disabled user: got %v, want ErrUserGone", err)
		}
		f.disable(t, "ani", false)
		f.begin(t, "ani")
	})
}

// TestBootstrap: the secret is spent once, in time, and not by a name that is taken.
// secure-defaults 1b
func TestBootstrap(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		taken := f.addUser(t, "ani")
		old, hash := sha256.Sum256([]byte("old")), sha256.Sum256([]byte("new"))
		admin := account.User{Subject: "root", Username: "root", PasswordHash: "x", Roles: []string{account.AdminRole}, CreatedAt: start, PasswordChangedAt: start}
		for _, h := range [][32]byte{old, hash} {
			if err := f.PutBootstrap(t.Context(), h, start.Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		bootstrap := func(h [32]byte, u account.User, want error) {
			t.Helper()
			if err := f.Bootstrap(t.Context(), h, u, audit.Event{Action: audit.AdminBootstrap}); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		bootstrap(old, admin, account.ErrBootstrap)
		bootstrap(hash, taken, account.ErrTaken)
		f.advance(time.Hour)
		bootstrap(hash, admin, account.ErrBootstrap)
		f.advance(-time.Millisecond)
		bootstrap(hash, admin, nil)
		bootstrap(hash, admin, account.ErrBootstrap)
		if ok, err := f.HasRole(t.Context(), account.AdminRole); !ok || err != nil {
			t.Errorf("got %t, %v; want an administrator", ok, err)
		}
	})
}
