package jwt

import "strings"

// opened is a token whose signature has been verified and nothing else.
type opened struct {
	header  Header
	payload string
}

// parts cuts a compact JWS (RFC 7515 section 7.1) at its two dots, without looking for more of
// them than a third.
func parts(token string) (header, payload, signature string, ok bool) {
	header, rest, ok1 := strings.Cut(token, ".")
	payload, signature, ok2 := strings.Cut(rest, ".")
	return header, payload, signature, ok1 && ok2 && strings.IndexByte(signature, '.') < 0
}

// open verifies the signature: size, dots, header, key, signature and only then payload, so that
// nothing is said about the content of a token that its key did not sign.
func open(keys Keys, token string, maxSize int, critical []string) (opened, error) {
	if len(token) > maxSize {
		return opened{}, ErrTooLarge
	}
	head, body, sig, ok := parts(token)
	if !ok {
		return opened{}, because(ErrMalformed, "not three parts")
	}
	set := keys.KeySet()
	if set == nil {
		return opened{}, because(ErrUnknownKey, "key set is nil")
	}
	k, h, err := set.keyFor(head, critical)
	if err != nil {
		return opened{}, err
	}
	sc := k.borrow()
	defer k.giveBack(sc)
	if sc.sig, ok = appendDecoded(sc.sig[:0], sig); !ok {
		return opened{}, because(ErrMalformed, "signature is not base64url")
	}
	sc.in = append(sc.in[:0], token[:len(head)+1+len(body)]...)
	if !k.verify(sc, sc.in, sc.sig) {
		return opened{}, ErrSignature
	}
	if sc.out, ok = appendDecoded(sc.out[:0], body); !ok {
		return opened{}, because(ErrMalformed, "payload is not base64url")
	}
	return opened{header: h, payload: string(sc.out)}, nil
}

// keyFor finds the key that a header segment asks for: at once where the segment is one that a key
// of the set would write itself.
func (s *KeySet) keyFor(segment string, critical []string) (*Key, Header, error) {
	if found, ok := s.known[segment]; ok {
		return found.key, found.header, nil
	}
	h, err := parseHeader(segment, critical)
	if err != nil {
		return nil, Header{}, err
	}
	k, err := s.choose(h)
	return k, h, err
}

// VerifySignature verifies the signature of a compact JWS and nothing else: not its type, issuer,
// audience or expiry. It is for signed things that are not access tokens, whose payload may be
// anything, empty included; who may do what is decided by Verifier.Verify. Header extensions named
// in crit are refused.
func VerifySignature(keys Keys, token string) (header Header, payload []byte, err error) {
	t, err := open(keys, token, DefaultMaxSize, nil)
	if err != nil {
		return Header{}, nil, err
	}
	return t.header, []byte(t.payload), nil
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
