package jwt_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

// signerOf hides everything of a key but crypto.Signer, as a KMS does.
type signerOf struct{ crypto.Signer }

// claimant is a signer with any public key.
type claimant struct {
	crypto.Signer
	public crypto.PublicKey
}

func (c claimant) Public() crypto.PublicKey { return c.public }

// liar returns a signature that is none.
type liar struct {
	crypto.Signer
	sig []byte
}

func (l liar) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return l.sig, nil }

// ASVS 9.1.2, 11.2.3, 11.6.1, secure-defaults 2a, 2b, 3d, checklist 121
func TestNewKeyRefuses(t *testing.T) {
	t.Parallel()
	rsaKey := rsaKey(t)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub25519, key25519, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaWith := func(n *big.Int, e int) *rsa.PublicKey { return &rsa.PublicKey{N: n, E: e} }
	bit := func(n uint) *big.Int { return new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), n), big.NewInt(1)) }
	badRSA := *rsaKey
	badRSA.D = new(big.Int).Add(rsaKey.D, big.NewInt(2))
	halves := append(bytes.Clone(key25519[:32]), make([]byte, 32)...)

	tests := []struct {
		name     string
		alg      jwt.Algorithm
		kid      string
		material any
		want     error
	}{
		{"no such algorithm", "none", "", []byte(secret), jwt.ErrKey},
		{"algorithm in lower case", "hs256", "", []byte(secret), jwt.ErrKey},
		{"kid too long", jwt.HS256, strings.Repeat("k", 257), []byte(secret), jwt.ErrKey},
		{"kid not UTF-8", jwt.HS256, "\xff", []byte(secret), jwt.ErrKey},
		{"nothing", jwt.HS256, "", nil, jwt.ErrKey},
		{"text", jwt.HS256, "", secret, jwt.ErrKey},
		{"HS256 with 31 bytes", jwt.HS256, "", []byte(secret)[1:], jwt.ErrWeakKey},
		{"HS384 with 32 bytes", jwt.HS384, "", []byte(secret), jwt.ErrWeakKey},
		{"HS512 with 63 bytes", jwt.HS512, "", make([]byte, 63), jwt.ErrWeakKey},
		{"HS256 with no bytes", jwt.HS256, "", []byte{}, jwt.ErrWeakKey},
		{"secret for ES256", jwt.ES256, "", []byte(secret), jwt.ErrKey},
		{"RSA for HS256", jwt.HS256, "", &rsaKey.PublicKey, jwt.ErrKey},
		{"RSA for ES256", jwt.ES256, "", rsaKey, jwt.ErrKey},
		{"RSA for EdDSA", jwt.EdDSA, "", signerOf{rsaKey}, jwt.ErrKey},
		{"P-256 for ES384", jwt.ES384, "", p256, jwt.ErrKey},
		{"P-256 for RS256", jwt.RS256, "", &p256.PublicKey, jwt.ErrKey},
		{"Ed25519 for ES256", jwt.ES256, "", pub25519, jwt.ErrKey},
		{"Ed25519 of 31 bytes", jwt.EdDSA, "", pub25519[1:], jwt.ErrKey},
		{"Ed25519 of two halves", jwt.EdDSA, "", ed25519.PrivateKey(halves), jwt.ErrKey},
		{"Ed25519, half of it", jwt.EdDSA, "", key25519[:32], jwt.ErrKey},
		{"RSA of 2047 bits", jwt.RS256, "", rsaWith(bit(2046), 65537), jwt.ErrWeakKey},
		{"RSA of 8193 bits", jwt.RS256, "", rsaWith(bit(8192), 65537), jwt.ErrKey},
		{"RSA, even modulus", jwt.RS256, "", rsaWith(new(big.Int).Lsh(big.NewInt(1), 2047), 65537), jwt.ErrWeakKey},
		{"RSA, e = 1", jwt.RS256, "", rsaWith(rsaKey.N, 1), jwt.ErrWeakKey},
		{"RSA, e = 3 and signs", jwt.PS256, "", claimant{rsaKey, rsaWith(rsaKey.N, 3)}, jwt.ErrWeakKey},
		{"RSA, prime missing", jwt.RS256, "", &rsa.PrivateKey{PublicKey: rsaKey.PublicKey, D: rsaKey.D, Primes: make([]*big.Int, 2)}, jwt.ErrKey},
		{"RSA, even e", jwt.PS256, "", rsaWith(rsaKey.N, 65536), jwt.ErrWeakKey},
		{"RSA, negative e", jwt.RS256, "", rsaWith(rsaKey.N, -3), jwt.ErrWeakKey},
		{"RSA, e over 31 bits", jwt.RS256, "", rsaWith(rsaKey.N, 1<<32+1), jwt.ErrKey},
		{"RSA, no modulus", jwt.RS256, "", &rsa.PublicKey{E: 65537}, jwt.ErrKey},
		{"RSA, d of another", jwt.RS256, "", &badRSA, jwt.ErrKey},
		{"RSA, no primes", jwt.RS256, "", &rsa.PrivateKey{PublicKey: rsaKey.PublicKey, D: rsaKey.D}, jwt.ErrKey},
		{"nil RSA key", jwt.RS256, "", (*rsa.PrivateKey)(nil), jwt.ErrKey},
		{"nil RSA public key", jwt.RS256, "", (*rsa.PublicKey)(nil), jwt.ErrKey},
		{"nil ECDSA key", jwt.ES256, "", (*ecdsa.PrivateKey)(nil), jwt.ErrKey},
		{"nil ECDSA public key", jwt.ES256, "", (*ecdsa.PublicKey)(nil), jwt.ErrKey},
		{"P-224", jwt.ES256, "", &ecdsa.PublicKey{Curve: elliptic.P224()}, jwt.ErrKey},
		//lint:ignore SA1019 a point off the curve cannot be made in any other way
		{"off the curve", jwt.ES256, "", &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}, jwt.ErrKey},
		{"ECDSA of two halves", jwt.ES256, "", halvesOf(t, p256), jwt.ErrKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, err := jwt.NewKey(tt.alg, tt.kid, tt.material)
			if !errors.Is(err, tt.want) || k != nil {
				t.Errorf("got key %v, error %v, want %v", k, err, tt.want)
			}
		})
	}
}

