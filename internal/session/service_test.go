package session_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/session"
)

// checkRefused demands a 401 invalid_grant with its sentence and sentinel.
func checkRefused(tb testing.TB, err, sentinel error, sentence string) {
	tb.Helper()
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind != problem.Unauthenticated || p.Code != "invalid_grant" || p.Sentence != sentence || !errors.Is(err, sentinel) {
		tb.Errorf("got %v, want invalid_grant with %q", err, sentence)
	}
}

func TestBegin(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	s, r := f.begin(t, "ani")
	now := f.clock.Now()
	want := session.Session{
		ID: s.ID, Subject: "ani", SecretHash: s.SecretHash, CredentialVersion: 1, Transport: "bearer", AuthTime: now,
		AMR: []string{"pwd"}, Address: "192.0.2.7", CreatedAt: now, LastUsedAt: now,
		IdleExpiresAt: now.AddDate(0, 0, 14), ExpiresAt: now.AddDate(0, 0, 30),
	}
	got, err := f.db.Session(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, s); diff != "" {
		t.Errorf("answer (-row +answer):\n%s", diff)
	}
	p, err := f.Open(r.Reveal())
	if err != nil || p.ID != s.ID || p.SecretHash != s.SecretHash || p.Generation != 0 {
		t.Errorf("opened %+v, %v", p, err)
	}
	_, other := f.begin(t, "ani")
	if o, _ := f.Open(other.Reveal()); o.ID == p.ID || o.SecretHash == p.SecretHash {
		t.Error("two logins share an id or a secret")
	}
}

// TestBeginReplaces: a login ends what it takes the place of, and only if it comes about.
// ASVS 7.2.4
func TestBeginReplaces(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.addUser(t, "budi")
	old, r := f.begin(t, "budi")
	ani, err := f.db.User(t.Context(), "ani")
	if err != nil {
		t.Fatal(err)
	}
	stale := ani
	stale.CredentialVersion = 9
	if _, _, _, err := f.Begin(t.Context(), session.Login{User: stale, Replaces: old.ID}, audit.From{}); !errors.Is(err, session.ErrUserGone) {
		t.Fatalf("got %v, want ErrUserGone", err)
	}
	if res, err := f.refresh(t.Context(), r); err != nil {
		t.Fatalf("a refused login ended the session: %v", err)
	} else {
		r = res.Refresh
	}
	if _, _, _, err := f.Begin(t.Context(), session.Login{User: ani, Replaces: old.ID}, audit.From{}); err != nil {
		t.Fatal(err)
	}
	_, err = f.refresh(t.Context(), r)
	checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
	if row, err := f.db.Session(t.Context(), old.ID); err != nil || row.EndReason != session.Replaced {
		t.Errorf("got %+v, %v; want it replaced", row, err)
	}
}

// TestBeginRacesPasswordChange: a login verified before a change of the password
// or the disabling begins no session after it.
func TestBeginRacesPasswordChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	verified, err := f.db.User(t.Context(), "ani")
	if err != nil {
		t.Fatal(err)
	}
	c := account.PasswordChange{Subject: "ani", ExpectVersion: 1, Hash: "x"}
	if err := f.db.ChangePassword(t.Context(), c, audit.Event{Action: audit.PasswordChanged}); err != nil {
		t.Fatal(err)
	}
	_, r, _, err := f.Begin(t.Context(), session.Login{User: verified}, audit.From{})
	if !errors.Is(err, session.ErrUserGone) || !errors.Is(err, problem.Unauthenticated) || r != "" {
		t.Errorf("got %v, want ErrUserGone as a 401", err)
	}
}

