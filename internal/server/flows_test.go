package server_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/config"
)

// claims reads a token's payload without judging it.
func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Seed 000's requests, as printed: login, protected, refresh, logout, and the token refused from then on.
// ASVS 7.4.1; checklist 82, 95
func TestSeed000(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	access, refresh := r.login(c, "user1", "password1")
	if got := r.want(r.call(c, "GET", "/protected", access, ""), 200, "").str("logged_in_as"); got != "user1" {
		t.Errorf("logged_in_as: got %q, want user1", got)
	}
	a := r.want(r.call(c, "POST", "/refresh", refresh, ""), 200, "")
	second := a.str("access_token")
	if claims(t, second)["fresh"] != false || claims(t, access)["fresh"] != true {
		t.Error("fresh: want true from login, false from refresh")
	}
	if a.str("refresh_token") == refresh {
		t.Error("the refresh token was not replaced")
	}
	r.want(r.call(c, "GET", "/protected", access, ""), 200, "") // refreshing kills nothing in flight
	r.want(r.call(c, "DELETE", "/logout", second, ""), 200, "")
	for _, token := range []string{access, second} { // the session ended, so both
		r.want(r.call(c, "GET", "/protected", token, ""), 401, "token_revoked")
	}
	r.want(r.call(c, "POST", "/refresh", a.str("refresh_token"), ""), 401, "invalid_grant")
	r.want(r.call(c, "GET", "/protected", "", ""), 401, "token_missing")
}

// The error messages of seed 000 in its reader's language.
func TestSeed000InIndonesian(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	access, _ := r.login(c, "user1", "password1")
	if got := r.call(c, "DELETE", "/logout", access, "", "Accept-Language", "id-ID,id;q=0.9").str("msg"); got != "Logout berhasil" {
		t.Errorf("msg: got %q, want what the seed prints", got)
	}
}

// Seed 003: register, login, account, products; products fail without a token; tokens of one hour by profile.
// ASVS 9.2.1
func TestSeed003(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) { c.Token.Profile = "hourly" })
	c := plain(t)
	r.want(r.call(c, "POST", "/register", "", `{"name": "Ragil", "password": "jeruk nipis manis"}`), 201, "")
	r.want(r.call(c, "POST", "/register", "", credentials("RAGIL", "jeruk nipis manis")), 409, "username_taken")
	access, _ := r.login(c, "ragil", "jeruk nipis manis")
	k := claims(t, access)
	if life := k["exp"].(float64) - k["iat"].(float64); life != 3600 {
		t.Errorf("access token lives %v s, want 3600", life)
	}
	if got := r.want(r.call(c, "GET", "/account", access, ""), 200, "").str("username"); got != "Ragil" {
		t.Errorf("username: got %q, want Ragil", got)
	}
	r.want(r.call(c, "GET", "/products", "", ""), 401, "token_missing")
	if got := r.want(r.call(c, "GET", "/products", access, ""), 200, "").body["products"].([]any); len(got) != 3 {
		t.Errorf("products: got %d, want 3", len(got))
	}
	r.advance(time.Hour + time.Second)
	r.want(r.call(c, "GET", "/account", access, ""), 401, "token_expired")
}

// Seed 004: the token in a header, a form or the query; and, with the flask profile, a refresh token used again and again.
func TestSeed004(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) { c.Token.Profile = "flask"; c.Token.InsecureNoRotation = true })
	c := plain(t)
	access, refresh := r.login(c, "test", "test")
	r.want(r.call(c, "GET", "/protected", access, ""), 200, "")
	r.want(r.call(c, "POST", "/protected", "", "access_token="+access), 200, "")
	r.want(r.call(c, "GET", "/protected?access_token="+access, "", ""), 200, "")
	r.want(r.call(c, "GET", "/products?access_token="+access, "", ""), 401, "token_missing") // only where it is switched on
	if got := r.call(c, "GET", "/protected?access_token="+access, access, ""); got.status != 400 {
		t.Errorf("two tokens: got %d, want 400", got.status) // checklist 80
	}
	for range 3 {
		r.advance(time.Hour)
		a := r.want(r.call(c, "POST", "/refresh", refresh, ""), 200, "")
		if a.str("refresh_token") != refresh {
			t.Error("the refresh token changed though the profile keeps it")
		}
		r.want(r.call(c, "GET", "/protected", a.str("access_token"), ""), 200, "")
	}
	if strings.Contains(r.log.String(), access) || strings.Contains(r.log.String(), refresh) {
		t.Error("a token stands in the log") // secure-defaults 16b
	}
}

