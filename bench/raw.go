package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"

	"github.com/sandi-auth/sandi/jwt"
)

var errRaw = errors.New("the standard library refuses a signature of ours")

// rawMAC is the HMAC of input by a hash that was keyed before, into the same bytes each time.
func rawMAC(input []byte) func() error {
	mac := hmac.New(sha256.New, []byte(secret))
	sum := make([]byte, 0, sha256.Size)
	return func() error {
		mac.Reset()
		mac.Write(input)
		sum = mac.Sum(sum[:0])
		return nil
	}
}

// sumOf is the HMAC of a token's signing input.
func sumOf(input string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return mac.Sum(nil)
}

// split is what a token's signature is over, and the signature.
func split(token string) (input, sig []byte, err error) {
	dot := strings.LastIndexByte(token, '.')
	sig, err = base64.RawURLEncoding.DecodeString(token[dot+1:])
	return []byte(token[:dot]), sig, err
}

// rawVerify is what the standard library does for the token's signature: the hash and the verification. Base64, JSON and
// the form of ECDSA signatures are done before.
func (f fixture) rawVerify() (func() error, error) {
	input, sig, err := split(f.token)
	if err != nil {
		return nil, err
	}
	var ok func() bool
	switch key := f.private.(type) {
	case []byte:
		return rawMAC(input), nil
	case *ecdsa.PrivateKey:
		half := len(sig) / 2
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])})
		if err != nil {
			return nil, err
		}
		ok = func() bool { digest := sha256.Sum256(input); return ecdsa.VerifyASN1(&key.PublicKey, digest[:], der) }
	case ed25519.PrivateKey:
		public := key.Public().(ed25519.PublicKey)
		ok = func() bool { return ed25519.Verify(public, input, sig) }
	case *rsa.PrivateKey:
		ok = func() bool {
			digest := sha256.Sum256(input)
			if f.alg == jwt.PS256 {
				return rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], sig, pssOptions()) == nil
			}
			return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], sig) == nil
		}
	}
	return func() error {
		if !ok() {
			return errRaw
		}
		return nil
	}, nil
}

// rawSign is what the standard library does for a signature: the hash and the signing, to ASN.1 for ECDSA.
func (f fixture) rawSign() (func() error, error) {
	input, _, err := split(f.token)
	if err != nil {
		return nil, err
	}
	signer, ok := f.private.(crypto.Signer)
	if !ok {
		return rawMAC(input), nil
	}
	var opts crypto.SignerOpts = crypto.SHA256
	switch f.alg {
	case jwt.EdDSA:
		return func() error { _, err := signer.Sign(rand.Reader, input, crypto.Hash(0)); return err }, nil
	case jwt.PS256:
		opts = pssOptions()
	}
	return func() error {
		digest := sha256.Sum256(input)
		_, err := signer.Sign(rand.Reader, digest[:], opts)
		return err
	}, nil
}

// pssOptions are those of RFC 7518 section 3.5.
func pssOptions() *rsa.PSSOptions {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
}
