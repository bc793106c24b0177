package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
)

// The primitives: bytes and a signature, nothing of tokens.

// verify says whether sig is k's signature over input. A signature of another length than the
// algorithm's is refused: no truncated MAC, no DER, no leading zeros (RFC 7518 sections 3.2 to 3.5).
func (k *Key) verify(sc *scratch, input, sig []byte) bool {
	if len(sig) != k.size {
		return false
	}
	switch k.spec.family {
	case familyHMAC:
		return sc.checkMAC(k.private.mid, input, sig)
	case familyPKCS1:
		pub := k.public.(*rsa.PublicKey)
		return rsa.VerifyPKCS1v15(pub, k.spec.hash, sc.digest(k.spec.hash, input), sig) == nil
	case familyPSS:
		// RFC 7518 section 3.5: the salt is as long as the hash, MGF1 uses the same hash.
		pub, opts := k.public.(*rsa.PublicKey), rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(pub, k.spec.hash, sc.digest(k.spec.hash, input), sig, &opts) == nil
	case familyECDSA:
		var der [maxDER]byte
		return ecdsa.VerifyASN1(k.public.(*ecdsa.PublicKey), sc.digest(k.spec.hash, input), appendDER(der[:0], sig))
	case familyEd25519:
		return ed25519.Verify(k.public.(ed25519.PublicKey), input, sig)
	}
	return false
}

// sign returns k's signature over input. It may stand in sc.
func (k *Key) sign(sc *scratch, input []byte) ([]byte, error) {
	if k.spec.family == familyHMAC {
		return sc.mac(k.private.mid, input), nil
	}
	var opts crypto.SignerOpts = k.spec.hash
	message := input
	switch k.spec.family {
	case familyPSS:
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: k.spec.hash}
		message = sc.digest(k.spec.hash, input)
	case familyPKCS1, familyECDSA:
		message = sc.digest(k.spec.hash, input)
	}
	sig, err := k.private.signer.Sign(rand.Reader, message, opts)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	if k.spec.family == familyECDSA {
		raw, ok := appendRaw(sc.sig[:0], sig, k.size/2)
		if !ok {
			return nil, because(ErrKey, "signer returned no ECDSA signature")
		}
		return raw, nil
	}
	if len(sig) != k.size {
		return nil, because(ErrKey, "signer returned a signature of %d bytes", len(sig))
	}
	return sig, nil
}

func (sc *scratch) digest(h crypto.Hash, input []byte) []byte {
	switch h {
	case crypto.SHA256:
		sum := sha256.Sum256(input)
		return append(sc.sum[:0], sum[:]...)
	case crypto.SHA384:
		sum := sha512.Sum384(input)
		return append(sc.sum[:0], sum[:]...)
	default:
		sum := sha512.Sum512(input)
		return append(sc.sum[:0], sum[:]...)
	}
}

// maxDER is the longest ECDSA-Sig-Value: two integers of 67 bytes on P-521.
const maxDER = 3 + 2*(2+67)

// appendDER writes r and s, the halves of a JWS signature, as the ECDSA-Sig-Value that package
// ecdsa takes (RFC 7518 section 3.4, RFC 3279 section 2.2.3). Both are in range or refused there.
func appendDER(dst, sig []byte) []byte {
	r, s := trimmed(sig[:len(sig)/2]), trimmed(sig[len(sig)/2:])
	n := integerLen(r) + integerLen(s)
	dst = append(dst, 0x30)
	if n >= 0x80 {
		dst = append(dst, 0x81)
	}
	dst = append(dst, byte(n))
	return appendInteger(appendInteger(dst, r), s)
}

// trimmed drops leading zeros, leaving at least one byte.
func trimmed(b []byte) []byte {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

func integerLen(b []byte) int { return 2 + len(b) + int(b[0]>>7) }

func appendInteger(dst, b []byte) []byte {
	dst = append(dst, 0x02, byte(len(b)+int(b[0]>>7)))
	if b[0]>>7 == 1 {
		dst = append(dst, 0)
	}
	return append(dst, b...)
}

// appendRaw turns an ECDSA-Sig-Value, as every crypto.Signer returns it, into two halves of the
// given size.
func appendRaw(dst, der []byte, half int) ([]byte, bool) {
	body, rest, ok := cutDER(der, 0x30)
	if !ok || len(rest) != 0 {
		return nil, false
	}
	r, body, okR := cutDER(body, 0x02)
	s, body, okS := cutDER(body, 0x02)
	if !okR || !okS || len(body) != 0 {
		return nil, false
	}
	for _, b := range [][]byte{r, s} {
		negative := b[0]&0x80 != 0
		if b = trimmed(b); negative || len(b) > half {
			return nil, false
		}
		dst = append(dst, make([]byte, half-len(b))...)
		dst = append(dst, b...)
	}
	return dst, true
}

// cutDER splits off one element with the given tag and a length of up to 255, which is all that
// an ECDSA signature needs.
func cutDER(b []byte, tag byte) (body, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, nil, false
	}
	n, b := int(b[1]), b[2:]
	if n == 0x81 && len(b) > 0 {
		n, b = int(b[0]), b[1:]
	} else if n >= 0x80 {
		return nil, nil, false
	}
	if n == 0 || n > len(b) {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
