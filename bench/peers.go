package main

import (
	"fmt"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	golangjwt "github.com/golang-jwt/jwt/v5"
	kataras "github.com/kataras/jwt"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
)

// The modules that are measured beside Sandi.
const (
	golangJWT  = "github.com/golang-jwt/jwt/v5"
	katarasJWT = "github.com/kataras/jwt"
	goJOSE     = "github.com/go-jose/go-jose/v4"
	jwx        = "github.com/lestrrat-go/jwx/v3"
	jwtAuth    = "github.com/go-chi/jwtauth/v5"
	ginJWT     = "github.com/appleboy/gin-jwt/v2"
)

// peer is another library, asked for the signature, issuer, audience and expiry of an HS256 token.
type peer struct {
	name, module, token string

	check func(token string) func() error
}

func peers(f fixture) []peer {
	plain := encoded(`{"alg":"HS256","typ":"JWT"}`) + "." + encoded(payload)
	plain += "." + encoded(string(sumOf(plain)))
	return []peer{
		{version("golang-jwt", golangJWT), golangJWT, f.token, checkGolang},
		{version("kataras/jwt", katarasJWT), katarasJWT, plain, checkKataras},
		{version("go-jose", goJOSE), goJOSE, f.token, checkJOSE},
		{version("jwx", jwx), jwx, f.token, checkJWX},
	}
}

// verify is what verifies the token, and was seen to, and to refuse it with another signature.
func (p peer) verify() (func() error, error) {
	check := p.check(p.token)
	if err := check(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if p.check(p.token[:len(p.token)-4]+"AAAA")() == nil {
		return nil, fmt.Errorf("%s accepts another signature", p.name)
	}
	return check, nil
}

func checkGolang(token string) func() error { return golangParse(token, "HS256", []byte(secret)) }

func golangParser(alg string) *golangjwt.Parser {
	return golangjwt.NewParser(golangjwt.WithValidMethods([]string{alg}), golangjwt.WithIssuer(issuer),
		golangjwt.WithAudience(audience), golangjwt.WithExpirationRequired(), golangjwt.WithStrictDecoding())
}

func golangParse(token, alg string, key any) func() error {
	parser := golangParser(alg)
	return func() error {
		_, err := parser.ParseWithClaims(token, golangjwt.MapClaims{}, func(*golangjwt.Token) (any, error) { return key, nil })
		return err
	}
}

func checkKataras(token string) func() error {
	text, expected := []byte(token), kataras.Expected{Issuer: issuer, Audience: kataras.Audience{audience}}
	return func() error {
		_, err := kataras.Verify(kataras.HS256, []byte(secret), text, expected)
		return err
	}
}

func checkJOSE(token string) func() error {
	key, algs := []byte(secret), []jose.SignatureAlgorithm{jose.HS256}
	expected := josejwt.Expected{Issuer: issuer, AnyAudience: josejwt.Audience{audience}}
	return func() error {
		t, err := josejwt.ParseSigned(token, algs)
		if err != nil {
			return err
		}
		var claims josejwt.Claims
		if err := t.Claims(key, &claims); err != nil {
			return err
		}
		return claims.ValidateWithLeeway(expected.WithTime(time.Now()), 0)
	}
}

func checkJWX(token string) func() error {
	text := []byte(token)
	options := []jwxjwt.ParseOption{
		jwxjwt.WithKey(jwa.HS256(), []byte(secret)), jwxjwt.WithIssuer(issuer), jwxjwt.WithAudience(audience),
		jwxjwt.WithRequiredClaim(jwxjwt.ExpirationKey),
	}
	return func() error {
		_, err := jwxjwt.Parse(text, options...)
		return err
	}
}
