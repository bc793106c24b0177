package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
	"github.com/sandi-auth/sandi/internal/key"
	"github.com/sandi-auth/sandi/internal/server"
)

// Behind a proxy that ends TLS: cookies with their prefixes, HSTS, no other Host; and the operators' listener by its own address.
// secure-defaults 9a, 10c, 22a, 24b; ASVS 3.3.1, 3.3.3, 3.4.1
func TestHTTPSIssuer(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), nil, func(c *config.Config) {
		c.Issuer, c.Admin.Addr = "https://id.example", "127.0.0.1:0"
		c.API = config.Default().API
		c.API.Registration = "open"
		c.Cookie.Access = ""
	})
	c := plain(t)
	host := []string{"Host", "id.example"}
	r.want(r.call(c, "POST", "/api/auth/register", "", credentials("siti", "kopi tubruk pagi hari"), host...), 201, "")
	a := r.want(r.call(c, "POST", "/api/auth/login?transport=cookie", "", credentials("siti", "kopi tubruk pagi hari"), host...), 200, "")
	cookies := a.header.Values("Set-Cookie")
	for i, want := range []string{"__Host-sandi_access=", "__Secure-sandi_refresh=", "__Host-sandi_csrf="} {
		if !strings.HasPrefix(cookies[i], want) || !strings.Contains(cookies[i], "; Secure") {
			t.Errorf("cookie %d does not begin with %s, or is not Secure", i, want)
		}
	}
	if !strings.Contains(cookies[0], "; Path=/;") || !strings.Contains(cookies[1], "; Path=/api/auth;") {
		t.Error("the access cookie goes to /, the refresh cookie to the API alone")
	}
	if a.header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
	r.want(r.call(c, "GET", "/api/auth/account", "", ""), 421, "wrong_host")
	r.want(r.call(c, "GET", "/healthz", "", ""), 200, "") // a load balancer's probe comes by address
	r.want(r.call(c, "GET", "/metrics", "", "", host...), 404, "not_found")
	operator := *r
	operator.url = r.admin
	m := operator.call(c, "GET", "/metrics", "", "")
	if m.status != 200 || !strings.Contains(m.raw, `sandi_logins_total{result="ok"} 1`) || m.header.Get("Strict-Transport-Security") != "" {
		t.Errorf("metrics: %d, HSTS %q", m.status, m.header.Get("Strict-Transport-Security"))
	}
	operator.want(operator.call(c, "GET", "/metrics", "", "", "Host", "evil.example"), 421, "wrong_host")
	operator.want(operator.call(c, "POST", "/api/auth/login", "", credentials("siti", "x")), 404, "not_found")
}

// A login may ask for tokens in both places; refreshing keeps to it.
func TestTransportBoth(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := browser(t)
	a := r.want(r.call(c, "POST", "/login?transport=both", "", credentials("user1", "password1")), 200, "")
	if a.str("access_token") == "" || cookie(c, r.url, "jwt") != a.str("access_token") {
		t.Error("the tokens are not in both places")
	}
	a = r.want(r.call(plain(t), "POST", "/refresh", "", `{"refresh_token":"`+a.str("refresh_token")+`"}`), 200, "")
	if a.str("refresh_token") == "" || len(a.header.Values("Set-Cookie")) != 3 {
		t.Error("a refresh left one of the places out")
	}
	if got := r.call(c, "POST", "/login?transport=pigeon", "", credentials("user1", "password1")); got.status != 400 || got.str("field") != "transport" {
		t.Errorf("unknown transport: got %d %s", got.status, got.raw)
	}
	r.want(r.call(plain(t), "POST", "/refresh", "", "", "Cookie", "sandi_refresh=a; sandi_refresh=b"), 400, "invalid_request")
}

// HS256, for a single party: tokens work, and nothing about the key is published. secure-defaults 3c
func TestHS256(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) {
		c.Token.Algorithm, c.Token.SecretFile = "HS256", filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(c.Token.SecretFile, []byte(key.NewSecret()), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	c := plain(t)
	access, refresh := r.login(c, "user1", "password1")
	r.want(r.call(c, "GET", "/protected", access, ""), 200, "")
	r.want(r.call(c, "POST", "/refresh", refresh, ""), 200, "")
	if jwks := r.call(c, "GET", "/.well-known/jwks.json", "", ""); jwks.raw != `{"keys":[]}` {
		t.Errorf("jwks: %s", jwks.raw)
	}
}

// The secrets that the tutorials print are refused at the start, with a hint. secure-defaults 2c
func TestSeedSecretsAreRefused(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"kunci_rahasia_anda", "super-secret", "this-should-be-change", "top_secret_mission_code", strings.Repeat("kunci_rahasia_anda", 3)} {
		_, err := newServer(t, func(t *testing.T, c *config.Config) {
			c.Token.Algorithm, c.Token.SecretFile = "HS256", filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(c.Token.SecretFile, []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
		})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v, want a refusal that does not repeat it", secret, err)
		}
	}
}

// Failed logins are slowed down, for names that exist and names that do not, and the wait ends by itself.
// secure-defaults 13a; ASVS 6.3.1
func TestLoginThrottle(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	for _, name := range []string{"user1", "nobody"} {
		var a answer
		for range 5 {
			r.want(r.call(c, "POST", "/login", "", credentials(name, "wrong password")), 401, "invalid_credentials")
		}
		a = r.want(r.call(c, "POST", "/login", "", credentials(name, "wrong password")), 429, "too_many_attempts")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
	}
	r.want(r.call(c, "POST", "/login", "", credentials("user1", "password1")), 429, "too_many_attempts")
	r.want(r.call(c, "POST", "/login", "", credentials("user2", "password2")), 200, "")
	r.advance(2 * time.Second)
	r.want(r.call(c, "POST", "/login", "", credentials("user1", "password1")), 200, "")
	for range 20 {
		r.call(c, "POST", "/register", "", "{}")
	}
	r.want(r.call(c, "POST", "/register", "", "{}"), 429, "too_many_attempts")
}

// One log line tells why a guard refused, and whom.
func TestGuardRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), &server.Demo{}, nil)
	c := plain(t)
	access, _ := r.login(c, "user1", "password1")
	r.want(r.call(c, "POST", "/products", access, `{"name":"x","price":1}`), 403, "forbidden")
	r.want(r.call(c, "GET", "/protected", "x.y.z", ""), 401, "token_invalid")
	for _, want := range []string{`"subject":"user1","error":"forbidden"`, `"error":"token_invalid"`} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}
