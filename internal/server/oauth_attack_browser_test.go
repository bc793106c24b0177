package server_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
)

// addStranger adds a client that registered itself.
func (g *grants) addStranger(c oauth.Client) {
	g.t.Helper()
	c.Origin = oauth.FromRegistration
	if err := g.db.AddClient(context.Background(), c, audit.Event{Action: audit.ClientAdded}); err != nil {
		g.t.Fatal(err)
	}
}

// A scope that was allowed at one resource is not allowed at another that something else was allowed at.
func TestConsentsDoNotMultiply(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	p.back(p.allowed(asked("app", "scope", "openid read", "resource", resourceA)), "")
	p.back(p.allowed(asked("app", "scope", "openid write", "resource", resourceB)), "")
	p.back(p.visit(asked("app", "scope", "openid write", "resource", resourceA, "prompt", "none")), "consent_required")
	p.back(p.visit(asked("app", "scope", "openid read", "resource", resourceB, "prompt", "none")), "consent_required")
	p.back(p.visit(asked("app", "scope", "openid write", "resource", resourceB, "prompt", "none")), "")
	p.back(p.allowed(asked("app", "scope", "openid write", "resource", resourceA)), "")
	p.back(p.visit(asked("app", "scope", "openid write", "prompt", "none")+"&"+url.Values{"resource": {resourceA, resourceB}}.Encode()), "")
}

// What the user takes back on the page is not given later on without being asked about.
func TestConsentUnticked(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	p.back(p.allowed(asked("app", "scope", "openid read write")), "")
	s := p.at(p.visit(asked("app", "scope", "openid read write", "prompt", "consent")), 200, "/consent")
	p.back(p.fill(s, 0, "decision", "allow", "scope", "read"), "")
	p.back(p.visit(asked("app", "scope", "openid read write", "prompt", "none")), "consent_required")
	p.back(p.visit(asked("app", "scope", "openid read", "prompt", "none")), "")
}

// A redirect URI that was taken from its client gets no answer any more, also not to what was asked before.
func TestWithdrawnRedirectURI(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	one := app("app", oauth.AuthPost)
	one.RedirectURIs = append(one.RedirectURIs, "https://app.example/new")
	g.add(one)
	p := g.person(t)
	consent := p.at(p.signIn(p.visit(asked("app")), "user1", "password1"), 200, "/consent")
	changed, err := g.db.Client(context.Background(), "app")
	if err != nil {
		t.Fatal(err)
	}
	changed.RedirectURIs = changed.RedirectURIs[1:]
	if err := g.db.ChangeClient(context.Background(), changed, audit.Event{Action: audit.ClientChanged}); err != nil {
		t.Fatal(err)
	}
	g.advance(2 * time.Second)
	for _, decision := range []string{"deny", "allow"} {
		if s := p.fill(consent, 0, "decision", decision); s.away != nil || s.status != 404 {
			t.Errorf("%s: %d, sent to %v", decision, s.status, s.away)
		}
	}
}

// A client that the user has allowed nothing learns by silent requests that somebody is signed in, but not whether it is who it asks for,
// and an ID token of another client's serves it for nothing.
func TestSilentRequestsNameNobody(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	g.add(app("nosy", oauth.AuthPost))
	p := g.person(t)
	hint := g.want(g.token("app", redeeming(p.back(p.allowed(asked("app")), "").Get("code"))), 200, "").str("id_token")
	for _, sub := range []string{"user1", "user2"} {
		p.back(p.visit(asked("nosy", "prompt", "none", "claims", `{"id_token":{"sub":{"value":"`+sub+`"}}}`)), "login_required")
		p.back(p.visit(asked("nosy", "prompt", "none", "id_token_hint", g.sign("JWT", hint, map[string]any{"sub": sub}))), "invalid_request")
	}
}

