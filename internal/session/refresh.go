package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"strings"
)

// A refresh token is 86 characters:
//
//	sdr_ · base64url( version 1 | MAC key id 4 | session id 16 | generation 4 | secret 16 | MAC 16 ) · checksum 6
//
// The numbers count bytes, big-endian. The MAC is HMAC-SHA-256 of all bytes
// before it, cut to 128 bits (RFC 2104 section 5). The checksum is the CRC-32
// (IEEE) of all characters before it, in base 62: it lets a secret scanner tell a token
// from noise, and authenticates nothing.
const (
	refreshPrefix   = "sdr_"
	refreshVersion  = 1
	macSize         = 16
	signedSize      = 1 + 4 + 16 + 4 + 16
	rawSize         = signedSize + macSize
	checksumLength  = 6
	refreshUnsummed = len(refreshPrefix) + rawSize/3*4 // 57 bytes fill their 76 characters: one spelling each
	refreshLength   = refreshUnsummed + checksumLength
)

// Refresh is a refresh token. It prints as [redacted]; Reveal is for the answer
// that hands it out.
type Refresh string

// Reveal is the token itself.
func (r Refresh) Reveal() string { return string(r) }

// String implements fmt.Stringer.
func (Refresh) String() string { return redacted }

// Format implements fmt.Formatter: no verb prints the token.
func (Refresh) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// LogValue implements slog.LogValuer.
func (Refresh) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Refresh) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const redacted = "[redacted]"

// IsRefresh says whether a token is meant for a refresh token, whether or not it counts.
func IsRefresh(token string) bool { return strings.HasPrefix(token, refreshPrefix) }

// minKey is the least size of a key in bytes: that of its HMAC's hash.
const minKey = sha256.Size

// MACKey is what is derived from one master key, whose ID it carries. Both keys are 32 bytes or more.
type MACKey struct {
	ID   [4]byte
	Key  []byte // authenticates refresh tokens
	CSRF []byte // makes the values of CSRF
}

// Format implements fmt.Formatter: no verb prints the key.
func (MACKey) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// LogValue implements slog.LogValuer.
func (MACKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (MACKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func sum(key, b []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(nil)
}

// contents are what a refresh token carries.
type contents struct {
	id         ID
	generation uint32
	secret     [16]byte
}

func (c contents) secretHash() [32]byte { return sha256.Sum256(c.secret[:]) }

// errOtherKey is a refresh token of a master key that is not known here.
var errOtherKey = fmt.Errorf("%w: MAC key", ErrInvalidGrant)

func (k MACKey) encode(c contents) Refresh {
	b := make([]byte, 0, rawSize)
	b = append(b, refreshVersion)
	b = append(b, k.ID[:]...)
	b = append(b, c.id[:]...)
	b = binary.BigEndian.AppendUint32(b, c.generation)
	b = append(b, c.secret[:]...)
	b = append(b, sum(k.Key, b)[:macSize]...)
	s := refreshPrefix + base64.RawURLEncoding.EncodeToString(b)
	return Refresh(s + checksum(s))
}

// decode reads a token of any of the keys; its error, which wraps ErrInvalidGrant, says for the log
// what is wrong, and holds nothing of the token.
func decode(keys []MACKey, token string) (contents, error) {
	var c contents
	if len(token) != refreshLength || !IsRefresh(token) {
		return c, fmt.Errorf("%w: not a refresh token", ErrInvalidGrant)
	}
	if checksum(token[:refreshUnsummed]) != token[refreshUnsummed:] {
		return c, fmt.Errorf("%w: checksum", ErrInvalidGrant)
	}
	var b [rawSize]byte
	n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(token[len(refreshPrefix):refreshUnsummed]))
	if err != nil || n != rawSize || b[0] != refreshVersion { // n is less where it skipped a line break
		return c, fmt.Errorf("%w: encoding", ErrInvalidGrant)
	}
	for _, k := range keys {
		if k.ID != [4]byte(b[1:5]) {
			continue
		}
		if !hmac.Equal(sum(k.Key, b[:signedSize])[:macSize], b[signedSize:]) {
			return c, fmt.Errorf("%w: MAC", ErrInvalidGrant)
		}
		copy(c.id[:], b[5:21])
		c.generation = binary.BigEndian.Uint32(b[21:25])
		copy(c.secret[:], b[25:signedSize])
		return c, nil
	}
	return c, errOtherKey
}

// checksum is the CRC-32 of s as six digits of base 62.
func checksum(s string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var out [checksumLength]byte
	n := crc32.ChecksumIEEE([]byte(s))
	for i := range out {
		out[len(out)-1-i] = digits[n%62]
		n /= 62
	}
	return string(out[:])
}
