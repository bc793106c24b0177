package jwt_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestPEMRoundTrip(t *testing.T) {
	t.Parallel()
	for _, alg := range allAlgorithms {
		k := newKey(t, alg)
		private, err := k.PrivatePEM()
		public, errPublic := k.PEM()
		if alg[0] == 'H' {
			if !errors.Is(err, jwt.ErrKey) || !errors.Is(errPublic, jwt.ErrKey) {
				t.Errorf("%s: got %v, %v", alg, err, errPublic)
			}
			continue
		}
		if err != nil || errPublic != nil {
			t.Fatalf("%s: %v, %v", alg, err, errPublic)
		}
		for _, text := range []string{string(private), string(public), "a comment\n" + string(public) + "\n"} {
			again, err := jwt.ParsePEM(alg, "", []byte(text))
			if err != nil {
				t.Fatalf("%s: %v", alg, err)
			}
			if again.Thumbprint() != k.Thumbprint() || again.ID() != k.ID() || again.CanSign() != strings.Contains(text, "PRIVATE") {
				t.Errorf("got %v, want %v", again, k)
			}
		}
		if _, err := k.Public().PrivatePEM(); !errors.Is(err, jwt.ErrKey) {
			t.Errorf("%s: got %v, want %v", alg, err, jwt.ErrKey)
		}
	}
}

func TestParsePEM(t *testing.T) {
	t.Parallel()
	rsaKey := rsaKey(t)
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	pkix, err := x509.MarshalPKIXPublicKey(&ecKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edDER, err := x509.MarshalPKCS8PrivateKey(edKey)
	if err != nil {
		t.Fatal(err)
	}
	ecdh, err := ecKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	ecdhDER, err := x509.MarshalPKCS8PrivateKey(ecdh)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1, pkcs1Public := x509.MarshalPKCS1PrivateKey(rsaKey), x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)
	tests := []struct {
		name string
		alg  jwt.Algorithm
		text string
		want error
		is   jwt.Algorithm
	}{
		{"PKCS1", jwt.RS256, block("RSA PRIVATE KEY", pkcs1), nil, jwt.RS256},
		{"PKCS1 public", jwt.PS512, block("RSA PUBLIC KEY", pkcs1Public), nil, jwt.PS512},
		{"RSA without algorithm", "", block("RSA PUBLIC KEY", pkcs1Public), jwt.ErrKey, ""},
		{"SEC1", jwt.ES384, block("EC PRIVATE KEY", sec1), nil, jwt.ES384},
		{"SEC1 after its parameters", jwt.ES384, block("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}) + block("EC PRIVATE KEY", sec1), nil, jwt.ES384},
		{"SEC1, algorithm of the curve", "", block("EC PRIVATE KEY", sec1), nil, jwt.ES384},
		{"PKIX, algorithm of the curve", "", block("PUBLIC KEY", pkix), nil, jwt.ES384},
		{"PKCS8, algorithm of the curve", "", block("PRIVATE KEY", edDER), nil, jwt.EdDSA},
		{"other curve", jwt.ES256, block("EC PRIVATE KEY", sec1), jwt.ErrKey, ""},
		{"for HMAC", jwt.HS256, block("PUBLIC KEY", pkix), jwt.ErrKey, ""},
		{"key agreement, which is the same in DER", jwt.ES384, block("PRIVATE KEY", ecdhDER), nil, jwt.ES384},
		{"nothing", jwt.ES384, "", jwt.ErrKey, ""},
		{"no PEM", jwt.ES384, "x", jwt.ErrKey, ""},
		{"parameters alone", jwt.ES384, block("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}), jwt.ErrKey, ""},
		{"two keys", jwt.ES384, block("EC PRIVATE KEY", sec1) + block("PUBLIC KEY", pkix), jwt.ErrKey, ""},
		{"certificate", jwt.ES384, block("CERTIFICATE", pkix), jwt.ErrKey, ""},
		{"wrong label", jwt.ES384, block("PRIVATE KEY", sec1), jwt.ErrKey, ""},
		{"encrypted", jwt.ES384, block("ENCRYPTED PRIVATE KEY", sec1), jwt.ErrKey, ""},
		{"cut", jwt.ES384, block("EC PRIVATE KEY", sec1[:len(sec1)-1]), jwt.ErrKey, ""},
		{"too large", jwt.ES384, strings.Repeat("\n", 64<<10) + block("EC PRIVATE KEY", sec1), jwt.ErrKey, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, err := jwt.ParsePEM(tt.alg, "kid", []byte(tt.text))
			if !errors.Is(err, tt.want) || (k == nil) != (err != nil) {
				t.Fatalf("got %v, %v, want %v", k, err, tt.want)
			}
			if err == nil && (k.Algorithm() != tt.is || k.ID() != "kid") {
				t.Errorf("got %v, want %s", k, tt.is)
			}
		})
	}
}
