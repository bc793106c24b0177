package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// flaskConfig is FlaskCompat's for the signer's key, at the time of the tests.
func (s signer) flaskConfig() guard.Config {
	c := guard.FlaskCompat(s.config().Keys)
	c.Now = clock
	return c
}

// flask signs a token as that library makes one: typ JWT, neither iss nor aud.
func (s signer) flask(changes map[string]any) string {
	s.tb.Helper()
	all := map[string]any{"iss": nil, "aud": nil, "client_id": nil, "sid": nil, "fresh": false, "nbf": clock().Unix()}
	for name, value := range changes {
		all[name] = value
	}
	return s.sign("JWT", all)
}

var (
	flaskCookie = func(r *http.Request, token string) *http.Request {
		return withHeader(r, "Cookie", "access_token_cookie="+token)
	}
	flaskPlaces = guard.From(guard.FromHeader(), guard.FromCookie(), guard.InsecureFromQuery("jwt"), guard.InsecureFromBody("access_token"))
)

// The statuses and sentences are those that a real service gives, which internal/interop asks.
// secure-defaults 14a, 23a, 23b, 23d, ASVS 9.2.1, 9.2.2: an ID token, one without type and one that
// never expires fail here too. ASVS 3.5.1: a cookie alone changes nothing.
func TestFlaskCompat(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	tok := s.flask(nil)
	ahead := clock().Add(time.Hour).Unix()
	sub := func(sub any) string { return s.flask(map[string]any{"sub": sub}) }
	const missing = `Missing JWT in headers, cookies, query_string or json (Missing Authorization Header; Missing cookie "access_token_cookie"; Missing 'jwt' query paramater; `
	unsigned := func(token string) string { return token[:strings.LastIndex(token, ".")+1] + strings.Repeat("A", 43) }
	const wrongKind = "This kind of token is not accepted here. Send an access token to the API, and a refresh token only to refresh."
	const badHeader = "422 Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"
	tests := map[string]struct {
		request *http.Request
		want    string
		reqs    []guard.Requirement
	}{
		"good":                  {get(tok), "200", nil},
		"at+jwt":                {get(s.access(nil)), "200", nil},
		"nothing":               {get(""), "401 Missing Authorization Header", nil},
		"nothing anywhere":      {post("text/plain", "x"), "401 " + missing + "Invalid content-type. Must be application/json.)", []guard.Requirement{flaskPlaces}},
		"nothing in JSON":       {post(jsonType, "{}"), "401 " + missing + `Missing "access_token" key in json data.)`, []guard.Requirement{flaskPlaces}},
		"JSON that is broken":   {post(jsonType, "{"), "401 " + missing + `Missing "access_token" key in json data.)`, []guard.Requirement{flaskPlaces}},
		"optional":              {get(""), "200", []guard.Requirement{guard.Optional()}},
		"Basic":                 {withHeader(get(""), "Authorization", "Basic x"), "401 Missing 'Bearer' type in 'Authorization' header. Expected 'Authorization: Bearer <JWT>'", nil},
		"scheme alone":          {withHeader(get(""), "Authorization", "Bearer"), badHeader, nil},
		"garbage":               {get("x"), "422 Not enough segments", nil},
		"short header":          {get("a.b.c"), "422 Invalid header padding", nil},
		"altered":               {get(tok[:len(tok)-4] + "AAAA"), "422 Signature verification failed", nil},
		"expired":               {get(s.flask(map[string]any{"exp": clock().Unix()})), "401 Token has expired", nil},
		"nbf":                   {get(s.flask(map[string]any{"nbf": ahead})), "422 The token is not yet valid (nbf)", nil},
		"iat":                   {get(s.flask(map[string]any{"iat": ahead, "nbf": ahead})), "422 The token is not yet valid (iat)", nil},
		"revoked":               {get(s.flask(map[string]any{"jti": "revoked"})), "401 Token has been revoked", nil},
		"revocations unknown":   {get(s.flask(map[string]any{"jti": "unknown"})), "503 The token cannot be checked at the moment. Wait a few seconds and try again.", nil},
		"no exp":                {get(s.flask(map[string]any{"exp": nil})), `422 Token is missing the "exp" claim`, nil},
		"no sub":                {get(sub(nil)), "422 Missing claim: sub", nil},
		"sub is a number":       {get(sub(7)), "422 Subject must be a string", nil},
		"sub of a stranger":     {get("e30." + strings.Split(sub(7), ".")[1] + ".AA"), "422 Signature verification failed", nil},
		"sub under an old sign": {get(unsigned(sub(7))), "422 Signature verification failed", nil},
		"another typ":           {get(s.sign("x", nil)), "422 " + wrongKind, nil},
		"refresh of an Issuer":  {get(s.sign("refresh+jwt", map[string]any{"type": "refresh"})), "422 Only non-refresh tokens are allowed", nil},
		"typ for refresh":       {get(s.sign("x", map[string]any{"type": "refresh"})), "422 " + wrongKind, []guard.Requirement{guard.Refresh()}},
		"jti is a number":       {get(s.flask(map[string]any{"jti": 7})), "422 JWT ID must be a string", nil},
		"no type":               {get(s.flask(map[string]any{"type": nil})), "422 Missing claim: type", nil},
		"no type, at+jwt":       {get(s.access(map[string]any{"type": nil})), "422 Missing claim: type", nil},
		"ID token":              {get(s.sign("JWT", map[string]any{"type": nil, "nonce": "n"})), "422 Missing claim: type", nil},
		"type of another kind":  {get(s.flask(map[string]any{"type": "id"})), "422 Only non-refresh tokens are allowed", nil},
		"refresh for access":    {get(s.flask(map[string]any{"type": "refresh"})), "422 Only non-refresh tokens are allowed", nil},
		"refresh":               {get(s.flask(map[string]any{"type": "refresh"})), "200", []guard.Requirement{guard.Refresh()}},
		"access for refresh":    {get(tok), "422 Only refresh tokens are allowed", []guard.Requirement{guard.Refresh()}},
		"Type of JWT":           {get(s.flask(map[string]any{"type": nil})), "422 Missing claim: type", []guard.Requirement{guard.Type("JWT")}},
		"Type of its own":       {get(s.sign("reset+jwt", map[string]any{"type": nil})), "200", []guard.Requirement{guard.Type("reset+jwt")}},
		"fresh":                 {get(s.flask(map[string]any{"fresh": true})), "200", []guard.Requirement{guard.Fresh(0)}},
		"fresh until":           {get(s.flask(map[string]any{"fresh": float64(ahead) + 0.5})), "200", []guard.Requirement{guard.Fresh(time.Hour)}},
		"fresh until just now":  {get(s.flask(map[string]any{"fresh": clock().Unix() - 1})), "401 Fresh token required", []guard.Requirement{guard.Fresh(0)}},
		"not fresh":             {get(tok), "401 Fresh token required", []guard.Requirement{guard.Fresh(0)}},
		"claim check":           {get(tok), "400 User claims verification failed", []guard.Requirement{guard.Claim("tenant", nil)}},
		"role":                  {get(tok), "403 You are signed in but may not do this. Ask an administrator if you need access.", []guard.Requirement{guard.Role("admin")}},
		"scope":                 {get(tok), "403 You are signed in but may not do this. Ask an administrator if you need access.", []guard.Requirement{guard.Scope("a")}},
		"cookie":                {flaskCookie(get(""), tok), "200", []guard.Requirement{flaskPlaces}},
		"cookie, no CSRF":       {flaskCookie(post("", ""), tok), "401 Missing CSRF token", []guard.Requirement{flaskPlaces}},
		"cookie, wrong CSRF":    {withHeader(flaskCookie(post("", ""), tok), "X-CSRF-TOKEN", "x"), "401 CSRF double submit tokens do not match", []guard.Requirement{flaskPlaces}},
		"cookie, CSRF":          {withHeader(flaskCookie(post("", ""), tok), "X-CSRF-TOKEN", "csrf-value"), "200", []guard.Requirement{flaskPlaces}},
		"cookie without csrf":   {withHeader(flaskCookie(post("", ""), s.flask(map[string]any{"csrf": nil})), "X-CSRF-TOKEN", "x"), "422 Missing claim: csrf", []guard.Requirement{flaskPlaces}},
		"socket from elsewhere": {withHeader(withHeader(flaskCookie(get(""), tok), "Upgrade", "websocket"), "Origin", "https://evil.example"), "403 The request could not be confirmed to come from this site. Reload the page and try again.", []guard.Requirement{flaskPlaces}},
		"first place wins":      {withQuery(flaskCookie(get(tok), "garbage"), "jwt=garbage"), "200", []guard.Requirement{flaskPlaces}},
		"order of the route":    {withQuery(get(tok), "jwt=garbage"), "422 Not enough segments", []guard.Requirement{guard.From(guard.InsecureFromQuery("jwt"), guard.FromHeader())}},
		"two in a header":       {withHeader(get(""), "Authorization", "Basic x, Bearer "+tok), badHeader, nil},
		"words":                 {withHeader(get(""), "Authorization", "Bearer "+tok+" x"), badHeader, nil},
		"spaces and commas":     {withHeader(get(""), "Authorization", " ,Bearer   "+tok+" ,,"), "200", nil},
		"an empty line":         {withHeader(get(""), "Authorization", "", "Bearer "+tok), "200", nil},
		"many, then a Bearer":   {withHeader(get(""), "Authorization", strings.Repeat("Basic x,", 40)+"Bearer "+tok), badHeader, []guard.Requirement{guard.Optional()}},
		"two header lines":      {withHeader(get(""), "Authorization", "Bearer "+tok, "Basic x"), badHeader, nil},
		"two in a query":        {withQuery(get(""), "jwt="+tok+"&jwt="+tok), "422 The token could not be read from the request. Send exactly one token, in one place, in the right form.", []guard.Requirement{flaskPlaces}},
		"too large a body":      {post(jsonType, strings.Repeat(" ", 65<<10)), "413 The token could not be read from the request. Send exactly one token, in one place, in the right form.", []guard.Requirement{flaskPlaces}},
		"form is no JSON":       {post(formType, "access_token="+tok), "401 " + missing + "Invalid content-type. Must be application/json.)", []guard.Requirement{flaskPlaces}},
	}
	c := s.flaskConfig()
	c.Revocations = guard.RevocationFunc(func(_ context.Context, t *guard.Token) (bool, error) {
		if t.ID() == "unknown" {
			return false, errors.New("blocklist is away")
		}
		return t.ID() == "revoked", nil
	})
	g := newGuard(t, c)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			g.Require(tt.reqs...)(greet).ServeHTTP(w, tt.request)
			got := fmt.Sprint(w.Code)
			var body map[string]string
			if w.Code != http.StatusOK {
				if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || len(body) != 1 {
					t.Fatalf("got body %s", w.Body)
				}
				got += " " + body["msg"]
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if w.Code == http.StatusUnauthorized && body["msg"][:4] != "CSRF" && body["msg"] != "Missing CSRF token" &&
				w.Header().Get("WWW-Authenticate") == "" { // RFC 9110 section 15.5.2
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
}

func newGuard(tb testing.TB, c guard.Config) *guard.Guard {
	tb.Helper()
	g, err := guard.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// What FlaskCompat waives can be asked for again; reasons and sentinels are those of every guard.
func TestFlaskCompatChanged(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	c := s.flaskConfig()
	c.Issuer, c.InsecureAnyIssuer = issuer, false
	c.Audience, c.InsecureAnyAudience = []string{audience}, false
	c.Types, c.InsecureAnyType = []string{"JWT"}, false
	c.RequiredClaims = []string{"username"}
	g := newGuard(t, c)
	good := map[string]any{"iss": issuer, "aud": audience, "username": "u", "sub": nil}
	if _, err := g.CheckToken(t.Context(), s.flask(good)); err != nil {
		t.Errorf("good: %v", err)
	}
	if _, err := g.CheckToken(t.Context(), s.access(good)); !errors.Is(err, guard.TokenWrongType) {
		t.Errorf("other typ: %v", err)
	}
	for name, text := range map[string]string{"iss": `Token is missing the "iss" claim`, "aud": `Token is missing the "aud" claim`, "username": "Missing claim: username"} {
		for value, want := range map[any]string{nil: text, "x": map[string]string{"iss": "Invalid issuer", "aud": "Invalid audience"}[name]} {
			if want == "" {
				continue
			}
			claims := map[string]any{"iss": issuer, "aud": audience, "username": "u"}
			claims[name] = value
			_, err := g.CheckToken(t.Context(), s.flask(claims))
			e, ok := errors.AsType[*guard.Error](err)
			if !ok || e.Reason != guard.TokenInvalid {
				t.Fatalf("%s %v: got %v", name, value, err)
			}
			w := httptest.NewRecorder()
			guard.FlaskErrors{Key: "message"}.Write(w, get(""), e)
			if got := strings.TrimSpace(w.Body.String()); got != `{"message":`+mustJSON(t, want)+`}` {
				t.Errorf("%s %v: got %s, want %s", name, value, got, want)
			}
		}
	}
	if _, err := g.CheckToken(t.Context(), s.flask(map[string]any{"iss": issuer, "aud": audience})); !errors.Is(err, jwt.ErrClaimMissing) {
		t.Errorf("required claim: %v", err)
	}
}

// JWT_JSON_KEY and JWT_REFRESH_JSON_KEY: the two kinds stand under different names.
func TestFlaskCompatRefreshSources(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	c := s.flaskConfig()
	c.Sources = []guard.Source{guard.InsecureFromBody("access_token")}
	c.RefreshSources = []guard.Source{guard.FromHeader(), guard.InsecureFromBody("refresh_token")}
	g := newGuard(t, c)
	body := func() *http.Request {
		return post(jsonType, `{"access_token":"`+s.flask(nil)+`","refresh_token":"`+s.flask(map[string]any{"type": "refresh"})+`"}`)
	}
	for _, reqs := range [][]guard.Requirement{nil, {guard.Refresh()}} {
		if _, err := g.Check(body(), reqs...); err != nil {
			t.Errorf("%d requirements: %v", len(reqs), err)
		}
	}
}

func mustJSON(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// The tokens of a Flask-JWT-Extended service, answered as that service does; the user is loaded for
// each request, as with user_lookup_loader.
func ExampleFlaskCompat() {
	key, err := jwt.NewKey(jwt.HS256, "", []byte("the JWT_SECRET_KEY of the service, 32 bytes or more"))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key)
	if err != nil {
		log.Fatal(err)
	}
	g, err := guard.New(guard.FlaskCompat(keys))
	if err != nil {
		log.Fatal(err)
	}
	users := map[string]bool{"user1": true}
	known := guard.Claim("sub", func(_ context.Context, t *guard.Token) error {
		if !users[t.Subject()] {
			return errors.New("no such user")
		}
		return nil
	})
	mux := http.NewServeMux()
	mux.Handle("GET /protected", g.Require(known)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"logged_in_as": guard.Identity(r.Context()).Subject()})
	})))

	token := func(sub, kind string) string {
		s, err := jwt.Sign(key, "JWT", map[string]any{"sub": sub, "type": kind, "fresh": false, "exp": time.Now().Add(time.Minute).Unix()})
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	curl(mux, "GET", "/protected", token("user1", "access"))
	curl(mux, "GET", "/protected", token("user1", "refresh"))
	curl(mux, "GET", "/protected", token("user2", "access"))
	curl(mux, "GET", "/protected", "")
	// Output:
	// 200 {"logged_in_as":"user1"}
	// 422 {"msg":"Only non-refresh tokens are allowed"}
	// 400 {"msg":"User claims verification failed"}
	// 401 {"msg":"Missing Authorization Header"}
}
