package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/oauth"
	"github.com/sandi-auth/sandi/jwt"
)

func machine(id string) oauth.Client {
	return oauth.Client{ID: id, GrantTypes: []string{oauth.GrantClientCredentials}, Scopes: []string{"read", "write", "roles"}, Resources: []string{resourceA}, Roles: []string{"robot"}}
}

var credentialsGrant = url.Values{"grant_type": {"client_credentials"}}

// What every request of the token endpoint has to be, whatever its grant.
// checklist 34, 35, 36, 37, 43, 47
func TestTokenRequests(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(machine("robot"))
	g.add(app("page", oauth.AuthNone))
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		if a := g.call(g.client, method, "/oauth/token", "", ""); a.status != 405 || a.header.Get("Allow") != "POST" {
			t.Errorf("%s: got %d, Allow %q", method, a.status, a.header.Get("Allow"))
		}
	}
	good := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {g.secrets["robot"]}}.Encode()
	g.want(g.call(g.client, "POST", "/oauth/token", "", good), 200, "")
	for name, tt := range map[string]struct {
		path, body, code string
		header           []string
	}{
		"JSON":                  {"/oauth/token", `{"grant_type":"client_credentials"}`, "invalid_request", nil},
		"no type":               {"/oauth/token", "", "invalid_request", nil},
		"credentials in URL":    {"/oauth/token?" + good, "grant_type=client_credentials", "invalid_request", nil},
		"twice":                 {"/oauth/token", good + "&grant_type=client_credentials", "invalid_request", nil},
		"scope twice":           {"/oauth/token", good + "&scope=read&scope=write", "invalid_request", nil},
		"no grant_type":         {"/oauth/token", strings.Replace(good, "grant_type=client_credentials", "grant_type=", 1), "invalid_request", nil},
		"unknown grant":         {"/oauth/token", strings.Replace(good, "client_credentials", "magic", 1), "unsupported_grant_type", nil},
		"password":              {"/oauth/token", strings.Replace(good, "client_credentials", "password", 1), "unsupported_grant_type", nil},
		"implicit":              {"/oauth/token", strings.Replace(good, "client_credentials", "implicit", 1), "unsupported_grant_type", nil},
		"not the client's":      {"/oauth/token", strings.Replace(good, "client_credentials", "refresh_token", 1) + "&refresh_token=x", "unauthorized_client", nil},
		"broken escape":         {"/oauth/token", good + "&x=%zz", "invalid_request", nil},
		"not UTF-8":             {"/oauth/token", good + "&x=%ff", "invalid_request", nil},
		"NUL":                   {"/oauth/token", good + "&scope=%00", "invalid_request", nil},
		"too many":              {"/oauth/token", good + strings.Repeat("&a=", 120), "invalid_request", nil},
		"unknown scope":         {"/oauth/token", good + "&scope=%22%5C%C3%A9", "invalid_scope", nil},
		"unknown resource":      {"/oauth/token", good + "&resource=https%3A%2F%2Fz.example", "invalid_target", nil},
		"public, for itself":    {"/oauth/token", "grant_type=client_credentials&client_id=page", "unauthorized_client", nil},
		"proof that is garbage": {"/oauth/token", good, "invalid_dpop_proof", []string{"DPoP", "x.y.z"}},
	} {
		a := g.call(g.client, "POST", tt.path, "", tt.body, tt.header...)
		if a.status != 400 || a.str("error") != tt.code {
			t.Errorf("%s: got %d %s, want 400 %s", name, a.status, a.raw, tt.code)
			continue
		}
		g.reason(a, 400, tt.code)
	}
	a := g.call(g.client, "POST", "/oauth/token", "", "x="+strings.Repeat("a", 70_000))
	g.want(a, 413, "invalid_request")
	g.want(g.call(g.client, "POST", "/oauth/token", "", credentialsGrant.Encode()+"&client_id=robot&client_secret=wrong"), 401, "invalid_client")
}

