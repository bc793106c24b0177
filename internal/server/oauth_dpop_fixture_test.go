package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"
)

// dpopKey makes proofs (RFC 9449 section 4.2).
type dpopKey struct{ *ecdsa.PrivateKey }

func newDPoPKey(t testing.TB) dpopKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return dpopKey{k}
}

func (k dpopKey) jwk() map[string]string {
	raw, err := k.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return map[string]string{
		"kty": "EC", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(raw[1:33]), "y": base64.RawURLEncoding.EncodeToString(raw[33:]),
	}
}

func (k dpopKey) thumbprint() string {
	text, _ := json.Marshal(k.jwk()) // its members are in order, and all are required ones (RFC 7638 section 3)
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (k dpopKey) proof(t testing.TB, now time.Time, method, target string, more map[string]any) string {
	t.Helper()
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": target, "iat": now.Unix()}
	for name, v := range more {
		claims[name] = v
	}
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	input := part(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": k.jwk()}) + "." + part(claims)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k.PrivateKey, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (g *grants) proof(k dpopKey) string {
	return k.proof(g.t, g.clock.now(), "POST", g.url+"/oauth/token", nil)
}
