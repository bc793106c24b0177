// Command nethttp signs users in by itself and guards a whole net/http mux, so that no route can be forgotten.
package main

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const addr = "127.0.0.1:8080"

type app struct {
	iss       *guard.Issuer
	passwords map[string]string // a real program keeps argon2id hashes
	ended     *guard.RevocationList
}

func (a *app) routes() (http.Handler, error) {
	c := a.iss.Config()
	c.Revocations = a.ended
	g, err := guard.New(c)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", a.login)
	mux.Handle("POST /refresh", g.Require(guard.Refresh())(http.HandlerFunc(a.refresh)))
	mux.HandleFunc("DELETE /logout", a.logout)
	mux.Handle("GET /protected", name("logged_in_as", http.StatusOK))
	mux.Handle("POST /products", g.Require(guard.Role("manager"))(name("added_by", http.StatusCreated)))
	mux.Handle("GET /greet", g.Require(guard.Optional())(name("hello", http.StatusOK)))
	return g.Require(guard.Except("POST /login", "POST /refresh", "GET /greet"))(mux), nil
}

func (a *app) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Username, Password string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	password, known := a.passwords[in.Username]
	if subtle.ConstantTimeCompare([]byte(in.Password), []byte(password)) != 1 || !known {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_credentials"})
		return
	}
	a.answerTokens(w, a.iss.SignIn(in.Username))
}

func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	a.answerTokens(w, guard.Identity(r.Context()).Grant())
}

func (a *app) answerTokens(w http.ResponseWriter, grant guard.Grant) {
	if grant.Subject == "mei" { // looked up each time: roles change
		grant.Roles = []string{"manager"}
	}
	access, err := a.iss.Access(grant)
	refresh, err2 := a.iss.Refresh(grant)
	finish(w, errors.Join(err, err2), map[string]any{"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 900})
}

// logout ends the session: its access tokens, and its refresh token, which is remembered until it has expired.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	finish(w, a.ended.End(guard.Identity(r.Context()), time.Now().Add(30*24*time.Hour)), map[string]string{"msg": "Logged out."})
}

// name says in the field who calls, or that it is a guest.
func name(field string, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, status, map[string]string{field: cmp.Or(guard.Identity(r.Context()).Subject(), "guest")})
	})
}

// finish answers with v, unless there was an error.
func finish(w http.ResponseWriter, err error, v any) {
	if err != nil {
		log.Print(err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	answer(w, http.StatusOK, v)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nobody is left to tell
}

func main() {
	key, err := jwt.GenerateKey(jwt.ES256) // for this run; a program whose tokens outlive it loads one by jwt.ParsePEM
	iss, err2 := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://shop.example"})
	check(errors.Join(err, err2))
	a := &app{iss, map[string]string{"mei": rand.Text(), "budi": rand.Text()}, guard.NewRevocationList(guard.RevocationListConfig{})}
	go func() {
		for range time.Tick(time.Minute) {
			a.ended.Prune()
		}
	}()
	h, err := a.routes()
	check(err)
	fmt.Printf("curl -d '{\"username\":\"mei\",\"password\":%q}' http://%s/login\n", a.passwords["mei"], addr)
	check((&http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