// Nobody who registered a client makes a redirector of the end-session endpoint: with nobody signed in the user is asked as well.
// checklist 32, 164
func TestLogoutIsNoRedirector(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	stranger := app("stranger", oauth.AuthNone)
	stranger.PostLogoutRedirectURIs = []string{bye}
	g.addStranger(stranger)
	p := g.person(t)
	a := g.want(g.token("stranger", redeeming(p.back(p.allowed(asked("stranger")), "").Get("code"))), 200, "")
	for name, path := range map[string]string{
		"client_id": ending("client_id", "stranger", "post_logout_redirect_uri", bye),
		"ID token":  ending("id_token_hint", a.str("id_token"), "post_logout_redirect_uri", bye),
	} {
		victim := g.person(t)
		s := victim.at(victim.visit(path), 200, "/signout", "stranger")
		if s = victim.fill(s, 0); s.away == nil || s.away.String() != bye {
			t.Errorf("%s: asked, and sent to %v", name, s.away)
		}
	}
	if s := p.visit(ending("id_token_hint", a.str("id_token"), "post_logout_redirect_uri", bye)); s.away == nil {
		t.Errorf("by its own sign-in's token: at %s", s.path)
	}
}

// Nothing that a link says becomes a sentence of ours.
func TestErrorsQuoteNobody(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.addStranger(app("stranger", oauth.AuthNone))
	p := g.person(t)
	const words = "Call 555 to unlock your account"
	twice := url.Values{words: {"1", "2"}}.Encode()
	for _, path := range []string{asked("stranger") + "&" + twice, "/oauth/logout?" + twice} {
		if s := p.visit(path); s.away != nil || s.status != 400 || strings.Contains(s.raw, words) {
			t.Errorf("%s: sent to %v, %d %s", path, s.away, s.status, s.raw)
		}
	}
}

// What waits is judged again when it is answered: a scope or a resource that was taken from its client meanwhile is not granted.
func TestShrunkPolicy(t *testing.T) {
	t.Parallel()
	for name, shrink := range map[string]func(*oauth.Client){
		"scope":    func(c *oauth.Client) { c.Scopes = []string{"openid", "read"} },
		"resource": func(c *oauth.Client) { c.Resources = []string{resourceA} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGrants(t, nil)
			g.add(app("app", oauth.AuthPost))
			p := g.person(t)
			more := []string{"scope", "openid read write", "resource", resourceB}
			consent := p.at(p.signIn(p.visit(asked("app", more...)), "user1", "password1"), 200, "/consent")
			uri := g.push("app", askedFor("app", more...))
			c, err := g.db.Client(context.Background(), "app")
			if err != nil {
				t.Fatal(err)
			}
			shrink(&c)
			if err := g.db.ChangeClient(context.Background(), c, audit.Event{Action: audit.ClientChanged}); err != nil {
				t.Fatal(err)
			}
			g.advance(2 * time.Second)
			if s := p.fill(consent, 0, "decision", "allow", "scope", "read", "scope", "write"); s.away != nil || s.status != 404 {
				t.Errorf("the waiting one: %d, sent to %v", s.status, s.away)
			}
			if s := p.visit(pushed("app", uri)); s.away != nil || s.status != 404 {
				t.Errorf("the pushed one: %d, sent to %v", s.status, s.away)
			}
		})
	}
}

// The sign-in page of a request for one user gives away neither the subject nor the name that goes with it.
func TestSignInPageNamesNobody(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	s := g.person(t).visit(asked("app", "claims", `{"id_token":{"sub":{"value":"user1"}}}`))
	if s.path[:7] != "/signin" || strings.Contains(s.raw, "user1") {
		t.Errorf("at %s: %s", s.path, s.raw)
	}
}

// HEAD changes nothing: what GET would answer, and spend, is refused.
func TestHeadSpendsNothing(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("app", oauth.AuthPost))
	p := g.person(t)
	p.allowed(asked("app"))
	waiting := p.send("GET", asked("app", "prompt", "consent"), "").header.Get("Location")
	waiting = "/signin" + waiting[strings.Index(waiting, "?"):]
	for _, path := range []string{waiting, "/oauth/logout?client_id=app"} {
		if a := p.send("HEAD", path, ""); a.status != 405 || !strings.Contains(a.header.Get("Allow"), "GET") || strings.Contains(a.header.Get("Allow"), "HEAD") {
			t.Errorf("HEAD %s: %d, Allow %q", path, a.status, a.header.Get("Allow"))
		}
	}
	p.at(p.visit(waiting), 200, "/consent")
	if a := p.send("GET", "/console", ""); a.status != 303 || a.header.Get("Location") != "/console/" {
		t.Errorf("/console: %d to %q", a.status, a.header.Get("Location"))
	}
}