// halvesOf is the private half of key with the public half of another.
func halvesOf(t *testing.T, key *ecdsa.PrivateKey) *ecdsa.PrivateKey {
	t.Helper()
	other, err := ecdsa.GenerateKey(key.Curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mixed := *key
	mixed.PublicKey = other.PublicKey
	return &mixed
}

// A key with e = 3 that others sign with verifies.
func TestSmallExponent(t *testing.T) {
	t.Parallel()
	if _, err := jwt.NewKey(jwt.RS256, "", &rsa.PublicKey{N: rsaKey(t).N, E: 3}); err != nil {
		t.Error(err)
	}
}

func TestKeyHalves(t *testing.T) {
	t.Parallel()
	for _, alg := range allAlgorithms {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			k := newKey(t, alg)
			if k.Algorithm() != alg || k.ID() == "" || !k.CanSign() {
				t.Errorf("got algorithm %s, kid %q, CanSign %v", k.Algorithm(), k.ID(), k.CanSign())
			}
			if alg[0] == 'H' {
				if k.Public() != nil || k.PublicKey() != nil || k.Thumbprint() != "" {
					t.Error("a secret has a public half")
				}
				return
			}
			if k.ID() != k.Thumbprint() {
				t.Errorf("got kid %q, want the thumbprint %q", k.ID(), k.Thumbprint())
			}
			pub := k.Public()
			if pub.CanSign() || pub.ID() != k.ID() || pub.Thumbprint() != k.Thumbprint() || pub.Public() != pub {
				t.Errorf("got %v of %v", pub, k)
			}
			if _, err := jwt.Sign(pub, "JWT", struct{}{}); !errors.Is(err, jwt.ErrKey) {
				t.Errorf("sign with the public half: got %v, want %v", err, jwt.ErrKey)
			}
			if _, err := pub.PrivateJWK(); !errors.Is(err, jwt.ErrKey) {
				t.Errorf("got %v, want %v", err, jwt.ErrKey)
			}
			token := signPayload(t, k, "JWT", `{}`)
			if _, _, err := jwt.VerifySignature(newKeySet(t, pub), token); err != nil {
				t.Errorf("verify with the public half: %v", err)
			}
		})
	}
	if k, err := jwt.GenerateKey(jwt.RS256); err != nil || k.PublicKey().(*rsa.PublicKey).N.BitLen() != 2048 {
		t.Errorf("got %v, %v", k, err)
	}
	if _, err := jwt.GenerateKey("none"); !errors.Is(err, jwt.ErrKey) {
		t.Errorf("got %v, want %v", err, jwt.ErrKey)
	}
	k, err := jwt.NewKey(jwt.HS256, "", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if k.ID() != "" {
		t.Errorf("got kid %q for a secret without one", k.ID())
	}
}

