package key

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"strings"

	"github.com/sandi-auth/sandi/jwt"
)

const secretHint = "make a good one with: sandi key secret, or: openssl rand -base64 48"

// wellKnown are the secrets that tutorials print, those of Sandi's seed
// documents first, and the words that home-made ones are put together from.
// They are without separators, and what contains another stands before it.
var wellKnown = strings.Fields(`
	kuncirahasiaanda supersecret thisshouldbechange topsecretmissioncode hashedpassword topsecret kuncirahasia
	your256bitsecret your384bitsecret your512bitsecret asecretkey mysecretkey yoursecretkey jwtsecretkey jwtsecret
	secretkey signingkey privatekey thisisasecret thisismysecret keepitsecret donttellanyone shhhhared shhh
	changemeinproduction changethis changeme replaceme pleasechange default example development production
	thequickbrownfoxjumpsoverthelazydog correcthorsebatterystaple loremipsumdolorsitamet
	abcdefghijklmnopqrstuvwxyz qwertyuiop asdfghjkl zxcvbnm qwerty 1qaz2wsx 0123456789abcdef 1234567890 0123456789 12345678
	deadbeef cafebabe password passw0rd rahasia kunci sandi secret secure access refresh token admin sekret geheim
	flask django spring laravel express nodejs jsonwebtoken signature private public session string
	your this that very long safe bits test demo anda saya jwt key app api abc 123
`)

// CheckSecret refuses an HMAC secret that is shorter than its algorithm asks
// (RFC 7518 section 3.2: 32 bytes for HS256, 48 for HS384, 64 for HS512), well
// known, or predictable, also when it was repeated or padded to length. The
// error is a *Refusal and never quotes the secret.
func CheckSecret(alg jwt.Algorithm, secret []byte) error {
	least, ok := map[jwt.Algorithm]int{jwt.HS256: 32, jwt.HS384: 48, jwt.HS512: 64}[alg]
	if !ok {
		return fmt.Errorf("check secret: %s takes none", alg)
	}
	if len(secret) < least {
		return refuse(fmt.Sprintf("secret of %d bytes is too short: %s needs %d", len(secret), alg, least),
			strings.Replace(secretHint, "48", fmt.Sprint(max(48, least)), 1))
	}
	if predictable(secret) {
		return refuse("secret is well known, or follows a pattern that can be guessed", secretHint)
	}
	return nil
}

// LoadSecret reads the key of HS256 from a file that only its owner can read. Its key id is a MAC under the
// secret itself, so that it tells secrets apart and helps to guess one no more than a token does. A file that
// must not be used is a *Refusal.
func LoadSecret(path string) (*jwt.Key, error) {
	text, err := readSecretFile(path, "secret")
	if err != nil {
		return nil, err
	}
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text = text[:n-1]
	}
	if err := CheckSecret(jwt.HS256, text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	mac := hmac.New(sha256.New, text)
	mac.Write([]byte("sandi v1 key id"))
	return jwt.NewKey(jwt.HS256, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12]), text)
}

// NewSecret is a random secret for any HMAC algorithm: 64 bytes in base64url.
func NewSecret() string {
	b := make([]byte, 64)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// predictable judges what is left of b when everything that a guesser tries
// first is taken out. 32 random hexadecimal digits, the poorest secret that
// should pass, keep about 115 bits by this count, and fall below 80 less than
// once in a billion; "secretsecretsecret..." keeps none.
func predictable(b []byte) bool {
	if steady(b) {
		return true
	}
	rest := b
	if isText(b) {
		rest = stripKnown(b)
	}
	return entropy(period(rest)) < 80
}

// stripKnown removes separators and every well-known piece, in any case.
func stripKnown(b []byte) []byte {
	s := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_ .,:;/!?+=", r) {
			return -1
		}
		return r
	}, strings.ToLower(string(b)))
	for _, known := range wellKnown {
		s = strings.ReplaceAll(s, known, "")
	}
	return []byte(s)
}

// period is the shortest piece that b repeats, b itself where it does not.
func period(b []byte) []byte {
	for n := 1; n <= len(b)/2; n++ {
		if bytes.Equal(b[n:], b[:len(b)-n]) {
			return b[:n]
		}
	}
	return b
}

// steady says that most bytes differ from the one before by the same step, as
// in "aaaa", "abcd" and 0, 2, 4.
func steady(b []byte) bool {
	var steps [256]int
	for i := 1; i < len(b); i++ {
		d := b[i] - b[i-1]
		if steps[d]++; steps[d] > len(b)/2 {
			return true
		}
	}
	return false
}

// entropy is the Shannon entropy of b's bytes, in bits: an upper bound of what
// is in so short a text, which serves to refuse, never to vouch.
func entropy(b []byte) float64 {
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			bits -= float64(n) * math.Log2(float64(n)/float64(len(b)))
		}
	}
	return bits
}

// isText says that b is printable ASCII, which 32 random bytes are once in 10^13.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
