package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

func hostilePart() part {
	return part{
		id: "hostile", title: "Hostile tokens of 16 KiB, 128 KiB and 1 MiB", run: runHostile,
		note: "The costliest token of a corpus: depth, many names, escapes, long numbers, dots, large headers and signatures, " +
			"the claims unsigned as a stranger sends them and signed as only the issuer can. Of each the best of three runs " +
			"counts, so that what else the machine does does not. golang-jwt parses claims before it has verified them.",
	}
}

func runHostile(b *bench) error {
	f, err := newFixture(jwt.HS256)
	if err != nil {
		return err
	}
	ctx := context.Background()
	strict, err := f.verifier(0)
	if err != nil {
		return err
	}
	large, err := f.verifier(1 << 20)
	if err != nil {
		return err
	}
	signed, unsigned := map[string]string{}, map[string]string{}
	for _, size := range []int{16 << 10, 128 << 10, 1 << 20} {
		corpus(f.key, size, signed, unsigned)
	}
	verify := func(v *jwt.Verifier) func(string) { return func(token string) { _, _ = v.Verify(ctx, token) } }
	b.worst("sandi, by strangers", verify(strict), unsigned, atMost(10), atMost(256))
	b.worst("sandi, by the issuer", verify(strict), signed, atMost(10), atMost(256))
	b.worst("sandi, MaxSize 1 MiB, by strangers", verify(large), unsigned, atMost(10), atMost(256))
	b.worst("sandi, MaxSize 1 MiB, by the issuer", verify(large), signed, limit{}, limit{})
	theirs := func(token string) { _ = checkGolang(token)() }
	b.worst("golang-jwt, by strangers", theirs, unsigned, limit{}, limit{})
	b.worst("golang-jwt, by the issuer", theirs, signed, limit{}, limit{})
	return nil
}

// worst reports the most time and the most memory that any of the tokens costs.
func (b *bench) worst(name string, verify func(string), tokens map[string]string, timeLimit, memoryLimit limit) {
	if !b.wants(name) {
		return
	}
	var most, mostBytes float64
	var slowest, largest string
	for what, token := range tokens {
		took, bytes := cost(verify, token)
		if took >= most {
			most, slowest = took, what
		}
		if bytes >= mostBytes {
			mostBytes, largest = bytes, what
		}
	}
	b.state(name+": time", most, "ms", timeLimit, slowest)
	b.state(name+": memory", mostBytes, "KiB", memoryLimit, largest)
}

// cost is the least milliseconds and KiB of three runs.
func cost(verify func(string), token string) (milliseconds, kibibytes float64) {
	milliseconds, kibibytes = math.Inf(1), math.Inf(1)
	var before, after runtime.MemStats
	for range 3 {
		runtime.ReadMemStats(&before)
		start := time.Now()
		verify(token)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		milliseconds = min(milliseconds, took.Seconds()*1e3)
		kibibytes = min(kibibytes, float64(after.TotalAlloc-before.TotalAlloc)/1024)
	}
	return milliseconds, kibibytes
}

// corpus adds tokens of at most size bytes.
func corpus(key *jwt.Key, size int, signed, unsigned map[string]string) {
	room := size*3/4 - 400 // for claims beside the usual ones
	label := fmt.Sprintf("%d KiB of ", size>>10)
	header := encoded(`{"alg":"HS256","kid":"k1","typ":"at+jwt"}`)
	for name, claims := range hostileClaims(room) {
		input := header + "." + encoded(claims)
		unsigned[label+name] = input + "." + strings.Repeat("A", 43)
		if token, err := jwt.SignPayload(key, tokenTyp, []byte(claims)); err == nil {
			signed[label+name] = token
		} else { // no JSON that Sandi signs; the signature is right all the same
			signed[label+name] = input + "." + encoded(string(sumOf(input)))
		}
	}
	for name, header := range map[string]string{
		"header":                `{"alg":"HS256","x":"` + strings.Repeat("x", room) + `"}`,
		"header, deep":          `{"alg":"HS256","x":` + strings.Repeat("[", room),
		"header of names":       `{"alg":"HS256"` + members(room, `,"%d":0`) + `}`,
		"header of crit":        `{"alg":"HS256","crit":["a"` + members(room, `,"%d"`) + `]}`,
		"header of other algs":  `{"alg":"` + strings.Repeat("x", room) + `"}`,
		"header with long kid":  `{"alg":"HS256","kid":"` + strings.Repeat("x", room) + `"}`,
		"header of escaped kid": `{"alg":"HS256","kid":"` + strings.Repeat(`\u0061`, room/6) + `"}`,
	} {
		unsigned[label+name] = encoded(header) + "." + encoded("{}") + "." + strings.Repeat("A", 43)
	}
	for name, token := range map[string]string{
		"dots": strings.Repeat(".", size), "letters": strings.Repeat("A", size), "header bytes": strings.Repeat("A", size-4) + ".A.A",
		"signature": header + "." + encoded("{}") + "." + strings.Repeat("A", size-100),
		"newlines":  header + "." + strings.Repeat("\n", size-200) + "." + strings.Repeat("A", 43),
	} {
		unsigned[label+name] = token
	}
}

// hostileClaims are claims of about room bytes.
func hostileClaims(room int) map[string]string {
	usual := fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":4102444800,`, issuer, audience)
	fill := func(s string) string { return strings.Repeat(s, room/len(s)) }
	return map[string]string{
		"depth":                  `{"a":` + fill("["),
		"depth, closed":          `{"a":` + fill("[")[:room/2] + fill("]")[:room/2] + `}`,
		"depth of objects":       `{"a":` + fill(`{"a":`),
		"names":                  usual + members(room, `,"%d":0`)[1:] + "}",
		"names of one beginning": usual + members(room, `,"`+strings.Repeat("x", 80)+`%d":0`)[1:] + "}",
		"escaped names":          usual + members(room, `,"\u0061%d":0`)[1:] + "}",
		"one name":               usual + fill(`"a":0,`) + `"a":0}`,
		"objects":                usual + `"x":[` + fill(`{"a":0},`) + "0]}",
		"objects, escaped":       usual + `"x":[` + fill(`{"\u0061":0},`) + "0]}",
		"nested objects":         usual + `"x":[` + fill(`{"a":{"b":{"c":[0]}}},`) + "0]}",
		"audience":               fmt.Sprintf(`{"iss":%q,"exp":4102444800,"aud":[%s"x"]}`, issuer, fill(`"x",`)),
		"digits":                 usual + `"iat":0.` + fill("9") + "}",
		"exponent":               usual + `"iat":1e-` + fill("9") + "}",
		"escapes":                usual + `"x":"` + fill(`\u00e9`) + `"}`,
		"text":                   usual + `"x":"` + fill("x") + `"}`,
		"text in UTF-8":          usual + `"x":"` + fill("é") + `"}`,
		"text, unclosed":         usual + `"x":"` + fill("x"),
		"blanks":                 usual + fill(" ") + `"x":0}`,
	}
}

// members are so many of the format that they take about room bytes.
func members(room int, format string) string {
	var s strings.Builder
	for i := 0; s.Len() < room-len(format)-8; i++ {
		fmt.Fprintf(&s, format, i)
	}
	return s.String()
}

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
