package server_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/sandi-auth/sandi/internal/config"
)

// The account page ends sessions, takes consents back, and changes the password.
func TestPagesAccount(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p, other, third := r.person(t), r.person(t), r.person(t)
	for _, x := range []*person{other, third} {
		x.at(x.signIn(x.visit("/signin"), "user1", "password1"), 200, "/console/")
	}
	s := p.signIn(p.visit(authorize()), "user1", "password1")
	if scope := p.redeem(p.fill(s, 0, "decision", "allow").away); len(scope) != 3 {
		t.Errorf("scope %v", scope)
	}
	account := p.at(p.visit("/console/"), 200, "/console/", "Toko <Siti>", "Read your orders", "Used by Toko <Siti>")

	end := -1 // the form of a session that is not this one, nor the one that the client's grant is of
	for i, line := range strings.Split(account.raw, "<li>")[3:6] {
		if !strings.Contains(line, "this browser") {
			end = i
		}
	}
	p.at(p.fill(account, end, "csrf", "x"), 403, "/console/sessions")
	p.at(p.fill(account, end), 200, "/console/", "The session has been ended.")
	p.at(p.fill(account, end), 200, "/console/") // sent twice
	p.at(p.fill(account, 3), 200, "/console/", "All your other sessions have been ended.")
	for _, x := range []*person{other, third} {
		x.at(x.visit("/console/"), 200, "/signin")
	}
	account = p.visit("/console/")
	p.at(p.fill(account, 1), 200, "/console/", "The application has lost its access.", "No application has access")
	p.at(p.fill(account, 1), 200, "/console/") // sent twice
	p.at(p.visit(authorize()), 200, "/consent")

	form := p.visit("/console/password")
	p.at(p.fill(form, 0, "current_password", "password1"), 400, "/console/password", "Enter your current password and the new one")
	p.at(p.fill(form, 0, "current_password", "wrong", "new_password", "gula jawa cair sekali"), 403, "/console/password", "The current password is wrong")
	p.at(p.fill(form, 0, "current_password", "password1", "new_password", "password2"), 400, "/console/password", "easy to guess")
	p.at(p.fill(form, 0, "current_password", "password1", "new_password", "gula jawa cair sekali"), 200, "/console/", "The password has been changed")
	p.at(p.fill(p.visit("/console/"), 0), 200, "/signout", "You are signed out") // ending this very session
	p.at(p.signIn(p.visit("/signin"), "user1", "gula jawa cair sekali"), 200, "/console/")
}

// Signing out is asked about, and ends the session; for a client it leads back to where that registered.
func TestPagesSignOut(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	p.at(p.visit("/signout"), 200, "/signout", "You are signed out")
	p.signIn(p.visit("/signin"), "user1", "password1")
	s := p.at(p.visit("/signout"), 200, "/signout", "Sign out?", "user1")
	p.at(p.fill(s, 0, "csrf", "x"), 403, "/signout")
	p.at(p.visit("/console/"), 200, "/console/")
	p.at(p.fill(s, 0), 200, "/signout", "You are signed out")
	p.at(p.fill(s, 0), 200, "/signout", "You are signed out") // sent twice
	p.at(p.visit("/console/"), 200, "/signin")

	p.signIn(p.visit("/signin"), "user1", "password1")
	s = p.at(p.visit("/oauth/logout?client_id=shop&state=z&post_logout_redirect_uri=https://shop.example/bye"), 200, "/signout", "Toko <Siti>")
	if done := p.fill(s, 0); done.away == nil || done.away.String() != "https://shop.example/bye?state=z" {
		t.Errorf("sent to %v %s", done.away, done.raw)
	}
	p.at(p.visit("/console/"), 200, "/signin")
}

// Where anybody may, an account is made and signed in; else there is no such page.
func TestPagesSignUp(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	s := p.visit(strings.Replace(p.visit(authorize()).path, "/signin", "/signup", 1))
	p.at(p.fill(s, 0, "username", "user1", "password", "gula jawa cair sekali"), 409, "/signup", "is taken")
	p.at(p.fill(s, 0, "username", "dewi", "password", "password"), 400, "/signup", "easy to guess")
	p.at(p.fill(s, 0, "username", "dewi"), 400, "/signup", "Enter your password")
	p.at(p.fill(s, 0, "username", "dewi", "password", "gula jawa cair sekali"), 200, "/consent", "dewi")
	closed := startIn(t, t.TempDir(), nil, func(c *config.Config) { c.API = config.Default().API }).person(t)
	if s := closed.visit("/signin"); s.status != 200 || strings.Contains(s.raw, "/signup") {
		t.Errorf("got %d %s", s.status, s.raw)
	}
	if a := closed.send("GET", "/signup", ""); a.status != 404 {
		t.Errorf("got %d, want 404", a.status)
	}
}

var shownSecret = regexp.MustCompile(`<code class="secret">([A-Z2-7 ]+)</code>`)

