package server_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/jwt"
)

const bye = "https://app.example/bye?x=y"

// startLogout is a server with a client, a user signed in to it, and the tokens that it got.
func startLogout(t *testing.T, change func(*oauth.Client)) (g *grants, p *person, tokens answer) {
	t.Helper()
	g = startGrants(t, nil)
	one := app("app", oauth.AuthPost)
	one.PostLogoutRedirectURIs = []string{bye}
	if change != nil {
		change(&one)
	}
	g.add(one)
	g.add(app("other", oauth.AuthPost))
	p = g.person(t)
	return g, p, g.signedIn(p)
}

func (g *grants) signedIn(p *person) answer {
	g.t.Helper()
	return g.want(g.token("app", redeeming(p.back(p.allowed(asked("app")), "").Get("code"))), 200, "")
}

func ending(more ...string) string {
	q := url.Values{}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/oauth/logout?" + q.Encode()
}

// An ID token of the browser's own sign-in ends it at once, with all its grants, also when it has expired, by GET and by a form.
// checklist 164
func TestLogoutByOwnToken(t *testing.T) {
	t.Parallel()
	for name, logout := range map[string]func(p *person, hint string) seen{
		"GET": func(p *person, hint string) seen {
			return p.visit(ending("id_token_hint", hint, "post_logout_redirect_uri", bye, "state", "a b"))
		},
		"POST": func(p *person, hint string) seen {
			form := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {bye}, "state": {"a b"}, "client_id": {"app"}}
			return p.follow(p.send("POST", "/oauth/logout", form.Encode()), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, p, tokens := startLogout(t, nil)
			hint := tokens.str("id_token")
			if name == "GET" {
				hint = g.sign("JWT", hint, map[string]any{"exp": 1000})
			}
			s := logout(p, hint)
			if s.away == nil || s.away.String() != bye+"&state=a+b" {
				t.Fatalf("at %s %d, sent to %v", s.path, s.status, s.away)
			}
			g.reason(g.token("app", refreshing(tokens.str("refresh_token"))), 400, "invalid_grant")
			if a := g.call(g.client, "GET", "/oauth/userinfo", tokens.str("access_token"), ""); a.status != 401 {
				t.Errorf("the access token still counts: %d", a.status)
			}
			p.back(p.visit(asked("app", "prompt", "none")), "login_required")
			if s := p.visit(ending("id_token_hint", hint, "post_logout_redirect_uri", bye)); s.away == nil || s.away.String() != bye {
				t.Errorf("nobody is signed in any more: sent to %v", s.away)
			}
		})
	}
}

// Whoever else sends a browser there makes it ask its user, and it is sent on to what the client registered alone.
// checklist 32, 164
func TestLogoutAsks(t *testing.T) {
	t.Parallel()
	g, p, tokens := startLogout(t, nil)
	stranger := g.person(t)
	foreign := g.signedIn(stranger).str("id_token")
	hint := tokens.str("id_token")
	for name, tt := range map[string]struct {
		path string
		home bool // not sent on to the client
	}{
		"nothing":                    {ending(), true},
		"client_id":                  {ending("client_id", "app", "post_logout_redirect_uri", bye), false},
		"another URI":                {ending("client_id", "app", "post_logout_redirect_uri", "https://evil.example/"), true},
		"the URI, longer":            {ending("client_id", "app", "post_logout_redirect_uri", bye+"z"), true},
		"a redirect URI":             {ending("client_id", "app", "post_logout_redirect_uri", callback), true},
		"no client":                  {ending("post_logout_redirect_uri", bye), true},
		"another client":             {ending("client_id", "other", "post_logout_redirect_uri", bye), true},
		"another sign-in's token":    {ending("id_token_hint", foreign, "post_logout_redirect_uri", bye), false},
		"token of another client":    {ending("id_token_hint", hint, "client_id", "other", "post_logout_redirect_uri", bye), true},
		"token that is none":         {ending("id_token_hint", hint+"x", "post_logout_redirect_uri", bye), true},
		"an access token":            {ending("id_token_hint", tokens.str("access_token"), "post_logout_redirect_uri", bye), true},
		"of another issuer":          {ending("id_token_hint", g.sign("JWT", hint, map[string]any{"iss": "https://other.example"}), "post_logout_redirect_uri", bye), true},
		"for two audiences":          {ending("id_token_hint", g.sign("JWT", hint, map[string]any{"aud": []string{"app", "other"}}), "post_logout_redirect_uri", bye), true},
		"a request that nobody made": {"/signout?request=x", true},
	} {
		s := p.visit(tt.path)
		if name == "a request that nobody made" {
			p.at(s, 404, "/signout")
			continue
		}
		p.at(s, 200, "/signout")
		g.want(g.token("app", refreshing(tokens.str("refresh_token"))), 200, "") // asked is not done
		tokens.body["refresh_token"] = g.want(g.token("app", refreshing(tokens.str("refresh_token"))), 200, "").str("refresh_token")
		done := p.fill(s, 0)
		if (done.away == nil) != tt.home || done.away != nil && done.away.String() != bye {
			t.Errorf("%s: at %s, sent to %v", name, done.path, done.away)
		}
		p.back(p.visit(asked("app", "prompt", "none")), "login_required")
		tokens = g.signedIn(p)
	}
}

