package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
)

// Writing JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

// field is a member of a JWK that holds a string.
type field struct{ name, value string }

func encoded(b []byte) string { return string(appendEncoded(nil, b)) }

// publicFields are the members that RFC 7638 section 3.2 takes a thumbprint of, in its order.
func publicFields(pub crypto.PublicKey) []field {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return []field{{"e", encoded(big.NewInt(int64(pub.E)).Bytes())}, {"kty", "RSA"}, {"n", encoded(pub.N.Bytes())}}
	case *ecdsa.PublicKey:
		raw, err := pub.Bytes()
		if err != nil {
			panic("jwt: checked ECDSA key is off its curve")
		}
		half := len(raw) / 2 // raw is 4, x, y
		return []field{{"crv", pub.Params().Name}, {"kty", "EC"}, {"x", encoded(raw[1 : 1+half])}, {"y", encoded(raw[1+half:])}}
	case ed25519.PublicKey:
		return []field{{"crv", "Ed25519"}, {"kty", "OKP"}, {"x", encoded(pub)}}
	}
	return nil
}

// thumbprint is the RFC 7638 thumbprint with SHA-256, in base64url.
func thumbprint(pub crypto.PublicKey) string {
	sum := sha256.Sum256(appendFields(nil, publicFields(pub)))
	return encoded(sum[:])
}

func appendFields(dst []byte, fields []field) []byte {
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, f.name), ':')
		dst = appendQuoted(dst, f.value)
	}
	return append(dst, '}')
}

// attributes are the members that say what the key is for.
func (k *Key) attributes() []field {
	list := []field{{"use", "sig"}, {"alg", string(k.alg)}}
	if k.id != "" {
		list = append(list, field{"kid", k.id})
	}
	return list
}

func (k *Key) publicJWK() []byte {
	return appendFields(nil, append(k.attributes(), publicFields(k.public)...))
}

// MarshalJSON writes the public half as a JWK. An HMAC key has none: ErrKey.
func (k *Key) MarshalJSON() ([]byte, error) {
	if k.public == nil {
		return nil, because(ErrKey, "an HMAC key has no public half")
	}
	return k.publicJWK(), nil
}

// PrivateJWK writes the whole key as a JWK, for keeping under encryption. It returns ErrKey for a
// public key and for one whose private half is in a crypto.Signer.
func (k *Key) PrivateJWK() ([]byte, error) {
	if k.private == nil {
		return nil, because(ErrKey, "key is public")
	}
	fields := append(k.attributes(), publicFields(k.public)...)
	if k.spec.family == familyHMAC {
		return appendFields(nil, append(fields, field{"kty", "oct"}, field{"k", encoded(k.private.secret)})), nil
	}
	switch key := k.private.signer.(type) {
	case *rsa.PrivateKey:
		for _, part := range rsaParts(key) {
			fields = append(fields, field{part.name, encoded(part.value.Bytes())})
		}
	case *ecdsa.PrivateKey:
		raw, err := key.Bytes()
		if err != nil {
			return nil, because(ErrKey, "not an ECDSA private key")
		}
		fields = append(fields, field{"d", encoded(raw)})
	case ed25519.PrivateKey:
		fields = append(fields, field{"d", encoded(key.Seed())})
	default:
		return nil, because(ErrKey, "private half cannot be exported")
	}
	return appendFields(nil, fields), nil
}

// rsaPart is a private member of an RSA JWK (RFC 7518 section 6.3.2).
type rsaPart struct {
	name  string
	value *big.Int
}

func rsaParts(key *rsa.PrivateKey) []rsaPart {
	return []rsaPart{
		{"d", key.D},
		{"p", key.Primes[0]},
		{"q", key.Primes[1]},
		{"dp", key.Precomputed.Dp},
		{"dq", key.Precomputed.Dq},
		{"qi", key.Precomputed.Qinv},
	}
}
