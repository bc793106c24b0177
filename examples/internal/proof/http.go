// Package proof asks examples that have the same routes for the same answers.
package proof

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// Issuer makes tokens with a key of the test's.
func Issuer(t *testing.T, c guard.IssuerConfig) *guard.Issuer {
	t.Helper()
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		t.Fatal(err)
	}
	c.Key, c.Issuer = key, "https://shop.example"
	iss, err := guard.NewIssuer(c)
	if err != nil {
		t.Fatal(err)
	}
	return iss
}

// Token is an access token for subject, in a session of its own, that lives for life.
func Token(t *testing.T, iss *guard.Issuer, subject string, life time.Duration, roles ...string) string {
	t.Helper()
	token, err := iss.Access(guard.Grant{Subject: subject, Roles: roles, Lifetime: life, Session: rand.Text()})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Answer is what a handler said.
type Answer struct {
	Status int
	Header http.Header
	Body   map[string]any
}

// Ask sends one request, with the token unless it is empty.
func Ask(t *testing.T, h http.Handler, method, path, token, body string) Answer {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := Answer{Status: w.Code, Header: w.Header()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.Body); err != nil { // a handler that ran after a refusal wrote more
			t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
		}
	}
	return a
}

// Routes proves that /protected asks for a token, POST /products for a manager's, and /greet for none.
func Routes(t *testing.T, routes func(*guard.Issuer) (http.Handler, error)) {
	iss := Issuer(t, guard.IssuerConfig{})
	h, err := routes(iss)
	if err != nil {
		t.Fatal(err)
	}
	manager, clerk := Token(t, iss, "mei", time.Minute, "manager"), Token(t, iss, "budi", time.Minute, "clerk")
	forged := Token(t, Issuer(t, guard.IssuerConfig{}), "mei", time.Minute, "manager")
	for _, tt := range []struct {
		name, method, path, token string
		status                    int
		field, value              string
	}{
		{"no token", "GET", "/protected", "", 401, "error", "token_missing"},
		{"a token", "GET", "/protected", clerk, 200, "logged_in_as", "budi"},
		{"another issuer's token", "GET", "/protected", forged, 401, "error", "token_invalid"},
		{"no token for a role", "POST", "/products", "", 401, "error", "token_missing"},
		{"wrong role", "POST", "/products", clerk, 403, "error", "forbidden"},
		{"right role", "POST", "/products", manager, 201, "added_by", "mei"},
		{"guest", "GET", "/greet", "", 200, "hello", "guest"},
		{"known guest", "GET", "/greet", clerk, 200, "hello", "budi"},
		{"bad token of a guest", "GET", "/greet", forged, 401, "error", "token_invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := Ask(t, h, tt.method, tt.path, tt.token, "")
			if a.Status != tt.status || a.Body[tt.field] != tt.value || len(a.Body) > 2 {
				t.Errorf("got %d %v, want %d %s", a.Status, a.Body, tt.status, tt.value)
			}
			if challenge := a.Header.Get("WWW-Authenticate"); (challenge != "") != (tt.status == 401 || tt.status == 403) {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
		})
	}
}