// TestKeyIsACopy: a caller that wipes or reuses its material does not change the key.
func TestKeyIsACopy(t *testing.T) {
	t.Parallel()
	material := []byte(secret)
	k, err := jwt.NewKey(jwt.HS256, "k1", material)
	if err != nil {
		t.Fatal(err)
	}
	clear(material)
	if _, _, err := jwt.VerifySignature(newKeySet(t, k), forge(goodHeader, `{}`)); err != nil {
		t.Error(err)
	}
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err = jwt.NewKey(jwt.EdDSA, "k1", pub)
	if err != nil {
		t.Fatal(err)
	}
	want := k.Thumbprint()
	clear(pub)
	if k, _ := jwt.NewKey(jwt.EdDSA, "k1", k.PublicKey()); k.Thumbprint() != want {
		t.Error("the public key changed with its material")
	}
}

// TestSigner signs through crypto.Signer alone.
// secure-defaults 18d
func TestSigner(t *testing.T) {
	t.Parallel()
	rsaKey := rsaKey(t)
	_, key25519, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signers := map[jwt.Algorithm]crypto.Signer{
		jwt.RS256: rsaKey, jwt.RS384: rsaKey, jwt.RS512: rsaKey, jwt.PS256: rsaKey, jwt.PS384: rsaKey, jwt.PS512: rsaKey,
		jwt.EdDSA: key25519,
	}
	for alg, curve := range map[jwt.Algorithm]elliptic.Curve{jwt.ES256: elliptic.P256(), jwt.ES384: elliptic.P384(), jwt.ES512: elliptic.P521()} {
		if signers[alg], err = ecdsa.GenerateKey(curve, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	for alg, signer := range signers {
		k, err := jwt.NewKey(alg, "", signerOf{signer})
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		for range 20 { // so that ECDSA halves with leading zeros or a high bit are among them
			if _, _, err := jwt.VerifySignature(newKeySet(t, k.Public()), signPayload(t, k, "JWT", `{}`)); err != nil {
				t.Errorf("%s: %v", alg, err)
			}
		}
		_, errJWK := k.PrivateJWK()
		_, errPEM := k.PrivatePEM()
		if !errors.Is(errJWK, jwt.ErrKey) || !errors.Is(errPEM, jwt.ErrKey) {
			t.Errorf("%s: export: got %v and %v, want %v", alg, errJWK, errPEM, jwt.ErrKey)
		}
		for _, sig := range []string{
			"", "x", "\x30\x00", "\x30\x80", "\x30\x06\x02\x01\x01\x02\x01", "\x30\x06\x02\x01\x81\x02\x01\x01",
			"\x30\x06\x02\x01\x01\x03\x01\x01", "\x30\x07\x02\x01\x01\x02\x01\x01\x00", "\x30\x06\x02\x01\x01\x02\x01\x01\x00",
			"\x30\x05\x02\x00\x02\x01\x01", "\x30\x81", "\x30\x82\x00\x06\x02\x01\x01\x02\x01\x01",
			"\x30\x48\x02\x43" + strings.Repeat("\x01", 0x43) + "\x02\x01\x01",
		} {
			k, err := jwt.NewKey(alg, "", liar{signer, []byte(sig)})
			if err != nil {
				t.Fatal(err)
			}
			if token, err := jwt.Sign(k, "", struct{}{}); !errors.Is(err, jwt.ErrKey) {
				t.Errorf("%s: signature %x: got %q, %v, want %v", alg, sig, token, err, jwt.ErrKey)
			}
		}
	}
}

// TestRedaction prints keys in every way that prints things.
// ASVS 14.2.4, secure-defaults 16a
func TestRedaction(t *testing.T) {
	t.Parallel()
	for _, alg := range allAlgorithms {
		k := newKey(t, alg)
		jwk, err := k.PrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]string
		if err := json.Unmarshal(jwk, &members); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		set := newKeySet(t, k)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
			fmt.Fprintf(&out, verb+verb+verb+verb+"\n", k, set, []*jwt.Key{k}, struct{ Key *jwt.Key }{k})
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("key", "key", k, "set", set, "struct", struct{ Key *jwt.Key }{k})
		}
		if public, err := json.Marshal(set); err != nil {
			t.Error(err)
		} else {
			out.Write(public)
		}
		if public, err := json.Marshal(k); (err != nil) != (alg[0] == 'H') {
			t.Errorf("%s: marshal: %v", alg, err)
		} else {
			out.Write(public)
		}
		out.WriteString(k.String() + k.GoString() + set.String())
		text := out.String()
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			value, ok := members[name]
			raw := decode(t, value)
			if ok && (strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", raw)) || strings.Contains(text, fmt.Sprint([]byte(raw)))) {
				t.Errorf("%s: %s was printed:\n%s", alg, name, text)
			}
		}
		if !strings.Contains(text, "[redacted]") || !strings.Contains(text, k.ID()) {
			t.Errorf("%s: got %s", alg, text)
		}
	}
	var none *jwt.Key
	if got := fmt.Sprint(none); got != "jwt.Key(nil)" {
		t.Errorf("got %q", got)
	}
}
