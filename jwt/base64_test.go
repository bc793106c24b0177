package jwt

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// checklist 113
func TestBase64(t *testing.T) {
	t.Parallel()
	std := base64.RawURLEncoding.Strict()
	for n := range 20 {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(i*37 + n*101)
		}
		text := string(appendEncoded(nil, src))
		if want := std.EncodeToString(src); text != want || len(text) != encodedLen(n) || decodedLen(len(text)) != n {
			t.Fatalf("%d bytes: got %q, want %q", n, text, want)
		}
		if got, ok := appendDecoded([]byte("x"), text); !ok || !bytes.Equal(got[1:], src) || got[0] != 'x' {
			t.Fatalf("%q: got %x, %v, want %x", text, got, ok, src)
		}
		// Each byte at each place: what is accepted is what encodes to itself.
		for at := range text {
			for c := range 256 {
				changed := text[:at] + string([]byte{byte(c)}) + text[at+1:]
				got, ok := appendDecoded(nil, changed)
				if ok && std.EncodeToString(got) != changed {
					t.Fatalf("%q: decoded, but is not what its bytes encode to", changed)
				}
				if want, err := std.DecodeString(changed); !ok && err == nil && !strings.ContainsAny(changed, "\r\n") {
					t.Fatalf("%q: got nothing, want %x", changed, want)
				}
			}
		}
	}
	for _, text := range []string{"A", "AAAAA", "AA==", "AAA=", "=", "AA\n", "\nAA", "AAAA\r\n", "AA AA", "A+A/", "AAAA\x00", "é", "AB", "AAB", "A\xffA"} {
		if got, ok := appendDecoded(nil, text); ok {
			t.Errorf("%q: got %x", text, got)
		}
	}
}
