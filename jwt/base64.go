package jwt

import "slices"

// The base64url alphabet without padding (RFC 7515 section 2). encoding/base64 is not used to
// decode: even its Strict decoders skip CR and LF, so that one signature has many spellings.

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// bad marks, in sextets, a byte outside the alphabet; no sextet has this bit.
const bad = 0x80

// sextets maps a character to its six bits. It is written once, before main, and never again.
var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = bad
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i)
	}
	return t
}()

// encodedLen is the length of n bytes in base64url without padding.
func encodedLen(n int) int { return n/3*4 + (n%3*8+5)/6 }

// decodedLen is the number of bytes that n characters stand for; n%4 == 1 stands for none.
func decodedLen(n int) int { return n/4*3 + n%4*6/8 }

// appendDecoded appends to dst what s encodes. It refuses every spelling but the one that
// encoding would give: padding, white space, other alphabets, and unused bits that are not zero.
func appendDecoded(dst []byte, s string) ([]byte, bool) {
	if len(s)%4 == 1 {
		return dst, false
	}
	from := len(dst)
	dst = slices.Grow(dst, decodedLen(len(s)))[:from+decodedLen(len(s))]
	out, seen := dst[from:], byte(0)
	for len(s) >= 4 && len(out) >= 3 {
		a, b, c, d := sextets[s[0]], sextets[s[1]], sextets[s[2]], sextets[s[3]]
		seen |= a | b | c | d
		out[0], out[1], out[2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
		s, out = s[4:], out[3:]
	}
	var unused byte
	if len(s) >= 2 {
		a, b := sextets[s[0]], sextets[s[1]]
		seen |= a | b
		out[0], unused = a<<2|b>>4, b<<4
		if len(s) == 3 {
			c := sextets[s[2]]
			seen |= c
			out[1], unused = b<<4|c>>2, c<<6
		}
	}
	return dst, seen&bad == 0 && unused == 0
}

// appendEncoded appends src in base64url without padding.
func appendEncoded(dst, src []byte) []byte {
	for len(src) >= 3 {
		v := uint(src[0])<<16 | uint(src[1])<<8 | uint(src[2])
		dst = append(dst, alphabet[v>>18], alphabet[v>>12&63], alphabet[v>>6&63], alphabet[v&63])
		src = src[3:]
	}
	switch len(src) {
	case 1:
		dst = append(dst, alphabet[src[0]>>2], alphabet[src[0]<<4&63])
	case 2:
		dst = append(dst, alphabet[src[0]>>2], alphabet[src[0]<<4&63|src[1]>>4], alphabet[src[1]<<2&63])
	}
	return dst
}
