package guard_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
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

	newer, err := g.CheckToken(ctx, issue("user1", map[string]any{"sid": "s2", "exp": time.Now().Add(time.Hour).Unix()}))
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
	list := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: time.Minute})
	f, err := guard.NewFollower(guard.FollowerConfig{
		URL:  "https://auth.example/revocations",
		List: list,
		Credential: func(context.Context) (string, error) {
			secret, err := os.ReadFile("/run/secrets/revocations")
			return strings.TrimSpace(string(secret)), err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop() // a program does so when it ends
	if err := f.Load(ctx); err != nil {
		fmt.Println("not started without the list")
	}
	fmt.Println(f.Run(ctx))
	// Output:
	// not started without the list
	// <nil>
}
