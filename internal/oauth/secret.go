package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// What this server makes up begins with a prefix and ends with a checksum, the CRC-32 (IEEE) of all characters before it in base 62, as
// refresh tokens do: secret scanners tell it from noise by them. Neither authenticates anything.
const (
	secretPrefix       = "sds_"
	registrationPrefix = "sdg_" // registration access tokens (RFC 7592)
)

// NewSecret makes a client secret of 256 random bits: plain is shown once, s is kept. expires may be zero, for never.
func NewSecret(now, expires time.Time) (plain string, s Secret) {
	plain = newRandom(secretPrefix)
	return plain, Secret{Hash: sha256.Sum256([]byte(plain)), CreatedAt: now, ExpiresAt: expires}
}

// Alive says that the secret may be used at an instant.
func (s Secret) Alive(now time.Time) bool { return s.ExpiresAt.IsZero() || now.Before(s.ExpiresAt) }

// newRandom is prefix, 256 random bits in base64url, and their checksum.
func newRandom(prefix string) string {
	var b [32]byte
	rand.Read(b[:])
	s := prefix + base64.RawURLEncoding.EncodeToString(b[:])
	return s + checksum(s)
}

// checksum is the CRC-32 of s as six digits of base 62.
func checksum(s string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var out [6]byte
	n := crc32.ChecksumIEEE([]byte(s))
	for i := range out {
		out[len(out)-1-i] = digits[n%62]
		n /= 62
	}
	return string(out[:])
}

// hasSecret compares with each of the client's secrets, dead ones too, so that neither which nor how many there are shows in the time:
// a client without any costs as much. secure-defaults 15.
func (c Client) hasSecret(plain string, now time.Time) bool {
	hash := sha256.Sum256([]byte(plain))
	found := 0
	for i := range maxSecrets {
		var s Secret
		if i < len(c.Secrets) {
			s = c.Secrets[i]
		}
		same := subtle.ConstantTimeCompare(hash[:], s.Hash[:])
		if i < len(c.Secrets) && s.Alive(now) {
			found |= same
		}
	}
	return found == 1
}

// maxSecrets at a time: the one in use and the one that takes its place.
const maxSecrets = 2

// hashID is the id, 43 characters, under which something that counts once is spent: kind keeps one kind of thing apart from the others.
func hashID(kind string, parts ...string) string {
	h := sha256.New()
	for _, s := range append([]string{kind}, parts...) {
		_ = binary.Write(h, binary.BigEndian, uint64(len(s))) // a hash never fails
		h.Write([]byte(s))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
