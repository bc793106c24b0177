// Command echo puts a guard before routes of github.com/labstack/echo, whose WrapMiddleware is the
// adapter: what stands behind runs only if the guard lets the request through, and finds the
// identity in c.Request().Context().
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

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
	require := func(reqs ...guard.Requirement) echo.MiddlewareFunc { return echo.WrapMiddleware(g.Require(reqs...)) }
	e := echo.New()
	e.GET("/greet", greet, require(guard.Optional()))
	e.GET("/protected", protected, require())
	e.POST("/products", addProduct, require(guard.Role("manager")))
	return e, nil
}

func protected(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"logged_in_as": guard.Identity(c.Request().Context()).Subject()})
}

func addProduct(c echo.Context) error {
	return c.JSON(http.StatusCreated, map[string]string{"added_by": guard.Identity(c.Request().Context()).Subject()})
}

// greet knows the caller, if there is one.
func greet(c echo.Context) error {
	name := cmp.Or(guard.Identity(c.Request().Context()).Subject(), "guest")
	return c.JSON(http.StatusOK, map[string]string{"hello": name})
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
