package jwt

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"slices"
)

// Reading JSON Web Keys.

// maxJWK is the largest JWK that is read, in bytes.
const maxJWK = 64 << 10

// ParseKey reads a JWK, public or private. Its algorithm is the member alg; without that, an EC or
// OKP key has the only one that its curve allows, and any other is refused with ErrKey: see
// ParseKeyFor. Members that are not known are ignored, those that are must be well-formed and
// agree with each other (ErrKey), and use and key_ops must allow signatures. Without a kid the key
// gets the one that NewKey would give it.
func ParseKey(jwk []byte) (*Key, error) { return ParseKeyFor("", jwk) }

// ParseKeyFor is ParseKey for keys whose owner names the algorithm outside of the JWK. It returns
// ErrAlgorithm when the JWK names another.
func ParseKeyFor(alg Algorithm, jwk []byte) (*Key, error) {
	if len(jwk) > maxJWK {
		return nil, because(ErrKey, "JWK is over %d bytes", maxJWK)
	}
	r, err := readJWK(string(jwk))
	if err != nil {
		return nil, err
	}
	return r.key(alg)
}

// jwkReader reads the members of one JWK; the first fault stays in err.
type jwkReader struct {
	object
	err error
}

func (r *jwkReader) fail(fact string) {
	if r.err == nil {
		r.err = because(ErrKey, "JWK: %s", fact)
	}
}

// text is a member that must be a string where it is there at all.
func (r *jwkReader) text(name string) string {
	m := r.find(name)
	if m == nil {
		return ""
	}
	s, ok := r.object.text(m)
	if !ok {
		r.fail("a member is not a string")
	}
	return s
}

// bytes is a member in base64url. Its length must be n where that is not 0 (RFC 7518 section
// 6.2.1.2: coordinates are padded to the full size).
func (r *jwkReader) bytes(name string, n int) []byte {
	b, ok := appendDecoded(nil, r.text(name))
	if !ok || len(b) == 0 || n != 0 && len(b) != n {
		r.fail("a member is missing, not base64url or of the wrong length")
		return nil
	}
	return b
}

// integer is a member in Base64urlUInt, which has no leading zero (RFC 7518 section 2).
func (r *jwkReader) integer(name string) *big.Int {
	b := r.bytes(name, 0)
	if len(b) > 0 && b[0] == 0 {
		r.fail("an integer has a leading zero")
	}
	return new(big.Int).SetBytes(b)
}

func readJWK(text string) (*jwkReader, error) {
	r := &jwkReader{}
	if fault := scanObject(text, &r.object); fault != "" {
		return nil, because(ErrKey, "JWK: %s", fault)
	}
	return r, nil
}

// key makes the key that the members describe.
func (r *jwkReader) key(asked Algorithm) (*Key, error) {
	alg, err := r.algorithm(asked)
	if err != nil {
		return nil, err
	}
	ops, material, kid := r.operations(), r.material(alg), r.text("kid")
	if r.find("kid") != nil && kid == "" {
		r.fail("kid is empty")
	}
	if r.err != nil {
		return nil, r.err
	}
	k, err := NewKey(alg, kid, material)
	if err != nil {
		return nil, err
	}
	return ops.apply(k)
}

// algorithm is the one the key is for: its own word, or else the caller's, or else the curve's.
func (r *jwkReader) algorithm(asked Algorithm) (alg Algorithm, err error) {
	switch {
	case r.find("alg") != nil:
		alg = Algorithm(r.text("alg"))
	case asked != "":
		alg = asked
	default:
		alg = derive(r.text("crv"))
	}
	if _, ok := alg.spec(); !ok {
		r.fail("names no algorithm that is known here")
	}
	if r.err == nil && asked != "" && alg != asked {
		return "", because(ErrAlgorithm, "JWK is for another")
	}
	return alg, r.err
}

// material reads the members of the key's type, which must be the algorithm's (RFC 7518 section 6.1).
func (r *jwkReader) material(alg Algorithm) any {
	s, _ := alg.spec()
	kty := r.text("kty")
	switch {
	case s.family == familyHMAC && kty == "oct":
		return r.bytes("k", 0)
	case s.family == familyECDSA && kty == "EC" && r.text("crv") == s.crv:
		return r.ec(s)
	case s.family == familyEd25519 && kty == "OKP" && r.text("crv") == s.crv:
		return r.okp()
	case (s.family == familyPKCS1 || s.family == familyPSS) && kty == "RSA":
		return r.rsa()
	}
	r.fail("kty or crv is not the algorithm's")
	return nil
}

