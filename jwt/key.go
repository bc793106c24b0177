package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"sync"
	"unicode/utf8"
)

// Key is a key bound to one algorithm and one kid for its life: there is no way to verify a token
// with another algorithm than its key's (RFC 8725 section 3.1). It is immutable and safe for
// concurrent use. It prints as its algorithm and kid, whatever the verb.
type Key struct {
	alg        Algorithm
	id         string
	spec       spec
	public     crypto.PublicKey // nil for HMAC
	private    *private         // nil for a public key
	size       int              // signature length in bytes
	noVerify   bool             // key_ops without "verify"
	thumbprint string
	segments   []segment
	scratch    sync.Pool // of *scratch
}

// private is what must not be shown. It stands behind a pointer, where package fmt does not look.
type private struct {
	secret []byte        // HMAC
	mid    *midstate     // HMAC
	signer crypto.Signer // every other
	noSign bool          // key_ops without "sign"
}

// maxKeyID bounds a kid, so that a header of ours always fits the header limit.
const maxKeyID = 256

// NewKey binds material to an algorithm. Material is, by algorithm,
//
//	HS256, HS384, HS512    []byte of 32, 48, 64 bytes or more (RFC 7518 section 3.2)
//	RS256 ... PS512        *rsa.PrivateKey, *rsa.PublicKey: 2048 to 8192 bits
//	ES256, ES384, ES512    *ecdsa.PrivateKey, *ecdsa.PublicKey on P-256, P-384, P-521
//	EdDSA                  ed25519.PrivateKey, ed25519.PublicKey
//
// or, for all but HMAC, any crypto.Signer with such a public key: a key in a KMS or an HSM. The
// material is copied, except for a crypto.Signer.
//
// An empty kid becomes the RFC 7638 thumbprint, or, for HMAC, no kid at all: such tokens carry
// none, and the key is chosen by its algorithm. A kid is UTF-8 of at most 256 bytes.
//
// It returns ErrWeakKey for a key that is too short or known to be breakable, and ErrKey for one
// that does not fit the algorithm or contradicts itself.
func NewKey(alg Algorithm, kid string, material any) (*Key, error) {
	s, ok := alg.spec()
	if !ok {
		return nil, because(ErrKey, "unknown algorithm")
	}
	if len(kid) > maxKeyID || !utf8.ValidString(kid) {
		return nil, because(ErrKey, "kid is longer than %d bytes or not UTF-8", maxKeyID)
	}
	k := &Key{alg: alg, id: kid, spec: s, size: s.size}
	if err := k.setMaterial(material); err != nil {
		return nil, err
	}
	k.finish()
	return k, nil
}

// finish derives what follows from the material and the kid.
func (k *Key) finish() {
	if k.public != nil {
		k.thumbprint = thumbprint(k.public)
		if k.id == "" {
			k.id = k.thumbprint
		}
	}
	if k.spec.family == familyHMAC {
		k.private.mid = newMidstate(k.size, k.private.secret, "")
	}
	k.segments = commonSegments(k)
	k.scratch.New = func() any { return k.newScratch() }
}

// setMaterial checks the material and copies it into k.
func (k *Key) setMaterial(material any) (err error) {
	switch m := material.(type) {
	case []byte:
		k.private, err = newSecret(k.spec, m)
		return err
	case *rsa.PrivateKey:
		return k.setSigner(copyRSA(m))
	case *ecdsa.PrivateKey:
		return k.setSigner(copyECDSA(m))
	case ed25519.PrivateKey:
		return k.setSigner(copyEd25519(m))
	case crypto.Signer:
		return k.setSigner(m, nil)
	}
	k.public, k.size, err = checkPublic(k.spec, material)
	return err
}

// setSigner takes a private key together with the outcome of copying it.
func (k *Key) setSigner(signer crypto.Signer, err error) error {
	if err != nil {
		return err
	}
	if k.public, k.size, err = checkPublic(k.spec, signer.Public()); err != nil {
		return err
	}
	if pub, ok := k.public.(*rsa.PublicKey); ok && pub.E < minSigningExponent {
		return because(ErrWeakKey, "RSA exponent of a signing key is under %d", minSigningExponent)
	}
	k.private = &private{signer: signer}
	return nil
}

