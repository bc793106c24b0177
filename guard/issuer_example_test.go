package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// A program that signs in its users itself: create_access_token, create_refresh_token,
// set_access_cookies and set_refresh_cookies of Flask-JWT-Extended.
func ExampleIssuer() {
	key, err := jwt.GenerateKey(jwt.ES256) // a program that restarts loads one: jwt.ParsePEM
	if err != nil {
		log.Fatal(err)
	}
	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://app.example"})
	if err != nil {
		log.Fatal(err)
	}
	g := mustNew(iss.Config())

	login := func(w http.ResponseWriter, r *http.Request) {
		grant := iss.SignIn("user1") // whose password has been checked
		grant.Roles = []string{"clerk"}
		access, err := iss.Access(grant)
		refresh, err2 := iss.Refresh(grant)
		if err := errors.Join(err, err2); err != nil {
			log.Fatal(err)
		}
		// For a browser: iss.SetCookies(w, access, refresh), and FromCookie among Config.Sources.
		json.NewEncoder(w).Encode(map[string]string{"access_token": access, "refresh_token": refresh})
	}
	refresh := func(w http.ResponseWriter, r *http.Request) {
		access, err := iss.Access(guard.Identity(r.Context()).Grant())
		if err != nil {
			log.Fatal(err)
		}
		json.NewEncoder(w).Encode(map[string]string{"access_token": access})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", login)
	mux.Handle("POST /refresh", g.Require(guard.Refresh())(http.HandlerFunc(refresh)))
	mux.Handle("GET /protected", g.Require()(hello))
	mux.Handle("POST /password", g.Require(guard.Fresh(5*time.Minute))(hello))

	ask := func(path, token string) (answer map[string]string) {
		r := httptest.NewRequest("POST", path, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			log.Fatal(err)
		}
		return answer
	}
	tokens := ask("/login", "")
	curl(mux, "POST", "/password", tokens["access_token"])
	refreshed := ask("/refresh", tokens["refresh_token"])
	curl(mux, "GET", "/protected", refreshed["access_token"])
	curl(mux, "POST", "/password", refreshed["access_token"])
	// Output:
	// 200 hello user1
	// 200 hello user1
	// 401 {"error":"token_not_fresh","msg":"This action needs a recent sign-in. Sign in again and repeat it."}
}

// Every refresh token counts once, and one that comes again ends its session.
func ExampleRotation() {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		log.Fatal(err)
	}
	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://app.example"})
	if err != nil {
		log.Fatal(err)
	}
	ended := guard.NewRevocationList(guard.RevocationListConfig{})
	c := iss.Config()
	c.Rotation, c.Revocations = guard.NewRotationMemory(guard.RotationMemoryConfig{}), ended
	c.OnReuse = func(_ context.Context, t *guard.Token) {
		if err := ended.End(t, t.ExpiresAt()); err != nil {
			log.Print(err)
		}
	}
	h := mustNew(c).Require(guard.Refresh())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next, err := iss.Refresh(guard.Identity(r.Context()).Grant())
		fmt.Fprintln(w, "the next refresh token:", next != "", err)
	}))
	token, err := iss.Refresh(iss.SignIn("user1"))
	if err != nil {
		log.Fatal(err)
	}
	curl(h, "POST", "/refresh", token)
	curl(h, "POST", "/refresh", token)
	// Output:
	// 200 the next refresh token: true <nil>
	// 401 {"error":"token_revoked","msg":"The token has been revoked, for example by signing out. Sign in again."}
}

// A link that sets a new password, once.
func ExampleOneTime() {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		log.Fatal(err)
	}
	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://app.example"})
	if err != nil {
		log.Fatal(err)
	}
	c := iss.Config()
	c.Replay = guard.NewReplayMemory(guard.ReplayMemoryConfig{})
	g := mustNew(c)
	mux := http.NewServeMux()
	mux.Handle("POST /reset", g.Require(guard.OneTime("reset+jwt"))(hello))
	mux.Handle("GET /protected", g.Require()(hello))

	token, err := iss.OneTime("reset+jwt", "user1", 30*time.Minute, nil) // goes into the mail
	if err != nil {
		log.Fatal(err)
	}
	curl(mux, "GET", "/protected", token)
	curl(mux, "POST", "/reset", token)
	curl(mux, "POST", "/reset", token)
	// Output:
	// 401 {"error":"token_wrong_type","msg":"This kind of token is not accepted here. Send an access token to the API, and a refresh token only to refresh."}
	// 200 hello user1
	// 401 {"error":"token_revoked","msg":"The token has been revoked, for example by signing out. Sign in again."}
}

// A guard before everything, so that a route that is added later is guarded too.
func ExampleExcept() {
	issue, config := exampleIssuer()
	mux := http.NewServeMux()
	mux.Handle("POST /login", hello)
	mux.Handle("GET /healthz", hello)
	mux.Handle("GET /orders", hello)
	h := mustNew(config).Require(guard.Except("POST /login", "GET /healthz"))(mux)

	curl(h, "GET", "/healthz", "")
	curl(h, "GET", "/orders", "")
	curl(h, "GET", "/orders", issue("user1", nil))
	// Output:
	// 200 hello
	// 401 {"error":"token_missing","msg":"This request needs an access token. Sign in and send the token with the request."}
	// 200 hello user1
}

// What is wrong, for the log: the client sees the reason alone.
func ExampleError_Hint() {
	_, config := exampleIssuer()
	g := mustNew(config)
	r := httptest.NewRequest("GET", "/?access_token=eyJ", nil)
	_, err := g.Check(r)
	if e, ok := errors.AsType[*guard.Error](err); ok {
		fmt.Println(e.Reason)
		fmt.Println(e.Hint())
	}
	// Output:
	// token_missing
	// the query seems to hold a token, but no InsecureFromQuery of the route reads its key
}