// TestForgedRefresh: what the MAC does not bear never reaches the store.
// secure-defaults 5c
func TestForgedRefresh(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	forger, err := session.New(session.Config{
		Store: f.db, MACKeys: []session.MACKey{{ID: macKey.ID, Key: bytes.Repeat([]byte{8}, 32), CSRF: macKey.CSRF}},
		Limits: session.Limits{Idle: time.Hour}, Absolute: time.Hour, Now: f.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := f.db.User(t.Context(), "ani")
	if err != nil {
		t.Fatal(err)
	}
	_, forged, _, err := forger.Begin(t.Context(), session.Login{User: u}, audit.From{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.db.Close(); err != nil { // any question to it would be another error
		t.Fatal(err)
	}
	for _, token := range []string{forged.Reveal(), "", "sdr_", "eyJhbGciOiJFUzI1NiJ9.e30.x"} {
		_, err := f.Rotate(t.Context(), token, "", "", audit.From{})
		checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
		_, err = f.Open(token)
		checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
		_, err = f.Owner(t.Context(), token)
		checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
	}
}

// TestOwner: any generation names its session, dead or alive; a leaked MAC key
// without the session's secret names none.
func TestOwner(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	s, old := f.begin(t, "ani")
	res, err := f.refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.EndAll(t.Context(), "ani", session.ID{}, session.LoggedOut, audit.From{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []session.Refresh{old, res.Refresh} {
		if got, err := f.Owner(t.Context(), r.Reveal()); err != nil || got.ID != s.ID || got.Subject != "ani" {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	other := newFixture(t, nil) // the same MAC key, another store
	_, stranger := other.begin(t, "ani")
	_, err = f.Owner(t.Context(), stranger.Reveal())
	checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
	f.exec(t, `UPDATE sessions SET secret_hash = zeroblob(32)`)
	_, err = f.Owner(t.Context(), old.Reveal())
	checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
}

func TestEnd(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.addUser(t, "budi")
	s, r := f.begin(t, "ani")
	for _, err := range []error{
		f.End(t.Context(), s.ID, "budi", true, session.LoggedOut, audit.From{}),
		f.End(t.Context(), session.NewID(), "ani", true, session.LoggedOut, audit.From{}),
	} {
		if !errors.Is(err, problem.NotFound) || !errors.Is(err, session.ErrNotFound) {
			t.Errorf("got %v for another's or no session, want problem.NotFound", err)
		}
	}
	for range 2 {
		if err := f.End(t.Context(), s.ID, "ani", true, session.LoggedOut, audit.From{}); err != nil {
			t.Error(err)
		}
	}
	_, err := f.refresh(t.Context(), r)
	checkRefused(t, err, session.ErrInvalidGrant, "refresh_invalid")
	a, _ := f.begin(t, "ani")
	f.begin(t, "ani")
	if n, err := f.EndAll(t.Context(), "ani", a.ID, session.LoggedOut, audit.From{}); err != nil || n != 1 {
		t.Errorf("ended %d, %v; want the other one", n, err)
	}
	if l, err := f.List(t.Context(), "ani"); err != nil || len(l) != 1 || l[0].ID != a.ID {
		t.Errorf("got %v, %v; want the kept one", l, err)
	}
}

func TestCSRF(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	a, b := session.NewID(), session.NewID()
	if got := f.CSRF(a); len(got) != 43 || got != f.CSRF(a) || got == f.CSRF(b) {
		t.Errorf("got %q", got)
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	id := session.NewID()
	if got, err := session.ParseID(id.String()); err != nil || got != id {
		t.Errorf("got %v, %v", got, err)
	}
	for _, s := range []string{"", "x", id.String() + "A", id.String()[:21], id.String()[:21] + "_", id.String()[:20] + "\nA", id.String()[:21] + "="} {
		if _, err := session.ParseID(s); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%q: got %v, want ErrNotFound", s, err)
		}
	}
}

func TestNewRefusesBadConfig(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for name, change := range map[string]func(*session.Config){
		"no store":        func(c *session.Config) { c.Store = nil },
		"no key":          func(c *session.Config) { c.MACKeys = nil },
		"short key":       func(c *session.Config) { c.MACKeys = []session.MACKey{{Key: make([]byte, 31), CSRF: macKey.CSRF}} },
		"same id":         func(c *session.Config) { c.MACKeys = []session.MACKey{macKey, macKey} },
		"short CSRF key":  func(c *session.Config) { c.MACKeys = []session.MACKey{{Key: macKey.Key}} },
		"no idle limit":   func(c *session.Config) { c.Limits.Idle = 0 },
		"no lifetime":     func(c *session.Config) { c.Absolute = 0 },
		"negative window": func(c *session.Config) { c.Limits.RetryWindow = -1 },
	} {
		c := session.Config{
			Store: f.db, MACKeys: []session.MACKey{macKey},
			Limits: session.Limits{Idle: time.Hour}, Absolute: time.Hour,
		}
		if _, err := session.New(c); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if _, err := session.New(c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// TestStoreFailure: a store that cannot be asked is no refusal of the token.
func TestStoreFailure(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	_, r := f.begin(t, "ani")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.refresh(ctx, r); !errors.Is(err, context.Canceled) || errors.Is(err, problem.Unauthenticated) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if res, err := f.refresh(t.Context(), r); err != nil || res.Step != session.StepRotated {
		t.Errorf("got step %d, %v afterwards", res.Step, err)
	}
}
