package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// shown is what the application shows now.
func (r *running) shown(secret string) string {
	r.t.Helper()
	code, err := totp.GenerateCode(secret, r.clock.now())
	if err != nil {
		r.t.Fatal(err)
	}
	return code
}

func withCode(username, password, code string) string {
	b, _ := json.Marshal(map[string]string{"username": username, "password": password, "otp": code})
	return string(b)
}

func otp(code string) string { return `{"otp": "` + code + `"}` }

// enrol gives user1 a second factor.
func (r *running) enrol() (secret string, recovery []string) {
	r.t.Helper()
	c := plain(r.t)
	access, _ := r.login(c, "user1", "password1")
	a := r.want(r.call(c, "POST", "/account/totp", access, ""), 201, "")
	secret = a.str("secret")
	if !strings.HasPrefix(a.str("otpauth_url"), "otpauth://totp/127.0.0.1:user1?") || a.header.Get("Cache-Control") != "no-store" {
		r.t.Errorf("enrolled: %s", a.raw)
	}
	r.want(r.call(c, "POST", "/login", "", credentials("user1", "password1")), 200, "") // not confirmed: does not count
	a = r.want(r.call(c, "POST", "/account/totp/confirm", access, otp(r.shown(secret))), 200, "")
	for _, code := range a.body["recovery_codes"].([]any) {
		recovery = append(recovery, code.(string))
	}
	return secret, recovery
}

// A second factor from its enrolment to its removal.
// ASVS 6.3.3, 6.5.1
func TestFactor(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	secret, recovery := r.enrol()
	login := func(code string) answer { return r.call(c, "POST", "/login", "", withCode("user1", "password1", code)) }
	r.want(r.call(c, "POST", "/login", "", credentials("user1", "password1")), 401, "otp_required")
	r.want(login(r.shown(secret)), 401, "invalid_otp") // it confirmed the factor
	r.want(login("000000"), 401, "invalid_otp")
	r.want(r.call(c, "POST", "/login", "", withCode("user1", "wrong", r.shown(secret))), 401, "invalid_credentials") // the password first
	r.advance(30 * time.Second)
	a := r.want(login(r.shown(secret)), 200, "")
	k := claims(t, a.str("access_token"))
	if amr := fmt.Sprint(k["amr"]); amr != "[pwd otp mfa]" || k["acr"] != "urn:sandi:mfa" {
		t.Errorf("amr %v, acr %v", amr, k["acr"])
	}
	refreshed := r.want(r.call(c, "POST", "/refresh", a.str("refresh_token"), ""), 200, "")
	if k := claims(t, refreshed.str("access_token")); k["acr"] != "urn:sandi:mfa" {
		t.Errorf("acr %v after a refresh", k["acr"])
	}
	r.want(login(r.shown(secret)), 401, "invalid_otp") // again
	r.want(login(recovery[0]), 200, "")
	r.want(login(recovery[0]), 401, "invalid_otp")

	access := a.str("access_token")
	r.want(r.call(c, "POST", "/account/totp", access, ""), 409, "factor_exists")
	renewed := r.want(r.call(c, "POST", "/account/recovery-codes", access, ""), 200, "").body["recovery_codes"].([]any)
	r.want(login(recovery[1]), 401, "invalid_otp")
	if len(renewed) != 10 || len(recovery) != 10 || slices.Contains(recovery, renewed[0].(string)) {
		t.Errorf("recovery codes %d, %d", len(recovery), len(renewed))
	}
	r.want(r.call(c, "DELETE", "/account/totp", access, otp("000000")), 401, "invalid_otp")
	r.want(r.call(c, "DELETE", "/account/totp", access, `{}`), 400, "invalid_request")
	r.want(r.call(c, "DELETE", "/account/totp", access, otp(renewed[0].(string))), 200, "")
	r.want(r.call(c, "DELETE", "/account/totp", access, otp(renewed[1].(string))), 401, "invalid_otp")
	plain, _ := r.login(c, "user1", "password1")
	if k := claims(t, plain); k["acr"] != "urn:sandi:pwd" || fmt.Sprint(k["amr"]) != "[pwd]" {
		t.Errorf("amr %v, acr %v", k["amr"], k["acr"])
	}
	for _, text := range append(recovery, secret, r.shown(secret)) {
		if strings.Contains(r.log.String(), text) {
			t.Errorf("the log has %q", text)
		}
	}
}

// What changes a second factor needs a login of the last ten minutes, and a token of the first-party API.
func TestFactorNeedsAFreshLogin(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	access, refresh := r.login(c, "user1", "password1")
	refreshed := r.want(r.call(c, "POST", "/refresh", refresh, ""), 200, "").str("access_token")
	routes := map[string]string{"POST /account/totp": "", "DELETE /account/totp": otp("1"), "POST /account/totp/confirm": otp("1"), "POST /account/recovery-codes": ""}
	all := func(token string, status int, code string) {
		t.Helper()
		for route, body := range routes {
			method, path, _ := strings.Cut(route, " ")
			r.want(r.call(c, method, path, token, body), status, code)
		}
	}
	all("", 401, "token_missing")
	all(refreshed, 401, "token_not_fresh")
	r.advance(10*time.Minute + time.Second)
	all(access, 401, "token_not_fresh")
}

// Codes are not guessed, by a login or otherwise; the wait is told; no password is tried that way.
// secure-defaults 13a
func TestFactorGuessing(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	secret, _ := r.enrol()
	r.advance(time.Minute)
	for i := range 5 {
		r.want(r.call(c, "POST", "/login", "", withCode("user1", "password1", fmt.Sprintf("%06d", i))), 401, "invalid_otp")
	}
	a := r.want(r.call(c, "POST", "/login", "", withCode("user1", "password1", r.shown(secret))), 429, "too_many_attempts")
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	r.advance(2 * time.Second)
	r.want(r.call(c, "POST", "/login", "", withCode("user1", "password1", r.shown(secret))), 200, "")
}

// Of many logins at once with one code, one gets in.
func TestFactorOnce(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	secret, _ := r.enrol()
	r.advance(time.Minute)
	body := withCode("user1", "password1", r.shown(secret))
	var got atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if r.call(c, "POST", "/login", "", body).status == 200 {
				got.Add(1)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 {
		t.Errorf("%d of 10 logins got in by one code, want 1", got.Load())
	}
}

// The sentences in the languages of their readers.
func TestFactorInLanguages(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	r.enrol()
	for language, want := range map[string]string{"en": "second factor", "id": "faktor kedua", "zh-TW": "第二驗證因素"} {
		a := r.call(c, "POST", "/login", "", credentials("user1", "password1"), "Accept-Language", language)
		if !strings.Contains(a.str("msg"), want) {
			t.Errorf("%s: %q", language, a.str("msg"))
		}
	}
}
