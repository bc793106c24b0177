package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
)

// withFactor is a store with its master key, and a user whose factor counts.
func withFactor(t *testing.T, f *fixture, subject string, codes ...string) account.Factor {
	t.Helper()
	if _, err := f.MasterFingerprint(t.Context(), "fp"); err != nil {
		t.Fatal(err)
	}
	if err := f.CreateUser(t.Context(), account.User{Subject: subject, Username: subject, CredentialVersion: 1, CreatedAt: start, PasswordChangedAt: start}, audit.Event{}); err != nil {
		t.Fatal(err)
	}
	if err := f.PutFactor(t.Context(), subject, []byte("\x00sealed "+subject), "fp"); err != nil {
		t.Fatal(err)
	}
	got, err := f.Factor(t.Context(), subject)
	if err != nil || !got.ConfirmedAt.IsZero() {
		t.Fatalf("before it is confirmed: %+v, %v", got, err)
	}
	if err := f.ConfirmFactor(t.Context(), got, 10, hashes(codes...), audit.Event{Action: audit.FactorAdded, Subject: subject}); err != nil {
		t.Fatal(err)
	}
	if got, err = f.Factor(t.Context(), subject); err != nil || got.ConfirmedAt.IsZero() || got.LastStep != 10 || got.Subject != subject {
		t.Fatalf("confirmed: %+v, %v", got, err)
	}
	return got
}

func hashes(codes ...string) (out [][32]byte) {
	for _, c := range codes {
		out = append(out, sha256.Sum256([]byte(c)))
	}
	return out
}

func TestFactors(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		siti := withFactor(t, f, "siti", "one", "two", "three")
		stale := siti
		stale.Sealed = []byte("replaced meanwhile")
		event := audit.Event{Action: audit.RecoveryUsed, Subject: "siti"}
		for _, tt := range []struct {
			name string
			err  error
			want error
		}{
			{"put over a confirmed one", f.PutFactor(t.Context(), "siti", []byte("x"), "fp"), account.ErrFactor},
			{"put under another master key", f.PutFactor(t.Context(), "siti", []byte("x"), "other"), account.ErrOtherMaster},
			{"put for nobody", f.PutFactor(t.Context(), "nobody", []byte("x"), "fp"), account.ErrNotFound},
			{"confirm twice", f.ConfirmFactor(t.Context(), siti, 11, nil, event), account.ErrNoFactor},
			{"confirm what was replaced", f.ConfirmFactor(t.Context(), stale, 11, nil, event), account.ErrNoFactor},
			{"the step that confirmed it", f.UseStep(t.Context(), siti, 10), account.ErrFactorCode},
			{"a later step", f.UseStep(t.Context(), siti, 12), nil},
			{"one before that", f.UseStep(t.Context(), siti, 11), account.ErrFactorCode},
			{"a recovery code", f.UseRecovery(t.Context(), "siti", hashes("one")[0], event), nil},
			{"again", f.UseRecovery(t.Context(), "siti", hashes("one")[0], event), account.ErrFactorCode},
			{"another's", f.UseRecovery(t.Context(), "budi", hashes("two")[0], event), account.ErrFactorCode},
			{"renew", f.ReplaceRecovery(t.Context(), "siti", hashes("four", "five"), event), nil},
			{"one that was replaced", f.UseRecovery(t.Context(), "siti", hashes("two")[0], event), account.ErrFactorCode},
			{"a new one", f.UseRecovery(t.Context(), "siti", hashes("four")[0], event), nil},
			{"renew nobody's", f.ReplaceRecovery(t.Context(), "nobody", nil, event), account.ErrNoFactor},
			{"remove nobody's", f.RemoveFactor(t.Context(), "nobody", event), account.ErrNoFactor},
			{"remove", f.RemoveFactor(t.Context(), "siti", event), nil},
			{"remove again", f.RemoveFactor(t.Context(), "siti", event), account.ErrNoFactor},
			{"a recovery code of the removed", f.UseRecovery(t.Context(), "siti", hashes("five")[0], event), account.ErrFactorCode},
			{"a step of the removed", f.UseStep(t.Context(), siti, 99), account.ErrFactorCode},
			{"renew the removed", f.ReplaceRecovery(t.Context(), "siti", nil, event), account.ErrNoFactor},
		} {
			if !errors.Is(tt.err, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
			}
		}
		events, err := f.Events(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, e := range events {
			left = append(left, e.Detail["left"])
		}
		if got := strings.Join(slices.DeleteFunc(left, func(s string) bool { return s == "" }), " "); got != "2 1" {
			t.Errorf("recovery codes left: %q", got)
		}
	})
}

// Of many uses of one code at once, on two nodes, one counts.
func TestFactorUsedOnce(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		siti := withFactor(t, f, "siti", "one")
		nodes := []account.FactorStore{f.DB, f.another(t)}
		for name, use := range map[string]func(account.FactorStore) error{
			"step": func(s account.FactorStore) error { return s.UseStep(t.Context(), siti, 11) },
			"recovery": func(s account.FactorStore) error {
				return s.UseRecovery(t.Context(), "siti", hashes("one")[0], audit.Event{Action: audit.RecoveryUsed})
			},
		} {
			var let atomic.Int64
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					switch err := use(nodes[i%2]); {
					case err == nil:
						let.Add(1)
					case !errors.Is(err, account.ErrFactorCode):
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			all.Wait()
			if let.Load() != 1 {
				t.Errorf("%s: %d of 20 counted, want 1", name, let.Load())
			}
		}
	})
}

// A change of the master key seals every second factor anew, with the keys or not at all.
// secure-defaults 18c
func TestMasterChangeSealsFactors(t *testing.T) {
	forEach(t, func(t *testing.T, newFixture func(testing.TB) *fixture) {
		f := newFixture(t)
		const users = 205 // more than a batch
		for i := range users {
			withFactor(t, f, fmt.Sprintf("u%03d", i))
		}
		reseal := func(sealed []byte, place string) ([]byte, error) {
			if !strings.HasSuffix(string(sealed), strings.TrimPrefix(place, "factor ")) {
				return nil, fmt.Errorf("%q is not sealed for %s", sealed, place)
			}
			return []byte("\x01" + string(sealed[1:])), nil
		}
		broken := func([]byte, string) ([]byte, error) { return nil, errors.New("damaged") }
		if _, err := f.ChangeMaster(t.Context(), "fp", "new", nil, broken, audit.Event{Action: audit.MasterChanged}); err == nil || !strings.Contains(err.Error(), "u000") {
			t.Errorf("a seal that cannot be opened: %v", err)
		}
		if fp, err := f.MasterFingerprint(t.Context(), ""); fp != "fp" || err != nil {
			t.Errorf("the master key was changed to %s, %v", fp, err)
		}
		done, err := f.ChangeMaster(t.Context(), "fp", "new", []key.Record{}, reseal, audit.Event{Action: audit.MasterChanged})
		if !done || err != nil {
			t.Fatalf("ChangeMaster: %v, %v", done, err)
		}
		for i := range users {
			got, err := f.Factor(t.Context(), fmt.Sprintf("u%03d", i))
			if err != nil || got.Sealed[0] != 1 || got.LastStep != 10 {
				t.Fatalf("factor %d: %+v, %v", i, got, err)
			}
		}
		if err := f.PutFactor(t.Context(), "u000", []byte("x"), "fp"); !errors.Is(err, account.ErrOtherMaster) {
			t.Errorf("a factor under the old master key: %v", err)
		}
	})
}
