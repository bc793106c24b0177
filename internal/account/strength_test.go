package account

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/frequency"
	"github.com/ccojocar/zxcvbn-go/matching"
)

func TestStrength(t *testing.T) {
	t.Parallel()
	tests := []struct {
		password string
		bits     float64 // to one digit
	}{
		{"", 0},
		{"password", 0},        // the first of its list
		{"Password", 1},        // a capital first,
		{"passworD", 1},        // or last,
		{"PASSWORD", 1},        // or all
		{"paSSword", 5.2},      // the ways to capitalise up to two of eight: 37
		{"qjwxkvbp", 37.6},     // single signs: 26^8
		{"zzzzzzzz", 7.7},      // one of 26, eight times
		{"bcdefghijklmn", 8.4}, // one of 26, length 13
		{"98765432", 7.3},      // one of 10, length 8, down
		{"17081945", 15.4},     // a day of 119 years
		{"17-08-1945", 17.4},   // and a separator
		{"1945/8/17", 17.4},    // whichever way
		{"31121999x", 15.4},    // a sign behind one is free
		{"';lkjhg", 9.8},       // a walk of seven keys in one direction
		{"':lkjhg", 12.8},      // one of them shifted
	}
	for _, tt := range tests {
		if got := strength(tt.password); fmt.Sprintf("%.1f", got) != fmt.Sprintf("%.1f", tt.bits) {
			t.Errorf("%q: %.2f bits, want %.1f", tt.password, got, tt.bits)
		}
	}
}

// What zxcvbn-go refuses is refused; so it stays, if its model changes. (It takes "10x" for a sequence, which this is not for us: a handful in
// 200,000 differ by that.)
func TestStrengthAsStrict(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	parts := []func() string{
		func() string { return pick(random, frequency.Lists["English"].List) },
		func() string { return pick(random, frequency.Lists["Passwords"].List) },
		func() string { return pick(random, frequency.Lists["Surname"].List) },
		func() string { return strings.ToUpper(pick(random, frequency.Lists["MaleNames"].List)) },
		func() string { return capital(pick(random, frequency.Lists["FemaleNames"].List)) },
		func() string {
			return pick(random, []string{"qwerty", "asdf", "ZXCVB", "1qaz", "!@#$", "789", "mnbvcx", "aoeu"})
		},
		func() string { return pick(random, []string{"abcd", "9876", "XYZ", "aaaa", "1111111", "!!!", "edcb"}) },
		func() string {
			return pick(random, []string{"1999", "2024", "17081945", "1-2-1990", "31.12.99", "250101"})
		},
		func() string { return string(rune('!' + random.IntN('~'-'!'))) },
		func() string { return string(rune('a' + random.IntN(26))) },
	}
	for range 300 {
		var b strings.Builder
		for range 1 + random.IntN(4) {
			b.WriteString(parts[random.IntN(len(parts))]())
		}
		want := zxcvbn.PasswordStrength(b.String(), nil, matching.FilterL33tMatcher)
		if got := strength(b.String()); want.Score < 3 && got >= enough || want.Score < 2 && got >= enoughTogether {
			t.Errorf("%q: %.2f bits, zxcvbn-go says %.2f, score %d", b.String(), got, want.Entropy, want.Score)
		}
	}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

func BenchmarkPolicy(b *testing.B) {
	p := newPolicy(8, 1024, nil)
	for _, s := range []string{"gerimis sore di pematang", strings.Repeat("x7Qp!m2K", 8), "qwertyuiop[]" + strings.Repeat("aqwe", 13)} {
		b.Run(fmt.Sprint(len(s)), func(b *testing.B) {
			for b.Loop() {
				_ = p.check("password", s, "budi")
			}
		})
	}
}
