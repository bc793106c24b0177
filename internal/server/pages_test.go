package server_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/console"
)

// A sign-in of its own: a wrong password and an unknown user are answered alike, the right one leads to the account.
func TestPagesSignIn(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	p := r.person(t)
	s := p.at(p.visit("/console/"), 200, "/signin", "Create an account")
	p.at(p.signIn(s, "user1", ""), 400, "/signin", "Enter your password")
	p.at(p.signIn(s, "", "x"), 400, "/signin", "Enter your username")
	wrong := p.at(p.signIn(s, "user1", "wrong password"), 403, "/signin", "The username or the password is wrong", `aria-describedby="fault"`)
	unknown := p.at(p.signIn(s, "nobody", "wrong password"), 403, "/signin")
	if strings.ReplaceAll(unknown.raw, "nobody", "user1") != wrong.raw {
		t.Error("an unknown user is told from a wrong password")
	}
	account := p.at(p.signIn(wrong, "user1", "password1"), 200, "/console/", "user1", "this browser")
	if strings.Contains(account.raw, "password1") {
		t.Error("the page holds the password")
	}
	p.at(p.visit("/signin"), 200, "/console/")
	p.at(p.visit("/signin?other=1"), 200, "/signin")
	for range 4 {
		p.signIn(p.visit("/signin?other=1"), "user2", "wrong password")
	}
	p.signIn(p.visit("/signin?other=1"), "user2", "wrong password")
	late := p.at(p.signIn(p.visit("/signin?other=1"), "user2", "password2"), 429, "/signin", "Wait 1 seconds")
	if late.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

// The cookie lasts beyond the browser only where that was ticked. secure-defaults 9b, 9d
// checklist 11
func TestPagesRemember(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	var former string
	for _, remember := range []string{"-", "1"} {
		p := r.person(t)
		s := p.visit("/signin")
		action, fields := s.form(t, 0)
		fields.Set("username", "user1")
		fields.Set("password", "password1")
		if remember == "1" {
			fields.Set("remember", "1")
		}
		a := p.send("POST", action, fields.Encode())
		set := a.header.Get("Set-Cookie")
		if a.status != 303 || !strings.HasPrefix(set, "sandi_signin=") || !strings.Contains(set, "HttpOnly; SameSite=Lax") || strings.Contains(set, "Max-Age") != (remember == "1") {
			t.Errorf("remember %s: %d, attributes %s", remember, a.status, set[strings.Index(set, ";"):])
		}
		if value := cookie(p.c, r.url, "sandi_signin"); value == former {
			t.Error("the same session again")
		} else {
			former = value
		}
	}
}

// From a client's request through sign-in and consent back to the client; what is unticked is not granted, and what was allowed is not asked again.
func TestPagesConsent(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	s := p.at(p.visit(authorize("login_hint", "user1")), 200, "/signin", "Toko <Siti>", `value="user1"`)
	s = p.at(p.signIn(s, "user1", "password1"), 200, "/consent", "Toko <Siti>", "shop.example", "Read your orders", "See your username", "user1", "Allow", "Deny")
	if strings.Contains(s.raw, "<Siti>") {
		t.Error("the client's name is not escaped")
	}
	_, fields := s.form(t, 0)
	if got := fields["scope"]; !slices.Equal(got, []string{"profile", "orders"}) {
		t.Errorf("ticked: %v (openid cannot be unticked)", got)
	}
	done := p.fill(s, 0, "decision", "allow", "scope", "orders")
	q := done.away.Query()
	if done.away.Host != "shop.example" || q.Get("state") != "s1" || q.Get("iss") != r.url {
		t.Errorf("sent to %s", done.away)
	}
	if got := p.redeem(done.away); !slices.Equal(got, []string{"openid", "orders"}) {
		t.Errorf("scope %v, want openid and orders", got)
	}
	if s := p.visit(authorize("scope", "openid orders")); s.away == nil || s.away.Query().Get("code") == "" {
		t.Errorf("what was allowed is asked again: %s %s", s.path, s.raw)
	}
	s = p.at(p.visit(authorize("scope", "openid profile")), 200, "/consent", "Know who you are")
	denied := p.fill(s, 0, "decision", "deny")
	if denied.away == nil || denied.away.Query().Get("error") != "access_denied" || denied.away.Query().Get("state") != "s1" {
		t.Errorf("sent to %v, want access_denied", denied.away)
	}
	p.at(p.fill(s, 0, "decision", "allow"), 404, "/consent", "was already answered") // the back button, and a click
	p.at(p.visit(s.path), 404, "/consent")
}

// A form counts only with its value, in the browser and for the sign-in that it was loaded for, and from our own pages; what is
// refused changes nothing. checklist 29; secure-defaults 9f, 9g
func TestPagesForgery(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p, mallory := r.person(t), r.person(t)
	own := mallory.signIn(mallory.visit("/signin"), "user2", "password2")
	_, foreign := own.form(t, 0)
	// Who knows the id of a session, which tokens carry, does not get its value out of a page.
	if _, got := r.person(t).visit("/signin", "Cookie", "sandi_page="+foreign.Get("id")).form(t, 0); got.Get("csrf") == foreign.Get("csrf") {
		t.Error("the page tells the CSRF value of any session")
	}
	first := p.visit("/signin")
	p.at(p.fill(first, 0, "username", "user1", "password", "password1", "csrf", "-"), 403, "/signin", "Nothing has been changed")
	p.at(p.fill(first, 0, "username", "user1", "password", "password1", "csrf", foreign.Get("csrf")), 403, "/signin", "Nothing has been changed")
	s := p.signIn(p.visit(authorize()), "user1", "password1")
	for _, csrf := range []string{"-", "x", foreign.Get("csrf")} {
		p.at(p.fill(s, 0, "decision", "allow", "csrf", csrf), 403, "/consent", "Nothing has been changed")
	}
	action, fields := s.form(t, 0)
	fields.Set("decision", "allow")
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"}} {
		if a := p.send("POST", action, fields.Encode(), header...); a.status != 403 {
			t.Errorf("%v: got %d, want 403", header, a.status)
		}
	}
	// In another tab, somebody else signs in: the page of before says nothing for them.
	p.signIn(p.visit("/signin?other=1"), "user2", "password2")
	p.at(p.fill(s, 0, "decision", "allow"), 403, "/consent", "Nothing has been changed")
	if s = p.visit(s.path); !strings.Contains(s.raw, "user2") {
		t.Errorf("the request is not pending any more: %s", s.raw)
	}
	if done := p.fill(s, 0, "decision", "allow"); done.away == nil || done.away.Query().Get("code") == "" {
		t.Errorf("got %s %s", done.path, done.raw)
	}
	// A request is another browser's.
	waits := p.visit(authorize("prompt", "consent"))
	mallory.at(mallory.visit(waits.path), 404, "/consent", "in another browser")
}

