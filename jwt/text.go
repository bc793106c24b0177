package jwt

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON strings (RFC 8259 section 7).

// plainEnd is where the run of ordinary characters that starts at i ends: at a quote, a backslash,
// a control character or the end of s. It looks at eight bytes at a time: in both terms the lowest
// high bit that is set belongs to the first such byte. With its second bit flipped a quote is the
// next value after the control characters, so that one comparison finds them all.
func plainEnd(s string, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(s)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(readOnly(s[i : i+8]))
		low, backslash := x^2*ones, x^'\\'*ones
		if found := ((low-0x21*ones)&^low | (backslash-ones)&^backslash) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= 0x20 {
		i++
	}
	return i
}

// escapeLen is the length of the escape that s starts with, a whole surrogate pair where it is
// one; 0 when it is no valid escape (RFC 8259 section 7; a lone surrogate has no UTF-8).
func escapeLen(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hex4(s)
		switch {
		case r < 0:
			return 0
		case !utf16.IsSurrogate(r):
			return 6
		case len(s) >= 12 && s[6] == '\\' && s[7] == 'u' && utf16.DecodeRune(r, hex4(s[6:])) != utf8.RuneError:
			return 12
		}
	}
	return 0
}

// hex4 is the code unit that s, starting with \u, stands for; -1 when it is none.
func hex4(s string) rune {
	if len(s) < 6 {
		return -1
	}
	r := rune(0)
	for i := 2; i < 6; i++ {
		switch c := s[i]; {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case (c|0x20)-'a' <= 5:
			r = r<<4 | rune((c|0x20)-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unescape is the text of a string, between its quotes, that the scanner has accepted.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			out = append(out, s[i])
			i++
			continue
		}
		n := escapeLen(s[i:])
		switch n {
		case 6:
			out = utf8.AppendRune(out, hex4(s[i:]))
		case 12:
			out = utf8.AppendRune(out, utf16.DecodeRune(hex4(s[i:]), hex4(s[i+6:])))
		default:
			out = append(out, plain(s[i+1]))
		}
		i += n
	}
	return string(out)
}

// plain is what a two-character escape stands for.
func plain(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// appendQuoted appends s, which is UTF-8, as a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
