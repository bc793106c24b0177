package jwt

import "slices"

// Reading JWK Sets.

// What is read at most, in bytes and in keys: checking a private key takes a millisecond.
const (
	maxJWKS = 1 << 20
	maxKeys = 256
)

// ParseKeySet reads a JWK Set. Entries that cannot be used here (another kty or curve, another use,
// no alg where one is needed, too weak, or contradicting themselves) are left out, as RFC 7517
// section 5 asks; Ignored says why. The set may therefore be empty, and then verifies nothing. It
// returns ErrKey for a document that is no JWK Set or has a duplicate name anywhere, for two
// signature keys of one kid, usable or not, and for a set that mixes HMAC keys with public-key
// ones: such a document is neither fit to be published nor to be kept secret.
func ParseKeySet(jwks []byte) (*KeySet, error) { return ParseKeySetFor("", jwks) }

// ParseKeySetFor is ParseKeySet for an issuer whose RSA keys do not name their algorithm, which is
// then alg. It changes nothing for the keys that do, nor for those of other kinds.
func ParseKeySetFor(alg Algorithm, jwks []byte) (*KeySet, error) {
	entries, err := keyEntries(jwks)
	if err != nil {
		return nil, err
	}
	var keys []*Key
	var ignored []error
	kids := make(map[string]bool)
	for _, entry := range entries {
		r, err := readJWK(entry)
		if err != nil {
			return nil, err
		}
		if kid, use := r.text("kid"), r.text("use"); kid != "" && (use == "" || use == "sig") {
			if kids[kid] {
				return nil, because(ErrKey, "two keys have the same kid")
			}
			kids[kid] = true
		}
		k, err := r.key(r.unnamed(alg))
		if err != nil {
			ignored = append(ignored, err)
			continue
		}
		keys = append(keys, k)
	}
	isHMAC := func(k *Key) bool { return k.public == nil }
	if n := len(slices.DeleteFunc(slices.Clone(keys), isHMAC)); n > 0 && n < len(keys) {
		return nil, because(ErrKey, "JWK Set mixes secrets and public keys")
	}
	s, err := NewKeySet(keys...)
	if err != nil {
		return nil, err
	}
	s.ignored = ignored
	return s, nil
}

// unnamed is alg for an RSA key that does not name its own.
func (r *jwkReader) unnamed(alg Algorithm) Algorithm {
	if r.find("alg") == nil && r.text("kty") == "RSA" {
		return alg
	}
	return ""
}

// keyEntries are the texts of the keys in a JWK Set.
func keyEntries(jwks []byte) ([]string, error) {
	if len(jwks) > maxJWKS {
		return nil, because(ErrKey, "JWK Set is over %d bytes", maxJWKS)
	}
	var doc object
	if fault := scanObject(string(jwks), &doc); fault != "" {
		return nil, because(ErrKey, "JWK Set: %s", fault)
	}
	list := doc.find("keys")
	if list == nil || list.kind != kindArray {
		return nil, because(ErrKey, "JWK Set has no list of keys")
	}
	var entries []string
	for raw := range elements(doc.raw(list)) {
		if entries = append(entries, raw); len(entries) > maxKeys {
			return nil, because(ErrKey, "JWK Set has over %d keys", maxKeys)
		}
	}
	return entries, nil
}