// Seed 001's login and its cookie; a cookie session never shows its tokens to a script.
// secure-defaults 9b, 9d, 9g; ASVS 3.3.2, 3.3.4, 3.5.1
func TestCookies(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := browser(t)
	a := r.want(r.call(c, "POST", "/api/auth/login?transport=cookie", "", credentials("AgentX", "TopSecret123")), 200, "")
	if strings.Contains(a.raw, "token") {
		t.Errorf("body shows a token: %s", a.raw)
	}
	for _, set := range a.header.Values("Set-Cookie") {
		csrf := strings.HasPrefix(set, "sandi_csrf=")
		if strings.Contains(set, "HttpOnly") == csrf || !strings.Contains(set, "SameSite=Lax") {
			t.Errorf("cookie: %s", set[:strings.IndexByte(set, '=')])
		}
	}
	if got := r.want(r.call(c, "GET", "/protected", "", ""), 200, "").str("logged_in_as"); got != "agentx" {
		t.Errorf("logged_in_as: got %q, want agentx", got)
	}
	csrf := cookie(c, r.url, "sandi_csrf")
	r.want(r.call(c, "POST", "/protected", "", ""), 403, "csrf_failed")
	r.want(r.call(c, "POST", "/protected", "", "", "X-CSRF-TOKEN", csrf+"x"), 403, "csrf_failed")
	r.want(r.call(c, "POST", "/protected", "", "", "X-CSRF-TOKEN", csrf), 200, "")
	r.want(r.call(c, "GET", "/protected", "bad.token.here", ""), 401, "token_invalid") // not rescued by the cookie
	r.want(r.call(c, "POST", "/api/auth/refresh", "", ""), 403, "csrf_failed")
	before := cookie(c, r.url, "jwt")
	a = r.want(r.call(c, "POST", "/api/auth/refresh", "", "", "X-CSRF-TOKEN", csrf), 200, "")
	if strings.Contains(a.raw, "access_token") {
		t.Error("a cookie session was refreshed into the body")
	}
	r.want(r.call(c, "GET", "/protected", "", ""), 200, "")
	r.want(r.call(c, "POST", "/api/auth/login?transport=cookie", "", credentials("test", "test")), 200, "") // in the same browser
	gone := r.call(plain(t), "GET", "/protected", before, "")
	r.want(gone, 401, "token_revoked") // ASVS 7.2.4
	csrf = cookie(c, r.url, "sandi_csrf")
	r.want(r.call(c, "POST", "/api/auth/logout", "", ""), 403, "csrf_failed")
	r.want(r.call(c, "POST", "/api/auth/logout", "", `{"refresh_token":"bad.token"}`, "X-CSRF-TOKEN", csrf), 401, "token_wrong_type")
	r.want(r.call(c, "GET", "/protected", "", "", "Authorization", "DPoP x"), 401, "token_invalid")
	r.want(r.call(c, "POST", "/api/auth/logout", "", "", "X-CSRF-TOKEN", csrf), 200, "")
	r.want(r.call(c, "GET", "/protected", "", ""), 401, "token_missing")
}

// A page of another origin can neither log its visitor in nor change anything, whatever the credential.
// secure-defaults 9f; ASVS 3.5.1, 3.5.2
func TestOrigin(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) { c.API.Origins = []string{"https://app.example"} })
	c := plain(t)
	login := func(header ...string) answer {
		return r.call(c, "POST", "/login", "", credentials("user1", "password1"), header...)
	}
	r.want(login("Origin", r.url), 200, "")
	r.want(login("Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"), 200, "")
	r.want(r.call(c, "POST", "/login", "", "username=user1&password=password1"), 415, "unsupported_media_type")
	token := r.want(login(), 200, "").str("access_token")
	for _, route := range []string{
		"POST /login", "POST /register", "POST /bootstrap", "POST /refresh", "POST /logout", "DELETE /logout", "PATCH /account",
		"POST /account/password", "DELETE /account/sessions", "DELETE /account/sessions/x",
	} {
		method, path, _ := strings.Cut(route, " ")
		for _, header := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "null"}} {
			if got := r.call(c, method, path, token, "", header...); got.status != 403 || got.str("error") != "origin_refused" {
				t.Errorf("%s with %v: got %d %s, want 403 origin_refused", route, header, got.status, got.raw)
			}
		}
	}
	r.want(r.call(c, "GET", "/account", token, ""), 200, "")
}

