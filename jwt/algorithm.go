package jwt

import (
	"crypto"
	"crypto/elliptic"
	_ "crypto/sha256" // registers crypto.SHA256
	_ "crypto/sha512" // registers crypto.SHA384 and crypto.SHA512
)

// Algorithm is a JWS signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
// Names are case-sensitive; "none" is not among them and is not implemented.
type Algorithm string

// The algorithms of this package.
const (
	HS256 Algorithm = "HS256" // HMAC with SHA-256, key of 32 bytes or more
	HS384 Algorithm = "HS384" // HMAC with SHA-384, key of 48 bytes or more
	HS512 Algorithm = "HS512" // HMAC with SHA-512, key of 64 bytes or more
	RS256 Algorithm = "RS256" // RSASSA-PKCS1-v1_5 with SHA-256
	RS384 Algorithm = "RS384" // RSASSA-PKCS1-v1_5 with SHA-384
	RS512 Algorithm = "RS512" // RSASSA-PKCS1-v1_5 with SHA-512
	PS256 Algorithm = "PS256" // RSASSA-PSS with SHA-256, 32 bytes of salt
	PS384 Algorithm = "PS384" // RSASSA-PSS with SHA-384, 48 bytes of salt
	PS512 Algorithm = "PS512" // RSASSA-PSS with SHA-512, 64 bytes of salt
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256
	ES384 Algorithm = "ES384" // ECDSA on P-384 with SHA-384
	ES512 Algorithm = "ES512" // ECDSA on P-521 with SHA-512
	EdDSA Algorithm = "EdDSA" // Ed25519 (Ed448 is not offered)
)

// family says which primitive an algorithm uses, and so which kind of key.
type family uint8

const (
	familyHMAC family = iota + 1
	familyPKCS1
	familyPSS
	familyECDSA
	familyEd25519
)

// spec is what the verifier and the key check need to know about an algorithm.
type spec struct {
	family family
	hash   crypto.Hash    // 0 for Ed25519, which signs the message itself
	curve  elliptic.Curve // ECDSA only
	crv    string         // the JWK name of the curve (RFC 7518 section 6.2.1.1, RFC 8037 section 2)
	size   int            // signature length in bytes; 0 for RSA, where it is the modulus's
}

// spec returns what is known about a; ok is false for every name that is not a constant above.
func (a Algorithm) spec() (s spec, ok bool) {
	switch a {
	case HS256:
		return spec{family: familyHMAC, hash: crypto.SHA256, size: 32}, true
	case HS384:
		return spec{family: familyHMAC, hash: crypto.SHA384, size: 48}, true
	case HS512:
		return spec{family: familyHMAC, hash: crypto.SHA512, size: 64}, true
	case RS256:
		return spec{family: familyPKCS1, hash: crypto.SHA256}, true
	case RS384:
		return spec{family: familyPKCS1, hash: crypto.SHA384}, true
	case RS512:
		return spec{family: familyPKCS1, hash: crypto.SHA512}, true
	case PS256:
		return spec{family: familyPSS, hash: crypto.SHA256}, true
	case PS384:
		return spec{family: familyPSS, hash: crypto.SHA384}, true
	case PS512:
		return spec{family: familyPSS, hash: crypto.SHA512}, true
	case ES256:
		return spec{family: familyECDSA, hash: crypto.SHA256, curve: elliptic.P256(), crv: "P-256", size: 64}, true
	case ES384:
		return spec{family: familyECDSA, hash: crypto.SHA384, curve: elliptic.P384(), crv: "P-384", size: 96}, true
	case ES512:
		return spec{family: familyECDSA, hash: crypto.SHA512, curve: elliptic.P521(), crv: "P-521", size: 132}, true
	case EdDSA:
		return spec{family: familyEd25519, crv: "Ed25519", size: 64}, true
	}
	return spec{}, false
}

// derive returns the one algorithm that a curve determines, "" where it determines none.
func derive(crv string) Algorithm {
	for _, a := range [...]Algorithm{ES256, ES384, ES512, EdDSA} {
		if s, _ := a.spec(); s.crv == crv {
			return a
		}
	}
	return ""
}
