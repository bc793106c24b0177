package account_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
)

// An administrator removes a lost factor; everything about factors is in the audit log, and nothing secret is.
func TestFactorAudit(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t)
	u, secret, recovery := b.enrol(t, "siti")
	shown := b.shown(t, secret, 0)
	for _, try := range []string{recovery[0], "000000", "000001", shown} {
		_ = b.CheckFactor(t.Context(), u, try, at(""))
	}
	if _, err := b.RenewRecovery(t.Context(), "siti", at("")); err != nil {
		t.Fatal(err)
	}
	if err := b.ResetFactor(t.Context(), "Siti", audit.From{Actor: "cli"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Run(ctx); err != nil { // writes what waits
		t.Fatal(err)
	}
	events, err := b.db.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range events {
		if e.Action == audit.UserCreated {
			continue
		}
		got = append(got, string(e.Action)+" "+e.Detail["kind"]+e.Detail["left"]+" "+e.From.Actor)
		for _, v := range e.Detail {
			if v == secret || v == shown || slices.Contains(recovery, v) {
				t.Errorf("%s holds a secret", e.Action)
			}
		}
	}
	slices.Sort(got)
	want := []string{"factor.added totp ", "factor.refused  ", "factor.removed totp cli", "recovery_code.used 9 ", "recovery_codes.renewed  "}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

// A factor is never kept under a master key that is not the store's any more, and none counts whose seal was moved.
func TestFactorSeal(t *testing.T) {
	t.Parallel()
	b := newFactorBench(t)
	u, secret, _ := b.enrol(t, "siti")
	f, err := b.db.Factor(t.Context(), "siti")
	if err != nil || strings.Contains(string(f.Sealed), secret) {
		t.Errorf("the store keeps the secret: %v", err)
	}
	b.register(t, "budi")
	if err := b.db.PutFactor(t.Context(), "budi", f.Sealed, "fp"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ConfirmFactor(t.Context(), "budi", b.shown(t, secret, 0), at("")); err == nil || errors.Is(err, account.ErrFactorCode) {
		t.Errorf("a seal that was moved: %v", err)
	}
	b.restart(t, func(c *account.Config) { c.Sealer = seal{"another"} })
	if _, _, err := b.EnrolFactor(t.Context(), "budi"); code(err) != "temporarily_unavailable" {
		t.Errorf("under another master key: %v", err)
	}
	b.restart(t, func(c *account.Config) { c.Sealer = nil })
	if err := b.CheckFactor(t.Context(), u, b.shown(t, secret, 0), at("")); code(err) != "temporarily_unavailable" {
		t.Errorf("without a master key: %v", err)
	}
}
