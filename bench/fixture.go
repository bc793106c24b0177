package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

const (
	issuer   = "https://id.example.com"
	audience = "https://api.example.com"
	secret   = "an HMAC key of well over 32 bytes, for measuring"
	tokenTyp = "at+jwt"
)

// payload has the claims of an access token by RFC 9068, 327 bytes.
const payload = `{"iss":"https://id.example.com","sub":"user001","aud":"https://api.example.com","exp":4102444800,` +
	`"iat":1700000000,"nbf":1700000000,"jti":"0f8fad5bd9cb469fa16570867728950e","client_id":"sandi","scope":"read",` +
	`"sid":"7c9e6679742540de944be07fc1f90ae7","roles":["manager","user"],"auth_time":1700000000,"type":"access","fresh":true}`

// payloadOf is payload for one of many users, as long.
func payloadOf(user int) string {
	return fmt.Sprintf(`{"iss":"https://id.example.com","sub":"u%06d","aud":"https://api.example.com","exp":4102444800,`+
		`"iat":1700000000,"nbf":1700000000,"jti":%q,"client_id":"sandi","scope":"read",`+
		`"sid":%q,"roles":["manager","user"],"auth_time":1700000000,"type":"access","fresh":true}`, user, handle(), handle())
}

// handle is a random one of 128 bits, as a session has.
func handle() string {
	h := randomKey()
	return hex.EncodeToString(h[:])
}

// randomKey is 128 random bits that nobody has to be unable to guess.
func randomKey() (k [16]byte) {
	binary.LittleEndian.PutUint64(k[:8], mathrand.Uint64())
	binary.LittleEndian.PutUint64(k[8:], mathrand.Uint64())
	return k
}

// fixture is a key in the form of the standard library and in Sandi's, and a token.
type fixture struct {
	alg     jwt.Algorithm
	private any
	key     *jwt.Key
	set     *jwt.KeySet
	token   string
}

func newFixture(alg jwt.Algorithm) (f fixture, err error) {
	f.alg = alg
	switch alg {
	case jwt.HS256:
		f.private = []byte(secret)
	case jwt.ES256:
		f.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jwt.EdDSA:
		_, f.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		f.private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return f, err
	}
	if f.key, err = jwt.NewKey(alg, "k1", f.private); err != nil {
		return f, err
	}
	if f.set, err = jwt.NewKeySet(f.key); err != nil {
		return f, err
	}
	f.token, err = jwt.SignPayload(f.key, tokenTyp, []byte(payload))
	return f, err
}

func (f fixture) verifier(maxSize int) (*jwt.Verifier, error) {
	return jwt.NewVerifier(jwt.Config{
		Keys: f.set, Issuer: issuer, Audience: []string{audience}, Types: []string{tokenTyp}, MaxSize: maxSize,
	})
}

// answer is a private key that always gives the same signature.
type answer struct {
	crypto.Signer
	sig []byte
}

// Sign implements crypto.Signer.
func (a answer) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return slices.Clone(a.sig), nil
}

// answering is f with such a key, whose signature is that of f's token.
func (f fixture) answering() (fixture, error) {
	_, sig, err := split(f.token)
	if err != nil {
		return f, err
	}
	a := answer{f.private.(crypto.Signer), sig}
	f.private = a
	f.key, err = jwt.NewKey(f.alg, "k1", a)
	return f, err
}

// verificationKey is the standard library's key that verifies.
func (f fixture) verificationKey() any {
	if signer, ok := f.private.(crypto.Signer); ok {
		return signer.Public()
	}
	return f.private
}

// guard asks for what the verifiers are asked for, and list for revocations. cacheSize is guard.Config's.
func (f fixture) guard(list *guard.RevocationList, cacheSize int) (*guard.Guard, error) {
	return guard.New(guard.Config{
		Issuer: issuer, Audience: []string{audience}, Keys: f.set, Revocations: list, CacheSize: cacheSize,
	})
}

// newList makes a list of n sessions that have ended, all of them within the hour.
func newList(n int, maxStaleness time.Duration) *guard.RevocationList {
	const most = 1 << 20 // at a time, so that making it takes no more memory than having it
	list := guard.NewRevocationList(guard.RevocationListConfig{MaxStaleness: maxStaleness})
	list.Touch()
	expires := time.Now().Add(time.Hour)
	for n > 0 {
		entries := make([]guard.RevocationEntry, min(n, most))
		for i := range entries {
			entries[i] = guard.RevocationEntry{Kind: guard.RevokedSession, Handle: handle(), ExpiresAt: expires}
		}
		list.Add(entries...)
		n -= len(entries)
	}
	return list
}
