package guard_test

import (
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

// A service that others issue tokens for: routes for everybody who is signed in, for some, and for
// guests too. What is asked stands beside the route, and what was found is in the context.
func Example() {
	issue, config := exampleIssuer()
	g, err := guard.New(config) // Issuer, Keys and Audience
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /orders", g.Require()(hello))
	mux.Handle("POST /products", g.Require(guard.Role("manager"), guard.Scope("products:write"))(hello))
	mux.Handle("GET /greeting", g.Require(guard.Optional())(hello))
	mux.Handle("POST /password", g.Require(guard.Fresh(5*time.Minute))(hello))

	token := issue("user1", map[string]any{"roles": []string{"clerk"}})
	curl(mux, "GET", "/orders", token)
	curl(mux, "POST", "/products", token)
	curl(mux, "POST", "/password", token)
	curl(mux, "GET", "/greeting", "")
	curl(mux, "GET", "/greeting", "stolen")
	// Output:
	// 200 hello user1
	// 403 {"error":"forbidden","msg":"You are signed in but may not do this. Ask an administrator if you need access."}
	// 401 {"error":"token_not_fresh","msg":"This action needs a recent sign-in. Sign in again and repeat it."}
	// 200 hello
	// 401 {"error":"token_invalid","msg":"The token is not valid here. Sign in again to get a new one."}
}

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