func TestPasswordChangeEndsOthers(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	mine, myRefresh := r.login(c, "user2", "password2")
	other, otherRefresh := r.login(c, "user2", "password2")
	change := func(token, current, next string) answer {
		return r.call(c, "POST", "/account/password", token, `{"current_password": "`+current+`", "new_password": "`+next+`"}`)
	}
	r.want(change(mine, "wrong password", "gula jawa cair"), 401, "invalid_credentials")
	r.want(change(mine, "password2", "password3"), 400, "weak_password")
	r.want(change(mine, "password2", "gula jawa cair"), 200, "")
	r.want(r.call(c, "GET", "/account", mine, ""), 200, "")
	r.want(r.call(c, "GET", "/account", other, ""), 401, "token_revoked")
	r.want(r.call(c, "POST", "/refresh", otherRefresh, ""), 401, "invalid_grant")
	r.want(r.call(c, "POST", "/refresh", myRefresh, ""), 200, "")
	r.want(r.call(c, "POST", "/login", "", credentials("user2", "password2")), 401, "invalid_credentials")
	r.login(c, "user2", "gula jawa cair")
}

// ASVS 7.5.2, 8.2.2
func TestSessions(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	first, _ := r.login(c, "user1", "password1")
	second, _ := r.login(c, "user1", "password1")
	stranger, _ := r.login(c, "user2", "password2")
	list := r.want(r.call(c, "GET", "/account/sessions", first, ""), 200, "").body["sessions"].([]any)
	if len(list) != 2 {
		t.Fatalf("sessions: got %d, want 2", len(list))
	}
	id := claims(t, second)["sid"].(string)
	for _, s := range list {
		s := s.(map[string]any)
		if s["current"] == (s["id"] == id) || s["address"] != "127.0.0.1" || s["device"] != "Go" {
			t.Errorf("session: %v", s)
		}
	}
	r.want(r.call(c, "DELETE", "/account/sessions/"+id, stranger, ""), 404, "not_found")
	r.want(r.call(c, "GET", "/account", second, ""), 200, "")
	r.want(r.call(c, "DELETE", "/account/sessions/"+id, first, ""), 200, "")
	r.want(r.call(c, "GET", "/account", second, ""), 401, "token_revoked")
	r.want(r.call(c, "DELETE", "/account/sessions/nonsense", first, ""), 404, "not_found")
	third, _ := r.login(c, "user1", "password1")
	r.want(r.call(c, "DELETE", "/account/sessions?keep=current", first, ""), 200, "")
	r.want(r.call(c, "GET", "/account", third, ""), 401, "token_revoked")
	r.want(r.call(c, "DELETE", "/account/sessions", first, ""), 200, "")
	r.want(r.call(c, "GET", "/account", first, ""), 401, "token_revoked")
	r.want(r.call(c, "GET", "/account", stranger, ""), 200, "")
}

func TestProductsByRole(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	user, _ := r.login(c, "user1", "password1")
	admin, _ := r.login(c, "admin", r.adminPassword())
	r.want(r.call(c, "POST", "/products", user, `{"name":"Tempe","price":5000}`), 403, "forbidden")
	p := r.want(r.call(c, "POST", "/products", admin, `{"name":"Tempe","price":5000}`), 201, "")
	if p.body["id"].(float64) < 1 {
		t.Errorf("product: %v", p.body)
	}
	for _, tt := range []struct{ method, path, body, code string }{
		{"POST", "/products", `{"price":1}`, "invalid_request"},
		{"POST", "/products", `{"name":"x"}`, "invalid_request"},
		{"POST", "/products", `{"name":"x","price":-1}`, "invalid_request"},
		{"POST", "/products", `{"name":"x","price":"1"}`, "invalid_request"},
	} {
		if a := r.want(r.call(c, tt.method, tt.path, admin, tt.body), 400, tt.code); a.str("field") == "" {
			t.Errorf("%s: no field named", tt.body)
		}
	}
	r.want(r.call(c, "PUT", "/products/999", admin, `{"name":"x","price":1}`), 404, "not_found")
	r.want(r.call(c, "DELETE", "/products/x", admin, ""), 404, "not_found")
}

