package server_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/internal/server"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	longSecret  = "Kq3vX8pL2mZ7rT5wY9nB4cD6fG1hJ0sA"
	otherSecret = "z8Wn5Rk2Qx7Lm4Vt9Py3Hb6Jd1Gs0FcE"
)

// secretFile is a file with these lines, readable by its owner alone.
func secretFile(t testing.TB, mode os.FileMode, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// robot is a configured client that acts for itself.
func robot(id, auth string) config.Client {
	return config.Client{ID: id, Auth: auth, Grants: []string{"client_credentials"}}
}

// basicHeader is an Authorization header by RFC 6749 section 2.3.1.
func basicHeader(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// Clients of the configuration authenticate each in its way, by either of two secrets, and by no other.
// checklist 14, 38, 39, 40, 41, 152, 153
func TestConfiguredClients(t *testing.T) {
	t.Parallel()
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwt.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(longSecret))
	r := start(t, func(c *config.Config) {
		two, hashed, signing := robot("two", "client_secret_basic"), robot("hashed", "client_secret_post"), robot("signing", "private_key_jwt")
		two.SecretFile = secretFile(t, 0o600, longSecret, "", otherSecret)
		hashed.SecretSHA256 = []string{hex.EncodeToString(hash[:])}
		signing.JWKSFile = secretFile(t, 0o644, string(keys))
		c.OAuth.Clients = []config.Client{two, hashed, signing}
	})
	c := plain(t)
	grant := url.Values{"grant_type": {"client_credentials"}}
	with := func(more ...string) string {
		f := cloneForm(grant)
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f.Encode()
	}
	assertion := func(aud string) []string {
		token, err := jwt.Sign(key, "", map[string]any{"iss": "signing", "sub": "signing", "aud": aud, "exp": r.clock.now().Add(time.Minute).Unix(), "jti": rand.Text()})
		if err != nil {
			t.Fatal(err)
		}
		return []string{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion", token}
	}
	for _, tt := range []struct {
		name, body, basic string
		status            int
		code              string
	}{
		{"the first secret", with(), basicHeader("two", longSecret), 200, ""},
		{"the second secret", with(), basicHeader("two", otherSecret), 200, ""},
		{"another secret", with(), basicHeader("two", longSecret+"x"), 401, "invalid_client"},
		{"in the body", with("client_id", "two", "client_secret", longSecret), "", 401, "invalid_client"},
		{"the id alone", with("client_id", "two"), "", 401, "invalid_client"},
		{"nothing", with(), "", 401, "invalid_client"},
		{"by its hash", with("client_id", "hashed", "client_secret", longSecret), "", 200, ""},
		{"the hash itself", with("client_id", "hashed", "client_secret", hex.EncodeToString(hash[:])), "", 401, "invalid_client"},
		{"two ways", with("client_secret", longSecret), basicHeader("two", longSecret), 400, "invalid_request"},
		{"by key", with(assertion(r.url)...), "", 200, ""},
		{"by key for the token endpoint", with(assertion(r.url + "/oauth/token")...), "", 401, "invalid_client"},
		{"unknown", with(), basicHeader("nobody", longSecret), 401, "invalid_client"},
	} {
		header := []string{}
		if tt.basic != "" {
			header = []string{"Authorization", tt.basic}
		}
		a := r.call(c, "POST", "/oauth/token", "", tt.body, header...)
		if a.status != tt.status || a.str("error") != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, a.status, a.raw, tt.status, tt.code)
		}
		if challenge := a.header.Get("WWW-Authenticate"); (challenge != "") != (tt.status == 401 && tt.basic != "") {
			t.Errorf("%s: WWW-Authenticate %q", tt.name, challenge)
		}
	}
	if strings.Contains(r.log.String(), longSecret) || strings.Contains(r.log.String(), otherSecret) {
		t.Error("a secret stands in the log")
	}
}

