package jwt_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

// members of a JWK, to change one and put together again.
func members(t *testing.T, k *jwt.Key) map[string]any {
	t.Helper()
	data, err := k.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestJWKRoundTrip(t *testing.T) {
	t.Parallel()
	for _, alg := range allAlgorithms {
		k := newKey(t, alg)
		private, err := k.PrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		again, err := jwt.ParseKey(private)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if again.Algorithm() != alg || again.ID() != k.ID() || !again.CanSign() || again.Thumbprint() != k.Thumbprint() {
			t.Errorf("got %v, want %v", again, k)
		}
		if _, _, err := jwt.VerifySignature(newKeySet(t, k), signPayload(t, again, "", `{}`)); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
		public, err := json.Marshal(k)
		if alg[0] == 'H' {
			if !errors.Is(err, jwt.ErrKey) {
				t.Errorf("%s: got %s, %v", alg, public, err)
			}
			continue
		}
		if again, err = jwt.ParseKey(public); err != nil || again.CanSign() || again.ID() != k.ID() {
			t.Errorf("%s: got %v, %v", alg, again, err)
		}
	}
}

// TestJWKAlgorithm says which algorithm a JWK is for.
func TestJWKAlgorithm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		of    jwt.Algorithm // the key written
		alg   any           // what its alg becomes, nil for none
		asked jwt.Algorithm
		want  error
	}{
		{jwt.ES256, "ES256", "", nil},
		{jwt.ES256, nil, "", nil},
		{jwt.ES384, nil, "", nil},
		{jwt.ES512, nil, "", nil},
		{jwt.EdDSA, nil, "", nil},
		{jwt.RS256, nil, "", jwt.ErrKey},
		{jwt.HS256, nil, "", jwt.ErrKey},
		{jwt.RS256, nil, jwt.RS512, nil},
		{jwt.RS256, nil, jwt.PS256, nil},
		{jwt.HS256, nil, jwt.HS256, nil},
		{jwt.HS256, nil, jwt.HS384, jwt.ErrWeakKey},
		{jwt.RS256, "PS256", "", nil},
		{jwt.RS256, "RS256", jwt.RS256, nil},
		{jwt.RS256, "RS256", jwt.PS256, jwt.ErrAlgorithm},
		{jwt.ES256, "ES256", jwt.HS256, jwt.ErrAlgorithm},
		{jwt.ES256, nil, jwt.HS256, jwt.ErrKey},
		{jwt.ES256, nil, jwt.ES384, jwt.ErrKey},
		{jwt.ES256, nil, "none", jwt.ErrKey},
		{jwt.ES256, "ES384", "", jwt.ErrKey},
		{jwt.ES256, "none", "", jwt.ErrKey},
		{jwt.ES256, "", "", jwt.ErrKey},
		{jwt.ES256, 1, "", jwt.ErrKey},
		{jwt.HS256, "RS256", "", jwt.ErrKey},
		{jwt.HS256, "A256GCM", "", jwt.ErrKey},
		{jwt.EdDSA, "Ed448", "", jwt.ErrKey},
	}
	for _, tt := range tests {
		m := members(t, newKey(t, tt.of))
		if m["alg"] = tt.alg; tt.alg == nil {
			delete(m, "alg")
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		k, err := jwt.ParseKeyFor(tt.asked, data)
		if !errors.Is(err, tt.want) || (k == nil) != (err != nil) {
			t.Errorf("%s with alg %v asked for as %q: got %v, %v, want %v", tt.of, tt.alg, tt.asked, k, err, tt.want)
		}
		if tt.asked != "" && k != nil && k.Algorithm() != tt.asked {
			t.Errorf("got %v, want %s", k, tt.asked)
		}
	}
}

