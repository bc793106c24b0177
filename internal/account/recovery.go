package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

const (
	recoveryCodes = 10
	recoverySize  = 10 // bytes: 80 bits, so that a plain hash keeps them
)

// readable has no letters that are read as others: Crockford's base32, in lower case.
var readable = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// misread is what people read for digits.
var misread = strings.NewReplacer("o", "0", "i", "1", "l", "1")

// newRecovery makes recovery codes, as they are shown and as they are kept.
func newRecovery() (plain []string, hashes [][32]byte) {
	for range recoveryCodes {
		var b [recoverySize]byte
		rand.Read(b[:])
		code := readable.EncodeToString(b[:])
		plain = append(plain, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
		hashes = append(hashes, sha256.Sum256([]byte(code)))
	}
	return plain, hashes
}

// parseRecovery is the hash of what has the form of a recovery code, in any case, with or without hyphens.
func parseRecovery(code string) (hash [32]byte, ok bool) {
	text := misread.Replace(strings.ToLower(compact(code)))
	if len(text) != readable.EncodedLen(recoverySize) {
		return hash, false
	}
	return sha256.Sum256([]byte(text)), true
}
