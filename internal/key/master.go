package key

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
)

const (
	masterSize  = 32
	sealVersion = 1
)

// Errors of Open.
var (
	// ErrOtherMaster means that another master key sealed it.
	ErrOtherMaster = errors.New("sealed under another master key")
	// ErrSealed means that it was changed, cut off, or moved from another place.
	ErrSealed = errors.New("sealed data is damaged")
)

// Master is the key from which every other symmetric key is derived: it
// encrypts signing keys at rest and authenticates refresh tokens. It prints as
// [redacted].
type Master struct {
	secret [masterSize]byte
}

// GenerateMaster makes a random master key.
func GenerateMaster() *Master {
	m := new(Master)
	rand.Read(m.secret[:])
	return m
}

// ParseMaster reads the content of a master key file: one line, 32 random bytes
// in base64url without padding (RFC 4648 section 5). Anything else is a *Refusal.
func ParseMaster(text []byte) (*Master, error) {
	const hint = "make one with: openssl rand -base64 32 | tr '+/' '-_' | tr -d '='"
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	m := new(Master)
	if base64.RawURLEncoding.EncodedLen(masterSize) != len(text) {
		return nil, refuse("master key is not one line of 43 characters (32 bytes in base64url)", hint)
	}
	// The decoder skips line breaks, and then has fewer bytes.
	if n, err := base64.RawURLEncoding.Strict().Decode(m.secret[:], text); err != nil || n != masterSize {
		return nil, refuse("master key is not base64url", hint)
	}
	if predictable(text) || predictable(m.secret[:]) || isText(m.secret[:]) {
		return nil, refuse("master key is not random", hint)
	}
	return m, nil
}

// text is the file's content.
func (m *Master) text() []byte {
	return append(base64.RawURLEncoding.AppendEncode(nil, m.secret[:]), '\n')
}

// Derive is n bytes (at most 8,160) that only this master key and this purpose
// give (HKDF-SHA-256, RFC 5869). Purposes are constants of the packages that use them.
func (m *Master) Derive(purpose string, n int) []byte {
	out, err := hkdf.Key(sha256.New, m.secret[:], nil, "sandi v1 "+purpose, n)
	if err != nil {
		panic("key: derive " + purpose + ": " + err.Error())
	}
	return out
}

// ID tells master keys apart in refresh tokens and sealed data. It reveals nothing.
func (m *Master) ID() (id [4]byte) {
	copy(id[:], m.Derive("master id", len(id)))
	return id
}

// Fingerprint is what the store remembers its master key by. It reveals nothing.
func (m *Master) Fingerprint() string {
	return hex.EncodeToString(m.Derive("master fingerprint", 16))
}

// Seal encrypts and authenticates plaintext together with the place it is kept
// in, which Open must be given again (AES-256-GCM with a random nonce). The
// result is: version 1, ID 4, nonce 12, ciphertext and tag.
func (m *Master) Seal(plaintext []byte, place string) []byte {
	head := m.sealHead()
	return slices.Concat(head, m.aead().Seal(nil, nil, plaintext, slices.Concat(head, []byte(place))))
}

// Open is the inverse of Seal; ErrOtherMaster or ErrSealed.
func (m *Master) Open(sealed []byte, place string) ([]byte, error) {
	head := m.sealHead()
	if len(sealed) < len(head) || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	if !bytes.HasPrefix(sealed, head) {
		return nil, ErrOtherMaster
	}
	plaintext, err := m.aead().Open(nil, nil, sealed[len(head):], slices.Concat(head, []byte(place)))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

func (m *Master) sealHead() []byte {
	id := m.ID()
	return append([]byte{sealVersion}, id[:]...)
}

// aead is built anew for each use: a handful of keys are opened at start and
// one is sealed a month.
func (m *Master) aead() cipher.AEAD {
	block, err := aes.NewCipher(m.Derive("seal", 32))
	if err != nil {
		panic("key: " + err.Error()) // 32 bytes are a key of AES-256
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("key: " + err.Error())
	}
	return aead
}

const redacted = "[redacted]"

// Format prints [redacted] under every verb.
func (Master) Format(s fmt.State, _ rune) { fmt.Fprint(s, redacted) }

// String is [redacted].
func (Master) String() string { return redacted }

// MarshalText is [redacted], in JSON too.
func (Master) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is [redacted].
func (Master) LogValue() slog.Value { return slog.StringValue(redacted) }
