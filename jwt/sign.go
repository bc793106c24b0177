package jwt

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
	"unsafe"
)

// Sign makes a compact JWS of claims, which package encoding/json must turn into an object. The
// header has alg, kid and typ, the latter not where typ is "". Dates are NumericDates: whole
// seconds since 1970. It returns ErrKey for a key that cannot sign and ErrMalformed for claims
// that the verifier would not read. What the claims are is up to the caller: nothing is added.
func Sign(k *Key, typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("marshal claims: %w", err)
	}
	return SignPayload(k, typ, payload)
}

// SignPayload is Sign for claims that are already JSON.
func SignPayload(k *Key, typ string, payload []byte) (string, error) {
	if k == nil || !k.CanSign() {
		return "", because(ErrKey, "key cannot sign")
	}
	if !utf8.ValidString(typ) {
		return "", because(ErrMalformed, "typ is not UTF-8")
	}
	var o object
	if fault := scanObject(unsafe.String(unsafe.SliceData(payload), len(payload)), &o); fault != "" {
		return "", because(ErrMalformed, "claims: %s", fault)
	}
	sc := k.borrow()
	defer k.giveBack(sc)
	sc.in = slices.Grow(sc.in[:0], len(payload)*4/3+768)
	sc.in = append(appendSegment(sc.in, k, typ), '.')
	sc.in = appendEncoded(sc.in, payload)
	sig, err := k.sign(sc, sc.in)
	if err != nil {
		return "", err
	}
	sc.in = append(sc.in, '.')
	sc.in = appendEncoded(sc.in, sig)
	return string(sc.in), nil
}