// No page is framed, runs a script, or loads or links to anything that is not ours; no registered origin reads it.
// checklist 30, 31; secure-defaults 10a, 10b, 10f, 11b
func TestPagesHeaders(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) {
		pagesConfig(c)
		c.API.Origins = []string{"https://shop.example"}
	})
	p := r.person(t)
	sign := p.visit(authorize())
	paths := []string{"/signin", "/signin/code?step=x", "/signup", "/signout", "/consent?request=x", "/console/nothing", "/oauth/authorize", sign.path}
	in := p.signIn(sign, "user1", "password1")
	paths = append(paths, in.path, "/device", "/device?done=allowed", "/console/", "/console/password", "/console/factor")
	foreign := regexp.MustCompile(`(?i)<script|<iframe|<img|\son[a-z]+=|style=|(?:href|src|action)="(?:[a-z]+:|//)`)
	for i, path := range paths {
		who := r.person(t)
		if i >= 8 {
			who = p
		}
		a := who.send("GET", path, "", "Origin", "https://shop.example")
		csp := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if a.status != 303 && !strings.Contains(csp, want) {
				t.Errorf("%s: policy %q lacks %s", path, csp, want)
			}
		}
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s %q, want %q", path, name, got, want)
			}
		}
		if m := foreign.FindString(a.raw); m != "" {
			t.Errorf("%s has %q", path, m)
		}
		bare, _, _ := strings.Cut(path, "?")
		if slices.Contains(console.NoCORS(), bare) && a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may be read by another origin", path)
		}
	}
}

// Each of the pages speaks the caller's language.
func TestPagesLanguages(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	for _, tt := range []struct{ accept, lang, signIn, wrong, consent, scope, gone string }{
		{"en-GB", "en", "Sign in", "password is wrong", "Allow access?", "Read your orders", "has expired"},
		{"id-ID,en;q=0.5", "id", "Masuk", "kata sandi salah", "Izinkan akses?", "Membaca pesanan Anda", "kedaluwarsa"},
		{"zh-TW", "zh-Hant", "登入", "密碼錯誤", "要允許存取嗎？", "讀取您的訂單", "已過期"},
	} {
		p := r.person(t)
		p.language = tt.accept
		s := p.at(p.visit(authorize()), 200, "/signin", tt.signIn, `<html lang="`+tt.lang+`">`)
		s = p.at(p.signIn(s, "user1", "wrong password"), 403, "/signin", tt.wrong)
		p.at(p.signIn(s, "user1", "password1"), 200, "/consent", tt.consent, tt.scope)
		p.at(p.visit("/consent?request=x"), 404, "/consent", tt.gone, `<html lang="`+tt.lang+`">`)
	}
}

// A request that asks for a proof gets one, from who is signed in too, and the page names the user.
func TestPagesAgain(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	p.signIn(p.visit("/signin"), "user1", "password1")
	s := p.at(p.visit(authorize("prompt", "login")), 200, "/signin", "prove that it is you", `value="user1"`, "readonly", "Use another account")
	request := strings.TrimPrefix(s.path, "/signin?request=")
	p.at(p.visit("/consent?request="+request), 200, "/signin") // not around it
	p.at(p.signIn(s, "user1", "wrong password"), 403, "/signin", "readonly")
	s = p.at(p.signIn(s, "user1", "password1"), 200, "/consent")
	if done := p.fill(s, 0, "decision", "allow"); done.away == nil || done.away.Query().Get("code") == "" {
		t.Errorf("got %s %s", done.path, done.raw)
	}
}

// Under TLS the cookies carry the prefix that binds them to this host. secure-defaults 9a, 9b
func TestPagesCookiesUnderTLS(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), nil, func(c *config.Config) {
		pagesConfig(c)
		c.Issuer, c.API, c.Cookie.Access = "https://id.example", config.Default().API, ""
	})
	a := r.person(t).send("GET", "/signin", "", "Host", "id.example")
	got := a.header.Get("Set-Cookie")
	if !strings.HasPrefix(got, "__Host-sandi_page=") || !strings.HasSuffix(got, "; Path=/; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("got %q", got)
	}
}

// Where the request names its user, somebody else's sign-in is not enough, and the page names neither.
func TestPagesAnotherUser(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	p.signIn(p.visit("/signin"), "user2", "password2")
	s := p.visit(authorize("claims", `{"id_token":{"sub":{"value":"user1"}}}`))
	p.at(s, 200, "/signin", `value=""`)
	if strings.Contains(s.raw, "readonly") {
		t.Error("the page holds on to who is signed in")
	}
	p.at(p.signIn(s, "user1", "password1"), 200, "/consent", "user1")
}