// Fresh is for minutes, and a refresh does not give it.
func TestFreshOrders(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) { c.Token.Access = 30 * time.Minute })
	c := plain(t)
	access, refresh := r.login(c, "user1", "password1")
	order := `{"product": 1, "quantity": 2}`
	r.want(r.call(c, "POST", "/orders", access, order), 201, "")
	r.want(r.call(c, "POST", "/orders", access, `{"product": 99, "quantity": 2}`), 400, "invalid_request")
	r.want(r.call(c, "POST", "/orders", access, `{"product": 1}`), 400, "invalid_request")
	refreshed := r.call(c, "POST", "/refresh", refresh, "").str("access_token")
	a := r.want(r.call(c, "POST", "/orders", refreshed, order), 401, "token_not_fresh")
	if !strings.Contains(a.header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
		t.Errorf("challenge: %q", a.header.Get("WWW-Authenticate"))
	}
	r.advance(16 * time.Minute)
	r.want(r.call(c, "POST", "/orders", access, order), 401, "token_not_fresh")
}

// Every kind of unusable token has its own stable reason. ASVS 9.2.1
func TestReasons(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	access, refresh := r.login(c, "user1", "password1")
	head, rest, _ := strings.Cut(access, ".")
	for _, tt := range []struct{ name, token, code string }{
		{"refresh token", refresh, "token_wrong_type"},
		{"tampered signature", access[:len(access)-4] + "AAAA", "token_invalid"},
		{"line break in the signature", access[:len(access)-4] + "%0A" + access[len(access)-4:], "token_invalid"},
		{"none", "eyJhbGciOiJub25lIn0." + rest, "token_invalid"},
		{"two parts", head + ".e30", "token_invalid"},
		{"huge", strings.Repeat("a", 15000), "token_invalid"},
	} {
		if got := r.call(c, "GET", "/protected", tt.token, ""); got.status != 401 || got.str("error") != tt.code {
			t.Errorf("%s: got %d %s, want 401 %s", tt.name, got.status, got.raw, tt.code)
		}
	}
	r.advance(-2 * time.Minute)
	r.want(r.call(c, "GET", "/protected", access, ""), 401, "token_not_yet_valid")
	r.advance(18 * time.Minute)
	r.want(r.call(c, "GET", "/protected", access, ""), 401, "token_expired")
}

