package interop_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"

	golangjwt "github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
)

// judge is a library used in one way, as its documentation shows it: it is told the algorithm, the
// issuer and the audience, and where an option or a type changes the outcome it has a judge of its
// own.
type judge struct {
	name   string
	verify func(k document, token string) error
}

// goJudges are, in this order: golang-jwt with RegisteredClaims, with MapClaims, and with
// RegisteredClaims and each of its options that refuses more; go-jose; jwx with a key, and with a
// key set, which takes another path through it.
func goJudges() []judge {
	strict := []golangjwt.ParserOption{golangjwt.WithStrictDecoding(), golangjwt.WithExpirationRequired(), golangjwt.WithIssuedAt()}
	return append([]judge{
		{"golang-jwt", golangJWTJudge(func() golangjwt.Claims { return &golangjwt.RegisteredClaims{} })},
		{"golang-jwt/map", golangJWTJudge(func() golangjwt.Claims { return golangjwt.MapClaims{} })},
		{"golang-jwt/strict", golangJWTJudge(func() golangjwt.Claims { return &golangjwt.RegisteredClaims{} }, strict...)},
	}, append(judgesOf(goPeers()[1:]), judge{"jwx/set", jwxSetJudge})...)
}

func judgesOf(peers []peer) (list []judge) {
	for _, p := range peers {
		list = append(list, judge{p.name, func(k document, token string) error {
			_, err := p.verify(k, token)
			return err
		}})
	}
	return list
}

func golangJWTJudge(claims func() golangjwt.Claims, options ...golangjwt.ParserOption) func(document, string) error {
	return func(k document, token string) error {
		key, err := golangJWTKey(k, golangjwt.ParseRSAPublicKeyFromPEM, golangjwt.ParseECPublicKeyFromPEM, golangjwt.ParseEdPublicKeyFromPEM)
		if err != nil {
			return err
		}
		all := append([]golangjwt.ParserOption{
			golangjwt.WithValidMethods([]string{k.alg}), golangjwt.WithTimeFunc(clock),
			golangjwt.WithIssuer(issuer), golangjwt.WithAudience(audience),
		}, options...)
		_, err = golangjwt.ParseWithClaims(token, claims(), func(*golangjwt.Token) (any, error) { return key, nil }, all...)
		return err
	}
}

func jwxSetJudge(k document, token string) error {
	_, key, err := jwxKey(k)
	if err != nil {
		return err
	}
	set := jwk.NewSet()
	if err := set.AddKey(key); err != nil {
		return err
	}
	_, err = jwxParse(token, jwxjwt.WithKeySet(set))
	return err
}

// octDocument is an HMAC key that Sandi might refuse to make.
func octDocument(alg, secret string) document {
	return document{
		alg: alg, kid: "k1", secret: []byte(secret),
		jwk: fmt.Appendf(nil, `{"kty":"oct","alg":%q,"kid":"k1","k":%q}`, alg, b64(secret)),
	}
}

// rsaDocument is an RSA key that Sandi might refuse to make; members go into the JWK.
func rsaDocument(alg string, pub *rsa.PublicKey, members string) document {
	return document{
		alg: alg, kid: "k1",
		pem: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(pub))}),
		jwk: fmt.Appendf(nil, `{"kty":"RSA","alg":%q,"kid":"k1","n":%q,"e":%q%s}`, alg,
			b64(string(pub.N.Bytes())), b64(string(big.NewInt(int64(pub.E)).Bytes())), members),
	}
}
