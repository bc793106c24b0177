package account

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"

	foreignargon2 "github.com/go-crypt/x/argon2"
	"github.com/go-crypt/x/crypt"
	"github.com/go-crypt/x/yescrypt"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// digests are the hash functions of PBKDF2 and sha-crypt. MD5 is not among them.
var digests = map[string]func() hash.Hash{
	"sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

// pbkdf2Hash is PBKDF2 (RFC 8018 section 5.2) with an output of one digest: more
// would cost the defender alone.
func pbkdf2Hash(digest, iterations string, salt, want []byte) (foreign, error) {
	h, known := digests[digest]
	n, ok := count(iterations)
	if !known || !ok || !salty(salt) || len(want) != h().Size() {
		return foreign{}, errMalformed
	}
	if n*h().BlockSize()/sha256.BlockSize > mostIterations {
		return foreign{}, errCostly
	}
	return foreign{want: want, derive: func(password []byte) []byte {
		key, _ := pbkdf2.Key(h, string(password), salt, n, len(want)) // fails for lengths alone, which are checked
		return key
	}}, nil
}

// scryptHash is scrypt (RFC 7914), with n as it is written: a power of two.
func scryptHash(n, r, p int, salt, want []byte) (foreign, error) {
	if n < 2 || n&(n-1) != 0 || r < 1 || p < 1 || !salty(salt) || len(want) < 16 || len(want) > 64 {
		return foreign{}, errMalformed
	}
	if n > mostScryptMemory || r > mostScryptMemory/n || p > mostScryptWork/(n*r) || r*(p+2) > mostScryptBeside {
		return foreign{}, errCostly
	}
	return foreign{want: want, derive: func(password []byte) []byte {
		key, _ := scrypt.Key(password, salt, n, r, p, len(want)) // fails for the numbers alone, which are checked
		return key
	}}, nil
}

// werkzeugPBKDF2 reads digest[:iterations]$salt$hex. Where there is no number,
// Werkzeug 3.1 takes a million.
func werkzeugPBKDF2(s string, _ bounds) (foreign, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 3 {
		return foreign{}, errMalformed
	}
	digest, iterations, given := strings.Cut(parts[0], ":")
	if !given {
		iterations = "1000000"
	}
	return pbkdf2Hash(digest, iterations, []byte(parts[1]), hexadecimal(parts[2]))
}

// werkzeugScrypt reads N:r:p$salt$hex.
func werkzeugScrypt(s string, _ bounds) (foreign, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 3 {
		return foreign{}, errMalformed
	}
	cost := strings.Split(parts[0], ":")
	if len(cost) != 3 {
		return foreign{}, errMalformed
	}
	n, ok1 := count(cost[0])
	r, ok2 := count(cost[1])
	p, ok3 := count(cost[2])
	if !ok1 || !ok2 || !ok3 {
		return foreign{}, errMalformed
	}
	return scryptHash(n, r, p, []byte(parts[1]), hexadecimal(parts[2]))
}

// djangoPBKDF2 reads iterations$salt$base64.
func djangoPBKDF2(digest string) func(string, bounds) (foreign, error) {
	return func(s string, _ bounds) (foreign, error) {
		parts := strings.Split(s, "$")
		if len(parts) != 3 {
			return foreign{}, errMalformed
		}
		return pbkdf2Hash(digest, parts[0], []byte(parts[1]), unbase64(base64.StdEncoding, parts[2]))
	}
}

// djangoScrypt reads N$salt$r$p$base64.
func djangoScrypt(s string, _ bounds) (foreign, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 5 {
		return foreign{}, errMalformed
	}
	n, ok1 := count(parts[0])
	r, ok2 := count(parts[2])
	p, ok3 := count(parts[3])
	if !ok1 || !ok2 || !ok3 {
		return foreign{}, errMalformed
	}
	return scryptHash(n, r, p, []byte(parts[1]), unbase64(base64.StdEncoding, parts[4]))
}

// djangoBcrypt reads a bcrypt hash of the SHA-256 of a password, in hexadecimal:
// no end of a password is cut off, and a NUL is nothing special.
func djangoBcrypt(s string, b bounds) (foreign, error) {
	if len(s) < 4 {
		return foreign{}, errMalformed
	}
	f, err := bcryptOf(s[:4])(s[4:], b)
	plain := f.derive
	f.text, f.derive = false, func(password []byte) []byte {
		sum := sha256.Sum256(password)
		return plain([]byte(hex.EncodeToString(sum[:])))
	}
	return f, err
}

// bcryptOf reads cost$salt and hash. As in every bcrypt, only the first 72 bytes
// of a password count.
func bcryptOf(version string) func(string, bounds) (foreign, error) {
	return func(s string, _ bounds) (foreign, error) {
		cost, rest, _ := strings.Cut(s, "$")
		known := version == "$2a$" || version == "$2b$" || version == "$2y$"
		n, err := strconv.Atoi(cost)
		if !known || len(cost) != 2 || err != nil || n < bcrypt.MinCost || len(rest) != 53 || !only64(rest) {
			return foreign{}, errMalformed
		}
		if n > mostBcrypt {
			return foreign{}, errCostly
		}
		stored := []byte(version + s)
		return foreign{text: true, want: []byte{1}, derive: func(password []byte) []byte {
			if bcrypt.CompareHashAndPassword(stored, password) == nil {
				return []byte{1}
			}
			return []byte{0}
		}}, nil
	}
}

func argon2i(password []byte, h phc) []byte {
	return argon2.Key(password, h.salt, uint32(h.Iterations), uint32(h.MemoryKiB), uint8(h.Parallelism), uint32(len(h.hash)))
}

func argon2d(password []byte, h phc) []byte {
	return foreignargon2.DKey(password, h.salt, uint32(h.Iterations), uint32(h.MemoryKiB), uint32(h.Parallelism), uint32(len(h.hash)))
}

// argon2Of reads the other variants of argon2, within the bounds of argon2id.
func argon2Of(derive func([]byte, phc) []byte) func(string, bounds) (foreign, error) {
	return func(s string, b bounds) (foreign, error) {
		h, err := parsePHC(native+s, b)
		if err != nil {
			return foreign{}, errMalformed
		}
		return foreign{want: h.hash, derive: func(password []byte) []byte { return derive(password, h) }}, nil
	}
}

// phcPBKDF2 reads iterations$salt$hash, as passlib writes it: with "." for "+".
func phcPBKDF2(digest string) func(string, bounds) (foreign, error) {
	return func(s string, _ bounds) (foreign, error) {
		parts := strings.Split(strings.ReplaceAll(s, ".", "+"), "$")
		if len(parts) != 3 {
			return foreign{}, errMalformed
		}
		return pbkdf2Hash(digest, parts[0], unbase64(base64.RawStdEncoding, parts[1]), unbase64(base64.RawStdEncoding, parts[2]))
	}
}

// phcScrypt reads ln=,r=,p=$salt$hash.
func phcScrypt(s string, _ bounds) (foreign, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 3 {
		return foreign{}, errMalformed
	}
	var ln, r, p int
	cost := strings.Split(parts[0], ",")
	if len(cost) != 3 || !number(cost[0], "ln=", &ln) || !number(cost[1], "r=", &r) || !number(cost[2], "p=", &p) || ln > 30 {
		return foreign{}, errMalformed
	}
	return scryptHash(1<<ln, r, p, unbase64(base64.RawStdEncoding, parts[1]), unbase64(base64.RawStdEncoding, parts[2]))
}

// shaCrypt reads [rounds=N$]salt$hash of crypt(3); without a number it is 5000 rounds.
func shaCrypt(digest string) func(string, bounds) (foreign, error) {
	h := digests[digest]
	return func(s string, _ bounds) (foreign, error) {
		rounds := 5000
		if given, rest, _ := strings.Cut(s, "$"); strings.HasPrefix(given, "rounds=") {
			if !number(given, "rounds=", &rounds) || rounds < 1000 {
				return foreign{}, errMalformed
			}
			s = rest
		}
		salt, want, ok := strings.Cut(s, "$")
		if !ok || salt == "" || len(salt) > 16 || !only64(want) || len(want) != (h().Size()*8+5)/6 {
			return foreign{}, errMalformed
		}
		if rounds > mostRounds {
			return foreign{}, errCostly
		}
		return foreign{text: true, want: []byte(want), derive: func(password []byte) []byte {
			return crypt.KeySHACrypt(h, password, []byte(salt), rounds)
		}}, nil
	}
}

// yescryptHash reads j, cost, block size$salt$hash: what libxcrypt makes.
func yescryptHash(s string, _ bounds) (foreign, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 3 || len(parts[0]) != 3 || !only64(s[:3]) || len(parts[2]) != 43 || !only64(parts[2]) {
		return foreign{}, errMalformed
	}
	_, ln, r, err := yescrypt.DecodeSetting([]byte(parts[0]))
	salt := yescrypt.Decode64([]byte(parts[1]))
	if err != nil || !salty(salt) || ln < 10 || ln > 18 || r > 32 {
		return foreign{}, errMalformed
	}
	if r > mostScryptMemory>>ln {
		return foreign{}, errCostly
	}
	return foreign{text: true, want: []byte(parts[2]), derive: func(password []byte) []byte {
		key, _ := yescrypt.Key(password, salt, 1<<ln, r, 1, 32) // fails for the numbers alone, which are checked
		return yescrypt.Encode64(key)
	}}, nil
}

func salty(salt []byte) bool { return len(salt) > 0 && len(salt) <= longestSalt }

// count reads a positive decimal number without a sign or leading zeros.
func count(s string) (n int, ok bool) {
	ok = number(s, "", &n) && s[0] != '0'
	return n, ok
}

// only64 says that s is of the alphabet of crypt(3).
func only64(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && r != '/' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// hexadecimal and unbase64 are nil for what is not written as the encoder would.
func hexadecimal(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || hex.EncodeToString(b) != s {
		return nil
	}
	return b
}

func unbase64(e *base64.Encoding, s string) []byte {
	b, err := e.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil
	}
	return b
}