// A client's token for itself: who it is, for whom, for how long, and nothing that is a user's.
// checklist 13, 44, 45, 46, 57, 58, 59, 85
func TestClientCredentials(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(machine("robot"))
	a := g.want(g.token("robot", credentialsGrant), 200, "")
	if ct := a.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" {
		t.Errorf("headers: %v", a.header)
	}
	if a.str("token_type") != "Bearer" || a.body["expires_in"] != 900.0 || a.str("scope") != "read write" || a.body["refresh_token"] != nil || a.body["id_token"] != nil {
		t.Errorf("answer: %s", a.raw)
	}
	c := payload(t, a.str("access_token"))
	for name, want := range map[string]any{"iss": g.url, "sub": "robot", "client_id": "robot", "aud": resourceA, "scope": "read write"} {
		if c[name] != want {
			t.Errorf("%s: got %v, want %v", name, c[name], want)
		}
	}
	if fmt.Sprint(c["roles"]) != "[robot]" || c["sid"] != nil || c["auth_time"] != nil || c["exp"].(float64)-c["iat"].(float64) != 900 || c["jti"] == "" {
		t.Errorf("claims: %v", c)
	}
	if h := header(t, a.str("access_token")); h["typ"] != "at+jwt" || h["kid"] == nil {
		t.Errorf("header: %v", h)
	}
	narrow := url.Values{"grant_type": {"client_credentials"}, "scope": {"write"}}
	if a := g.want(g.token("robot", narrow), 200, ""); a.str("scope") != "write" {
		t.Errorf("answer: %s", a.raw)
	}
	narrow.Set("scope", "read other")
	g.reason(g.token("robot", narrow), 400, "invalid_scope")
	narrow.Set("scope", "roles")
	g.reason(g.token("robot", narrow), 400, "invalid_scope")
	if err := g.db.AddClient(t.Context(), oauth.Client{ID: "user1"}, audit.Event{}); err == nil {
		t.Error("a client took the name of a user")
	}
}

func header(t testing.TB, token string) (h map[string]any) {
	t.Helper()
	raw, _, err := jwt.DecodeUnverified(token)
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The code grant gives a session of the client's, made from the sign-in, and an ID token that says how the user signed in.
// checklist 44, 45, 46, 85, 155, 157
func TestCodeGrant(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	signIn := g.signIn("user1", "password1")
	var authTime float64
	a := g.want(g.token("web", redeeming(g.code("web", func(c *oauth.Code) {
		c.SignIn = signIn
		c.Claims = json.RawMessage(`{"id_token":{"preferred_username":null}}`)
		authTime = float64(c.AuthTime.Unix())
	}))), 200, "")
	if a.str("token_type") != "Bearer" || a.str("scope") != "openid profile read write" || a.body["expires_in"] != 300.0 || !strings.HasPrefix(a.str("refresh_token"), "sdr_") {
		t.Errorf("answer: %s", a.raw)
	}
	access := payload(t, a.str("access_token"))
	if got := fmt.Sprint(access["aud"]); got != fmt.Sprint([]any{resourceA, resourceB, g.url}) {
		t.Errorf("aud: %v", got)
	}
	if access["sub"] != "user1" || access["client_id"] != "web" || access["sid"] == signIn.String() || access["sid"] == nil || access["auth_time"] != authTime ||
		access["acr"] != oauth.ACRPassword || access["fresh"] != true || access["cnf"] != nil {
		t.Errorf("access token: %v", access)
	}
	id := payload(t, a.str("id_token"))
	sum := sha256.Sum256([]byte(a.str("access_token")))
	for name, want := range map[string]any{
		"iss": g.url, "sub": "user1", "aud": "web", "nonce": "n-0", "auth_time": authTime, "sid": signIn.String(), "acr": oauth.ACRPassword,
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]), "preferred_username": "user1", "iat": access["iat"], "exp": access["exp"],
	} {
		if id[name] != want {
			t.Errorf("ID token %s: got %v, want %v", name, id[name], want)
		}
	}
	if header(t, a.str("id_token"))["typ"] != "JWT" || fmt.Sprint(id["amr"]) != "[pwd]" || id["azp"] != nil || id["scope"] != nil {
		t.Errorf("ID token: %v", id)
	}
	without := g.want(g.token("web", redeeming(g.code("web", func(c *oauth.Code) { c.Scope = []string{"read"} }))), 200, "")
	if without.body["id_token"] != nil || fmt.Sprint(payload(t, without.str("access_token"))["aud"]) != fmt.Sprint([]any{resourceA, resourceB}) {
		t.Errorf("without openid: %s", without.raw)
	}
	narrow := redeeming(g.code("web", nil))
	narrow.Set("resource", resourceA)
	if a := g.want(g.token("web", narrow), 200, ""); fmt.Sprint(payload(t, a.str("access_token"))["aud"]) != fmt.Sprint([]any{resourceA, g.url}) || a.body["expires_in"] != 900.0 {
		t.Errorf("for one resource: %s", a.raw)
	}
}

