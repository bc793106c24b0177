package jwt

import (
	"slices"
	"strings"
)

// VerifyEmbedded verifies a token with the public key in its own header, member jwk, and returns that key and the
// claims. Anybody can make such a token: it proves that its maker has the key, and nothing else. It is for DPoP proofs
// (RFC 9449 section 4.3, checks 2 to 7), whose key then is compared with one that is trusted, and for no other token:
// nothing else in this package follows a key in a header (RFC 8725 section 3.10). The claims have their types and are
// not judged: exp and nbf neither.
//
// typ is the only type accepted, and algs are the only algorithms; a jwk that names another than the header, is no
// public key, or has any private member is refused. Errors are ErrTooLarge (over DefaultMaxSize), ErrMalformed,
// ErrCritical, ErrType, ErrAlgorithm, ErrKey, ErrWeakKey and ErrSignature. It panics without a typ or algs, and for an
// HMAC among these, whose key would be public.
func VerifyEmbedded(token, typ string, algs []Algorithm) (*Key, *Claims, error) {
	if typ == "" || len(algs) == 0 || slices.ContainsFunc(algs, notSignature) {
		panic("jwt: VerifyEmbedded needs a typ, and algorithms with a public key")
	}
	if len(token) > DefaultMaxSize {
		return nil, nil, ErrTooLarge
	}
	segment, body, sig, ok := parts(token)
	if !ok {
		return nil, nil, because(ErrMalformed, "not three parts")
	}
	h, k, err := readEmbedded(segment, mediaType(typ), algs)
	if err != nil {
		return nil, nil, err
	}
	t := opened{known: &known{key: k, header: h}, body: body}
	if err := t.verify(token, len(segment)+1, len(body), sig); err != nil {
		return nil, nil, err
	}
	c := &Claims{shared: true}
	if err := c.read(t); err != nil {
		return nil, nil, err
	}
	return k, c, nil
}

// notSignature says that alg does not have a public key.
func notSignature(alg Algorithm) bool {
	s, ok := alg.spec()
	return !ok || s.family == familyHMAC
}

// readEmbedded reads a header and the key in it. What is not accepted is refused before the key, which costs more, is read.
func readEmbedded(segment, typ string, algs []Algorithm) (Header, *Key, error) {
	var o object
	h, err := readHeader(segment, nil, &o)
	if err != nil {
		return Header{}, nil, err
	}
	if h.Type != typ {
		return Header{}, nil, ErrType
	}
	if !slices.Contains(algs, h.Algorithm) {
		return Header{}, nil, because(ErrAlgorithm, "not among those that are accepted")
	}
	m := o.find("jwk")
	if m == nil || m.kind != kindObject {
		return Header{}, nil, because(ErrKey, "header has no jwk")
	}
	r, err := readJWK(strings.Clone(o.raw(m)))
	if err != nil {
		return Header{}, nil, err
	}
	for _, private := range [...]string{"d", "k", "p", "q", "dp", "dq", "qi", "oth"} { // RFC 7518 sections 6.2.2, 6.3.2, 6.4.1
		if r.find(private) != nil {
			return Header{}, nil, because(ErrKey, "jwk has a private member")
		}
	}
	k, err := r.key(h.Algorithm)
	return h, k, err
}
