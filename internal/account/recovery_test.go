package account_test

import (
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/internal/account"
)

func FuzzRecovery(f *testing.F) {
	f.Add("0123-4567-89ab-cdef")
	f.Add("oooo iiii llll zzzz")
	f.Add("\x00\xff")
	f.Fuzz(func(t *testing.T, code string) {
		hash, ok := account.ParseRecovery(code)
		again, okAgain := account.ParseRecovery(" " + strings.ToUpper(code) + "-")
		if isASCII(code) && (ok != okAgain || hash != again) {
			t.Errorf("%q in another spelling is another code", code)
		}
	})
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 }) }
