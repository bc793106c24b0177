package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/jwtauth/v5"
	golangjwt "github.com/golang-jwt/jwt/v5"
	jwxjwt2 "github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/sandi-auth/sandi/jwt"
)

// target is a route that wants a token, and the same route that wants none. Both get the token.
type target struct {
	Name    string  `json:"name"`
	Open    string  `json:"open"`
	Guarded string  `json:"guarded"`
	Token   string  `json:"token"`
	Least   float64 `json:"least,omitempty"` // of the open route's rate; 0 for a peer
}

// hello is the line that a server prints when it listens.
type hello struct {
	Address string   `json:"address"`
	Version string   `json:"version"`
	Targets []target `json:"targets"`
}

// serve is the server with one route for each guard. It ends when nothing can come from in any more: with its parent.
func serve(in io.Reader, out io.Writer) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /open", protected)
	var targets []target
	for _, add := range []func(*http.ServeMux) ([]target, error){sandiRoutes, peerRoutes, ginRoutes} {
		ts, err := add(mux)
		if err != nil {
			return err
		}
		targets = append(targets, ts...)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(hello{listener.Addr().String(), "", targets}); err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		_ = server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

const reply = `{"logged_in_as":"user001"}` + "\n"

// protected is what is guarded.
func protected(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, reply)
}

func sandiRoutes(mux *http.ServeMux) (targets []target, err error) {
	list := newList(10_000, time.Hour)
	for _, c := range []struct {
		alg   jwt.Algorithm
		name  string
		cache int
		least float64
	}{
		{jwt.HS256, "warm", 0, 0.93},
		{jwt.ES256, "warm", 0, 0.93},
		{jwt.EdDSA, "warm", 0, 0.93},
		{jwt.RS256, "warm", 0, 0.93},
		{jwt.PS256, "warm", 0, 0.93},
		{jwt.HS256, "cold", -1, 0.80},
	} {
		f, err := newFixture(c.alg)
		if err != nil {
			return nil, err
		}
		g, err := f.guard(list, c.cache)
		if err != nil {
			return nil, err
		}
		path := fmt.Sprintf("/%s/%s", c.name, c.alg)
		mux.Handle("GET "+path, g.Require()(http.HandlerFunc(protected)))
		targets = append(targets, target{fmt.Sprintf("sandi, %s %s", c.alg, c.name), "/open", path, f.token, c.least})
	}
	return targets, nil
}

// peerRoutes are golang-jwt in the middleware that everybody writes, and jwtauth.
func peerRoutes(mux *http.ServeMux) (targets []target, err error) {
	for _, alg := range []jwt.Algorithm{jwt.HS256, jwt.ES256} {
		f, err := newFixture(alg)
		if err != nil {
			return nil, err
		}
		path := "/golang-jwt/" + string(alg)
		mux.Handle("GET "+path, golangMiddleware(f)(http.HandlerFunc(protected)))
		targets = append(targets, target{fmt.Sprintf("%s, %s", version("golang-jwt", golangJWT), alg), "/open", path, f.token, 0})
	}
	f, err := newFixture(jwt.HS256)
	if err != nil {
		return nil, err
	}
	auth := jwtauth.New("HS256", []byte(secret), nil, jwxjwt2.WithIssuer(issuer), jwxjwt2.WithAudience(audience), jwxjwt2.WithRequiredClaim("exp"))
	mux.Handle("GET /jwtauth", jwtauth.Verifier(auth)(jwtauth.Authenticator(auth)(http.HandlerFunc(protected))))
	return append(targets, target{version("jwtauth", jwtAuth) + ", HS256", "/open", "/jwtauth", f.token, 0}), nil
}

type claimsKey struct{}

func golangMiddleware(f fixture) func(http.Handler) http.Handler {
	key := f.verificationKey()
	parser := golangParser(string(f.alg))
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !ok {
				http.Error(w, "no token", http.StatusUnauthorized)
				return
			}
			claims := golangjwt.MapClaims{}
			if _, err := parser.ParseWithClaims(text, claims, func(*golangjwt.Token) (any, error) { return key, nil }); err != nil {
				http.Error(w, "invalid token", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
		})
	}
}

// ginRoutes are gin-jwt, beside gin without it.
func ginRoutes(mux *http.ServeMux) ([]target, error) {
	f, err := newFixture(jwt.HS256)
	if err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	middleware, err := ginjwt.New(&ginjwt.GinJWTMiddleware{
		Key: []byte(secret), SigningAlgorithm: "HS256", IdentityKey: "sub",
		Authorizator: func(_ any, c *gin.Context) bool {
			claims := ginjwt.ExtractClaims(c)
			return claims["iss"] == issuer && claims["aud"] == audience
		},
	})
	if err != nil {
		return nil, err
	}
	engine := gin.New()
	handler := gin.WrapF(protected)
	engine.GET("/gin/open", handler)
	engine.GET("/gin/guarded", middleware.MiddlewareFunc(), handler)
	mux.Handle("/gin/", engine)
	return []target{{version("gin-jwt", ginJWT) + ", HS256", "/gin/open", "/gin/guarded", f.token, 0}}, nil
}
