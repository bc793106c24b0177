package server_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/session"
	"github.com/sandi-auth/sandi/internal/store"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	resourceA = "https://a.example"
	resourceB = "https://b.example"
	callback  = "https://app.example/cb"
	verifier  = "0123456789abcdefghijklmnopqrstuvwxyz-._~0123456789"
)

// grants is a server with OAuth clients, and its store beside it.
type grants struct {
	*running
	db      *store.DB
	client  *http.Client
	secrets map[string]string
}

func startGrants(t testing.TB, change func(*config.Config)) *grants {
	t.Helper()
	r := start(t, func(c *config.Config) {
		c.OAuth.Scopes = []config.Scope{{Name: "read"}, {Name: "write"}, {Name: "other"}}
		c.OAuth.Resources = []config.Resource{{ID: resourceA}, {ID: resourceB, Access: 5 * time.Minute}}
		c.OAuth.RequireDPoPNonce = false
		if change != nil {
			change(c)
		}
	})
	return grantsOf(r, plain(t))
}

// grantsOf opens the store beside a server that runs.
func grantsOf(r *running, client *http.Client) *grants {
	r.t.Helper()
	db, err := store.Open(r.t.Context(), store.Config{URL: "sqlite:" + filepath.Join(r.dir, "sandi.db"), Now: r.clock.now})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { db.Close() })
	return &grants{r, db, client, map[string]string{}}
}

// add registers a client; a confidential one authenticates by a secret in the body unless it says otherwise.
func (g *grants) add(c oauth.Client) {
	g.t.Helper()
	c.Origin = oauth.FromCommand
	if c.AuthMethod == "" {
		c.AuthMethod = oauth.AuthPost
	}
	if c.AuthMethod == oauth.AuthPost || c.AuthMethod == oauth.AuthBasic {
		plain, s := oauth.NewSecret(g.clock.now(), time.Time{})
		g.secrets[c.ID], c.Secrets = plain, []oauth.Secret{s}
	}
	if err := g.db.AddClient(context.Background(), c, audit.Event{Action: audit.ClientAdded}); err != nil {
		g.t.Fatal(err)
	}
}

// user's client of the code grant, public or not.
func app(id, auth string) oauth.Client {
	return oauth.Client{
		ID: id, AuthMethod: auth, RedirectURIs: []string{callback}, Resources: []string{resourceA, resourceB},
		GrantTypes: []string{oauth.GrantCode, oauth.GrantRefresh}, Scopes: []string{"openid", "profile", "roles", "read", "write", "offline_access"},
	}
}

// post sends a form as the client of that id, with its secret where it has one.
func (g *grants) post(path, client string, form url.Values, header ...string) answer {
	g.t.Helper()
	form = cloneForm(form)
	if client != "" {
		form.Set("client_id", client)
		if s := g.secrets[client]; s != "" {
			form.Set("client_secret", s)
		}
	}
	return g.call(g.client, "POST", path, "", form.Encode(), header...)
}

func cloneForm(f url.Values) url.Values {
	c := url.Values{}
	for k, v := range f {
		c[k] = v
	}
	return c
}

func (g *grants) token(client string, form url.Values, header ...string) answer {
	g.t.Helper()
	return g.post("/oauth/token", client, form, header...)
}

// active is what introspection by the client says of a token.
func (g *grants) active(client, token string) bool {
	g.t.Helper()
	return g.want(g.post("/oauth/introspect", client, url.Values{"token": {token}}), 200, "").body["active"] == true
}

// signIn is a session of the user, made by the first-party login.
func (g *grants) signIn(username, password string) session.ID {
	g.t.Helper()
	access, _ := g.login(g.client, username, password)
	id, err := session.ParseID(payload(g.t, access)["sid"].(string))
	if err != nil {
		g.t.Fatal(err)
	}
	return id
}

// code is an authorization code of user1 as the authorization endpoint makes it; change alters it.
func (g *grants) code(client string, change func(*oauth.Code)) string {
	g.t.Helper()
	u, err := g.db.User(context.Background(), "user1")
	if err != nil {
		g.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(verifier))
	c := oauth.Code{
		ClientID: client, RedirectURI: callback, RedirectSent: true, Challenge: base64.RawURLEncoding.EncodeToString(sum[:]), Nonce: "n-0",
		Scope: []string{"openid", "profile", "read", "write"}, Resources: []string{resourceA, resourceB}, Subject: u.Subject, CredentialVersion: u.CredentialVersion,
		AuthTime: g.clock.now().Add(-time.Minute).Truncate(time.Second), AMR: []string{"pwd"}, ACR: oauth.ACRPassword, ExpiresAt: g.clock.now().Add(time.Minute),
	}
	if change != nil {
		change(&c)
	}
	if c.SignIn.IsZero() {
		c.SignIn = g.signIn("user1", "password1")
	}
	text := "sdc_" + rand.Text()
	if err := g.db.AddCode(context.Background(), sha256.Sum256([]byte(text)), c, oauth.Hash{}, oauth.Hash{}, nil, audit.Event{}); err != nil {
		g.t.Fatal(err)
	}
	return text
}

func redeeming(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
}

func refreshing(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

// signer is the server's own signing key.
func (g *grants) signer() *jwt.Key {
	g.t.Helper()
	c := testConfig(g.dir).Resolved("")
	masters, err := key.LoadMasters(c.Key.MasterFile, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	ring, err := key.NewRing(key.Config{
		Store: g.db, Masters: masters, Algorithm: jwt.Algorithm(c.Token.Algorithm), AccessLifetime: time.Hour,
		CacheTime: c.Key.JWKSMaxAge, RotateEvery: c.Key.RotateEvery, Now: g.clock.now, Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		err = ring.Refresh(context.Background())
	}
	if err != nil {
		g.t.Fatal(err)
	}
	return ring.Signer()
}

// sign makes a token of another's claims with changes.
func (g *grants) sign(typ, token string, change map[string]any) string {
	g.t.Helper()
	c := payload(g.t, token)
	for k, v := range change {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	signed, err := jwt.Sign(g.signer(), typ, c)
	if err != nil {
		g.t.Fatal(err)
	}
	return signed
}

// reason fails unless the answer is this error, by RFC 6749 section 5.2.
func (g *grants) reason(a answer, status int, code string) {
	g.t.Helper()
	g.want(a, status, code)
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" {
		g.t.Errorf("%s: headers %v", code, a.header)
	}
	for _, c := range a.str("error_description") {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			g.t.Errorf("error_description %q", a.str("error_description"))
		}
	}
}

// audited counts events of an action.
func (g *grants) audited(action audit.Action) (n int) {
	g.t.Helper()
	events, err := g.db.Events(context.Background(), 0, 10_000)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, e := range events {
		if e.Action == action {
			n++
		}
	}
	return n
}

// payload is a token's claims, unverified.
func payload(t testing.TB, token string) (c map[string]any) {
	t.Helper()
	_, body, err := jwt.DecodeUnverified(token)
	if err == nil {
		err = json.Unmarshal(body, &c)
	}
	if err != nil {
		t.Fatalf("token %q: %v", token, err)
	}
	return c
}
