package interop_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"

	jose "github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	golangjwt "github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
)

// peer is another library, made to take keys as documents and claims as JSON. What it cannot do is
// nil.
type peer struct {
	name string
	// without are the algorithms that it does not have.
	without []string
	sign    func(k document, typ, claims string) (token string, err error)
	// verify checks the signature, the issuer, the audience and the dates, by clock.
	verify func(k document, token string) (claims string, err error)
	// rewrite reads a private key from its JWK and writes it anew, in every way it can.
	rewrite func(k document) (rewritten, error)
	// writeSet makes a JWK Set of keys that it reads from their JWKs.
	writeSet func(keys []document) ([]byte, error)
	// verifySet is verify with a JWK Set, whose key the token names.
	verifySet func(set []byte, token string) (claims string, err error)
}

// rewritten is a key as another library writes it.
type rewritten struct {
	Private, Public       json.RawMessage // JWK
	PrivatePEM, PublicPEM string          // not for HMAC
	Thumbprint            string          // RFC 7638 with SHA-256, not for HMAC
}

func goPeers() []peer {
	return []peer{
		{name: "golang-jwt", sign: golangJWTSign, verify: golangJWTVerify},
		{
			name: "go-jose", sign: goJoseSign, verify: goJoseVerify,
			rewrite: goJoseRewrite, writeSet: goJoseWriteSet, verifySet: goJoseVerifySet,
		},
		{name: "jwx", sign: jwxSign, verify: jwxVerify, rewrite: jwxRewrite, writeSet: jwxWriteSet, verifySet: jwxVerifySet},
	}
}

// golang-jwt reads PEM and writes no keys.

func golangJWTSign(k document, typ, claims string) (string, error) {
	var members golangjwt.MapClaims
	if err := json.Unmarshal([]byte(claims), &members); err != nil {
		return "", err
	}
	token := golangjwt.NewWithClaims(golangjwt.GetSigningMethod(k.alg), members)
	token.Header["typ"], token.Header["kid"] = typ, k.kid
	key, err := golangJWTKey(k, golangjwt.ParseRSAPrivateKeyFromPEM, golangjwt.ParseECPrivateKeyFromPEM, golangjwt.ParseEdPrivateKeyFromPEM)
	if err != nil {
		return "", err
	}
	return token.SignedString(key)
}

func golangJWTVerify(k document, token string) (string, error) {
	key, err := golangJWTKey(k, golangjwt.ParseRSAPublicKeyFromPEM, golangjwt.ParseECPublicKeyFromPEM, golangjwt.ParseEdPublicKeyFromPEM)
	if err != nil {
		return "", err
	}
	t, err := golangjwt.Parse(token, func(*golangjwt.Token) (any, error) { return key, nil },
		golangjwt.WithValidMethods([]string{k.alg}), golangjwt.WithJSONNumber(), golangjwt.WithTimeFunc(clock),
		golangjwt.WithIssuer(issuer), golangjwt.WithAudience(audience))
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(t.Claims)
	return string(claims), err
}

func golangJWTKey[R, E, D any](k document, rsa func([]byte) (R, error), ec func([]byte) (E, error), ed func([]byte) (D, error)) (any, error) {
	switch k.alg[:2] {
	case "HS":
		return k.secret, nil
	case "ES":
		return ec(k.pem)
	case "Ed":
		return ed(k.pem)
	}
	return rsa(k.pem)
}

// go-jose reads and writes JWKs.

func goJoseKey(k document) (key jose.JSONWebKey, err error) {
	err = key.UnmarshalJSON(k.jwk)
	return key, err
}

func goJoseSign(k document, typ, claims string) (string, error) {
	key, err := goJoseKey(k)
	if err != nil {
		return "", err
	}
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ)).WithHeader("kid", k.kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.alg), Key: key.Key}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func goJoseVerify(k document, token string) (string, error) {
	key, err := goJoseKey(k)
	if err != nil {
		return "", err
	}
	return goJoseClaims(token, k.alg, key.Key)
}

func goJoseClaims(token, alg string, key any) (string, error) {
	t, err := josejwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
	if err != nil {
		return "", err
	}
	var raw json.RawMessage
	var claims josejwt.Claims
	if err := t.Claims(key, &raw, &claims); err != nil {
		return "", err
	}
	return string(raw), claims.Validate(josejwt.Expected{Issuer: issuer, AnyAudience: []string{audience}, Time: clock()})
}

