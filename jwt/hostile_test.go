package jwt_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// TestHostileTokens hands over tokens made to be expensive. Those over the size limit must cost
// nothing; a signed one, though only an issuer can make it, no more than its size deserves.
// checklist 123
func TestHostileTokens(t *testing.T) {
	members := func(n int, format string) string {
		var s strings.Builder
		for i := range n {
			fmt.Fprintf(&s, ","+format, i)
		}
		return s.String()
	}
	const room = 11 << 10 // what fits into 16 KiB of token
	payloads := map[string]string{
		"deep":                  `{"a":` + strings.Repeat("[", room),
		"deep, closed":          `{"a":` + strings.Repeat("[", room/2) + strings.Repeat("]", room/2) + `}`,
		"many names":            claimsWith(members(1000, `"%d":0`)[1:]),
		"equal prefixes":        claimsWith(members(100, `"`+strings.Repeat("x", 80)+`%d":0`)[1:]),
		"escaped names":         claimsWith(members(500, `"\u0061%d":0`)[1:]),
		"many objects":          claimsWith(`"x":[{}` + strings.Repeat(`,{"a":0}`, 1000) + `]`),
		"many of them, escaped": claimsWith(`"x":[{}` + strings.Repeat(`,{"\u0061":0}`, 700) + `]`),
		"long audience":         fmt.Sprintf(`{"iss":%q,"exp":4102444800,"aud":["x"%s]}`, issuer, strings.Repeat(`,"x"`, 2000)),
		"long number":           claimsWith(`"iat":0.` + strings.Repeat("9", room)),
		"long exponent":         claimsWith(`"iat":1e-` + strings.Repeat("9", room)),
		"many escapes":          claimsWith(`"x":"` + strings.Repeat(`\u00e9`, room/8) + `"`),
		"unclosed string":       `{"x":"` + strings.Repeat("x", room),
	}
	tokens := map[string]string{
		"dots":                  strings.Repeat(".", 16<<10),
		"a megabyte of dots":    strings.Repeat(".", 1<<20),
		"a megabyte of letters": strings.Repeat("A", 1<<20),
		"a megabyte of header":  strings.Repeat("A", 1<<20) + ".A.A",
		"a megabyte of payload": forge(goodHeader, claimsWith(members(100_000, `"%d":0`)[1:])),
		"large header":          b64(`{"x":"`+strings.Repeat("x", room)+`"}`) + "..",
		"crit of many names":    b64(`{"alg":"HS256","crit":["a"`+members(600, `"%d"`)+`]}`) + "..",
		"large signature":       b64(goodHeader) + "." + b64("{}") + "." + strings.Repeat("A", room),
	}
	for name, payload := range payloads {
		tokens[name] = forge(goodHeader, payload)
	}
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			// The best of several runs, so that a busy machine does not fail the test.
			bestTime, bestBytes := time.Hour, uint64(1<<62)
			var before, after runtime.MemStats
			for range 5 {
				runtime.ReadMemStats(&before)
				start := time.Now()
				_, _ = v.Verify(t.Context(), token)
				took := time.Since(start)
				runtime.ReadMemStats(&after)
				bestTime, bestBytes = min(bestTime, took), min(bestBytes, after.TotalAlloc-before.TotalAlloc)
			}
			if bestTime > 10*time.Millisecond*slowdown || bestBytes > 256<<10 {
				t.Errorf("%d bytes of token took %v and %d KiB", len(token), bestTime, bestBytes>>10)
			}
		})
	}
	// All algorithms refuse a signature that is not theirs at the cost of one verification.
	for _, alg := range allAlgorithms {
		k := newKey(t, alg)
		token := signPayload(t, k, "", `{}`)
		for _, tail := range []string{"A", "AAAA", strings.Repeat("A", 8<<10)} {
			if _, _, err := jwt.VerifySignature(newKeySet(t, k), token+tail); !errors.Is(err, jwt.ErrSignature) {
				t.Errorf("%s: a signature with a tail: got %v", alg, err)
			}
		}
	}
	large := newVerifier(t, newKeySet(t, secretKey(t)), func(c *jwt.Config) { c.MaxSize = 1 << 20 })
	token := b64(goodHeader) + "." + b64("{}") + "." + strings.Repeat("A", 1<<20-100)
	if n := testing.AllocsPerRun(10, func() { _, _ = large.Verify(t.Context(), token) }); n > 1 {
		t.Errorf("a signature of a megabyte costs %v allocations", n)
	}
}
