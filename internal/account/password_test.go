package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/problem"
)

const better = "kabut turun dari lereng"

// ASVS 6.2.2, 6.2.3
func TestChangePassword(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	change := func(subject, current, next string) error {
		return b.ChangePassword(t.Context(), subject, current, next, "", at("192.0.2.1"))
	}
	for name, tt := range map[string]struct{ subject, current, next, want, field string }{
		"wrong current": {"budi", "wrong", better, "invalid_credentials current_password_wrong", "current_password"},
		"no current":    {"budi", "", better, "invalid_credentials current_password_wrong", "current_password"},
		"weak":          {"budi", good, "password2", "weak_password password_guessable", "new_password"},
		"the username":  {"budi", good, "budibudi", "weak_password password_guessable", "new_password"},
		"unknown":       {"nobody", good, better, "invalid_credentials current_password_wrong", "current_password"},
	} {
		err := change(tt.subject, tt.current, tt.next)
		e, ok := errors.AsType[*problem.Error](err)
		if !ok || code(err) != tt.want || e.Field != tt.field {
			t.Errorf("%s: %v, want %q of %s", name, err, tt.want, tt.field)
		}
	}
	if err := change("budi", good, better); err != nil {
		t.Fatal(err)
	}
	if got := b.login(t.Context(), "budi", good, ""); got != "invalid_credentials" {
		t.Errorf("the old password: %q", got)
	}
	u, err := b.Verify(t.Context(), "budi", better, at(""))
	if err != nil || u.CredentialVersion != 2 {
		t.Errorf("the new password: %+v, %v", u, err)
	}
}

// secure-defaults 13a, ASVS 6.3.1: the new password is judged for its owner alone, and not in a loop.
func TestChangePasswordIsLimited(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	change := func(current string) string {
		return code(b.ChangePassword(t.Context(), "budi", current, "password2", "", at("192.0.2.1")))
	}
	if got := change("wrong"); got != "invalid_credentials current_password_wrong" {
		t.Errorf("a weak password from who does not know the current one: %q", got)
	}
	for i := range 4 {
		if got := change(good); got != "weak_password password_guessable" {
			t.Errorf("try %d: %q", i, got)
		}
	}
	before := b.Hashes()
	if got := change(good); got != "too_many_attempts" || b.Hashes() != before {
		t.Errorf("the sixth in a row: %q with %d hashes", got, b.Hashes()-before)
	}
	if got := b.login(t.Context(), "budi", good, "192.0.2.1"); got != "" {
		t.Errorf("a login meanwhile: %q", got)
	}
	b.clock.advance(time.Minute)
	if got := change(good); got != "weak_password password_guessable" {
		t.Errorf("a minute later: %q", got)
	}
}

// secure-defaults 12b: judging passwords takes no place from hashing them, nor the other way round.
func TestJudgingHasItsOwnGate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	release := account.HoldHashing(b.Service)
	if err := b.SetPassword(t.Context(), "budi", "password1", at("")); code(err) != "weak_password password_guessable" {
		t.Errorf("with all hashing taken: %v", err)
	}
	release()
	defer account.HoldJudging(b.Service)()
	if err := b.SetPassword(t.Context(), "budi", better, at("")); code(err) != "hashing_busy" {
		t.Errorf("with all judging taken: %v", err)
	}
	if got := b.login(t.Context(), "budi", good, ""); got != "" {
		t.Errorf("a login with all judging taken: %q", got)
	}
}

// secure-defaults 13a: a stolen token does not let its holder guess the password.
func TestChangePasswordIsThrottled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	for range 5 {
		if err := b.ChangePassword(t.Context(), "budi", "wrong", better, "", at("192.0.2.1")); !errors.Is(err, account.ErrCredentials) {
			t.Fatal(err)
		}
	}
	if err := b.ChangePassword(t.Context(), "budi", good, better, "", at("192.0.2.1")); code(err) != "too_many_attempts" {
		t.Errorf("after five failures: %v", err)
	}
}

// Whoever logged in with the old password is a stranger after the change.
func TestChangePasswordForgetsPlaces(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	const thief, home = "198.51.100.1", "192.0.2.1"
	for _, place := range []string{thief, home} {
		if got := b.login(t.Context(), "budi", good, place); got != "" {
			t.Fatal(got)
		}
	}
	if err := b.ChangePassword(t.Context(), "budi", good, better, "", at(home)); err != nil {
		t.Fatal(err)
	}
	for range 30 { // use up the thief's address
		b.login(t.Context(), "nobody"+string(rune('a'+b.Hashes()%26)), "wrong", thief)
	}
	if got := b.login(t.Context(), "budi", better, thief); got != "too_many_attempts" {
		t.Errorf("from the thief's address: %q, want it to be a stranger's", got)
	}
	if got := b.login(t.Context(), "budi", better, home); got != "" {
		t.Errorf("from home: %q", got)
	}
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register(t, "budi")
	if err := b.SetPassword(t.Context(), "Budi", better, at("")); err != nil {
		t.Fatal(err)
	}
	if got := b.login(t.Context(), "budi", better, ""); got != "" {
		t.Errorf("login: %q", got)
	}
	if err := b.SetPassword(t.Context(), "nobody", better, at("")); !errors.Is(err, problem.NotFound) {
		t.Errorf("nobody: %v", err)
	}
	if err := b.SetPassword(t.Context(), "budi", "password1", at("")); code(err) != "weak_password password_guessable" {
		t.Errorf("weak: %v", err)
	}
}