func goJoseRewrite(k document) (out rewritten, err error) {
	key, err := goJoseKey(k)
	if err != nil {
		return out, err
	}
	if out.Private, err = key.MarshalJSON(); err != nil || k.secret != nil {
		return out, err
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return out, err
	}
	out.Thumbprint = base64.RawURLEncoding.EncodeToString(sum)
	out.Public, err = key.Public().MarshalJSON()
	return out, err
}

func goJoseWriteSet(keys []document) ([]byte, error) {
	var set jose.JSONWebKeySet
	for _, k := range keys {
		key, err := goJoseKey(k)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, key.Public())
	}
	return json.Marshal(set)
}

func goJoseVerifySet(doc []byte, token string) (string, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(doc, &set); err != nil {
		return "", err
	}
	t, err := josejwt.ParseSigned(token, []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	})
	if err != nil {
		return "", err
	}
	return goJoseClaims(token, t.Headers[0].Algorithm, set)
}

// jwx reads and writes JWKs and PEM.

func jwxKey(k document) (jwa.SignatureAlgorithm, jwk.Key, error) {
	alg, ok := jwa.LookupSignatureAlgorithm(k.alg)
	if !ok {
		return alg, nil, errors.New("no such algorithm")
	}
	key, err := jwk.ParseKey(k.jwk)
	return alg, key, err
}

func jwxSign(k document, typ, claims string) (string, error) {
	alg, key, err := jwxKey(k)
	if err != nil {
		return "", err
	}
	header := jws.NewHeaders()
	if err := errors.Join(header.Set("typ", typ), header.Set("kid", k.kid)); err != nil {
		return "", err
	}
	token, err := jws.Sign([]byte(claims), jws.WithKey(alg, key, jws.WithProtectedHeaders(header)))
	return string(token), err
}

func jwxVerify(k document, token string) (string, error) {
	alg, key, err := jwxKey(k)
	if err != nil {
		return "", err
	}
	if _, err := jwxParse(token, jwxjwt.WithKey(alg, key)); err != nil {
		return "", err
	}
	claims, err := jws.Verify([]byte(token), jws.WithKey(alg, key)) // jwt.Parse keeps no numbers as they are spelt
	return string(claims), err
}

func jwxParse(token string, keys jwxjwt.ParseOption) (jwxjwt.Token, error) {
	return jwxjwt.ParseString(token, keys, jwxjwt.WithIssuer(issuer), jwxjwt.WithAudience(audience),
		jwxjwt.WithClock(jwxjwt.ClockFunc(clock)))
}

func jwxRewrite(k document) (out rewritten, err error) {
	_, key, err := jwxKey(k)
	if err != nil {
		return out, err
	}
	if out.Private, err = json.Marshal(key); err != nil || k.secret != nil {
		return out, err
	}
	pub, err := key.PublicKey()
	if err != nil {
		return out, err
	}
	sum, errThumbprint := key.Thumbprint(crypto.SHA256)
	out.Thumbprint = base64.RawURLEncoding.EncodeToString(sum)
	privatePEM, errPrivate := jwk.Pem(key)
	publicPEM, errPublic := jwk.Pem(pub)
	out.PrivatePEM, out.PublicPEM = string(privatePEM), string(publicPEM)
	var errJWK error
	out.Public, errJWK = json.Marshal(pub)
	return out, errors.Join(errThumbprint, errPrivate, errPublic, errJWK)
}

func jwxWriteSet(keys []document) ([]byte, error) {
	set := jwk.NewSet()
	for _, k := range keys {
		_, key, err := jwxKey(k)
		if err == nil {
			err = set.AddKey(key)
		}
		if err != nil {
			return nil, err
		}
	}
	public, err := jwk.PublicSetOf(set)
	if err != nil {
		return nil, err
	}
	return json.Marshal(public)
}

func jwxVerifySet(doc []byte, token string) (string, error) {
	set, err := jwk.Parse(doc)
	if err != nil {
		return "", err
	}
	if _, err := jwxParse(token, jwxjwt.WithKeySet(set)); err != nil {
		return "", err
	}
	claims, err := jws.Verify([]byte(token), jws.WithKeySet(set))
	return string(claims), err
}

func goJoseThumbprint(doc []byte) string {
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(doc); err != nil {
		return err.Error()
	}
	return base64.RawURLEncoding.EncodeToString(must(key.Thumbprint(crypto.SHA256)))
}

func jwxThumbprint(doc []byte) string {
	return base64.RawURLEncoding.EncodeToString(must(must(jwk.ParseKey(doc)).Thumbprint(crypto.SHA256)))
}
