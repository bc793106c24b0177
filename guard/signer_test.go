package guard_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	issuer   = "https://auth.example"
	audience = "https://api.example"
)

func clock() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// signer is a key that tests sign with; claims given to sign are added to a set
// that passes.
type signer struct {
	tb  testing.TB
	key *jwt.Key
}

func newSigner(tb testing.TB) signer {
	tb.Helper()
	key, err := jwt.NewKey(jwt.HS256, "k1", []byte("a test key of 32 bytes and more!"))
	if err != nil {
		tb.Fatal(err)
	}
	return signer{tb, key}
}

// claims that pass, with changes; a nil value removes a claim.
func claims(changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": issuer, "aud": audience, "sub": "user1", "client_id": "sandi",
		"iat": clock().Add(-time.Minute).Unix(), "exp": clock().Add(14 * time.Minute).Unix(),
		"jti": "t1", "sid": "s1", "type": "access", "csrf": "csrf-value",
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func (s signer) sign(typ string, changes map[string]any) string {
	s.tb.Helper()
	token, err := jwt.Sign(s.key, typ, claims(changes))
	if err != nil {
		s.tb.Fatal(err)
	}
	return token
}

func (s signer) access(changes map[string]any) string {
	s.tb.Helper()
	return s.sign("at+jwt", changes)
}

func (s signer) config() guard.Config {
	s.tb.Helper()
	keys, err := jwt.NewKeySet(s.key)
	if err != nil {
		s.tb.Fatal(err)
	}
	return guard.Config{Keys: keys, Issuer: issuer, Audience: []string{audience}, Now: clock}
}

func (s signer) guard(edit ...func(*guard.Config)) *guard.Guard {
	s.tb.Helper()
	c := s.config()
	for _, f := range edit {
		f(&c)
	}
	g, err := guard.New(c)
	if err != nil {
		s.tb.Fatal(err)
	}
	return g
}

func get(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/protected", http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// greet is a handler that says who was let in.
var greet = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello %s", guard.Identity(r.Context()).Subject())
})

// answer is what a client sees.
type answer struct {
	Status    int
	Reason    string `json:"error"`
	Msg       string `json:"msg"`
	Body      string
	Header    http.Header
	Challenge string
}

func serve(tb testing.TB, h http.Handler, r *http.Request) answer {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{Status: w.Code, Body: w.Body.String(), Header: w.Header(), Challenge: w.Header().Get("WWW-Authenticate")}
	if w.Code != http.StatusOK && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			tb.Fatalf("body %q: %v", a.Body, err)
		}
	}
	return a
}
