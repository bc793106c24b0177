package client_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sandi-auth/sandi/client"
)

// A program that signs in by itself and calls an API.
func Example() {
	server, password := exampleServer()
	defer server.Close()

	fetch, err := client.Login(client.LoginConfig{
		URL:      server.URL + "/api/auth",
		Username: "robot",
		Password: password, // client.Secret(os.Getenv("ROBOT_PASSWORD"))
	})
	if err != nil {
		log.Fatal(err)
	}
	source := client.New(client.Config{Fetch: fetch})
	defer source.Close()
	transport, err := client.NewTransport(client.TransportConfig{Source: source, Origins: []string{server.URL}})
	if err != nil {
		log.Fatal(err)
	}
	api := &http.Client{Transport: transport, Timeout: 10 * time.Second}

	show(api.Get(server.URL + "/protected"))
	// Output:
	// 200 {"logged_in_as":"robot"}
}

// A program that was given a refresh token, and keeps the newest for its next start.
func ExampleLogin() {
	server, _ := exampleServer()
	defer server.Close()

	fetch, err := client.Login(client.LoginConfig{
		URL:          server.URL + "/api/auth",
		RefreshToken: "sdr_old",
		Save: func(_ context.Context, refresh client.Secret) error {
			fmt.Println("save", refresh) // os.WriteFile(path, []byte(refresh.Reveal()), 0o600)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	source := client.New(client.Config{Fetch: fetch})
	defer source.Close()

	token, err := source.Token(context.Background())
	fmt.Println(token.Access, time.Until(token.ExpiresAt).Round(time.Minute), err)
	// Output:
	// save [redacted]
	// [redacted] 15m0s <nil>
}

// A program that acts for itself, at any OAuth server.
func ExampleOAuth() {
	fetch, err := client.OAuth(client.OAuthConfig{
		URL:          "https://auth.example/oauth/token",
		ClientID:     "nightly-report",
		ClientSecret: client.Secret(rand.Text()), // client.Secret(os.Getenv("CLIENT_SECRET"))
		Scope:        []string{"reports:write"},
	})
	if err != nil {
		log.Fatal(err)
	}
	source := client.New(client.Config{Fetch: fetch, OnError: func(err error) { log.Print(err) }})
	defer source.Close()
}

// The credential where it is not sent in an HTTP header: a WebSocket's first message.
func ExampleSource_Token() {
	source := client.New(client.Config{Fetch: func(context.Context) (client.Token, error) {
		return client.Token{Access: "from a vault", ExpiresAt: time.Now().Add(time.Hour)}, nil
	}})
	defer source.Close()

	token, err := source.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Access.Reveal())
	// Output:
	// from a vault
}

// A program that has its session in cookies, as a browser does.
func ExampleCookieTransport() {
	server, password := exampleServer()
	defer server.Close()

	transport, err := client.NewCookieTransport(client.CookieConfig{
		URL: server.URL + "/api/auth", Username: "robot", Password: password,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer transport.Close()
	api := &http.Client{Transport: transport}

	show(api.Post(server.URL+"/orders", "application/json", nil))
	// Output:
	// 200 ordered with the CSRF value 9d2c
}

func show(res *http.Response, err error) {
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d %s\n", res.StatusCode, body)
}

// exampleServer answers as a Sandi server and an API behind it do.
func exampleServer() (*httptest.Server, client.Secret) {
	mux := http.NewServeMux()
	tokens := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("transport") == "cookie" {
			http.SetCookie(w, &http.Cookie{Name: "sandi_csrf", Value: "9d2c", Path: "/"})
			fmt.Fprint(w, `{"expires_in":900}`)
			return
		}
		fmt.Fprint(w, `{"access_token":"a.b.c","refresh_token":"sdr_new","token_type":"Bearer","expires_in":900}`)
	}
	mux.HandleFunc("POST /api/auth/login", tokens)
	mux.HandleFunc("POST /api/auth/refresh", tokens)
	mux.HandleFunc("GET /protected", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer a.b.c" {
			fmt.Fprint(w, `{"logged_in_as":"robot"}`)
		}
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "ordered with the CSRF value ", r.Header.Get("X-CSRF-TOKEN"))
	})
	return httptest.NewServer(mux), client.Secret(rand.Text())
}
