package jwt

import "slices"

// The base64url alphabet without padding (RFC 7515 section 2). encoding/base64 is not used to
// decode: even its Strict decoders skip CR and LF, so that one signature has many spellings.

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// sextets maps a character to its six bits, and all others to bad, a bit that no sextet has.
const sextets = "" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x3e\x80\x80" +
	"\x34\x35\x36\x37\x38\x39\x3a\x3b\x3c\x3d\x80\x80\x80\x80\x80\x80" +
	"\x80\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e" +
	"\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x80\x80\x80\x80\x3f" +
	"\x80\x1a\x1b\x1c\x1d\x1e\x1f\x20\x21\x22\x23\x24\x25\x26\x27\x28" +
	"\x29\x2a\x2b\x2c\x2d\x2e\x2f\x30\x31\x32\x33\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80" +
	"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"

const bad = 0x80

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
