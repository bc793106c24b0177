package guard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

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

// Answers of one route, by the program's own writer, which leaves the others to WriteError.
func ExampleOnError() {
	issue, config := exampleIssuer()
	page := guard.OnError(func(w http.ResponseWriter, r *http.Request, e *guard.Error) {
		if e.Reason != guard.TokenMissing && e.Reason != guard.TokenExpired {
			guard.WriteError(w, r, e)
			return
		}
		sentence := map[string]string{"en": "Please sign in", "id": "Silakan masuk", "zh-Hant": "請登入"}[guard.Language(r)]
		w.Header().Set("WWW-Authenticate", e.Challenge())
		w.WriteHeader(e.Status())
		fmt.Fprintf(w, "<a href=/login>%s</a>", sentence)
	})
	h := mustNew(config).Require(guard.Role("member"), page)(hello)

	r := httptest.NewRequest("GET", "/members", nil)
	r.Header.Set("Accept-Language", "id-ID,id;q=0.9,en;q=0.8")
	show(h, r)
	curl(h, "GET", "/members", issue("user1", nil))
	// Output:
	// 401 <a href=/login>Silakan masuk</a>
	// 403 {"error":"forbidden","msg":"You are signed in but may not do this. Ask an administrator if you need access."}
}
