package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

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

// A sign-out of the whole session, whose other tokens end with it: those that were refreshed, and the
// refresh token.
func ExampleRevocationList_End() {
	issue, config := exampleIssuer()
	ended := guard.NewRevocationList(guard.RevocationListConfig{})
	config.Revocations = ended
	g := mustNew(config)

	mux := http.NewServeMux()
	mux.Handle("GET /protected", g.Require()(hello))
	mux.Handle("DELETE /logout", g.Require()(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lastDies := time.Now().Add(30 * 24 * time.Hour) // of the session's tokens
		if err := ended.End(guard.Identity(r.Context()), lastDies); err != nil {
			http.Error(w, "not signed out", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "signed out")
	})))

	phone, newer := issue("user1", map[string]any{"sid": "s1", "jti": "t1"}), issue("user1", map[string]any{"sid": "s1", "jti": "t2"})
	laptop := issue("user1", map[string]any{"sid": "s2"})
	curl(mux, "DELETE", "/logout", phone)
	curl(mux, "GET", "/protected", newer)
	curl(mux, "GET", "/protected", laptop)
	// Output:
	// 200 signed out
	// 401 {"error":"token_revoked","msg":"The token has been revoked, for example by signing out. Sign in again."}
	// 200 hello user1
}

// The program's own sign-outs beside a status list of the issuer, which another goroutine fetches.
func ExampleAnyRevocation() {
	issue, config := exampleIssuer()
	ended := guard.NewRevocationList(guard.RevocationListConfig{})
	var fetched atomic.Pointer[map[string]bool] // nil before the first fetch
	statusList := guard.RevocationFunc(func(_ context.Context, t *guard.Token) (bool, error) {
		list := fetched.Load()
		if list == nil {
			return false, errors.New("status list was never fetched")
		}
		return (*list)[t.ID()], nil
	})
	config.Revocations = guard.AnyRevocation(ended, statusList)
	h := mustNew(config).Require()(hello)

	token := issue("user1", map[string]any{"jti": "6f1e"})
	curl(h, "GET", "/protected", token)
	fetched.Store(&map[string]bool{})
	curl(h, "GET", "/protected", token)
	fetched.Store(&map[string]bool{"6f1e": true})
	curl(h, "GET", "/protected", token)
	// Output:
	// 503 {"error":"temporarily_unavailable","msg":"The token cannot be checked at the moment. Wait a few seconds and try again."}
	// 200 hello user1
	// 401 {"error":"token_revoked","msg":"The token has been revoked, for example by signing out. Sign in again."}
}

// A route where an ended session does no harm is spared the look-up.
func ExampleSkipRevocation() {
	issue, config := exampleIssuer()
	config.Revocations = guard.RevocationFunc(func(context.Context, *guard.Token) (bool, error) {
		return false, errors.New("dial redis: connection refused")
	})
	curl(mustNew(config).Require(guard.SkipRevocation())(hello), "GET", "/motd", issue("user1", nil))
	// Output:
	// 200 hello user1
}
