package jwt

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"slices"
)

// What a key must be before it may be used. Every key goes through here, whatever it was read from.

const (
	minRSABits = 2048 // RFC 7518 section 3.3
	// maxRSABits bounds what one verification can cost.
	maxRSABits = 8192
	// minExponent: keys with e = 3 are in the field and safe to verify with, since the whole
	// encoded message is compared.
	minExponent = 3
	// minSigningExponent: keys that sign here are held to FIPS 186-5 section A.1.1.
	minSigningExponent = 65537
)

// newSecret checks and copies an HMAC key (RFC 7518 section 3.2: at least as long as the hash).
func newSecret(s spec, secret []byte) (*private, error) {
	if s.family != familyHMAC {
		return nil, because(ErrKey, "this algorithm takes no secret bytes")
	}
	if len(secret) < s.size {
		return nil, because(ErrWeakKey, "secret has %d bytes, the algorithm needs %d", len(secret), s.size)
	}
	// A public key used as a secret is known to everyone (RFC 8725 section 2.1).
	if bytes.Contains(secret, []byte("-----BEGIN ")) {
		return nil, because(ErrKey, "secret is a PEM file")
	}
	return &private{secret: bytes.Clone(secret)}, nil
}

// checkPublic checks that pub fits the algorithm and returns a copy of it and the length of its
// signatures.
func checkPublic(s spec, pub crypto.PublicKey) (crypto.PublicKey, int, error) {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if pub == nil || s.family != familyPKCS1 && s.family != familyPSS {
			break
		}
		return checkRSA(pub)
	case *ecdsa.PublicKey:
		if pub == nil || s.family != familyECDSA || pub.Curve != s.curve {
			break
		}
		raw, err := pub.Bytes()
		if err != nil {
			return nil, 0, because(ErrKey, "point is not on the curve")
		}
		return checkPoint(s, raw)
	case ed25519.PublicKey:
		if s.family != familyEd25519 || len(pub) != ed25519.PublicKeySize {
			break
		}
		return slices.Clone(pub), s.size, nil
	}
	return nil, 0, because(ErrKey, "not a key for this algorithm")
}

// checkPoint reads an uncompressed point (SEC 1 section 2.3.3), which must be on the curve.
func checkPoint(s spec, raw []byte) (crypto.PublicKey, int, error) {
	pub, err := ecdsa.ParseUncompressedPublicKey(s.curve, raw)
	if err != nil {
		return nil, 0, because(ErrKey, "point is not on the curve")
	}
	return pub, s.size, nil
}

func checkRSA(pub *rsa.PublicKey) (crypto.PublicKey, int, error) {
	if pub.N == nil || pub.N.Sign() <= 0 {
		return nil, 0, because(ErrKey, "RSA modulus is missing")
	}
	switch bits := pub.N.BitLen(); {
	case bits < minRSABits:
		return nil, 0, because(ErrWeakKey, "RSA modulus has %d bits, at least %d are needed", bits, minRSABits)
	case bits > maxRSABits:
		return nil, 0, because(ErrKey, "RSA modulus has %d bits, at most %d are taken", bits, maxRSABits)
	case pub.N.Bit(0) == 0:
		return nil, 0, because(ErrWeakKey, "RSA modulus is even")
	case pub.E < minExponent || pub.E&1 == 0:
		return nil, 0, because(ErrWeakKey, "RSA exponent is even or under %d", minExponent)
	case pub.E > 1<<31-1:
		return nil, 0, because(ErrKey, "RSA exponent is over 31 bits")
	case hasROCA(pub.N):
		return nil, 0, because(ErrWeakKey, "RSA modulus is of the ROCA family (CVE-2017-15361)")
	}
	return &rsa.PublicKey{N: new(big.Int).Set(pub.N), E: pub.E}, pub.Size(), nil
}

// hasROCA recognises the moduli of the Infineon library, whose primes are k*M + 65537^a mod M with
// M the product of the first primes, and which can therefore be factored: modulo each small prime
// such a modulus is a power of 65537. A random modulus passes with a chance of about 2^-27.
// (Nemec et al., "The Return of Coppersmith's Attack", 2017, section 3.)
func hasROCA(n *big.Int) bool {
	primes := [...]int64{
		11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
	}
	var rest big.Int
	for _, p := range primes {
		want := rest.Mod(n, big.NewInt(p)).Int64()
		power, found := int64(1), want == 1
		for power = 65537 % p; power != 1 && !found; power = power * 65537 % p {
			found = power == want
		}
		if !found {
			return false
		}
	}
	return true
}

// copyRSA copies a private key of two primes and checks that its parts belong together.
func copyRSA(key *rsa.PrivateKey) (crypto.Signer, error) {
	if key == nil || key.N == nil || key.D == nil || len(key.Primes) != 2 {
		return nil, because(ErrKey, "not an RSA key of two primes")
	}
	// Before Validate, which must not be made to work on a modulus of any size.
	if _, _, err := checkRSA(&key.PublicKey); err != nil {
		return nil, err
	}
	dup := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E},
		D:         new(big.Int).Set(key.D),
	}
	for _, p := range key.Primes {
		if p == nil {
			return nil, because(ErrKey, "RSA prime is missing")
		}
		dup.Primes = append(dup.Primes, new(big.Int).Set(p))
	}
	dup.Precompute()
	if dup.Validate() != nil {
		return nil, because(ErrKey, "the parts of the RSA key do not belong together")
	}
	return dup, nil
}

// copyECDSA copies a private key and checks that its public half is its own.
func copyECDSA(key *ecdsa.PrivateKey) (crypto.Signer, error) {
	if key == nil || key.Curve == nil {
		return nil, because(ErrKey, "not an ECDSA key")
	}
	raw, err := key.Bytes()
	if err != nil {
		return nil, because(ErrKey, "not an ECDSA private key")
	}
	dup, err := ecdsa.ParseRawPrivateKey(key.Curve, raw)
	if err != nil || !dup.PublicKey.Equal(&key.PublicKey) {
		return nil, because(ErrKey, "private and public half do not belong together")
	}
	return dup, nil
}

// copyEd25519 copies a private key and checks that its public half is its own.
func copyEd25519(key ed25519.PrivateKey) (crypto.Signer, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, because(ErrKey, "not an Ed25519 private key")
	}
	dup := ed25519.NewKeyFromSeed(key.Seed())
	if !dup.Equal(key) {
		return nil, because(ErrKey, "private and public half do not belong together")
	}
	return dup, nil
}
