package server_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// prompt and max_age (OpenID Connect Core section 3.1.2.1).
// checklist 158, 159; secure-defaults 9e
func TestPrompt(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	p.back(p.visit(asked("app", "prompt", "none")), "login_required")
	p.back(p.visit(asked("app", "prompt", "none login")), "invalid_request")
	p.signIn(p.visit("/signin"), "user1", "password1")
	p.back(p.visit(asked("app", "prompt", "none")), "consent_required")
	first := p.back(p.allowed(asked("app")), "")
	p.back(p.visit(asked("app", "prompt", "none")), "")
	p.back(p.visit(asked("app", "prompt", "none", "max_age", "3600")), "")
	p.back(p.visit(asked("app", "prompt", "none", "max_age", "0")), "login_required")
	id := payload(t, g.want(g.token("app", redeeming(first.Get("code"))), 200, "").str("id_token"))
	for _, ask := range [][]string{{"prompt", "login"}, {"prompt", "select_account"}, {"max_age", "0"}, {"max_age", "30"}} {
		g.advance(31 * time.Second)
		s := p.at(p.visit(asked("app", ask...)), 200, "/signin", "user1")
		at := s.path
		p.at(p.visit(at), 200, "/signin") // reloading does not get around it
		request := at[strings.Index(at, "="):]
		p.at(p.visit("/consent?request"+request), 200, "/signin")
		former := cookie(p.c, g.url, "sandi_signin")
		q := p.back(p.signIn(s, "user1", "password1"), "")
		if cookie(p.c, g.url, "sandi_signin") == former {
			t.Errorf("%v: the cookie is the same", ask)
		}
		old := g.person(t).send("GET", asked("app", "prompt", "none"), "", "Cookie", "sandi_signin="+former)
		if !strings.Contains(old.header.Get("Location"), "error=login_required") {
			t.Errorf("%v: the former cookie still counts: sent to %s", ask, old.header.Get("Location"))
		}
		now := payload(t, g.want(g.token("app", redeeming(q.Get("code"))), 200, "").str("id_token"))
		if now["auth_time"].(float64) <= id["auth_time"].(float64) || now["sid"] != id["sid"] {
			t.Errorf("%v: auth_time %v after %v, sid %v after %v", ask, now["auth_time"], id["auth_time"], now["sid"], id["sid"])
		}
		id = now
	}
	p.at(p.visit(asked("app", "prompt", "consent")), 200, "/consent")
}

// Who has to be signed in: id_token_hint and a value for sub in claims.
// checklist 158
func TestAnotherUserIsAskedFor(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	hint := g.want(g.token("app", redeeming(p.back(p.allowed(asked("app")), "").Get("code"))), 200, "").str("id_token")
	p.back(p.visit(asked("app", "id_token_hint", hint, "prompt", "none")), "")
	p.back(p.visit(asked("app", "claims", `{"id_token":{"sub":{"value":"user1"}}}`)), "")
	for _, ask := range [][]string{{"claims", `{"id_token":{"sub":{"value":"user2"}}}`}, {"id_token_hint", g.sign("JWT", hint, map[string]any{"sub": "user2"})}} {
		p.back(p.visit(asked("app", append(ask, "prompt", "none")...)), "login_required")
		s := p.at(p.visit(asked("app", ask...)), 200, "/signin")
		p.back(p.signIn(s, "user1", "password1"), "login_required")
		s = p.at(p.visit(asked("app", ask...)), 200, "/signin")
		p.at(p.signIn(s, "user2", "password2"), 200, "/consent")
		p.signIn(p.visit("/signin?other=1"), "user1", "password1")
	}
	p.back(p.visit(asked("app", "id_token_hint", "x")), "invalid_request")
}

