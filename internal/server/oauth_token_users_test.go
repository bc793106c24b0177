package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/account"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/jwt"
)

// The password grant: for its client alone, never for who has a second factor, throttled as the login is.
// checklist 1, 42
// secure-defaults 7d
func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(oauth.Client{
		ID: "legacy", GrantTypes: []string{oauth.GrantPassword, oauth.GrantRefresh}, InsecurePasswordGrant: true,
		Scopes: []string{"openid", "roles", "read"}, Resources: []string{resourceA},
	})
	g.add(app("web", ""))
	form := func(user, password string) url.Values {
		return url.Values{"grant_type": {"password"}, "username": {user}, "password": {password}, "scope": {"openid read roles"}}
	}
	g.reason(g.token("web", form("user1", "password1")), 400, "unsupported_grant_type")
	a := g.want(g.token("legacy", form("AgentX", "TopSecret123")), 200, "")
	if c := payload(t, a.str("access_token")); c["sub"] != "agentx" || fmt.Sprint(c["amr"]) != "[pwd]" || fmt.Sprint(c["roles"]) != "[field-operative]" || a.str("id_token") == "" {
		t.Errorf("answer: %s", a.raw)
	}
	g.want(g.token("legacy", refreshing(a.str("refresh_token"))), 200, "")
	g.secondFactor("test")
	g.reason(g.token("legacy", form("test", "test")), 400, "invalid_grant")
	throttled := false
	for range 15 {
		a := g.token("legacy", form("user2", "wrong"))
		if a.status == 429 {
			throttled = true
			break
		}
		g.reason(a, 400, "invalid_grant")
	}
	if !throttled {
		t.Error("guessing was not slowed down")
	}
	if meta := g.call(g.client, "GET", "/.well-known/oauth-authorization-server", "", ""); strings.Contains(meta.raw, `"password"`) {
		t.Errorf("metadata names the grant: %s", meta.raw)
	}
}

// An assertion of the client's own names the user: each counts once, and tokens do not say that the user signed in.
// checklist 152
func TestJWTBearer(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	k, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwt.NewKeySet(k)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	g.add(oauth.Client{
		ID: "vouch", GrantTypes: []string{oauth.GrantJWTBearer}, MayImpersonate: true, KeySet: string(public),
		Scopes: []string{"openid", "read"}, Resources: []string{resourceA},
	})
	serial := 0
	assertion := func(typ string, change map[string]any) url.Values {
		serial++
		now := g.clock.now().Unix()
		c := map[string]any{"iss": "vouch", "sub": "user1", "aud": g.url, "exp": now + 60, "jti": fmt.Sprint(serial)}
		for name, v := range change {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}
		signed, err := jwt.Sign(k, typ, c)
		if err != nil {
			t.Fatal(err)
		}
		return url.Values{"grant_type": {oauth.GrantJWTBearer}, "assertion": {signed}, "scope": {"openid read"}}
	}
	good := assertion("JWT", nil)
	a := g.want(g.token("vouch", good), 200, "")
	c := payload(t, a.str("access_token"))
	if c["sub"] != "user1" || c["client_id"] != "vouch" || c["auth_time"] != nil || c["amr"] != nil || c["sid"] == nil || a.body["refresh_token"] != nil {
		t.Errorf("access token: %v", c)
	}
	if id := payload(t, a.str("id_token")); id["auth_time"] != nil || id["sub"] != "user1" {
		t.Errorf("ID token: %v", id)
	}
	g.want(g.token("vouch", assertion("", nil)), 200, "")
	if err := g.db.SetDisabled(t.Context(), "user2", true, audit.Event{Action: audit.UserDisabled}); err != nil {
		t.Fatal(err)
	}
	now := g.clock.now().Unix()
	for name, form := range map[string]url.Values{
		"again":            good,
		"nobody":           assertion("JWT", map[string]any{"sub": "nobody"}),
		"the client":       assertion("JWT", map[string]any{"sub": "vouch"}),
		"spelt otherwise":  assertion("JWT", map[string]any{"sub": "USER1"}),
		"disabled":         assertion("JWT", map[string]any{"sub": "user2"}),
		"another issuer":   assertion("JWT", map[string]any{"iss": "user1"}),
		"token URL":        assertion("JWT", map[string]any{"aud": g.url + "/oauth/token"}),
		"two audiences":    assertion("JWT", map[string]any{"aud": []string{g.url, "https://evil.example"}}),
		"no jti":           assertion("JWT", map[string]any{"jti": nil}),
		"no exp":           assertion("JWT", map[string]any{"exp": nil}),
		"expired":          assertion("JWT", map[string]any{"exp": now - 60}),
		"for ever":         assertion("JWT", map[string]any{"exp": now + 86400}),
		"an access token":  assertion("at+jwt", nil),
		"a client's proof": assertion("client-authentication+jwt", nil),
		"garbage":          {"grant_type": {oauth.GrantJWTBearer}, "assertion": {"a.b.c"}},
	} {
		if a := g.token("vouch", form); a.status != 400 || a.str("error") != "invalid_grant" {
			t.Errorf("%s: got %d %s", name, a.status, a.raw)
		}
	}
}

// secondFactor gives a user one, as far as others ask whether there is one.
func (g *grants) secondFactor(subject string) {
	g.t.Helper()
	masters, err := key.LoadMasters(testConfig(g.dir).Resolved("").Key.MasterFile, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	ctx := context.Background()
	sealed, master, err := masters.Seal([]byte("secret"), account.FactorPlace(subject))
	if err == nil {
		err = g.db.PutFactor(ctx, subject, sealed, master)
	}
	if err == nil {
		err = g.db.ConfirmFactor(ctx, account.Factor{Subject: subject, Sealed: sealed}, 1, nil, audit.Event{Action: audit.FactorAdded})
	}
	if err != nil {
		g.t.Fatal(err)
	}
}
