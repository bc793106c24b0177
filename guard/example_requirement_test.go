package guard_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

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

// A page that greets as a guest whoever comes back with a token that has expired. A bad one is refused
// all the same.
func ExampleOptionalExpired() {
	issue, config := exampleIssuer()
	h := mustNew(config).Require(guard.OptionalExpired())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %q\n", guard.Identity(r.Context()).Subject())
	}))
	curl(h, "GET", "/", issue("user1", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}))
	curl(h, "GET", "/", "not.a.token")
	// Output:
	// 200 hello ""
	// 401 {"error":"token_invalid","msg":"The token is not valid here. Sign in again to get a new one."}
}

// A token of one purpose, which opens no other door: whoever has the link may look at the invitation.
// OneTime does so once.
func ExampleType() {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		log.Fatal(err)
	}
	keys, err := jwt.NewKeySet(key.Public())
	if err != nil {
		log.Fatal(err)
	}
	g := mustNew(guard.Config{Issuer: "https://app.example", Keys: keys, Audience: []string{"https://app.example"}})
	invitation, err := jwt.Sign(key, "invite+jwt", map[string]any{
		"iss": "https://app.example", "aud": "https://app.example", "sub": "guest7", "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		log.Fatal(err)
	}
	curl(g.Require(guard.Type("invite+jwt"))(hello), "GET", "/invitation", invitation)
	curl(g.Require()(hello), "GET", "/protected", invitation)
	// Output:
	// 200 hello guest7
	// 401 {"error":"token_wrong_type","msg":"This kind of token is not accepted here. Send an access token to the API, and a refresh token only to refresh."}
}
