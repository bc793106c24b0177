package jwt

import (
	"encoding/binary"
	"slices"
)

// The base64url alphabet without padding (RFC 7515 section 2). encoding/base64 is not used to
// decode: even its Strict decoders skip CR and LF, so that one signature has many spellings.

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// sextets maps the four characters of a quantum to their bits, each already in its place, and all
// other characters to bad, a bit that no sextet has.
var sextets = func() (t [4][256]uint32) {
	for place := range t {
		for c := range t[place] {
			t[place][c] = bad
		}
		for v, c := range alphabet {
			t[place][c] = uint32(v) << (18 - 6*place)
		}
	}
	return t
}()

const bad = 1 << 31

// quantum is what four characters stand for, or something with bad in it.
func quantum(s string) uint32 {
	return sextets[0][s[0]] | sextets[1][s[1]] | sextets[2][s[2]] | sextets[3][s[3]]
}

// encodedLen is the length of n bytes in base64url without padding.
func encodedLen(n int) int { return n/3*4 + (n%3*8+5)/6 }

// decodedLen is the number of bytes that n characters stand for; n%4 == 1 stands for none.
func decodedLen(n int) int { return n/4*3 + n%4*6/8 }

// appendDecoded appends to dst what s encodes. It refuses every spelling but the one that
// encoding would give: padding, white space, other alphabets, and unused bits that are not zero.
func appendDecoded(dst []byte, s string) ([]byte, bool) {
	dst, _, ok := appendText(dst, s)
	return dst, ok
}

// appendText is appendDecoded and says of what it appended whether it is ASCII throughout.
func appendText(dst []byte, s string) (text []byte, ascii, ok bool) {
	if len(s)%4 == 1 {
		return dst, false, false
	}
	from := len(dst)
	dst = slices.Grow(dst, decodedLen(len(s)))[:from+decodedLen(len(s))]
	out, seen := dst[from:], uint32(0)
	for len(s) >= 16 && len(out) >= 14 { // twelve bytes a turn, stored as twice eight that overlap
		w, o := s[:16], out[:14]
		q0, q1, q2, q3 := quantum(w[:4]), quantum(w[4:8]), quantum(w[8:12]), quantum(w[12:])
		seen |= q0 | q1 | q2 | q3
		binary.BigEndian.PutUint64(o, uint64(q0)<<40|uint64(q1)<<16)
		binary.BigEndian.PutUint64(o[6:], uint64(q2)<<40|uint64(q3)<<16)
		s, out = s[16:], out[12:]
	}
	for len(s) >= 4 && len(out) >= 3 {
		q := quantum(s[:4])
		seen |= q
		out[0], out[1], out[2] = byte(q>>16), byte(q>>8), byte(q)
		s, out = s[4:], out[3:]
	}
	var unused uint32
	switch len(s) {
	case 2:
		q := sextets[0][s[0]] | sextets[1][s[1]]
		out[0] = byte(q >> 16)
		seen, unused = seen|q, q&0xffff
	case 3:
		q := sextets[0][s[0]] | sextets[1][s[1]] | sextets[2][s[2]]
		out[0], out[1] = byte(q>>16), byte(q>>8)
		seen, unused = seen|q, q&0xff
	}
	return dst, seen&0x808080 == 0, seen&bad == 0 && unused == 0
}

// pairs maps twelve bits to their two characters.
var pairs = func() (t [1 << 12][2]byte) {
	for v := range t {
		t[v] = [2]byte{alphabet[v>>6], alphabet[v&63]}
	}
	return t
}()

// appendEncoded appends src in base64url without padding.
func appendEncoded(dst, src []byte) []byte {
	from := len(dst)
	dst = slices.Grow(dst, encodedLen(len(src)))[:from+encodedLen(len(src))]
	out := dst[from:]
	for len(src) >= 3 && len(out) >= 4 {
		v := uint32(src[0])<<16 | uint32(src[1])<<8 | uint32(src[2])
		*(*[2]byte)(out) = pairs[v>>12&0xfff]
		*(*[2]byte)(out[2:]) = pairs[v&0xfff]
		src, out = src[3:], out[4:]
	}
	switch len(src) {
	case 1:
		*(*[2]byte)(out) = pairs[uint(src[0])<<4]
	case 2:
		v := uint(src[0])<<8 | uint(src[1])
		*(*[2]byte)(out) = pairs[v>>4]
		out[2] = alphabet[v<<2&63]
	}
	return dst
}
