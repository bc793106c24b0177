package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// A route that needs a token, and what it knows of the caller: jwt_required and
// get_jwt_identity of Flask-JWT-Extended.
func ExampleGuard_Require() {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	g, err := guard.New(guard.Config{
		Issuer:   "https://auth.example",
		Keys:     keys,
		Audience: []string{"https://api.example"},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.Handle("GET /protected", g.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		currentUser := guard.Identity(r.Context()).Subject()
		json.NewEncoder(w).Encode(map[string]string{"logged_in_as": currentUser})
	})))

	token, err := jwt.Sign(key, "at+jwt", map[string]any{
		"iss": "https://auth.example", "aud": "https://api.example", "sub": "user1",
		"exp": time.Now().Add(15 * time.Minute).Unix(),
	})
	if err != nil {
		log.Fatal(err)
	}
	curl(mux, "GET", "/protected", token)
	curl(mux, "GET", "/protected", "")
	// Output:
	// 200 {"logged_in_as":"user1"}
	// 401 {"error":"token_missing","msg":"This request needs an access token. Sign in and send the token with the request."}
}

// Answers of one's own, a writer for each kind of failure: expired_token_loader,
// invalid_token_loader, unauthorized_loader, revoked_token_loader and
// needs_fresh_token_loader of Flask-JWT-Extended.
func ExampleErrorWriters() {
	msg := func(status int, text string) guard.ErrorWriter {
		return func(w http.ResponseWriter, _ *http.Request, e *guard.Error) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("WWW-Authenticate", e.Challenge())
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]string{"msg": text})
		}
	}
	issue, config := exampleIssuer()
	config.OnError = guard.ErrorWriters{
		guard.TokenExpired:  msg(401, "Token telah kedaluwarsa"),
		guard.TokenInvalid:  msg(422, "Token tidak valid"),
		guard.TokenMissing:  msg(401, "Token otorisasi diperlukan"),
		guard.TokenRevoked:  msg(401, "Token telah dicabut"),
		guard.TokenNotFresh: msg(401, "Silakan login kembali"),
	}.Write
	g := mustNew(config)

	h := g.Require()(hello)
	curl(h, "GET", "/protected", issue("user1", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}))
	curl(h, "GET", "/protected", "not.a.token")
	curl(h, "GET", "/protected", "")
	curl(g.Require(guard.Fresh(0))(hello), "GET", "/fresh", issue("user1", nil))
	// Output:
	// 401 {"msg":"Token telah kedaluwarsa"}
	// 422 {"msg":"Token tidak valid"}
	// 401 {"msg":"Token otorisasi diperlukan"}
	// 401 {"msg":"Silakan login kembali"}
}

// Logout that counts at once: token_in_blocklist_loader of Flask-JWT-Extended.
// The list forgets a token when it would have expired anyway.
func ExampleRevocationList() {
	issue, config := exampleIssuer()
	blocklist := guard.NewRevocationList(guard.RevocationListConfig{})
	config.Revocations = blocklist
	g := mustNew(config)

	mux := http.NewServeMux()
	mux.Handle("GET /protected", g.Require()(hello))
	mux.Handle("DELETE /logout", g.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := guard.Identity(r.Context())
		blocklist.Add(guard.RevocationEntry{Kind: guard.RevokedToken, Handle: t.ID(), ExpiresAt: t.ExpiresAt()})
		fmt.Fprintln(w, `{"msg":"Logout berhasil"}`)
	})))

	token := issue("user1", map[string]any{"jti": "6f1e"})
	curl(mux, "GET", "/protected", token)
	curl(mux, "DELETE", "/logout", token)
	curl(mux, "GET", "/protected", token)
	// Output:
	// 200 hello user1
	// 200 {"msg":"Logout berhasil"}
	// 401 {"error":"token_revoked","msg":"The token has been revoked, for example by signing out. Sign in again."}
}

