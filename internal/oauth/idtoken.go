package oauth

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"

	"github.com/sandi-auth/sandi/jwt"
)

// idTokenType is typ of ID tokens: no access token's (RFC 9068 section 2.1), so that neither passes for the other.
const idTokenType = "JWT"

// mintIDToken makes the ID token that comes with an access token (OpenID Connect Core section 2). Its life is that of the access token. After
// a refresh it says when the user signed in at first, and has no nonce (section 12.2). There is none that no client could verify.
func (e *Endpoint) mintIDToken(i issuance, access string) (string, error) {
	if e.Policy.Symmetric {
		return "", nil
	}
	life, _, _ := e.Policy.lifetimes(i.client, i.resources)
	at := i.access.At.Unix()
	requested, err := readClaims(i.claims)
	if err != nil {
		return "", fmt.Errorf("read claims that were asked for: %w", err)
	}
	c := e.userClaims(*i.user, i.scope, requested.IDToken) // what follows overwrites it
	c["iss"], c["sub"], c["aud"] = e.Issuer, i.access.Subject, i.client.ID
	c["iat"], c["exp"] = at, at+int64(life.Seconds())
	c["sid"] = i.signIn.String() // Back-Channel Logout section 2.1: of the sign-in, which all its grants share
	c["at_hash"] = halfHash(e.Minter.Algorithm(), access)
	if !i.access.AuthTime.IsZero() {
		c["auth_time"] = i.access.AuthTime.Unix()
	}
	if len(i.access.AMR) > 0 {
		c["amr"] = i.access.AMR
	}
	if i.access.ACR != "" {
		c["acr"] = i.access.ACR
	}
	if i.nonce != "" {
		c["nonce"] = i.nonce
	}
	return e.Minter.Sign(idTokenType, c)
}

// halfHash is the left half of a token's hash, by the hash of the algorithm that signs the ID token (OpenID Connect Core section
// 3.1.3.6): SHA-512 for Ed25519.
func halfHash(alg jwt.Algorithm, token string) string {
	var sum []byte
	switch alg {
	case jwt.EdDSA, jwt.ES512, jwt.RS512, jwt.PS512, jwt.HS512:
		h := sha512.Sum512([]byte(token))
		sum = h[:]
	case jwt.ES384, jwt.RS384, jwt.PS384, jwt.HS384:
		h := sha512.Sum384([]byte(token))
		sum = h[:]
	default:
		h := sha256.Sum256([]byte(token))
		sum = h[:]
	}
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