func (r *jwkReader) ec(s spec) any {
	n := s.size / 2
	point := append([]byte{4}, r.bytes("x", n)...)
	point = append(point, r.bytes("y", n)...)
	if r.err != nil {
		return nil
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(s.curve, point)
	if err != nil {
		r.fail("point is not on the curve")
		return nil
	}
	if r.find("d") == nil {
		return pub
	}
	key, err := ecdsa.ParseRawPrivateKey(s.curve, r.bytes("d", n))
	if err != nil || !key.PublicKey.Equal(pub) {
		r.fail("d does not belong to x and y")
		return nil
	}
	return key
}

func (r *jwkReader) okp() any {
	x := r.bytes("x", ed25519.PublicKeySize)
	if r.find("d") == nil {
		return ed25519.PublicKey(x)
	}
	seed := r.bytes("d", ed25519.SeedSize)
	if r.err != nil {
		return nil
	}
	key := ed25519.NewKeyFromSeed(seed)
	if !bytes.Equal(key[ed25519.SeedSize:], x) {
		r.fail("d does not belong to x")
		return nil
	}
	return key
}

// rsa reads an RSA key. A private one has all members of RFC 7518 section 6.3.2: those with d alone
// are slow and cannot be checked, those of more than two primes are not offered.
func (r *jwkReader) rsa() any {
	n, e := r.integer("n"), r.integer("e")
	if r.err != nil {
		return nil
	}
	if e.BitLen() > 31 || n.BitLen() > maxRSABits {
		r.fail("RSA modulus or exponent is too large")
		return nil
	}
	pub := rsa.PublicKey{N: n, E: int(e.Int64())}
	if r.find("d") == nil {
		return &pub
	}
	if _, _, err := checkRSA(&pub); err != nil {
		r.err = err
		return nil
	}
	if r.find("oth") != nil {
		r.fail("RSA key has more than two primes")
		return nil
	}
	key := &rsa.PrivateKey{PublicKey: pub, D: r.integer("d"), Primes: []*big.Int{r.integer("p"), r.integer("q")}}
	return r.checkRSAParts(key)
}

// checkRSAParts refuses a private key whose parts do not belong together.
func (r *jwkReader) checkRSAParts(key *rsa.PrivateKey) any {
	for _, part := range []*big.Int{key.D, key.Primes[0], key.Primes[1]} {
		if r.err == nil && part.BitLen() > key.N.BitLen() {
			r.fail("an RSA member is longer than the modulus")
		}
	}
	if r.err != nil {
		return nil
	}
	key.Precompute()
	if key.Validate() != nil {
		r.fail("the parts of the RSA key do not belong together")
		return nil
	}
	for _, part := range rsaParts(key) {
		if r.integer(part.name).Cmp(part.value) != 0 {
			r.fail("the parts of the RSA key do not belong together")
		}
	}
	return key
}

// operations is what use and key_ops allow.
type operations struct{ sign, verify, limited bool }

// operations reads use and key_ops (RFC 7517 sections 4.2 and 4.3). Operations that are not in that
// registry are ignored, like other unknown values in a JWK; where a registered one is named, sign
// or verify must be among them.
func (r *jwkReader) operations() (ops operations) {
	if m := r.find("use"); m != nil && r.text("use") != "sig" {
		r.fail("use is not sig")
	}
	m := r.find("key_ops")
	if m == nil {
		return ops
	}
	list, ok := r.texts(m)
	if !ok {
		r.fail("key_ops is not a list of names")
	}
	for i, op := range list {
		if slices.Contains(list[:i], op) {
			r.fail("key_ops names an operation twice")
		}
		switch op {
		case "sign":
			ops.sign, ops.limited = true, true
		case "verify":
			ops.verify, ops.limited = true, true
		case "encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits":
			ops.limited = true
		}
	}
	if ops.limited && !ops.sign && !ops.verify {
		r.fail("key_ops allow no signatures")
	}
	return ops
}

// apply holds k to the operations. A private key that may sign has a public half that may verify,
// whatever its own key_ops say; a secret may do only what it is for.
func (ops operations) apply(k *Key) (*Key, error) {
	if !ops.limited {
		return k, nil
	}
	if k.private != nil {
		k.private.noSign = !ops.sign
		k.noVerify = !ops.verify && k.public == nil
		return k, nil
	}
	if !ops.verify {
		return nil, because(ErrKey, "JWK: key_ops of a public key do not include verify")
	}
	return k, nil
}
