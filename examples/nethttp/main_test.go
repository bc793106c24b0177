package main

import (
	"net/http"
	"testing"

	"github.com/sandi-auth/sandi/examples/internal/proof"
	"github.com/sandi-auth/sandi/guard"
)

func TestRoutes(t *testing.T) {
	proof.Routes(t, func(iss *guard.Issuer) (http.Handler, error) {
		return (&app{iss: iss, ended: guard.NewRevocationList(guard.RevocationListConfig{})}).routes()
	})
}

func TestSession(t *testing.T) {
	a := &app{
		proof.Issuer(t, guard.IssuerConfig{}),
		map[string]string{"mei": "kopi tubruk", "empty": ""},
		guard.NewRevocationList(guard.RevocationListConfig{}),
	}
	h, err := a.routes()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, token, body string, status int, reason any) proof.Answer {
		t.Helper()
		got := proof.Ask(t, h, method, path, token, body)
		if got.Status != status || got.Body["error"] != reason {
			t.Fatalf("%s %s: got %d %v, want %d %v", method, path, got.Status, got.Body, status, reason)
		}
		return got
	}
	ask("POST", "/login", "", `{"username":"mei","password":"x"}`, 401, "invalid_credentials")
	ask("POST", "/login", "", `{"username":"nobody","password":""}`, 401, "invalid_credentials")
	ask("POST", "/login", "", `[`, 400, "invalid_request")
	ask("GET", "/forgotten", "", "", 401, "token_missing") // what has no route has a guard
	first := ask("POST", "/login", "", `{"username":"mei","password":"kopi tubruk"}`, 200, nil).Body
	access, refresh := first["access_token"].(string), first["refresh_token"].(string)
	ask("POST", "/products", access, "", 201, nil)
	ask("POST", "/refresh", access, "", 401, "token_wrong_type")
	ask("GET", "/protected", refresh, "", 401, "token_wrong_type")
	newer := ask("POST", "/refresh", refresh, "", 200, nil).Body["access_token"].(string)
	ask("POST", "/products", newer, "", 201, nil)
	ask("DELETE", "/logout", newer, "", 200, nil)
	for _, token := range []string{access, newer} {
		ask("GET", "/protected", token, "", 401, "token_revoked")
	}
	ask("POST", "/refresh", refresh, "", 401, "token_revoked")
	alone, err := a.iss.Access(guard.Grant{Subject: "budi"}) // of no session
	if err != nil {
		t.Fatal(err)
	}
	ask("DELETE", "/logout", alone, "", 200, nil)
	ask("GET", "/protected", alone, "", 401, "token_revoked")
}
