package account

import (
	"context"
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/sandi-auth/sandi/internal/problem"
)

// words.txt is what people here build passwords from, one a line, each written
// as it would be typed. Passwords printed in documentation stand first.
//
//go:embed words.txt
var wordList string

// common.txt is what zxcvbn's lists lack and its rules take for strong among the 5,000 passwords that
// are most often found in breaches and are long enough: Russian words typed on a
// Latin keyboard, for the most part.
//
//go:embed common.txt
var commonList string

const (
	// judged is how many characters of a password strength sees: its cost grows with
	// the square of their number.
	judged = 64
	// enough is what 2e10 guesses are in bits, and enoughTogether what 2e8 are: 10^6
	// and 10^4 seconds of the guesser that zxcvbn has in mind, its scores 3 and 2.
	enough, enoughTogether = 34.22, 27.58
	// shortestWord that is taken from a username or the configuration as a guesser's knowledge.
	shortestWord = 3
)

// policy judges new passwords. It has no composition rules (ASVS 6.2.5).
type policy struct {
	min, max int // characters; bytes
	words    ranks
}

func newPolicy(min, max int, configured []string) *policy {
	words := []string{"sandi"}
	for _, w := range configured {
		words = append(words, pieces(w)...)
	}
	words = append(words, strings.Split(strings.TrimSpace(wordList), "\n")...)
	words = append(words, strings.Fields(commonList)...)
	p := &policy{min: min, max: max, words: ranks{}}
	p.words.add(words)
	return p
}

// judge refuses a password for the user of the given names; field is the one of
// the request that holds it. The error is a *problem.Error, weak_password or,
// since judging costs, hashing_busy. It has a gate of its
// own: however many new passwords are sent, logins are hashed.
func (s *Service) judge(ctx context.Context, field, password string, names ...string) error {
	if err := s.judging.enter(ctx); err != nil {
		return err
	}
	defer s.judging.leave()
	return s.policy.check(field, password, names...)
}

func (p *policy) check(field, password string, names ...string) error {
	switch {
	case utf8.RuneCountInString(password) < p.min:
		return weak(field, "password_too_short", p.min)
	case len(password) > p.max:
		return weak(field, "password_too_long", p.max)
	case p.guessable(password, names):
		return weak(field, "password_guessable", 0)
	}
	return nil
}

func weak(field, sentence string, length int) error {
	return &problem.Error{
		Kind: problem.Invalid, Code: "weak_password", Sentence: sentence, Field: field,
		Params: map[string]string{"field": field, "length": strconv.Itoa(length)},
	}
}

// guessable asks for the strength of every spelling under which a guesser would find
// the password, what it repeats, and its words written together; the weakest counts.
func (p *policy) guessable(password string, names []string) bool {
	known := ranks{}
	for _, name := range names {
		known.add(pieces(name))
	}
	weaker := func(bits float64) func(string) bool {
		return func(s string) bool { return strength(s, known, p.words) < bits }
	}
	written := plain(password)
	together := separators.Replace(written)
	asked := spellings(written)
	for _, s := range []string{written, together} {
		if repeated := period(s); repeated != s {
			asked = append(asked, repeated)
		}
	}
	if slices.ContainsFunc(asked, weaker(enough)) {
		return true
	}
	// Where the words end is worth something, so that less is asked of them without.
	return together != written && slices.ContainsFunc(spellings(together), weaker(enoughTogether))
}

// pieces are a name and its parts, as far as they are long enough to tell anything.
func pieces(name string) []string {
	name = strings.ToLower(plain(name))
	parts := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.DeleteFunc(append([]string{name}, parts...), func(s string) bool { return len(s) < shortestWord })
}

// plain brings a password to the ASCII that strength counts by. Accents fall, and every other character
// becomes a letter, always the same one, so that repetition still shows.
func plain(s string) string {
	out := make([]byte, 0, judged)
	for _, r := range norm.NFD.String(s[:min(len(s), judged*utf8.UTFMax)]) {
		switch {
		case len(out) == judged:
			return string(out)
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case !unicode.Is(unicode.Mn, r):
			out = append(out, byte('a'+r%26))
		}
	}
	return string(out)
}

// separators are what words are written apart with.
var separators = strings.NewReplacer(" ", "", "-", "", "_", "", ".", "")

// period is the shortest beginning of s of which s is two or more repetitions,
// the last of which may be cut off; s itself when there is none.
func period(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if s[n:] == s[:len(s)-n] {
			return s[:n]
		}
	}
	return s
}

// spellings are s, s backwards, and s with the usual signs read as letters.
func spellings(s string) []string {
	backwards := []byte(s)
	slices.Reverse(backwards)
	out := []string{s, string(backwards)}
	for _, signs := range []string{
		"4a@a3e1i!i0o$s5s7t+t8b9g6g2z", // r4h4s14
		"4a@a3e1l!l0o$s5s7t+t8b9g6g2z", // a11ah
	} {
		read := []byte(strings.ToLower(s))
		for i, c := range read {
			if at := strings.IndexByte(signs, c); at >= 0 && at%2 == 0 {
				read[i] = signs[at+1]
			}
		}
		out = append(out, string(read))
	}
	return slices.Compact(out)
}
