package account_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
)

// seal stands in for the master key: account may not know package key.
type seal struct{ master string }

func (s seal) Seal(plaintext []byte, place string) ([]byte, string, error) {
	return append([]byte(place+"\n"), plaintext...), s.master, nil
}

func (seal) Open(sealed []byte, place string) ([]byte, error) {
	plaintext, ok := strings.CutPrefix(string(sealed), place+"\n")
	if !ok {
		return nil, errors.New("sealed for another place")
	}
	return []byte(plaintext), nil
}

func newFactorBench(t *testing.T, change ...func(*account.Config)) *bench {
	t.Helper()
	b := newBench(t, append(change, func(c *account.Config) { c.Sealer = seal{"fp"} })...)
	if _, err := b.db.MasterFingerprint(t.Context(), "fp"); err != nil {
		t.Fatal(err)
	}
	return b
}

// shown is what the application shows, steps from now.
func (b *bench) shown(t *testing.T, secret string, steps int) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, b.clock.now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// enrol gives a user a factor that counts, two steps ago.
func (b *bench) enrol(t *testing.T, username string) (u account.User, secret string, recovery []string) {
	t.Helper()
	u = b.register(t, username)
	secret, _, err := b.EnrolFactor(t.Context(), u.Subject)
	if err != nil {
		t.Fatal(err)
	}
	if recovery, err = b.ConfirmFactor(t.Context(), u.Subject, b.shown(t, secret, 0), at("")); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(time.Minute)
	return u, secret, recovery
}

func TestProve(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t)
	plain := b.register(t, "budi")
	if amr, acr, err := b.Prove(t.Context(), plain, "123456", at("")); !slices.Equal(amr, []string{"pwd"}) || acr != "urn:sandi:pwd" || err != nil {
		t.Errorf("without a factor: %v %s %v", amr, acr, err)
	}
	u, secret, recovery := b.enrol(t, "siti")
	if len(recovery) != 10 {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	if _, _, err := b.Prove(t.Context(), u, "", at("")); code(err) != "otp_required" || !errors.Is(err, account.ErrFactorNeeded) {
		t.Errorf("no code: %v", err)
	}
	if amr, acr, err := b.Prove(t.Context(), u, b.shown(t, secret, 0), at("")); !slices.Equal(amr, []string{"pwd", "otp", "mfa"}) || acr != "urn:sandi:mfa" || err != nil {
		t.Errorf("with its code: %v %s %v", amr, acr, err)
	}
}

// A code counts a step early or late, once, and none from before the last one used; a recovery code once (RFC 6238 section 5.2).
func TestCheckFactor(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t)
	u, secret, recovery := b.enrol(t, "siti")
	shown := func(steps int) string { return b.shown(t, secret, steps) }
	for _, tt := range []struct{ name, code, want string }{
		{"two steps late", shown(-2), "invalid_otp"},
		{"two steps early", shown(2), "invalid_otp"},
		{"a step late", shown(-1), ""},
		{"again", shown(-1), "invalid_otp"},
		{"now, in two groups", shown(0)[:3] + " " + shown(0)[3:], ""},
		{"before the last one", shown(-1), "invalid_otp"},
		{"a step early", shown(1), ""},
		{"that again", shown(1), "invalid_otp"},
		{"recovery code", recovery[0], ""},
		{"the same again", recovery[0], "invalid_otp"},
		{"as people type it", strings.ToUpper(strings.ReplaceAll(recovery[1], "-", " ")), ""},
		{"as people misread it", strings.NewReplacer("0", "O", "1", "l").Replace(recovery[2]), ""},
		{"another's form", "0000-0000-0000-0000", "invalid_otp"},
		{"garbage", "\x00\xff", "invalid_otp"},
		{"long", strings.Repeat("1", 10000), "invalid_otp"},
	} {
		if err := b.CheckFactor(t.Context(), u, tt.code, at("")); code(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if tt.want != "" {
			b.forget(t)
		}
	}
	other := b.register(t, "budi")
	if err := b.CheckFactor(t.Context(), other, recovery[3], at("")); code(err) != "invalid_otp" {
		t.Errorf("another user's recovery code: %v", err)
	}
	if err := b.CheckFactor(t.Context(), other, shown(0), at("")); code(err) != "no_factor" {
		t.Errorf("a user without a factor: %v", err)
	}
}

// forget starts the counters anew.
func (b *bench) forget(t *testing.T) {
	t.Helper()
	b.restart(t, func(c *account.Config) { c.Limits = cluster.NewMemory(b.clock.now) })
}

// Of many at once, on two nodes, a code counts once.
func TestFactorOnce(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t)
	u, secret, recovery := b.enrol(t, "siti")
	for name, shown := range map[string]string{"totp": b.shown(t, secret, 0), "recovery": recovery[0]} {
		var let atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			cfg := b.cfg
			cfg.Limits = cluster.NewMemory(b.clock.now)
			node, err := account.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				if node.CheckFactor(context.Background(), u, shown, at("")) == nil {
					let.Add(1)
				}
			})
		}
		all.Wait()
		if let.Load() != 1 {
			t.Errorf("%s: %d of 20 at once were let in, want 1", name, let.Load())
		}
	}
}

