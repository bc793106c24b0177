package jwt

import (
	"strings"
	"unsafe"
)

// opened is a token whose signature has been verified and nothing else.
type opened struct {
	*known
	set  *KeySet // that has the key
	body string  // the payload, encoded
}

// parts cuts a compact JWS (RFC 7515 section 7.1) at its first two dots. A third one is left to the
// decoder of the signature, as no base64url.
func parts(token string) (header, payload, signature string, ok bool) {
	header, rest, ok1 := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	return header, payload, signature, ok1 && ok2
}

// open verifies the signature: size, dots, header, key, signature. The payload comes after it, so that
// nothing is said about the content of a token that its key did not sign.
func open(set *KeySet, token string, maxSize int, critical []string) (opened, error) {
	if len(token) > maxSize {
		return opened{}, ErrTooLarge
	}
	found := set.recognise(token)
	var from int // where the payload begins
	if found != nil {
		from = len(found.segment) + 1
	} else {
		from = strings.IndexByte(token, '.') + 1
	}
	body, sig, ok := strings.Cut(token[from:], ".")
	if from == 0 || !ok {
		return opened{}, because(ErrMalformed, "not three parts")
	}
	if found == nil {
		h, err := parseHeader(token[:from-1], critical)
		if err != nil {
			return opened{}, err
		}
		k, err := set.choose(h)
		if err != nil {
			return opened{}, err
		}
		found = &known{key: k, header: h}
	}
	if err := found.verify(token, from, len(body), sig); err != nil {
		return opened{}, err
	}
	return opened{found, set, body}, nil
}

// verify checks sig over the header and the payload of token, which begins at from and has n bytes.
func (f *known) verify(token string, from, n int, sig string) error {
	if len(sig) != encodedLen(f.key.size) { // before it costs anything to read
		if strings.IndexByte(sig, '.') >= 0 {
			return because(ErrMalformed, "not three parts")
		}
		return ErrSignature
	}
	sc := f.key.borrow()
	defer f.key.giveBack(sc)
	ok := false
	if sc.sig, ok = appendDecoded(sc.sig[:0], sig); !ok {
		return because(ErrMalformed, "signature is not base64url")
	}
	if f.mid != nil {
		ok = len(sc.sig) == f.key.size && sc.checkMAC(f.mid, readOnly(token[from:from+n]), sc.sig)
	} else {
		ok = f.key.verify(sc, readOnly(token[:from+n]), sc.sig)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// readOnly is s as bytes that nobody may write to or keep.
func readOnly(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// VerifySignature verifies the signature of a compact JWS and nothing else: not its type, issuer,
// audience or expiry. It is for signed things that are not access tokens, whose payload may be
// anything, empty included; who may do what is decided by Verifier.Verify. Header extensions named
// in crit are refused.
func VerifySignature(keys Keys, token string) (header Header, payload []byte, err error) {
	if keys == nil {
		panic("jwt: VerifySignature needs keys")
	}
	t, err := open(keys.KeySet(), token, DefaultMaxSize, nil)
	if err != nil {
		return Header{}, nil, err
	}
	payload, ok := appendDecoded([]byte{}, t.body)
	if !ok {
		return Header{}, nil, because(ErrMalformed, "payload is not base64url")
	}
	return t.header, payload, nil
}

// DecodeUnverified returns the header and the claims of a token as JSON, without knowing who
// signed it: for tools that show a token to its owner, never for deciding anything. It reads as
// strictly as the verifier, but does not ask what the members mean, and returns ErrMalformed or
// ErrTooLarge.
func DecodeUnverified(token string) (header, payload []byte, err error) {
	if len(token) > DefaultMaxSize {
		return nil, nil, ErrTooLarge
	}
	head, body, sig, ok := parts(token)
	if !ok {
		return nil, nil, because(ErrMalformed, "not three parts")
	}
	text, err := decodeHeader(head)
	if err != nil {
		return nil, nil, err
	}
	var o object
	if fault := scanObject(text, &o); fault != "" {
		return nil, nil, because(ErrMalformed, "header: %s", fault)
	}
	if payload, ok = appendDecoded(nil, body); !ok {
		return nil, nil, because(ErrMalformed, "payload is not base64url")
	}
	if _, ok = appendDecoded(nil, sig); !ok {
		return nil, nil, because(ErrMalformed, "signature is not base64url")
	}
	if fault := scanObject(string(payload), &o); fault != "" {
		return nil, nil, because(ErrMalformed, "claims: %s", fault)
	}
	return []byte(text), payload, nil
}
