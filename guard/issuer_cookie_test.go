package guard_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/guard"
)

// secure-defaults 9a, 9b, 9g, 10f, ASVS 3.3.1, 3.3.2, 3.3.4: the cookies are as browsers must have them, and as the guard reads them.
func TestCookies(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, func(c *guard.IssuerConfig) { c.Cookie.RefreshPath = "/refresh" })
	g := guardOf(t, iss, func(c *guard.Config) { c.Sources = []guard.Source{guard.FromCookie()} })
	grant := iss.SignIn("user1")
	access, refresh := must(t)(iss.Access(grant)), must(t)(iss.Refresh(grant))
	w := httptest.NewRecorder()
	if err := iss.SetCookies(w, access, refresh); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"__Host-sandi_access=" + access + "; Path=/; Max-Age=900; HttpOnly; Secure; SameSite=Lax",
		"__Secure-sandi_refresh=" + refresh + "; Path=/refresh; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax",
		"__Host-sandi_csrf=" + grant.CSRF + "; Path=/; Max-Age=2592000; Secure; SameSite=Lax",
	}
	if got := w.Header()["Set-Cookie"]; !slices.Equal(got, want) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("set %q, want %q", got, want)
	}
	for name, reqs := range map[string][]guard.Requirement{"access": nil, "refresh": {guard.Refresh()}} {
		r := httptest.NewRequest(http.MethodPost, "/refresh", http.NoBody)
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		if _, err := g.Check(r, reqs...); !errors.Is(err, guard.CSRFFailed) {
			t.Errorf("%s without CSRF value: %v", name, err)
		}
		r.Header.Set("X-CSRF-TOKEN", w.Result().Cookies()[2].Value)
		if got, err := g.Check(r, reqs...); err != nil || got.Subject() != "user1" {
			t.Errorf("%s: %v", name, err)
		}
	}
	w = httptest.NewRecorder()
	iss.ClearCookies(w)
	want = []string{
		"__Host-sandi_access=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		"__Secure-sandi_refresh=; Path=/refresh; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		"__Host-sandi_csrf=; Path=/; Max-Age=0; Secure; SameSite=Lax",
	}
	if got := w.Header()["Set-Cookie"]; !slices.Equal(got, want) {
		t.Errorf("cleared %q, want %q", got, want)
	}
	strict := newIssuer(t, func(c *guard.IssuerConfig) { c.Cookie.SameSite = http.SameSiteStrictMode })
	w = httptest.NewRecorder()
	strict.ClearCookies(w)
	for _, c := range w.Result().Cookies() {
		if c.SameSite != http.SameSiteStrictMode {
			t.Errorf("cookie %v, want SameSite=Strict", c)
		}
	}
	plain := newIssuer(t, func(c *guard.IssuerConfig) { c.Cookie.InsecurePlainCookies = true })
	w = httptest.NewRecorder()
	if err := plain.SetCookies(w, must(t)(plain.Access(grant)), ""); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"sandi_access", "sandi_csrf"} {
		if c := w.Result().Cookies()[i]; c.Name != name || c.Secure {
			t.Errorf("plain cookie %v, want %s", c, name)
		}
	}
}

// Cookies that would not work are not set.
// ASVS 3.3.5
func TestSetCookiesRefuses(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	grant, other := iss.SignIn("user1"), iss.SignIn("user1")
	long := grant
	long.Claims = map[string]any{"pad": strings.Repeat("x", 4000)}
	access, refresh := must(t)(iss.Access(grant)), must(t)(iss.Refresh(grant))
	for name, tokens := range map[string][2]string{
		"none":                 {},
		"exchanged":            {refresh, access},
		"another CSRF value":   {access, must(t)(iss.Refresh(other))},
		"without CSRF value":   {must(t)(iss.Access(guard.Grant{Subject: "user1"})), ""},
		"garbage":              {"garbage", ""},
		"over 4096 characters": {must(t)(iss.Access(long)), ""},
	} {
		w := httptest.NewRecorder()
		if err := iss.SetCookies(w, tokens[0], tokens[1]); err == nil || len(w.Header()) > 0 {
			t.Errorf("%s: %v, set %v", name, err, w.Header())
		} else if strings.Contains(err.Error(), tokens[0]) && tokens[0] != "" {
			t.Errorf("%s: token in %v", name, err)
		}
	}
}