func TestPublicDocuments(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	meta := r.want(r.call(c, "GET", "/.well-known/oauth-authorization-server", "", ""), 200, "")
	if meta.str("issuer") != r.url || meta.str("jwks_uri") != r.url+"/.well-known/jwks.json" {
		t.Errorf("metadata: %s", meta.raw)
	}
	jwks := r.call(c, "GET", "/.well-known/jwks.json", "", "")
	if jwks.status != 200 || strings.Contains(jwks.raw, `"d"`) || !strings.Contains(jwks.raw, `"kid"`) {
		t.Errorf("jwks: %s", jwks.raw) // checklist 108
	}
	if jwks.header.Get("Cache-Control") != "public, max-age=300" || jwks.header.Get("Content-Type") != "application/jwk-set+json" {
		t.Errorf("jwks headers: %v", jwks.header)
	}
	r.want(r.call(c, "GET", "/healthz", "", ""), 200, "")
	r.want(r.call(c, "GET", "/readyz", "", ""), 200, "")
	r.login(c, "user1", "password1")
	r.call(c, "GET", "/protected", "x", "")
	metrics := r.call(c, "GET", "/metrics", "", "").raw
	for _, want := range []string{
		`sandi_logins_total{result="ok"} 1`, `sandi_tokens_minted_total{grant="login"} 1`, `sandi_sessions 1`, `sandi_revocations 0`,
		`sandi_refused_total{reason="token_invalid"} 1`, `sandi_hashing_running 0`, `sandi_hashing_waiting 0`,
		`sandi_http_requests_total{method="POST",route="POST /login",status="200"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

// Real use: no demo routes, no metrics in public, closed registration, and the bootstrap secret works once.
// secure-defaults 1b, 22a; ASVS 6.3.2
func TestServe(t *testing.T) {
	t.Parallel()
	r := startIn(t, t.TempDir(), nil, func(c *config.Config) {
		c.API = config.Default().API
		c.Admin.Addr = "127.0.0.1:0"
	})
	c := plain(t)
	for _, path := range []string{"/protected", "/products", "/metrics", "/login"} {
		r.want(r.call(c, "GET", path, "", ""), 404, "not_found")
	}
	r.want(r.call(c, "POST", "/api/auth/register", "", credentials("eve", "gula jawa cair")), 403, "registration_closed")
	_, rest, _ := strings.Cut(r.stdout, `"secret": "`)
	secret, _, ok := strings.Cut(rest, `"`)
	if !ok || secret == "" {
		t.Fatalf("no bootstrap secret printed: %q", r.stdout)
	}
	boot := func(secret, name, password string) answer {
		return r.call(c, "POST", "/api/auth/bootstrap", "", `{"secret":"`+secret+`","username":"`+name+`","password":"`+password+`"}`)
	}
	r.want(boot("wrong", "root", "gula jawa cair"), 401, "invalid_credentials")
	r.want(boot(secret, "root", "password"), 400, "weak_password")
	if got := r.want(boot(secret, "root", "gula jawa cair"), 201, "").body["roles"].([]any); len(got) != 1 || got[0] != "admin" {
		t.Errorf("roles: %v", got)
	}
	r.want(boot(secret, "root2", "gula jawa cair"), 401, "invalid_credentials")
	a := r.want(r.call(c, "POST", "/api/auth/login", "", credentials("root", "gula jawa cair")), 200, "")
	r.want(r.call(c, "GET", "/api/auth/account", a.str("access_token"), ""), 200, "")
	if strings.Contains(r.log.String(), secret) {
		t.Error("the bootstrap secret stands in the log")
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	again := startIn(t, r.dir, nil, func(c *config.Config) { c.API = config.Default().API })
	if again.stdout != "" {
		t.Errorf("a second start printed %q", again.stdout)
	}
}

// No access token outlives its session, and a session ends at its absolute limit however often it is refreshed.
// secure-defaults 6e; ASVS 7.3.1, 7.3.2, 10.4.8
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *config.Config) {
		c.Token.Access, c.Token.RefreshIdle, c.Token.RefreshAbsolute = 15*time.Minute, time.Hour, 2*time.Hour
	})
	c := plain(t)
	_, idle := r.login(c, "user2", "password2")
	_, refresh := r.login(c, "user1", "password1")
	var access string
	for range 2 {
		r.advance(55 * time.Minute)
		a := r.want(r.call(c, "POST", "/refresh", refresh, ""), 200, "")
		refresh, access = a.str("refresh_token"), a.str("access_token")
	}
	if life := claims(t, access)["exp"].(float64) - claims(t, access)["iat"].(float64); life > 600 {
		t.Errorf("the access token lives %v s, though its session ends in 600", life)
	}
	r.want(r.call(c, "POST", "/refresh", idle, ""), 401, "invalid_grant")
	r.advance(11 * time.Minute)
	r.want(r.call(c, "GET", "/protected", access, ""), 401, "token_expired")
	r.want(r.call(c, "POST", "/refresh", refresh, ""), 401, "invalid_grant")
}

// A retry near the end of the window is answered like any other. secure-defaults 6c; checklist 67
func TestRetryLateInTheWindow(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c := plain(t)
	_, refresh := r.login(c, "user1", "password1")
	first := r.want(r.call(c, "POST", "/refresh", refresh, ""), 200, "").str("refresh_token")
	r.clock.advance(9 * time.Second)
	for _, token := range []string{refresh, first} {
		if got := r.want(r.call(c, "POST", "/refresh", token, ""), 200, "").str("refresh_token"); got != first {
			t.Error("the retry was not answered with the successor")
		}
	}
}