// Step-up (RFC 9470): acr_values asks who has a second factor for it; an essential acr refuses who has none.
func TestStepUp(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	essential := []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"urn:sandi:mfa"}}}`}
	p.allowed(asked("app"))
	p.back(p.visit(asked("app", "acr_values", oauth.ACRFactors)), "") // there is none to ask for
	p.back(p.visit(asked("app", essential...)), "unmet_authentication_requirements")
	secret, _ := g.enrol()
	p.back(p.visit(asked("app", "acr_values", oauth.ACRFactors+" "+oauth.ACRPassword)), "")
	for _, ask := range [][]string{{"acr_values", oauth.ACRFactors}, essential} {
		p.back(p.visit(asked("app", append(ask, "prompt", "none")...)), "login_required")
	}
	g.advance(30 * time.Second)
	s := p.at(p.signIn(p.at(p.visit(asked("app", "acr_values", oauth.ACRFactors)), 200, "/signin"), "user1", "password1"), 200, "/signin/code")
	q := p.back(p.fill(s, 0, "otp", g.shown(secret)), "")
	id := payload(t, g.want(g.token("app", redeeming(q.Get("code"))), 200, "").str("id_token"))
	if amr, _ := id["amr"].([]any); id["acr"] != oauth.ACRFactors || !slices.Contains(amr, any("mfa")) {
		t.Errorf("acr %v, amr %v", id["acr"], id["amr"])
	}
	p.back(p.visit(asked("app", append(essential, "prompt", "none")...)), "")
}

// A public client that any program can pass itself off as is asked about each time (RFC 8252 section 8.6), unless the user has just signed in.
func TestClaimableRedirectURI(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	native := app("cli", oauth.AuthNone)
	native.Native, native.RedirectURIs = true, []string{"http://127.0.0.1/cb", "com.example.app:/cb", callback}
	g.add(native)
	p := g.person(t)
	for _, uri := range []string{"http://127.0.0.1:54321/cb", "com.example.app:/cb"} {
		ask := asked("cli", "redirect_uri", uri)
		p.back(p.allowed(ask), "")
		p.back(p.visit(asked("cli", "redirect_uri", uri, "prompt", "none")), "consent_required")
		p.back(p.fill(p.at(p.visit(ask), 200, "/consent"), 0, "decision", "allow"), "")
		p.back(p.signIn(p.visit(asked("cli", "redirect_uri", uri, "prompt", "login")), "user1", "password1"), "")
	}
	p.back(p.visit(asked("cli")), "") // https is its own
}

// The owner's own client is not asked about; one that registered itself makes no open redirector of the server.
// checklist 32
func TestWhoIsTrusted(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	own := app("own", oauth.AuthPost)
	own.SkipConsent = true
	g.add(own)
	stranger := app("stranger", oauth.AuthNone)
	stranger.Origin = oauth.FromRegistration
	if err := g.db.AddClient(context.Background(), stranger, audit.Event{Action: audit.ClientAdded}); err != nil {
		t.Fatal(err)
	}
	p := g.person(t)
	p.back(p.signIn(p.visit(asked("own")), "user1", "password1"), "")
	p.at(p.visit(asked("own", "prompt", "consent")), 200, "/consent")
	s := p.visit(asked("stranger", "scope", "everything"))
	if s.away != nil || s.status != 400 || !strings.Contains(s.raw, `href="`+callback+"?error=invalid_scope") || !strings.Contains(s.raw, ">https://app.example<") {
		t.Errorf("sent to %v: %d %s", s.away, s.status, s.raw)
	}
	p.back(p.visit(asked("stranger", "prompt", "none")), "consent_required")
	p.at(p.visit(asked("stranger")), 200, "/consent")
}

// A browser stays signed in as long as it is used, two weeks at most, and no longer than its user may.
func TestBrowserSignIn(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	own := app("own", oauth.AuthPost)
	own.SkipConsent = true
	g.add(own)
	silent := asked("own", "prompt", "none")
	signedIn := func() *person {
		p := g.person(t)
		p.signIn(p.visit("/signin"), "user1", "password1")
		p.back(p.visit(silent), "")
		return p
	}
	used, unused := signedIn(), signedIn()
	for day := range 17 { // of 20 hours
		g.advance(20 * time.Hour)
		want := ""
		if (day+1)*20 >= 14*24 {
			want = "login_required"
		}
		used.back(used.visit(silent), want)
	}
	unused.back(unused.visit(silent), "login_required")

	changed, disabled, forged := signedIn(), signedIn(), g.person(t)
	_, refresh := g.login(g.client, "user2", "password2")
	for _, value := range []string{"x", refresh, cookie(changed.c, g.url, "sandi_signin") + "x"} {
		if a := forged.send("GET", silent, "", "Cookie", "sandi_signin="+value); !strings.Contains(a.header.Get("Location"), "login_required") {
			t.Errorf("a forged cookie: sent to %s", a.header.Get("Location"))
		}
	}
	access, _ := g.login(g.client, "user1", "password1")
	g.want(g.call(g.client, "POST", "/account/password", access, `{"current_password":"password1","new_password":"jeruk nipis manis"}`), 200, "")
	changed.back(changed.visit(silent), "login_required")
	disabled.signIn(disabled.visit("/signin"), "user1", "jeruk nipis manis")
	disabled.back(disabled.visit(silent), "")
	if err := g.db.SetDisabled(context.Background(), "user1", true, audit.Event{Action: audit.UserDisabled}); err != nil {
		t.Fatal(err)
	}
	disabled.back(disabled.visit(silent), "login_required")
}
