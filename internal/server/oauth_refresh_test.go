package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
)

// A refresh is the client's alone, may narrow and never widen, keeps what was granted, and says when the user had signed in.
// checklist 60, 61, 62, 66, 151, 162
func TestRefreshGrant(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	g.add(app("thief", ""))
	first := g.want(g.token("web", redeeming(g.code("web", nil))), 200, "")
	g.advance(time.Minute)
	refresh := first.str("refresh_token")
	with := func(name, value string) url.Values {
		f := refreshing(refresh)
		f.Set(name, value)
		return f
	}
	g.reason(g.token("thief", refreshing(refresh)), 400, "invalid_grant")
	g.reason(g.token("thief", with("scope", "nothing")), 400, "invalid_grant")
	g.reason(g.token("web", with("scope", "read other")), 400, "invalid_scope")
	g.reason(g.token("web", with("resource", "https://c.example")), 400, "invalid_target")
	g.reason(g.token("web", with("refresh_token", refresh+"x")), 400, "invalid_grant")
	narrow := with("scope", "read openid")
	narrow.Set("resource", resourceB)
	a := g.want(g.token("web", narrow), 200, "") // the refusals before did not use it up
	if got := payload(t, a.str("access_token")); a.str("scope") != "read openid" || fmt.Sprint(got["aud"]) != fmt.Sprint([]any{resourceB, g.url}) || got["fresh"] != false {
		t.Errorf("narrow: %s", a.raw)
	}
	before, after := payload(t, first.str("id_token")), payload(t, a.str("id_token"))
	for _, name := range []string{"iss", "sub", "aud", "auth_time", "sid", "acr"} {
		if fmt.Sprint(before[name]) != fmt.Sprint(after[name]) {
			t.Errorf("refreshed ID token: %s was %v, is %v", name, before[name], after[name])
		}
	}
	if after["nonce"] != nil || after["iat"] == before["iat"] || after["at_hash"] == before["at_hash"] {
		t.Errorf("refreshed ID token: %v", after)
	}
	g.clock.advance(11 * time.Second)
	wide := g.want(g.token("web", refreshing(a.str("refresh_token"))), 200, "")
	if wide.str("scope") != "openid profile read write" {
		t.Errorf("scope after a narrow refresh: %q", wide.str("scope"))
	}
}

// Reuse of a spent refresh token ends the grant, a retry within the window does not, and a revocation is final.
// checklist 63, 64, 65, 67, 68
func TestRefreshReuse(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("page", oauth.AuthNone))
	first := g.want(g.token("page", redeeming(g.code("page", nil))), 200, "").str("refresh_token")
	second := g.want(g.token("page", refreshing(first)), 200, "").str("refresh_token")
	if again := g.want(g.token("page", refreshing(first)), 200, "").str("refresh_token"); again != second {
		t.Error("a retry within the window was not answered with the successor")
	}
	g.advance(11 * time.Second)
	newest := g.want(g.token("page", refreshing(second)), 200, "")
	g.reason(g.token("page", refreshing(first)), 400, "invalid_grant")
	g.reason(g.token("page", refreshing(newest.str("refresh_token"))), 400, "invalid_grant")
	if got := g.audited(audit.RefreshReused); got != 1 {
		t.Errorf("%d events", got)
	}

	racing := g.want(g.token("page", redeeming(g.code("page", nil))), 200, "").str("refresh_token")
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			if i == 3 {
				g.want(g.post("/oauth/revoke", "page", url.Values{"token": {racing}}), 200, "")
				return
			}
			g.token("page", refreshing(racing))
		})
	}
	all.Wait()
	g.reason(g.token("page", refreshing(racing)), 400, "invalid_grant")

	idle := g.want(g.token("page", redeeming(g.code("page", nil))), 200, "").str("refresh_token")
	g.advance(15 * 24 * time.Hour)
	g.reason(g.token("page", refreshing(idle)), 400, "invalid_grant")
}

// A client that refreshes nothing gets no refresh token, and its session ends with its access token.
func TestWithoutRefresh(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	c := app("web", "")
	c.GrantTypes = c.GrantTypes[:1]
	g.add(c)
	a := g.want(g.token("web", redeeming(g.code("web", nil))), 200, "")
	if a.body["refresh_token"] != nil {
		t.Errorf("answer: %s", a.raw)
	}
	sessions, err := g.db.SessionsOf(t.Context(), "user1", g.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(sessions, func(s session.Session) bool { return s.ClientID == "web" })
	if i < 0 || sessions[i].ExpiresAt.Sub(sessions[i].CreatedAt) != 5*time.Minute {
		t.Errorf("sessions: %v", sessions)
	}
}

// What a client was allowed and may not have any more is left out at the next refresh.
func TestRefreshAfterChange(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	refresh := g.want(g.token("web", redeeming(g.code("web", nil))), 200, "").str("refresh_token")
	c, err := g.db.Client(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	c.Scopes, c.Resources = []string{"read"}, []string{resourceB}
	if err := g.db.ChangeClient(t.Context(), c, audit.Event{Action: audit.ClientChanged}); err != nil {
		t.Fatal(err)
	}
	g.clock.advance(2 * time.Second)
	a := g.want(g.token("web", refreshing(refresh)), 200, "")
	if a.str("scope") != "read" || payload(t, a.str("access_token"))["aud"] != resourceB || a.body["id_token"] != nil {
		t.Errorf("answer: %s", a.raw)
	}
}