// TestJWKMembers changes one member of a good private key at a time.
// ASVS 11.6.1
func TestJWKMembers(t *testing.T) {
	t.Parallel()
	other := func(alg jwt.Algorithm, name string) any { return members(t, newKey(t, alg))[name] }
	otherRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	number := func(n *big.Int) string { return b64(string(n.Bytes())) }
	add := func(name string, k *jwt.Key, n int64) string { // to a number in a member of k's
		old := new(big.Int).SetBytes([]byte(decode(t, members(t, k)[name].(string))))
		return number(old.Add(old, big.NewInt(n)))
	}
	rs := newKey(t, jwt.RS256)
	tests := []struct {
		name   string
		alg    jwt.Algorithm
		member string
		value  any // nil removes it
		want   error
	}{
		{"x of another", jwt.ES256, "x", other(jwt.ES256, "x"), jwt.ErrKey},
		{"d of another", jwt.ES256, "d", other(jwt.ES256, "d"), jwt.ErrKey},
		{"d zero", jwt.ES256, "d", strings.Repeat("A", 43), jwt.ErrKey},
		{"d over the order", jwt.ES256, "d", "_" + strings.Repeat("_", 41) + "8", jwt.ErrKey},
		{"y missing", jwt.ES256, "y", nil, jwt.ErrKey},
		{"y empty", jwt.ES256, "y", "", jwt.ErrKey},
		{"y a number", jwt.ES256, "y", 1, jwt.ErrKey},
		{"x too short", jwt.ES384, "x", strings.Repeat("A", 62), jwt.ErrKey},
		{"x padded", jwt.ES256, "x", other(jwt.ES256, "x").(string) + "=", jwt.ErrKey},
		{"crv of another", jwt.ES256, "crv", "P-384", jwt.ErrKey},
		{"kty of another", jwt.ES256, "kty", "RSA", jwt.ErrKey},
		{"kty missing", jwt.ES256, "kty", nil, jwt.ErrKey},
		{"kty in capitals", jwt.EdDSA, "kty", "okp", jwt.ErrKey},
		{"Ed25519, d of another", jwt.EdDSA, "d", other(jwt.EdDSA, "d"), jwt.ErrKey},
		{"Ed25519, x too long", jwt.EdDSA, "x", strings.Repeat("A", 44), jwt.ErrKey},
		{"secret too short", jwt.HS256, "k", "AAAA", jwt.ErrWeakKey},
		{"secret missing", jwt.HS256, "k", nil, jwt.ErrKey},
		{"RSA, n of another", jwt.RS256, "n", number(otherRSA.N), jwt.ErrKey},
		{"RSA, n with a leading zero", jwt.RS256, "n", b64("\x00" + string(rsaKey(t).N.Bytes())), jwt.ErrKey},
		{"RSA, e with a leading zero", jwt.RS256, "e", "AAEAAQ", jwt.ErrKey},
		{"RSA, e = 3", jwt.RS256, "e", "Aw", jwt.ErrKey},
		{"RSA, e = 1", jwt.RS256, "e", "AQ", jwt.ErrWeakKey},
		{"RSA, e zero", jwt.RS256, "e", "AA", jwt.ErrKey},
		{"RSA, e of 40 bits", jwt.RS256, "e", "AQAAAAE", jwt.ErrKey},
		{"RSA, d missing", jwt.RS256, "d", nil, nil}, // a public key, though p and q are there
		{"RSA, d changed", jwt.RS256, "d", add("d", rs, 2), jwt.ErrKey},
		{"RSA, d of 4096 bits", jwt.RS256, "d", b64("\x01" + strings.Repeat("\x00", 511)), jwt.ErrKey},
		{"RSA, p = q", jwt.RS256, "p", members(t, rs)["q"], jwt.ErrKey},
		{"RSA, p = 1", jwt.RS256, "p", "AQ", jwt.ErrKey},
		{"RSA, p even", jwt.RS256, "p", add("p", rs, 1), jwt.ErrKey},
		{"RSA, p missing", jwt.RS256, "p", nil, jwt.ErrKey},
		{"RSA, dp missing", jwt.RS256, "dp", nil, jwt.ErrKey},
		{"RSA, dp changed", jwt.RS256, "dp", add("dp", rs, 2), jwt.ErrKey},
		{"RSA, dq changed", jwt.RS256, "dq", add("dq", rs, 2), jwt.ErrKey},
		{"RSA, qi changed", jwt.RS256, "qi", add("qi", rs, 1), jwt.ErrKey},
		{"RSA, three primes", jwt.RS256, "oth", []any{}, jwt.ErrKey},
		{"use for encryption", jwt.ES256, "use", "enc", jwt.ErrKey},
		{"use missing", jwt.ES256, "use", nil, nil},
		{"use a list", jwt.ES256, "use", []string{"sig"}, jwt.ErrKey},
		{"kid missing", jwt.ES256, "kid", nil, nil},
		{"kid empty", jwt.ES256, "kid", "", jwt.ErrKey},
		{"kid a number", jwt.ES256, "kid", 1, jwt.ErrKey},
		{"kid too long", jwt.ES256, "kid", strings.Repeat("k", 257), jwt.ErrKey},
		{"unknown member", jwt.ES256, "x5t#S256", []int{1}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := members(t, newKey(t, tt.alg))
			if m[tt.member] = tt.value; tt.value == nil {
				delete(m, tt.member)
			}
			data, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			k, err := jwt.ParseKey(data)
			if !errors.Is(err, tt.want) || (k == nil) != (err != nil) {
				t.Errorf("got %v, %v, want %v", k, err, tt.want)
			}
		})
	}
	for _, text := range []string{"", "null", "[]", `"x"`, `{"kty":"EC","kty":"EC"}`, `{"x":{"a":1,"a":2}}`, `{}`, "{\"kty\":\"\xff\"}", strings.Repeat(" ", 64<<10) + "{}"} {
		if _, err := jwt.ParseKey([]byte(text)); !errors.Is(err, jwt.ErrKey) {
			t.Errorf("%.20q: got %v, want %v", text, err, jwt.ErrKey)
		}
	}
}

