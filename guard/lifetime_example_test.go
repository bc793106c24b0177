package guard_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

// A socket that ends with its token, and goes on when its client sends a newer one.
func ExampleLifetime() {
	issue, config := exampleIssuer()
	list := guard.NewRevocationList(guard.RevocationListConfig{})
	config.Revocations = list
	g := mustNew(config)
	ctx := context.Background() // of the socket

	first, err := g.CheckToken(ctx, issue("user1", map[string]any{"sid": "s1"}))
	if err != nil {
		log.Fatal(err)
	}
	life := guard.Lifetime(guard.WithIdentity(ctx, first)) // behind Require: guard.Lifetime(r.Context())

	newer, err := g.CheckToken(ctx, issue("user1", map[string]any{"sid": "s2", "exp": time.Now().Add(time.Hour).Unix()}), guard.BoundAs(first))
	if err == nil {
		err = guard.Extend(life, newer)
	}
	fmt.Println("extended:", err == nil, guard.Identity(life).Session())

	list.Add(guard.RevocationEntry{Kind: guard.RevokedSession, Handle: "s2"}) // a logout
	<-life.Done()
	fmt.Println(errors.Is(context.Cause(life), guard.TokenRevoked))
	// Output:
	// extended: true s2
	// true
}

// The revocations of a Sandi server in another process: a logout there counts here within a second.
func ExampleNewFollower() {
	sandi := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("epoch") == "e1" {
			<-r.Context().Done() // no news
			return
		}
		fmt.Fprint(w, `{"epoch":"e1","head":1,"reset":true,"entries":[{"seq":1,"kind":"session","handle":"s1","expires_at":4102444800000}]}`)
	}))
	defer sandi.Close()

	list := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Minute})
	f, err := guard.NewFollower(guard.FollowerConfig{
		URL:               sandi.URL + "/revocations", // https://auth.example/revocations
		InsecureAllowHTTP: true,                       // of this example alone
		List:              list,
		Credential: func(context.Context) (string, error) { // read anew each time, as from /run/secrets
			return "a-secret-of-readers_file", nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	if err := f.Load(ctx); err != nil { // not at all, rather than without the list
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()

	issue, config := exampleIssuer()
	config.Revocations = list
	h := mustNew(config).Require()(hello)
	curl(h, "GET", "/protected", issue("user1", map[string]any{"sid": "s1"}))
	curl(h, "GET", "/protected", issue("user1", map[string]any{"sid": "s2"}))
	stop() // when the program ends
	fmt.Println(<-ended)
	// Output:
	// 401 {"error":"token_revoked","msg":"The token has been revoked, for example by signing out. Sign in again."}
	// 200 hello user1
	// <nil>
}
