package jwt

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"hash"
)

// midstate is HMAC (RFC 2104) with one key, stopped in the middle: the states of its inner and its
// outer hash, from which any number of messages can be continued. It is key material: whoever has
// it can sign.
type midstate struct{ inner, outer []byte }

// resumable is what the SHA-2 hashes of the standard library are.
type resumable interface {
	hash.Hash
	encoding.BinaryUnmarshaler
	encoding.BinaryAppender
}

// newHash is the hash of an HMAC algorithm, by the length of its sum.
func newHash(size int) resumable {
	switch size {
	case sha256.Size:
		return sha256.New().(resumable)
	case sha512.Size384:
		return sha512.New384().(resumable)
	default:
		return sha512.New().(resumable)
	}
}

// newMidstate stops where the key has been taken in, and of the message its prefix.
func newMidstate(size int, secret []byte, prefix string) *midstate {
	h := newHash(size)
	pad := make([]byte, h.BlockSize())
	if len(secret) > len(pad) {
		h.Write(secret)
		secret = h.Sum(nil)
	}
	state := func(fill byte, text string) []byte {
		for i := range pad {
			pad[i] = fill
		}
		for i, b := range secret {
			pad[i] ^= b
		}
		h.Reset()
		h.Write(pad)
		h.Write([]byte(text))
		saved, err := h.AppendBinary(nil)
		if err != nil {
			panic("jwt: SHA-2 cannot save its state: " + err.Error())
		}
		return saved
	}
	return &midstate{inner: state(0x36, prefix), outer: state(0x5c, "")}
}

// mac is the HMAC of the prefix of m and of rest.
func (sc *scratch) mac(m *midstate, rest []byte) []byte {
	sc.resume(m.inner)
	sc.hash.Write(rest)
	sum := sc.hash.Sum(sc.sum[:0])
	sc.resume(m.outer)
	sc.hash.Write(sum)
	return sc.hash.Sum(sum[:0])
}

func (sc *scratch) resume(state []byte) {
	if err := sc.hash.UnmarshalBinary(state); err != nil {
		panic("jwt: SHA-2 cannot take its state back: " + err.Error())
	}
}

// checkMAC compares in constant time.
func (sc *scratch) checkMAC(m *midstate, rest, sig []byte) bool {
	return hmac.Equal(sc.mac(m, rest), sig)
}