// enrol sets a second factor up, and returns its secret and the recovery codes.
func (p *person) enrol() (secret string, recovery []string) {
	p.t.Helper()
	s := p.at(p.visit("/console/factor"), 200, "/console/factor", "Set up an authenticator app")
	s = p.at(p.fill(s, 0), 200, "/console/factor", "<svg", "otpauth://totp/")
	m := shownSecret.FindStringSubmatch(s.raw)
	if m == nil {
		p.t.Fatalf("no secret: %s", s.raw)
	}
	secret = strings.ReplaceAll(m[1], " ", "")
	s = p.at(p.fill(s, 0, "otp", "000000"), 403, "/console/factor/confirm", "<svg", m[1]) // the secret is still there to be scanned
	s = p.at(p.fill(s, 0, "otp", p.code(secret)), 200, "/console/factor/confirm", "shown this once only")
	for _, m := range regexp.MustCompile(`<li><code>([0-9a-z-]+)</code></li>`).FindAllStringSubmatch(s.raw, -1) {
		recovery = append(recovery, m[1])
	}
	if len(recovery) != 10 {
		p.t.Fatalf("%d recovery codes: %s", len(recovery), s.raw)
	}
	return secret, recovery
}

// code is what the application shows, a step later than before.
func (p *person) code(secret string) string {
	p.t.Helper()
	p.clock.advance(30 * time.Second)
	code, err := totp.GenerateCode(secret, p.clock.now())
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// A second factor is set up, and asked for at the next sign-in; a code counts once, and the second step holds no password.
func TestPagesFactor(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	p.signIn(p.visit("/signin"), "user1", "password1")
	secret, recovery := p.enrol()
	p.at(p.visit("/console/"), 200, "/console/", "Signing in asks for a code")

	other := r.person(t)
	step := other.at(other.signIn(other.visit(authorize()), "user1", "password1"), 200, "/signin/code", "6 digits", "user1")
	if strings.Contains(step.raw, "password1") {
		t.Error("the page holds the password")
	}
	other.at(other.visit("/console/"), 200, "/signin") // the first step alone is no sign-in
	thief := r.person(t)
	_, fields := step.form(t, 0)
	thief.at(thief.visit("/signin/code?step="+fields.Get("step")), 200, "/signin", "took too long") // nor is it another browser's
	other.at(other.fill(step, 0, "otp", "000000"), 403, "/signin/code", `aria-invalid="true"`)
	code := other.code(secret)
	consent := other.at(other.fill(step, 0, "otp", code), 200, "/consent", "user1")
	other.at(other.fill(step, 0, "otp", code), 200, "/consent") // sent twice: the step is spent, and the sign-in stands
	if done := other.fill(consent, 0, "decision", "allow"); done.away == nil || done.away.Query().Get("code") == "" {
		t.Errorf("got %s %s", done.path, done.raw)
	}

	third := r.person(t)
	step = third.signIn(third.visit("/signin"), "user1", "password1")
	third.at(third.fill(step, 0, "otp", code), 403, "/signin/code") // a code counts once
	third.at(third.fill(step, 0, "otp", strings.ToUpper(recovery[0])), 200, "/console/")
	step = third.signIn(third.visit("/signin?other=1"), "user1", "password1")
	third.at(third.fill(step, 0, "otp", recovery[0]), 403, "/signin/code")
}

// New recovery codes make the old ones void, and the factor is removed by a code of it.
func TestPagesFactorManage(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	p.signIn(p.visit("/signin"), "user1", "password1")
	secret, recovery := p.enrol()
	manage := p.at(p.visit("/console/factor"), 200, "/console/factor", "Make new recovery codes")
	again := p.at(p.fill(manage, 0), 200, "/signin") // whoever knew the password before the factor was there is not asked less than others are
	again = p.at(p.signIn(again, "user1", "password1"), 200, "/signin/code")
	manage = p.at(p.fill(again, 0, "otp", p.code(secret)), 200, "/console/factor", "Make new recovery codes")
	renewed := p.at(p.fill(manage, 0), 200, "/console/factor/recovery", "Your new recovery codes")
	if strings.Contains(renewed.raw, recovery[1]) {
		t.Error("the old codes again")
	}
	p.at(p.fill(manage, 1, "otp", recovery[1]), 403, "/console/factor/remove") // void
	p.at(p.fill(manage, 1, "otp", p.code(secret)), 200, "/console/", "The second factor has been removed.")
	p.at(p.fill(manage, 0), 404, "/console/factor/recovery", "Set up an authenticator app")
	other := r.person(t)
	other.at(other.signIn(other.visit("/signin"), "user1", "password1"), 200, "/console/")
}

// Factors are changed by who gave the password lately; the others are asked for it, and the sign-in that follows is a new one. secure-defaults 9e
func TestPagesFactorNeedsPassword(t *testing.T) {
	t.Parallel()
	r := start(t, pagesConfig)
	p := r.person(t)
	p.signIn(p.visit("/signin"), "user1", "password1")
	form := p.visit("/console/factor")
	before := cookie(p.c, r.url, "sandi_signin")
	r.clock.advance(11 * time.Minute)
	p.at(p.visit("/console/factor"), 200, "/signin", "prove that it is you", "readonly")
	s := p.at(p.fill(form, 0), 200, "/signin", "prove that it is you")
	p.at(p.signIn(s, "user1", "password1"), 200, "/console/factor")
	if cookie(p.c, r.url, "sandi_signin") == before {
		t.Error("the same session after the password was given again")
	}
}
