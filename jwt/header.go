package jwt

import (
	"slices"
	"strings"
)

// The JOSE header (RFC 7515 section 4). Only alg, typ, kid and crit are read; jku, jwk, x5u and
// x5c are never followed (RFC 8725 section 3.10), but for the jwk that VerifyEmbedded is asked to read.

// Header is what a token says of itself before anything in it can be believed.
type Header struct {
	// Algorithm is alg, which has to be the key's.
	Algorithm Algorithm
	// Type is typ in lower case and without "application/" (RFC 7515 section 4.1.9); "" for none.
	Type string
	// KeyID is kid; "" for none.
	KeyID string
}

// maxHeader bounds the decoded header, in bytes.
const maxHeader = 4 << 10

// segment is the header, encoded, of tokens that a key signs with a certain typ: the same bytes
// each time, so that a verifier can recognise it without reading it.
type segment struct {
	text string
	typ  string
	mid  *midstate // HMAC: of the text and the dot after it
}

// commonSegments prepares the headers of the types that most tokens have.
func commonSegments(k *Key) []segment {
	types := [...]string{"at+jwt", "JWT", ""}
	list := make([]segment, 0, len(types))
	for _, typ := range types {
		s := segment{text: string(appendSegment(nil, k, typ)), typ: typ}
		if k.spec.family == familyHMAC {
			s.mid = newMidstate(k.size, k.private.secret, s.text+".")
		}
		list = append(list, s)
	}
	return list
}

// appendSegment appends the encoded header of a token of k's.
func appendSegment(dst []byte, k *Key, typ string) []byte {
	for _, s := range k.segments {
		if s.typ == typ {
			return append(dst, s.text...)
		}
	}
	h := append(make([]byte, 0, 128), `{"alg":"`...)
	h = append(append(h, k.alg...), '"')
	if k.id != "" {
		h = appendQuoted(append(h, `,"kid":`...), k.id)
	}
	if typ != "" {
		h = appendQuoted(append(h, `,"typ":`...), typ)
	}
	return appendEncoded(dst, append(h, '}'))
}

// decodeHeader is the text that a header segment encodes.
func decodeHeader(segment string) (string, error) {
	if len(segment) > encodedLen(maxHeader) {
		return "", because(ErrTooLarge, "header is over %d bytes", maxHeader)
	}
	var buf [512]byte
	text, ok := appendDecoded(buf[:0], segment)
	if !ok {
		return "", because(ErrMalformed, "header is not base64url")
	}
	return string(text), nil
}

// parseHeader reads a header that no key recognised. critical are the extensions that the caller
// understands.
func parseHeader(segment string, critical []string) (Header, error) {
	var o object
	return readHeader(segment, critical, &o)
}

// readHeader is parseHeader for who needs other members as well.
func readHeader(segment string, critical []string, o *object) (Header, error) {
	text, err := decodeHeader(segment)
	if err != nil {
		return Header{}, err
	}
	if fault := scanObject(text, o); fault != "" {
		return Header{}, because(ErrMalformed, "header: %s", fault)
	}
	h := Header{}
	for i := range o.n {
		m := o.at(i)
		if err := h.set(o, m, critical); err != nil {
			return Header{}, err
		}
	}
	if _, ok := h.Algorithm.spec(); !ok {
		if o.find("alg") == nil {
			return Header{}, because(ErrMalformed, "header has no alg")
		}
		return Header{}, because(ErrAlgorithm, "no such algorithm")
	}
	return h, nil
}

func (h *Header) set(o *object, m *member, critical []string) error {
	s, isText := o.text(m)
	switch o.name(m) {
	case "alg":
		h.Algorithm = Algorithm(s)
	case "typ":
		h.Type = mediaType(s)
	case "kid":
		if h.KeyID = s; s == "" && isText {
			return because(ErrUnknownKey, "kid is empty")
		}
	case "crit":
		return checkCritical(o, m, critical)
	case "b64":
		// RFC 7797 section 7: a JWT must not use it, and without crit it means nothing.
		return because(ErrCritical, "b64")
	default:
		return nil
	}
	if !isText {
		return because(ErrMalformed, "alg, typ or kid is not a string")
	}
	return nil
}

// checkCritical applies RFC 7515 section 4.1.11: a list, not empty, of different names of
// extensions, all of them present and all of them understood.
func checkCritical(o *object, m *member, understood []string) error {
	list, ok := o.texts(m)
	if !ok || len(list) == 0 {
		return because(ErrCritical, "crit is not a list of names")
	}
	for i, name := range list {
		switch {
		case slices.Contains(list[:i], name):
			return because(ErrCritical, "crit names an extension twice")
		case isRegistered(name):
			return because(ErrCritical, "crit names a registered header")
		case o.find(name) == nil:
			return because(ErrCritical, "crit names a header that is not there")
		case !slices.Contains(understood, name):
			return ErrCritical
		}
	}
	return nil
}

// isRegistered says whether name is defined by JWS, JWE or JWA themselves, which crit may not name
// (RFC 7515 section 4.1, RFC 7516 section 4.1, RFC 7518 section 4), or is b64 (RFC 7797 section 7).
func isRegistered(name string) bool {
	switch name {
	case "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit",
		"enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c", "b64":
		return true
	}
	return false
}

// mediaType brings a typ into the form in which types are compared: RFC 7515 section 4.1.9 lets
// "application/" be left out where no other slash follows, and media types ignore ASCII case.
func mediaType(typ string) string {
	const prefix = "application/"
	typ = lower(typ)
	if len(typ) > len(prefix) && typ[:len(prefix)] == prefix && strings.IndexByte(typ[len(prefix):], '/') < 0 {
		return typ[len(prefix):]
	}
	return typ
}

// lower folds ASCII only: no other letter may become one.
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for i, c := range b {
				if 'A' <= c && c <= 'Z' {
					b[i] = c | 0x20
				}
			}
			return string(b)
		}
	}
	return s
}