// What does not fit a code is refused, and does not use it up: neither by another client nor by its own.
// checklist 41, 49, 50, 51, 52, 53, 56, 151
func TestCodeRefused(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	g.add(app("page", oauth.AuthNone))
	g.add(app("thief", ""))
	code := g.code("web", nil)
	with := func(name, value string) url.Values {
		f := redeeming(code)
		if f.Set(name, value); value == "" {
			f.Del(name)
		}
		return f
	}
	for name, tt := range map[string]struct {
		client string
		form   url.Values
		code   string
	}{
		"another client":           {"thief", redeeming(code), "invalid_grant"},
		"a public client":          {"page", redeeming(code), "invalid_grant"},
		"no redirect_uri":          {"web", with("redirect_uri", ""), "invalid_grant"},
		"another redirect_uri":     {"web", with("redirect_uri", callback+"/"), "invalid_grant"},
		"no verifier":              {"web", with("code_verifier", ""), "invalid_grant"},
		"wrong verifier":           {"web", with("code_verifier", strings.Repeat("a", 43)), "invalid_grant"},
		"short verifier":           {"web", with("code_verifier", strings.Repeat("a", 42)), "invalid_grant"},
		"long verifier":            {"web", with("code_verifier", strings.Repeat("a", 129)), "invalid_grant"},
		"verifier with a space":    {"web", with("code_verifier", strings.Repeat("a ", 30)), "invalid_grant"},
		"resource not granted":     {"web", with("resource", "https://c.example"), "invalid_target"},
		"unknown code":             {"web", with("code", "sdc_unknown"), "invalid_grant"},
		"no code":                  {"web", with("code", ""), "invalid_request"},
		"the id without a secret":  {"", with("client_id", "web"), "invalid_client"},
		"no client":                {"", redeeming(code), "invalid_client"},
		"verifier, but no request": {"web", redeeming(g.code("web", func(c *oauth.Code) { c.Challenge = "" })), "invalid_grant"},
	} {
		status := 400
		if tt.code == "invalid_client" {
			status = 401
		}
		if a := g.token(tt.client, tt.form); a.status != status || a.str("error") != tt.code {
			t.Errorf("%s: got %d %s, want %d %s", name, a.status, a.raw, status, tt.code)
		}
	}
	g.want(g.token("web", redeeming(code)), 200, "")
	unsent := redeeming(g.code("page", func(c *oauth.Code) { c.RedirectSent = false }))
	unsent.Del("redirect_uri")
	g.want(g.token("page", unsent), 200, "")
	late := g.code("web", nil)
	g.advance(61 * time.Second)
	g.reason(g.token("web", redeeming(late)), 400, "invalid_grant")
}

// A code counts once: its second use is refused and ends all that came of the first, whoever was first; of many at once one has it.
// checklist 48, 54, 55
// secure-defaults 7b
func TestCodeReplay(t *testing.T) {
	t.Parallel()
	g := startGrants(t, nil)
	g.add(app("web", ""))
	code := g.code("web", nil)
	first := g.want(g.token("web", redeeming(code)), 200, "")
	if !g.active("web", first.str("access_token")) {
		t.Fatal("the access token is not active")
	}
	g.reason(g.token("web", redeeming(code)), 400, "invalid_grant")
	if g.active("web", first.str("access_token")) {
		t.Error("the access token lived on")
	}
	g.reason(g.token("web", refreshing(first.str("refresh_token"))), 400, "invalid_grant")
	if n := g.audited(audit.CodeReused); n != 1 {
		t.Errorf("%d events", n)
	}
	code = g.code("web", nil)
	var mu sync.Mutex
	var granted []answer
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if a := g.token("web", redeeming(code)); a.status == 200 {
				mu.Lock()
				defer mu.Unlock()
				granted = append(granted, a)
			} else if a.str("error") != "invalid_grant" {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
	all.Wait()
	if len(granted) != 1 {
		t.Fatalf("%d of 50 had the code, want 1", len(granted))
	}
	if g.active("web", granted[0].str("access_token")) {
		t.Error("the session lived on after 49 replays")
	}
}
