package account_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/session"
)

// secure-defaults 13e: nor does a restart make the user a stranger where he has been.
func TestPlacesOutliveARestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	budi := b.register(t, "budi")
	now := b.clock.now()
	s := session.Session{
		ID: session.NewID(), Subject: "budi", CredentialVersion: budi.CredentialVersion, Address: "2001:db8:0:1::5", AMR: []string{"pwd"},
		CreatedAt: now, IdleExpiresAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour),
	}
	if _, err := b.db.BeginSession(t.Context(), s, session.ID{}, 0, audit.Event{}); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(3 * time.Hour)
	if n, err := b.db.PurgeSessions(t.Context(), b.clock.now(), 10); n != 1 || err != nil { // budi has been away for long
		t.Fatalf("purged %d, %v", n, err)
	}
	var log bytes.Buffer
	broken := &brokenPlaces{Store: b.db}
	b.restart(t, func(c *account.Config) {
		c.Limits, c.Store, c.Logger = cluster.NewMemory(b.clock.now), broken, slog.New(slog.NewTextHandler(&log, nil))
	})
	for _, username := range []string{"budi", "nobody"} { // the bound of the user
		for i := range 101 {
			b.wait(t, username, fmt.Sprintf("198.51.100.%d", i))
		}
	}
	for i := range 30 { // and that of the address
		b.wait(t, fmt.Sprint("user", i), "2001:db8:0:1::6")
	}
	const home, elsewhere = "2001:db8:0:1::7", "203.0.113.1"
	broken.fail = true
	if got := b.login(t.Context(), "budi", good, home); got != "too_many_attempts" || !strings.Contains(log.String(), "disk gone") {
		t.Errorf("with a store that cannot say: %q, log %q", got, log.String())
	}
	broken.fail = false
	broken.asked = 0
	if got := b.login(t.Context(), "budi", good, elsewhere); got != "too_many_attempts" {
		t.Errorf("elsewhere: %q", got)
	}
	for _, address := range []string{home, elsewhere} {
		if got := b.login(t.Context(), "nobody", good, address); got != "too_many_attempts" {
			t.Errorf("an unknown user from %s: %q", address, got)
		}
	}
	if broken.asked != 3 {
		t.Errorf("the store was asked %d times, want once for each refusal, known user or not", broken.asked)
	}
	for i := range 5 {
		if got := b.wait(t, "budi", home); got != 0 {
			t.Errorf("free failure %d at home waits %v", i, got)
		}
	}
	if got := b.wait(t, "budi", home); got != time.Second || broken.asked != 4 {
		t.Errorf("then it waits %v, want 1s; the store was asked %d times, want 4", got, broken.asked)
	}
	b.clock.advance(time.Second)
	if got := b.login(t.Context(), "budi", good, home); got != "" {
		t.Errorf("the user at home: %q", got)
	}
}

// brokenPlaces is a store that may fail to say who logged in from where.
type brokenPlaces struct {
	account.Store
	fail  bool
	asked int
}

func (s *brokenPlaces) LoggedInFrom(ctx context.Context, subject, place string) (bool, error) {
	s.asked++
	if s.fail {
		return false, errors.New("disk gone")
	}
	return s.Store.LoggedInFrom(ctx, subject, place)
}