// GenerateKey makes a new private key from crypto/rand: as many random bytes as the hash is long
// for HMAC, 2048 bits for RSA. Its kid is its thumbprint, or 128 random bits for HMAC.
func GenerateKey(alg Algorithm) (*Key, error) {
	s, ok := alg.spec()
	if !ok {
		return nil, because(ErrKey, "unknown algorithm")
	}
	switch s.family {
	case familyHMAC:
		secret, kid := make([]byte, s.size), make([]byte, 16)
		rand.Read(secret) // never fails: it crashes the program instead
		rand.Read(kid)
		return NewKey(alg, string(appendEncoded(nil, kid)), secret)
	case familyECDSA:
		return generated(alg)(ecdsa.GenerateKey(s.curve, rand.Reader))
	case familyEd25519:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return generated(alg)(key, err)
	default:
		return generated(alg)(rsa.GenerateKey(rand.Reader, minRSABits))
	}
}

func generated(alg Algorithm) func(any, error) (*Key, error) {
	return func(material any, err error) (*Key, error) {
		if err != nil {
			return nil, fmt.Errorf("generate key: %w", err)
		}
		return NewKey(alg, "", material)
	}
}

// ID is the kid that tokens name the key by; "" only for an HMAC key without one.
func (k *Key) ID() string { return k.id }

// Algorithm is the one algorithm the key is for.
func (k *Key) Algorithm() Algorithm { return k.alg }

// CanSign says whether the key has a private half that may sign.
func (k *Key) CanSign() bool { return k.private != nil && !k.private.noSign }

// CanVerify says whether the key may verify: it may unless key_ops of the JWK it was read from say
// otherwise (RFC 7517 section 4.3).
func (k *Key) CanVerify() bool { return !k.noVerify }

// Public is the key without its private half, with the same kid; k itself where it has none. An
// HMAC key has no public half: nil.
func (k *Key) Public() *Key {
	if k.public == nil {
		return nil
	}
	if k.private == nil {
		return k
	}
	p := &Key{alg: k.alg, id: k.id, spec: k.spec, public: k.public, size: k.size}
	p.finish()
	return p
}

// PublicKey is a *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey, not to be modified; nil
// for HMAC.
func (k *Key) PublicKey() crypto.PublicKey { return k.public }

// Thumbprint is the SHA-256 JWK thumbprint in base64url (RFC 7638). It is "" for HMAC, where it
// would let whoever sees it test guesses at the secret (RFC 7638 section 7).
func (k *Key) Thumbprint() string { return k.thumbprint }

// String names the key by algorithm and kid and shows nothing of it.
func (k *Key) String() string {
	if k == nil {
		return "jwt.Key(nil)"
	}
	half := "public"
	if k.private != nil {
		half = "private [redacted]"
	}
	return fmt.Sprintf("jwt.Key(%s %q %s)", k.alg, k.id, half)
}

// GoString is String, so that %#v shows no more.
func (k *Key) GoString() string { return k.String() }

// Format writes String for every verb, %x and %d included, which would otherwise print the fields.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue is what package slog writes.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// scratch is what one signature or verification works in. Nothing of it is ever returned.
type scratch struct {
	hash resumable // HMAC only
	in   []byte    // what is signed
	sig  []byte
	sum  [64]byte
}

// maxScratch keeps a rare giant token from being held for ever.
const maxScratch = 64 << 10

func (k *Key) newScratch() *scratch {
	sc := &scratch{sig: make([]byte, 0, k.size)}
	if k.spec.family == familyHMAC {
		sc.hash = newHash(k.size)
	}
	return sc
}

func (k *Key) borrow() *scratch { return k.scratch.Get().(*scratch) }

func (k *Key) giveBack(sc *scratch) {
	if cap(sc.in)+cap(sc.sig) <= maxScratch {
		k.scratch.Put(sc)
	}
}