// A start is refused for what stands in a client's files.
// secure-defaults 2c, 2d, 2h
func TestClientsThatAreNotStarted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		client func(*testing.T) config.Client
		want   string
	}{
		"a secret that others read": {func(t *testing.T) config.Client {
			return config.Client{ID: "a", Auth: "client_secret_basic", Grants: []string{"client_credentials"}, SecretFile: secretFile(t, 0o644, longSecret)}
		}, "can be read by others"},
		"a short secret": {func(t *testing.T) config.Client {
			return config.Client{ID: "a", Auth: "client_secret_basic", Grants: []string{"client_credentials"}, SecretFile: secretFile(t, 0o600, longSecret[:31])}
		}, "not a secret of 32 to 256"},
		"a secret that libraries spell differently": {func(t *testing.T) config.Client {
			return config.Client{ID: "a", Auth: "client_secret_basic", Grants: []string{"client_credentials"}, SecretFile: secretFile(t, 0o600, longSecret+"+%")}
		}, "not a secret of 32 to 256"},
		"three secrets": {func(t *testing.T) config.Client {
			return config.Client{ID: "a", Auth: "client_secret_basic", Grants: []string{"client_credentials"}, SecretFile: secretFile(t, 0o600, longSecret, otherSecret, longSecret[1:]+"x")}
		}, "more than two"},
		"a secret that is no random one": {func(t *testing.T) config.Client {
			return config.Client{ID: "a", Auth: "client_secret_basic", Grants: []string{"client_credentials"}, SecretFile: secretFile(t, 0o600, strings.Repeat("ab", 20))}
		}, "oauth.clients[0].secret_file"},
		"an empty file": {func(t *testing.T) config.Client {
			return config.Client{ID: "a", Auth: "client_secret_basic", Grants: []string{"client_credentials"}, SecretFile: secretFile(t, 0o600)}
		}, "are missing"},
		"no file": {func(*testing.T) config.Client {
			return config.Client{ID: "a", Auth: "client_secret_basic", Grants: []string{"client_credentials"}, SecretFile: "nowhere"}
		}, "oauth.clients[0].secret_file"},
		"no keys": {func(t *testing.T) config.Client {
			return config.Client{ID: "a", Auth: "private_key_jwt", Grants: []string{"client_credentials"}, JWKSFile: secretFile(t, 0o644, `{"keys":[]}`)}
		}, "oauth.clients[0].jwks_file: have no key"},
		"a plain redirect": {func(*testing.T) config.Client {
			return config.Client{ID: "a", Auth: "none", RedirectURIs: []string{"http://app.example.com/"}}
		}, "oauth.clients[0].redirect_uris"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newServer(t, func(t *testing.T, c *config.Config) { c.OAuth.Clients = []config.Client{tt.client(t)} })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), longSecret[:31]) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// What is wrong with configured clients is told with the other faults, and without opening a file.
func TestJudgeClients(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.OAuth.Resources = []config.Resource{{ID: "api"}}
	c.OAuth.Clients = []config.Client{
		{ID: "good", SecretFile: "nowhere", RedirectURIs: []string{"https://app.example.com/"}, Scopes: []string{"openid"}},
		{ID: "bad:id", Auth: "private_key_jwt", JWKSFile: "nowhere", Grants: []string{"client_credentials", "magic"}, Scopes: []string{"admin"}, Access: 2 * time.Hour},
	}
	var got []string
	for _, f := range server.JudgeClients(c.Resolved("")) {
		got = append(got, f.Path)
	}
	want := "oauth.clients[1].id oauth.clients[1].grants oauth.clients[1].scopes oauth.clients[1].access oauth.resources[0].id"
	if strings.Join(got, " ") != want {
		t.Errorf("faults of %q, want %q", got, want)
	}
}

// The store's clients are followed within a second, and their Insecure options logged at the start; the configuration's win.
func TestStoredClientsAreFollowed(t *testing.T) {
	t.Parallel()
	g := startGrants(t, func(c *config.Config) {
		own := robot("own", "client_secret_post")
		own.SecretFile = secretFile(t, 0o600, longSecret)
		c.OAuth.Clients = []config.Client{own}
	})
	g.add(oauth.Client{ID: "late", GrantTypes: []string{oauth.GrantClientCredentials}})
	g.want(g.token("late", credentialsGrant), 200, "")
	token := g.want(g.token("late", credentialsGrant), 200, "").str("access_token")
	if !g.active("late", token) {
		t.Error("the token of a new client is not active")
	}
	c, err := g.db.Client(t.Context(), "late")
	if err != nil {
		t.Fatal(err)
	}
	plain, fresh := oauth.NewSecret(g.clock.now(), time.Time{})
	c.Secrets = []oauth.Secret{fresh}
	if err := g.db.ChangeClient(t.Context(), c, audit.Event{Action: audit.ClientChanged}); err != nil {
		t.Fatal(err)
	}
	old := g.secrets["late"]
	g.until("the old secret is refused", func() bool { return g.token("late", credentialsGrant).status == 401 })
	g.secrets["late"] = plain
	g.want(g.token("late", credentialsGrant), 200, "")
	if old == plain {
		t.Error("the new secret is the old one")
	}
	if err := g.db.RemoveClient(t.Context(), "late", audit.Event{Action: audit.ClientRemoved}); err != nil {
		t.Fatal(err)
	}
	g.until("the removed client is refused", func() bool { return g.token("late", credentialsGrant).status == 401 })
	g.secrets["own"] = longSecret
	g.want(g.token("own", credentialsGrant), 200, "")
}

// Guessing at one client's secret from one network is slowed down, and 429 says for how long.
// checklist 42
func TestGuessingAtClients(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(oauth.Client{ID: "target", GrantTypes: []string{oauth.GrantClientCredentials}})
	right := g.secrets["target"]
	g.secrets["target"] = strings.Repeat("x", 32)
	var last answer
	for range 12 {
		last = g.token("target", credentialsGrant)
	}
	if g.want(last, 429, "temporarily_unavailable"); last.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	g.secrets["target"] = right
	g.clock.advance(20 * time.Minute)
	g.until("the right secret counts after the wait", func() bool { return g.token("target", credentialsGrant).status == 200 })
}
