// Command gin puts a guard before routes of github.com/gin-gonic/gin. adapt is the whole adapter.
package main

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const addr = "127.0.0.1:8080"

// adapt makes gin's kind of middleware of net/http's. What stands behind runs only if the guard
// lets the request through, and finds the identity in c.Request.Context().
func adapt(middleware func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			passed = true
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort() // the guard has answered; without this, gin would call the next handler
		}
	}
}

// routes are open to whoever has a token of iss.
func routes(iss *guard.Issuer) (http.Handler, error) {
	g, err := guard.New(iss.Config())
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/greet", adapt(g.Require(guard.Optional())), greet)
	members := r.Group("/", adapt(g.Require()))
	members.GET("/protected", protected)
	members.POST("/products", adapt(g.Require(guard.Role("manager"))), addProduct)
	return r, nil
}

func protected(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"logged_in_as": guard.Identity(c.Request.Context()).Subject()})
}

func addProduct(c *gin.Context) {
	c.JSON(http.StatusCreated, gin.H{"added_by": guard.Identity(c.Request.Context()).Subject()})
}

// greet knows the caller, if there is one.
func greet(c *gin.Context) {
	name := cmp.Or(guard.Identity(c.Request.Context()).Subject(), "guest")
	c.JSON(http.StatusOK, gin.H{"hello": name})
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