// receiver is a client's back channel.
type receiver struct {
	url    string
	tokens chan string
	status atomic.Int64
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{tokens: make(chan string, 10)}
	r.status.Store(200)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method != "POST" || q.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || q.URL.Path != "/backchannel" {
			t.Errorf("%s %s %s", q.Method, q.URL, q.Header.Get("Content-Type"))
		}
		if s := int(r.status.Load()); s == 302 {
			http.Redirect(w, q, "/elsewhere", s)
		} else {
			w.WriteHeader(s)
		}
		r.tokens <- q.PostFormValue("logout_token")
	}))
	t.Cleanup(s.Close)
	r.url = s.URL + "/backchannel"
	return r
}

func (r *receiver) next(t *testing.T) string {
	t.Helper()
	select {
	case token := <-r.tokens:
		return token
	case <-time.After(20 * time.Second):
		t.Fatal("no logout token came")
		return ""
	}
}

// Whatever ends a sign-in tells its clients, once, and again where they did not take it; a grant that its client itself ended is none of it.
// checklist 165
func TestBackchannelLogout(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	g, p, tokens := startLogout(t, func(c *oauth.Client) { c.BackchannelLogoutURI = to.url })
	id := payload(t, tokens.str("id_token"))
	g.want(g.post("/oauth/revoke", "app", url.Values{"token": {g.signedIn(p).str("refresh_token")}}), 200, "") // tells nobody
	p.fill(p.at(p.visit("/signout"), 200, "/signout"), 0)

	token := to.next(t)
	v, err := jwt.NewVerifier(jwt.Config{Keys: g.keys(), Issuer: g.url, Audience: []string{"app"}, Types: []string{"logout+jwt"}, Now: g.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	var events map[string]map[string]any
	if err := c.Decode("events", &events); err != nil || len(events) != 1 || events["http://schemas.openid.net/event/backchannel-logout"] == nil {
		t.Errorf("events %v, %v", events, err)
	}
	life := c.ExpiresAt().Sub(c.IssuedAt())
	if c.Subject() != "user1" || c.String("sid") != id["sid"] || c.ID() == "" || c.Has("nonce") || life <= 0 || life > 2*time.Minute {
		t.Errorf("logout token %v, ID token %v", c, id)
	}

	for _, status := range []int64{500, 302} { // neither is delivery, and a redirect is not followed
		to.status.Store(status)
		tokens = g.signedIn(p)
		p.fill(p.visit("/signout"), 0)
		first := payload(t, to.next(t))
		to.status.Store(204)
		g.until("its failure is written", func() bool {
			due, err := g.db.DueLogouts(context.Background(), 10)
			return err == nil && len(due) == 0
		})
		g.advance(10 * time.Second)
		again := payload(t, to.next(t))
		if again["sid"] != first["sid"] || again["jti"] == first["jti"] || again["sid"] != payload(t, tokens.str("id_token"))["sid"] {
			t.Errorf("got %v after %v", again, first)
		}
	}
}

// A client that never answers is given up after a day.
func TestBackchannelLogoutGivenUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there any more
	g, p, _ := startLogout(t, func(c *oauth.Client) { c.BackchannelLogoutURI = "http://" + l.Addr().String() + "/backchannel" })
	p.fill(p.visit("/signout"), 0)
	g.until("the first try fails", func() bool { return strings.Contains(g.log.String(), "logout token was not delivered") })
	g.advance(25 * time.Hour)
	g.until("it is given up", func() bool { return strings.Contains(g.log.String(), "is given up") })
	if strings.Contains(g.log.String(), "eyJ") {
		t.Error("a token is in the log")
	}
}

// A client whose back channel hangs has two deliveries at a time, and holds no other client's up.
func TestSlowBackchannel(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		for n := now.Add(1); n > most.Load(); {
			most.Store(n)
		}
		defer now.Add(-1)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(slow.Close)
	good := newReceiver(t)
	g := startGrants(t, nil)
	for id, url := range map[string]string{"slow": slow.URL, "good": good.url} {
		one := app(id, oauth.AuthPost)
		one.BackchannelLogoutURI = url
		g.add(one)
	}
	for i := range 8 {
		client := "slow"
		if i == 7 {
			client = "good"
		}
		signIn := g.signIn("user1", "password1")
		g.want(g.token(client, redeeming(g.code(client, func(c *oauth.Code) { c.SignIn = signIn }))), 200, "")
	}
	if _, err := g.db.EndSessionsOf(context.Background(), "user1", session.ID{}, session.LoggedOut, audit.Event{Action: audit.SessionEnded}); err != nil {
		t.Fatal(err)
	}
	good.next(t)
	g.until("the slow one was called", func() bool { return now.Load() > 0 })
	close(hang)
	g.until("all were delivered", func() bool {
		due, err := g.db.DueLogouts(context.Background(), 10)
		return err == nil && len(due) == 0
	})
	if most.Load() > 2 {
		t.Errorf("%d at once", most.Load())
	}
}