// A blocklist that is kept elsewhere.
func ExampleRevocationFunc() {
	issue, config := exampleIssuer()
	config.Revocations = guard.RevocationFunc(func(_ context.Context, t *guard.Token) (bool, error) {
		return false, errors.New("dial redis: connection refused")
	})
	curl(mustNew(config).Require()(hello), "GET", "/protected", issue("user1", nil))
	// Output:
	// 503 {"error":"temporarily_unavailable","msg":"The token cannot be checked at the moment. Wait a few seconds and try again."}
}

// A new access token for a JWT refresh token: jwt_required(refresh=True) or
// jwt_refresh_token_required of Flask-JWT-Extended. Neither kind passes as the
// other.
func ExampleRefresh() {
	issue, config := exampleIssuer()
	g := mustNew(config)
	mux := http.NewServeMux()
	mux.Handle("GET /protected", g.Require()(hello))
	mux.Handle("POST /refresh", g.Require(guard.Refresh())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		currentUser := guard.Identity(r.Context()).Subject()
		fmt.Fprintf(w, "a new access token for %s\n", currentUser)
	})))

	refresh := issue("user1", map[string]any{"type": "refresh"})
	curl(mux, "POST", "/refresh", refresh)
	curl(mux, "GET", "/protected", refresh)
	curl(mux, "POST", "/refresh", issue("user1", nil))
	// Output:
	// 200 a new access token for user1
	// 401 {"error":"token_wrong_type","msg":"This kind of token is not accepted here. Send an access token to the API, and a refresh token only to refresh."}
	// 401 {"error":"token_wrong_type","msg":"This kind of token is not accepted here. Send an access token to the API, and a refresh token only to refresh."}
}

// An action that wants a sign-in in the last five minutes: jwt_required(fresh=True).
func ExampleFresh() {
	issue, config := exampleIssuer()
	h := mustNew(config).Require(guard.Fresh(5 * time.Minute))(hello)
	now := time.Now().Unix()
	curl(h, "POST", "/orders", issue("user1", map[string]any{"fresh": true, "auth_time": now}))
	curl(h, "POST", "/orders", issue("user1", map[string]any{"fresh": false, "auth_time": now}))
	// Output:
	// 200 hello user1
	// 401 {"error":"token_not_fresh","msg":"This action needs a recent sign-in. Sign in again and repeat it."}
}

// A page for everybody that knows who is signed in: jwt_required(optional=True).
func ExampleOptional() {
	issue, config := exampleIssuer()
	h := mustNew(config).Require(guard.Optional())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t := guard.Identity(r.Context()); t != nil {
			fmt.Fprintf(w, "hello %s\n", t.Subject())
			return
		}
		fmt.Fprintln(w, "hello guest")
	}))
	curl(h, "GET", "/optional", issue("user1", nil))
	curl(h, "GET", "/optional", "")
	// Output:
	// 200 hello user1
	// 200 hello guest
}

// The token in the header, in the query of a GET or in the form of a POST:
// JWT_TOKEN_LOCATION of Flask-JWT-Extended.
func ExampleFrom() {
	issue, config := exampleIssuer()
	h := mustNew(config).Require(guard.From(
		guard.FromHeader(),
		guard.InsecureFromQuery("access_token"),
		guard.InsecureFromBody("access_token"),
	))(hello)
	token := issue("test", nil)
	curl(h, "GET", "/protected", token)
	curl(h, "GET", "/protected?access_token="+token, "")
	form := httptest.NewRequest("POST", "/protected", strings.NewReader("access_token="+token))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	show(h, form)
	curl(h, "GET", "/protected?access_token="+token, token)
	// Output:
	// 200 hello test
	// 200 hello test
	// 200 hello test
	// 400 {"error":"invalid_request","msg":"The token could not be read from the request. Send exactly one token, in one place, in the right form."}
}

