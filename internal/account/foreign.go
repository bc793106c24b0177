package account

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// foreign is a password hash that another system made, parsed. It is verified at
// its user's first login and replaced by an argon2id hash there and then.
type foreign struct {
	derive func(password []byte) []byte // its cost was bounded by who parsed it
	want   []byte
	// text marks the formats of crypt(3), which takes a password for a C string
	// and, in libxcrypt, for one of at most longestText bytes.
	text bool
}

const (
	longestForeign = 512 // bytes of a stored hash; the longest format needs about 260
	longestSalt    = 128
	// longestText is CRYPT_MAX_PASSPHRASE_SIZE. The work of sha-crypt grows with
	// the length of the password, which strangers choose.
	longestText = 512

	// What a foreign hash may cost, one or two seconds of a core and 130 MiB at
	// most: whoever logs in can have it computed as often as the throttle allows.
	mostIterations   = 2_000_000 // of PBKDF2, half as many of SHA-384 and SHA-512; Django 6 and Werkzeug 3.1 are at 1.2 and 1 million
	mostBcrypt       = 14        // 2^14 rounds
	mostRounds       = 700_000   // of sha-crypt; passlib is at 656,000
	mostScryptMemory = 1 << 20   // N times r, which take 128 bytes each
	mostScryptBeside = 1 << 14   // p + 2 times r, of 128 bytes too: the blocks (RFC 7914 section 6) and two to mix them in
	mostScryptWork   = 1 << 21   // N times r times p
)

// matches computes the hash of a password, whatever the password is, and
// compares. One that its system could not have hashed is computed as an empty one.
// A NUL at the end is no part of any password: the HMAC in PBKDF2 and scrypt fills up
// its key with them (RFC 2104 section 2), so that they would count for nothing.
func (f foreign) matches(password string) bool {
	possible := !strings.HasSuffix(password, "\x00") &&
		(!f.text || len(password) <= longestText && !strings.Contains(password, "\x00"))
	if !possible {
		password = ""
	}
	return subtle.ConstantTimeCompare(f.derive([]byte(password)), f.want) == 1 && possible
}

// formats are the foreign hashes that are read, by how they begin.
var formats = []struct {
	prefix, name string
	parse        func(rest string, b bounds) (foreign, error)
}{
	{"pbkdf2:", "werkzeug pbkdf2", werkzeugPBKDF2},
	{"scrypt:", "werkzeug scrypt", werkzeugScrypt},
	{"pbkdf2_sha256$", "django pbkdf2_sha256", djangoPBKDF2("sha256")},
	{"pbkdf2_sha1$", "django pbkdf2_sha1", djangoPBKDF2("sha1")},
	{"scrypt$", "django scrypt", djangoScrypt},
	{"bcrypt_sha256$", "django bcrypt_sha256", djangoBcrypt},
	{"$2a$", "bcrypt", bcryptOf("$2a$")},
	{"$2b$", "bcrypt", bcryptOf("$2b$")},
	{"$2y$", "bcrypt", bcryptOf("$2y$")},
	{"$argon2i$", "argon2i", argon2Of(argon2i)},
	{"$argon2d$", "argon2d", argon2Of(argon2d)},
	{"$pbkdf2$", "pbkdf2", phcPBKDF2("sha1")},
	{"$pbkdf2-sha1$", "pbkdf2-sha1", phcPBKDF2("sha1")},
	{"$pbkdf2-sha224$", "pbkdf2-sha224", phcPBKDF2("sha224")},
	{"$pbkdf2-sha256$", "pbkdf2-sha256", phcPBKDF2("sha256")},
	{"$pbkdf2-sha384$", "pbkdf2-sha384", phcPBKDF2("sha384")},
	{"$pbkdf2-sha512$", "pbkdf2-sha512", phcPBKDF2("sha512")},
	{"$scrypt$", "scrypt", phcScrypt},
	{"$5$", "sha256-crypt", shaCrypt("sha256")},
	{"$6$", "sha512-crypt", shaCrypt("sha512")},
	{"$y$", "yescrypt", yescryptHash},
}

// refused are formats that are known and not read, so that the error can name
// them. Nothing else of what stands in place of a hash is ever shown: it may be a password.
var refused = []struct{ prefix, name, why string }{
	{"!", "an unusable password", "disable the user or leave them out"},
	{"*", "an unusable password", "disable the user or leave them out"},
	{"$1$", "md5-crypt", fast},
	{"$apr1$", "apr1", fast},
	{"$sha1$", "sha1-crypt", fast},
	{"$P$", "phpass", fast},
	{"$H$", "phpass", fast},
	{"$S$", "drupal", "sandi does not read it"},
	{"$2x$", "bcrypt 2x", "made by a faulty program"},
	{"$2$", "bcrypt 2", "sandi does not read it"},
	{"$7$", "scrypt of crypt(3)", "sandi does not read it"},
	{"$gy$", "gost-yescrypt", "sandi does not read it"},
	{"$bcrypt-sha256$", "passlib bcrypt-sha256", "sandi does not read it"},
	{"plain$", "werkzeug plain", "give it as password, not as password_hash"},
	{"md5$", "md5", fast},
	{"sha1$", "sha1", fast},
	{"sha256$", "sha256", fast},
	{"sha512$", "sha512", fast},
	{"unsalted_", "an unsalted hash", fast},
	{"{SSHA", "ldap ssha", fast},
	{"{SHA", "ldap sha", fast},
	{"{MD5", "ldap md5", fast},
}

const fast = "it is broken too fast; the user needs a new password"

// Faults of a foreign hash. None of them quotes it.
var (
	errMalformed = errors.New("malformed")
	errCostly    = errors.New("it costs more than sandi computes at a login")
)

// parseForeign reads a hash in one of the formats. The error names the format alone.
func parseForeign(s string, b bounds) (foreign, error) {
	for _, f := range formats {
		rest, ok := strings.CutPrefix(s, f.prefix)
		if !ok {
			continue
		}
		if len(s) > longestForeign || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return foreign{}, fmt.Errorf("password hash (%s): %w", f.name, errMalformed)
		}
		h, err := f.parse(rest, b)
		if err != nil {
			return foreign{}, fmt.Errorf("password hash (%s): %w", f.name, err)
		}
		return h, nil
	}
	for _, r := range refused {
		if strings.HasPrefix(s, r.prefix) {
			return foreign{}, fmt.Errorf("password hash (%s): %s", r.name, r.why)
		}
	}
	return foreign{}, errors.New("password hash: of no format that sandi knows")
}

// native begins every hash of our own.
const native = "$argon2id$"

// readableHash is a hash as it is stored: one that Verify will be able to check,
// without the name that Django writes before what is a whole hash already.
func readableHash(s string, b bounds) (string, error) {
	for _, name := range []string{"argon2$argon2", "bcrypt$$2"} {
		if strings.HasPrefix(s, name) {
			_, rest, _ := strings.Cut(s, "$")
			s = "$" + strings.TrimPrefix(rest, "$")
		}
	}
	if strings.HasPrefix(s, native) {
		if _, err := parsePHC(s, b); err != nil {
			return "", fmt.Errorf("password hash (argon2id): malformed, of a version other than 19, or %w", errCostly)
		}
		return s, nil
	}
	_, err := parseForeign(s, b)
	return s, err
}
