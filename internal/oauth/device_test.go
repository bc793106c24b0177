package oauth

import (
	"strings"
	"testing"
)

// checklist 71
func TestReadUserCode(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"BCDF-GHJK":               "BCDFGHJK",
		"bcdfghjk":                "BCDFGHJK",
		" bcdf  ghjk\t":           "BCDFGHJK",
		"b.c_d,f:g;h/j-k":         "BCDFGHJK",
		"BCDFGHJ":                 "",
		"BCDFGHJKL":               "",
		"ACDFGHJK":                "", // a vowel
		"BCDF\u2010GHJK":          "", // a hyphen of another kind
		"ＢＣＤＦＧＨＪＫ":                "",
		"":                        "",
		"\x00BCDFGHJK":            "",
		strings.Repeat("-", 100):  "",
		"'; DROP TABLE devices--": "",
	} {
		if got, ok := readUserCode(typed); ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %v, want %q", typed, got, ok, want)
		}
	}
}

// Every letter of a user code may be any of the twenty (RFC 8628 section 6.1).
// checklist 71
func TestNewUserCode(t *testing.T) {
	t.Parallel()
	seen := [userCodeSize]map[rune]bool{}
	for range 1000 {
		code := newUserCode()
		if read, ok := readUserCode(code[:4] + "-" + code[4:]); !ok || read != code {
			t.Fatalf("%q is no code", code)
		}
		for i, c := range code {
			if seen[i] == nil {
				seen[i] = map[rune]bool{}
			}
			seen[i][c] = true
		}
	}
	for i := range seen {
		if len(seen[i]) != len(userLetters) {
			t.Errorf("place %d had %d letters in 1000 codes, want %d", i, len(seen[i]), len(userLetters))
		}
	}
}

func FuzzUserCode(f *testing.F) {
	f.Add("bcdf ghjk")
	f.Add("ſſſſſſſſ")
	f.Fuzz(func(t *testing.T, typed string) {
		code, ok := readUserCode(typed)
		if ok && (len(code) != userCodeSize || strings.Trim(code, userLetters) != "") {
			t.Errorf("%q became %q", typed, code)
		}
	})
}
