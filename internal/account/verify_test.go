package account_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/problem"
)

// secure-defaults 12d, ASVS 6.3.8: every refusal is the same, after the same work.
func TestRefusalsAreAlike(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	b.register(t, "siti")
	if err := b.SetDisabled(t.Context(), "siti", true, at("")); err != nil {
		t.Fatal(err)
	}
	want := problem.Error{Kind: problem.Unauthenticated, Code: "invalid_credentials", Cause: account.ErrCredentials}
	for name, tt := range map[string]struct{ username, password string }{
		"wrong password":                {"budi", "hujan pagi di pematang"},
		"other case":                    {"budi", strings.ToUpper(good)},
		"blank at the end":              {"budi", good + " "}, // ASVS 6.2.8
		"cut off":                       {"budi", good[:20]},
		"empty password":                {"budi", ""},
		"very long password":            {"budi", strings.Repeat("a", 1<<16)},
		"unknown user":                  {"agnes", good},
		"disabled user":                 {"siti", good},
		"disabled user, wrong password": {"siti", "x"},
		"no username":                   {"", good},
		"impossible username":           {"budi santoso\n", good},
		"reserved username":             {"sandi", good},
		"very long username":            {strings.Repeat("a", 1<<16), good},
	} {
		b.clock.advance(time.Hour) // past every wait
		before := b.Hashes()
		_, err := b.Verify(t.Context(), tt.username, tt.password, at("192.0.2.1"))
		e, ok := errors.AsType[*problem.Error](err)
		if !ok {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, *e, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got := b.Hashes() - before; got != 1 {
			t.Errorf("%s: %d hashes, want 1", name, got)
		}
	}
	if u, err := b.Verify(t.Context(), "BUDI", good, at("192.0.2.9")); err != nil || u.Subject != "budi" {
		t.Errorf("the right password: %+v, %v", u, err)
	}
}

// waits fails logins and returns what the one after n failures has to wait.
func (b *bench) wait(t *testing.T, username, address string) time.Duration {
	t.Helper()
	before := b.Hashes()
	_, err := b.Verify(t.Context(), username, "wrong", at(address))
	e, ok := errors.AsType[*problem.Error](err)
	switch {
	case ok && e.Code == "too_many_attempts" && e.Kind == problem.TooMany:
		if b.Hashes() != before {
			t.Error("a throttled try cost a hash")
		}
		return e.RetryAfter
	case ok && e.Code == "invalid_credentials":
		return 0
	}
	t.Fatalf("Verify: %v", err)
	return 0
}

// secure-defaults 13a, 13d, ASVS 6.3.1: known and unknown users alike.
func TestPairBackoff(t *testing.T) {
	t.Parallel()
	for _, username := range []string{"budi", "nobody"} {
		b := newBench(t)
		b.register(t, "budi")
		for i := range 5 {
			if got := b.wait(t, username, "192.0.2.1"); got != 0 {
				t.Fatalf("%s: free failure %d waits %v", username, i, got)
			}
		}
		for want := time.Second; want < 30*time.Minute; want *= 2 {
			want := min(want, 15*time.Minute)
			if got := b.wait(t, username, "192.0.2.1"); got != want {
				t.Fatalf("%s: wait %v, want %v", username, got, want)
			}
			b.clock.advance(want)
			if got := b.wait(t, username, "192.0.2.1"); got != 0 {
				t.Fatalf("%s: after the wait: %v", username, got)
			}
		}
	}
}

func TestThrottledEvenWithTheRightPassword(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	for range 5 {
		b.wait(t, "budi", "192.0.2.1")
	}
	if got := b.login(t.Context(), "budi", good, "192.0.2.1"); got != "too_many_attempts" {
		t.Errorf("login: %q", got)
	}
	b.clock.advance(time.Second)
	if got := b.login(t.Context(), "budi", good, "192.0.2.1"); got != "" {
		t.Errorf("after the wait: %q", got)
	}
	for i := range 5 { // the success forgot the failures
		if got := b.wait(t, "budi", "192.0.2.1"); got != 0 {
			t.Errorf("failure %d after a success waits %v", i, got)
		}
	}
}

// secure-defaults 13c
func TestAddressBackoff(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	b.register(t, "mallory")
	address := func(i int) string { return fmt.Sprintf("2001:db8:0:1::%x", i+1) } // one /64
	for i := range 30 {
		if got := b.wait(t, fmt.Sprint("user", i), address(i)); got != 0 {
			t.Fatalf("free failure %d waits %v", i, got)
		}
		// A login of his own does not clear the attacker's address.
		if got := b.login(t.Context(), "mallory", good, address(i)); got != "" {
			t.Fatalf("own login: %q", got)
		}
	}
	if got := b.wait(t, "another", address(0)); got != time.Second {
		t.Errorf("after 30 failures from the /64: wait %v, want 1s", got)
	}
	if got := b.wait(t, "another", "2001:db8:0:2::1"); got != 0 {
		t.Errorf("from another /64: wait %v", got)
	}
	if got := b.login(t.Context(), "mallory", good, address(0)); got != "" {
		t.Errorf("who has logged in from here before: %q", got)
	}
}

// secure-defaults 13a, 13e: strangers, however many addresses they have, neither guess
// at will nor keep the user out.
func TestStrangersCannotLock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	if got := b.login(t.Context(), "budi", good, "192.0.2.1"); got != "" {
		t.Fatal(got)
	}
	tried := 0
	for i := range 400 {
		if b.wait(t, "budi", fmt.Sprintf("198.51.%d.%d", 100+i/200, i%200)) == 0 {
			tried++
		}
	}
	if tried > 100 {
		t.Errorf("strangers had %d tries at once, want at most 100", tried)
	}
	if got := b.login(t.Context(), "budi", good, "192.0.2.1"); got != "" {
		t.Errorf("the user at home: %q", got)
	}
	if got := b.login(t.Context(), "budi", good, "203.0.113.1"); got != "too_many_attempts" {
		t.Errorf("the user at a new place, under attack: %q", got)
	}
	b.clock.advance(2 * time.Minute)
	if got := b.login(t.Context(), "budi", good, "203.0.113.1"); got != "" {
		t.Errorf("the user at a new place, a little later: %q", got)
	}
}