// Codes are not guessed in a loop: five tries, then ever longer waits, wherever they come from; the right code ends them.
// secure-defaults 13a
func TestFactorThrottle(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t)
	u, secret, recovery := b.enrol(t, "siti")
	for i := range 5 {
		if err := b.CheckFactor(t.Context(), u, "000000", at("192.0.2."+string(rune('1'+i)))); code(err) != "invalid_otp" {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	err := b.CheckFactor(t.Context(), u, b.shown(t, secret, 0), at(""))
	if p, ok := errors.AsType[*problem.Error](err); !ok || code(err) != "too_many_attempts" || p.RetryAfter != time.Second {
		t.Errorf("the sixth: %v", err)
	}
	b.clock.advance(time.Second)
	if err := b.CheckFactor(t.Context(), u, recovery[0], at("")); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if err := b.CheckFactor(t.Context(), u, "000000", at("")); code(err) != "invalid_otp" {
		t.Errorf("after a success: %v", err)
	}
}

func TestEnrolFactor(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t)
	u := b.register(t, "siti")
	first, _, err := b.EnrolFactor(t.Context(), "siti")
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := b.EnrolFactor(t.Context(), "siti") // another tab
	if err != nil || first == second {
		t.Fatal(err)
	}
	if has, err := b.HasFactor(t.Context(), "siti"); has || err != nil {
		t.Errorf("a factor that is not confirmed counts: %v", err)
	}
	if _, _, err := b.Prove(t.Context(), u, "", at("")); err != nil {
		t.Errorf("login before it is confirmed: %v", err)
	}
	if err := b.CheckFactor(t.Context(), u, b.shown(t, second, 0), at("")); code(err) != "no_factor" {
		t.Errorf("its code before it is confirmed: %v", err)
	}
	if _, err := b.ConfirmFactor(t.Context(), "siti", b.shown(t, first, 0), at("")); code(err) != "invalid_otp" {
		t.Errorf("the code of a secret that was replaced: %v", err)
	}
	if _, err := b.ConfirmFactor(t.Context(), "siti", b.shown(t, second, 0), at("")); err != nil {
		t.Fatal(err)
	}
	if err := b.CheckFactor(t.Context(), u, b.shown(t, second, 0), at("")); code(err) != "invalid_otp" {
		t.Errorf("the code that confirmed it, again: %v", err)
	}
	if _, _, err := b.EnrolFactor(t.Context(), "siti"); code(err) != "factor_exists" {
		t.Errorf("a second one: %v", err)
	}
	if _, err := b.ConfirmFactor(t.Context(), "siti", b.shown(t, second, 1), at("")); code(err) != "factor_exists" {
		t.Errorf("confirm twice: %v", err)
	}
	if _, _, err := b.EnrolFactor(t.Context(), "nobody"); !errors.Is(err, problem.NotFound) {
		t.Errorf("an unknown user: %v", err)
	}
	if _, err := b.ConfirmFactor(t.Context(), "nobody", "000000", at("")); code(err) != "no_factor" {
		t.Errorf("confirm nothing: %v", err)
	}
}

func TestRemoveFactor(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t)
	u, secret, recovery := b.enrol(t, "siti")
	if err := b.RemoveFactor(t.Context(), "siti", "000000", at("")); code(err) != "invalid_otp" {
		t.Errorf("by a wrong code: %v", err)
	}
	renewed, err := b.RenewRecovery(t.Context(), "siti", at(""))
	if err != nil || len(renewed) != 10 {
		t.Fatal(err)
	}
	if err := b.CheckFactor(t.Context(), u, recovery[0], at("")); code(err) != "invalid_otp" {
		t.Errorf("a recovery code that was replaced: %v", err)
	}
	if err := b.RemoveFactor(t.Context(), "siti", renewed[0], at("")); err != nil {
		t.Fatal(err)
	}
	if _, acr, err := b.Prove(t.Context(), u, "", at("")); acr != account.ACRPassword || err != nil {
		t.Errorf("after its removal: %v", err)
	}
	for name, err := range map[string]error{
		"the code":         b.CheckFactor(t.Context(), u, b.shown(t, secret, 0), at("")),
		"remove again":     b.RemoveFactor(t.Context(), "siti", b.shown(t, secret, 0), at("")),
		"reset":            b.ResetFactor(t.Context(), "siti", at("")),
		"no recovery code": second(b.RenewRecovery(t.Context(), "siti", at(""))),
	} {
		if code(err) != "no_factor" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.CheckFactor(t.Context(), u, renewed[1], at("")); code(err) != "invalid_otp" {
		t.Errorf("a recovery code of a removed factor: %v", err)
	}
	if err := b.ResetFactor(t.Context(), "nobody", at("")); !errors.Is(err, problem.NotFound) || code(err) == "no_factor" {
		t.Errorf("an unknown user: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