// TestKeyOps: what a key may do (RFC 7517 section 4.3).
func TestKeyOps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ops          []any
		private      bool
		alg          jwt.Algorithm
		want         error
		sign, verify bool
	}{
		{[]any{"sign", "verify"}, true, jwt.ES256, nil, true, true},
		{[]any{"sign"}, true, jwt.ES256, nil, true, true}, // its public half verifies
		{[]any{"verify"}, true, jwt.ES256, nil, false, true},
		{[]any{"verify"}, false, jwt.ES256, nil, false, true},
		{[]any{"sign"}, false, jwt.ES256, jwt.ErrKey, false, false},
		{[]any{"sign"}, true, jwt.HS256, nil, true, false},
		{[]any{"verify"}, true, jwt.HS256, nil, false, true},
		{[]any{"sign", "verify", "encrypt"}, true, jwt.HS256, nil, true, true},
		{[]any{"encrypt", "decrypt"}, true, jwt.HS256, jwt.ErrKey, false, false},
		{[]any{"deriveKey"}, false, jwt.ES256, jwt.ErrKey, false, false},
		{[]any{}, true, jwt.ES256, nil, true, true},
		{[]any{"sign, verify"}, true, jwt.ES256, nil, true, true}, // unknown values are ignored
		{[]any{"sign", "sign"}, true, jwt.ES256, jwt.ErrKey, false, false},
		{[]any{"sign", 1}, true, jwt.ES256, jwt.ErrKey, false, false},
	}
	for _, tt := range tests {
		key := newKey(t, tt.alg)
		m := members(t, key)
		m["key_ops"] = tt.ops
		if !tt.private {
			delete(m, "d")
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		k, err := jwt.ParseKey(data)
		if !errors.Is(err, tt.want) {
			t.Errorf("%v: got %v, want %v", tt.ops, err, tt.want)
		}
		if err != nil {
			continue
		}
		_, signErr := jwt.Sign(k, "", struct{}{})
		_, _, verifyErr := jwt.VerifySignature(newKeySet(t, k), signPayload(t, key, "", `{}`))
		if k.CanSign() != tt.sign || (signErr == nil) != tt.sign || (verifyErr == nil) != tt.verify {
			t.Errorf("%v: got CanSign %v, sign %v, verify %v", tt.ops, k.CanSign(), signErr, verifyErr)
		}
	}
}