// secure-defaults 12b: a full queue is 503, and counts against nobody.
func TestBusy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	release := account.HoldHashing(b.Service)
	for range 40 {
		_, err := b.Verify(t.Context(), "budi", good, at("192.0.2.1"))
		if e, ok := errors.AsType[*problem.Error](err); !ok || e.Code != "hashing_busy" || e.RetryAfter <= 0 {
			t.Fatalf("with a full queue: %v", err)
		}
	}
	if _, waiting := b.Hashing(); waiting != 64 {
		t.Errorf("%d wait, want 64", waiting)
	}
	release()
	if got := b.login(t.Context(), "budi", good, "192.0.2.1"); got != "" {
		t.Errorf("afterwards: %q", got)
	}
	if running, waiting := b.Hashing(); running != 0 || waiting != 0 {
		t.Errorf("%d run and %d wait, want none", running, waiting)
	}
}

// ASVS 11.2.2: a login brings an old hash up to the cost configured now.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	old := b.register(t, "budi")
	b.restart(t, func(c *account.Config) { c.Hash.MemoryKiB = 32 })
	if got := b.login(t.Context(), "budi", "wrong", ""); got != "invalid_credentials" {
		t.Fatal(got)
	}
	if u, err := b.User(t.Context(), "budi"); err != nil || u.PasswordHash != old.PasswordHash {
		t.Fatalf("a wrong password changed the hash: %v", err)
	}
	u, err := b.Verify(t.Context(), "budi", good, at(""))
	if err != nil || !strings.HasPrefix(u.PasswordHash, "$argon2id$v=19$m=32,") {
		t.Fatalf("hash after the login: %q, %v", u.PasswordHash, err)
	}
	stored, err := b.User(t.Context(), "budi")
	if diff := cmp.Diff(u, stored); diff != "" || err != nil {
		t.Errorf("stored: %s, %v", diff, err)
	}
	if stored.CredentialVersion != old.CredentialVersion {
		t.Error("the upgrade would end sessions")
	}
	before := b.Hashes()
	if got := b.login(t.Context(), "budi", good, ""); got != "" || b.Hashes()-before != 1 {
		t.Errorf("the next login: %q with %d hashes", got, b.Hashes()-before)
	}
}

// secure-defaults 12d, ASVS 6.3.8: who has not logged in since the cost was raised costs no less than nobody does.
func TestRefusalsAreAlikeAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	b.register(t, "siti")
	if err := b.SetDisabled(t.Context(), "siti", true, at("")); err != nil {
		t.Fatal(err)
	}
	b.restart(t, func(c *account.Config) { c.Hash = account.Params{MemoryKiB: 64, Iterations: 3, Parallelism: 2} })
	for name, tt := range map[string]struct{ username, password string }{
		"wrong password": {"budi", "wrong"},
		"disabled user":  {"siti", good},
		"unknown user":   {"nobody", good},
		"no name":        {"", good},
	} {
		before := account.HashWork(b.Service)
		if got := b.login(t.Context(), tt.username, tt.password, "192.0.2.1"); got != "invalid_credentials" {
			t.Errorf("%s: %q", name, got)
		}
		if got := account.HashWork(b.Service) - before; got < 64*3-3 || got > 64*3 {
			t.Errorf("%s: work %d, want %d", name, got, 64*3)
		}
	}
}

// ASVS 16.3.1: refused logins of existing users are audited, once a minute for
// each user and address.
func TestRefusalsAreAudited(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	b.register(t, "siti")
	if err := b.SetDisabled(t.Context(), "siti", true, at("")); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		b.login(t.Context(), "budi", "wrong", "192.0.2.1")
		b.login(t.Context(), "nobody", "wrong", "192.0.2.1")
	}
	b.login(t.Context(), "budi", "wrong", "192.0.2.2")
	b.login(t.Context(), "siti", good, "192.0.2.2")
	b.clock.advance(time.Minute)
	b.login(t.Context(), "budi", "wrong", "192.0.2.1")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Run(ctx); err != nil { // writes what waits, also when told to stop
		t.Fatal(err)
	}
	events, err := b.db.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		if e.Action == audit.LoginRefused {
			got = append(got, e.Subject+" "+e.From.Address+" "+e.Detail["reason"])
		}
	}
	want := []string{"budi 192.0.2.1 password", "budi 192.0.2.2 password", "siti 192.0.2.2 disabled", "budi 192.0.2.1 password"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