// The token in a cookie that scripts cannot read, and its CSRF value in a header
// of every request that changes something.
func ExampleFromCookie() {
	issue, config := exampleIssuer()
	config.Sources = []guard.Source{guard.FromHeader(), guard.FromCookie()}
	h := mustNew(config).Require()(hello)

	r := httptest.NewRequest("POST", "/orders", nil)
	r.AddCookie(&http.Cookie{Name: "__Host-sandi_access", Value: issue("user1", map[string]any{"csrf": "9d2c"})})
	show(h, r)
	r.Header.Set("X-CSRF-TOKEN", "9d2c")
	show(h, r)
	// Output:
	// 403 {"error":"csrf_failed","msg":"The request could not be confirmed to come from this site. Reload the page and try again."}
	// 200 hello user1
}

// Who may do what: any of the roles, and all of the scopes.
func ExampleRole() {
	issue, config := exampleIssuer()
	h := mustNew(config).Require(guard.Role("manager", "admin"), guard.Scope("products:write"))(hello)
	curl(h, "POST", "/products", issue("user1", map[string]any{"roles": []string{"manager"}, "scope": "products:write"}))
	curl(h, "POST", "/products", issue("user2", map[string]any{"roles": []string{"clerk"}, "scope": "products:write"}))
	// Output:
	// 200 hello user1
	// 403 {"error":"forbidden","msg":"You are signed in but may not do this. Ask an administrator if you need access."}
}

// A rule of one's own over a claim. What the error says stays in the log.
func ExampleClaim() {
	issue, config := exampleIssuer()
	h := mustNew(config).Require(guard.Claim("tenant", func(_ context.Context, t *guard.Token) error {
		if t.String("tenant") != "acme" {
			return errors.New("another tenant's token")
		}
		return nil
	}))(hello)
	curl(h, "GET", "/", issue("user1", map[string]any{"tenant": "acme"}))
	curl(h, "GET", "/", issue("user2", map[string]any{"tenant": "other"}))
	// Output:
	// 200 hello user1
	// 403 {"error":"forbidden","msg":"You are signed in but may not do this. Ask an administrator if you need access."}
}

// Without middleware: verify_jwt_in_request of Flask-JWT-Extended.
func ExampleGuard_Check() {
	issue, config := exampleIssuer()
	g := mustNew(config)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+issue("user1", nil))

	t, err := g.Check(r, guard.Role("manager"))
	fmt.Println(t.Subject(), errors.Is(err, guard.Forbidden))
	t, err = g.Check(r)
	fmt.Println(t.Subject(), err)
	// Output:
	//  true
	// user1 <nil>
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello %s\n", guard.Identity(r.Context()).Subject())
})

// exampleIssuer makes a key, tokens signed with it, and the configuration that
// accepts them.
func exampleIssuer() (issue func(subject string, claims map[string]any) string, c guard.Config) {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	issue = func(subject string, claims map[string]any) string {
		all, typ := map[string]any{
			"iss": "https://auth.example", "aud": "https://api.example", "sub": subject,
			"iat": time.Now().Unix(), "exp": time.Now().Add(15 * time.Minute).Unix(), "type": "access",
		}, "at+jwt"
		maps.Copy(all, claims)
		if all["type"] == "refresh" {
			typ = "refresh+jwt"
		}
		token, err := jwt.Sign(key, typ, all)
		if err != nil {
			log.Fatal(err)
		}
		return token
	}
	return issue, guard.Config{Issuer: "https://auth.example", Keys: keys, Audience: []string{"https://api.example"}}
}

func mustNew(c guard.Config) *guard.Guard {
	g, err := guard.New(c)
	if err != nil {
		log.Fatal(err)
	}
	return g
}

// curl prints the status and body of what a handler answers.
func curl(h http.Handler, method, target, token string) {
	r := httptest.NewRequest(method, target, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	show(h, r)
}

func show(h http.Handler, r *http.Request) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
}
