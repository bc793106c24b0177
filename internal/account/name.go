package account

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"github.com/sandi-auth/sandi/internal/problem"
)

const maxNameLength = 64 // characters, of the subject

// reserved names would be taken for something else: "sandi" is the client id of
// first-party tokens, "cli" the actor of the command line in the audit log.
var reserved = []string{"sandi", "cli", "none"}

// official names are given by an administrator alone.
var official = []string{"admin", "administrator", "root", "system", "support"}

// reservedPrefixes are those of Sandi's own identifiers and secrets. Every
// client id but "sandi" begins with sdc_, or is a URL and has a colon, so that no
// subject is ever a client id (RFC 9068 section 5).
var reservedPrefixes = []string{"sdc_", "sdr_", "sdb_"}

// Normalise turns a username into the subject: case-folded and composed by the
// UsernameCaseMapped profile of RFC 8265, which allows neither spaces nor control
// characters; 1 to 64 characters, without a colon (RFC 7617 section 2 could not carry
// it). The error is a *problem.Error that names the field username.
func (s *Service) Normalise(username string) (string, error) {
	if username == "" {
		return "", problem.InvalidField("username", "username_missing")
	}
	if len(username) > maxNameLength*utf8.UTFMax {
		return "", badName("username_too_long")
	}
	subject, err := precis.UsernameCaseMapped.String(username)
	if err != nil || strings.Contains(subject, ":") {
		return "", badName("username_characters")
	}
	if utf8.RuneCountInString(subject) > maxNameLength {
		return "", badName("username_too_long")
	}
	// A few sequences come out different again the second time (RFC 8265 section 3.3.4);
	// as a subject they would not be one name.
	if again, err := precis.UsernameCaseMapped.String(subject); err != nil || again != subject {
		return "", badName("username_characters")
	}
	if slices.Contains(reserved, subject) ||
		slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(subject, p) }) {
		return "", badName("username_reserved")
	}
	return subject, nil
}

// mixed says whether a name has letters of more than one of the scripts whose letters look alike.
func mixed(subject string) bool {
	scripts := 0
	for _, script := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek} {
		if strings.ContainsFunc(subject, func(r rune) bool { return unicode.Is(script, r) }) {
			scripts++
		}
	}
	return scripts > 1
}

// latin are the Latin letters that others are taken for.
var latin = strings.NewReplacer(
	"\u0131", "i", "\u0269", "i", "\u0251", "a", "\u0261", "g",
	"\u0430", "a", "\u0501", "d", "\u0435", "e", "\u0456", "i", "\u04cf", "l", "\u043c", "m", "\u043f", "n", "\u043e", "o", // Cyrillic
	"\u0440", "p", "\u0433", "r", "\u0455", "s", "\u0442", "t", "\u0443", "y", "\u0441", "c", "\u0445", "x", "\u0446", "u",
	"\u03b1", "a", "\u03b5", "e", "\u03b9", "i", "\u03bc", "m", "\u03b7", "n", "\u03bf", "o", "\u03c1", "p", "\u03c4", "t", "\u03c5", "u", // Greek
)

// posesAs says whether a name is, or looks like, one that only Sandi or an administrator may give.
func posesAs(subject string) bool {
	seen := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(subject))
	seen = latin.Replace(seen)
	return slices.Contains(official, seen) || slices.Contains(reserved, seen)
}

func badName(sentence string) error {
	e := problem.InvalidField("username", sentence)
	e.Params["max"] = "64"
	return e
}

// checkRoles sorts roles and drops doubles. A role is 1 to 64 visible ASCII
// characters, so that it can stand in a claim, a header and a log line.
func checkRoles(roles []string) ([]string, error) {
	out := slices.Clone(roles)
	slices.Sort(out)
	out = slices.Compact(out)
	for _, r := range out {
		if r == "" || len(r) > 64 || strings.ContainsFunc(r, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return nil, problem.InvalidField("roles", "role_invalid")
		}
	}
	return out, nil
}
