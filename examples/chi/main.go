// Command chi puts a guard before routes of github.com/go-chi/chi: its middleware is chi's kind of middleware.
package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const addr = "127.0.0.1:8080"

// routes are open to whoever has a token of iss.
func routes(iss *guard.Issuer) (http.Handler, error) {
	g, err := guard.New(iss.Config())
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.With(g.Require(guard.Optional())).Get("/greet", greet)
	r.Group(func(r chi.Router) {
		r.Use(g.Require())
		r.Get("/protected", protected)
		r.With(g.Require(guard.Role("manager"))).Post("/products", addProduct)
	})
	return r, nil
}

func protected(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]string{"logged_in_as": guard.Identity(r.Context()).Subject()})
}

func addProduct(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusCreated, map[string]string{"added_by": guard.Identity(r.Context()).Subject()})
}

// greet knows the caller, if there is one.
func greet(w http.ResponseWriter, r *http.Request) {
	name := cmp.Or(guard.Identity(r.Context()).Subject(), "guest")
	answer(w, http.StatusOK, map[string]string{"hello": name})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		log.Print(err)
	}
}

func main() {
	log.SetFlags(0)
	key, err := jwt.GenerateKey(jwt.ES256) // for this run; a program whose tokens outlive it loads one by jwt.ParsePEM
	if err != nil {
		log.Fatal(err)
	}
	iss, err := guard.NewIssuer(guard.IssuerConfig{Key: key, Issuer: "https://shop.example"})
	if err != nil {
		log.Fatal(err)
	}
	h, err := routes(iss)
	if err != nil {
		log.Fatal(err)
	}
	for _, who := range []guard.Grant{{Subject: "mei", Roles: []string{"manager"}}, {Subject: "budi"}} {
		token, err := iss.Access(who)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("As %s:\n  curl -i -X POST -H 'Authorization: Bearer %s' http://%s/products\n", who.Subject, token, addr)
	}
	s := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(s.ListenAndServe())
}
