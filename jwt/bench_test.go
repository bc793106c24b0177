package jwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// benchPayload has the claims of an access token, 327 bytes.
const benchPayload = `{"iss":"https://id.example.com","sub":"user001","aud":"https://api.example.com","exp":4102444800,` +
	`"iat":1700000000,"nbf":1700000000,"jti":"0f8fad5bd9cb469fa16570867728950e","client_id":"sandi","scope":"read",` +
	`"sid":"7c9e6679742540de944be07fc1f90ae7","roles":["manager","user"],"auth_time":1700000000,"type":"access","fresh":true}`

var benchAlgorithms = []jwt.Algorithm{
	jwt.HS256, jwt.HS384, jwt.HS512, jwt.RS256, jwt.PS256, jwt.ES256, jwt.ES384, jwt.ES512, jwt.EdDSA,
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range benchAlgorithms {
		b.Run(string(alg), func(b *testing.B) {
			k := newKey(b, alg)
			token := signPayload(b, k, "at+jwt", benchPayload)
			v, err := jwt.NewVerifier(jwt.Config{
				Keys: newKeySet(b, k), Issuer: "https://id.example.com",
				Audience: []string{"https://api.example.com"}, Types: []string{"at+jwt"},
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSignPayload(b *testing.B) {
	for _, alg := range benchAlgorithms {
		b.Run(string(alg), func(b *testing.B) {
			k, payload := newKey(b, alg), []byte(benchPayload)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jwt.SignPayload(k, "at+jwt", payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	claims := struct {
		Issuer   string   `json:"iss"`
		Subject  string   `json:"sub"`
		Audience []string `json:"aud"`
		Expires  int64    `json:"exp"`
		Scope    string   `json:"scope"`
	}{"https://id.example.com", "user1", []string{"https://api.example.com"}, time.Now().Unix(), "read write"}
	k := newKey(b, jwt.HS256)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jwt.Sign(k, "at+jwt", claims); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRaw is the floor: the standard library's signature over the same bytes, and no token.
func BenchmarkRaw(b *testing.B) {
	k := newKey(b, jwt.HS256)
	token := signPayload(b, k, "at+jwt", benchPayload)
	input := []byte(token[:strings.LastIndexByte(token, '.')])
	digest := sha256.Sum256(input)

	b.Run("HS256", func(b *testing.B) {
		mac := hmac.New(sha256.New, make([]byte, 32))
		sum := make([]byte, 0, 32)
		b.ReportAllocs()
		for b.Loop() {
			mac.Reset()
			mac.Write(input)
			sum = mac.Sum(sum[:0])
		}
	})
	b.Run("ES256", func(b *testing.B) {
		priv := newKey(b, jwt.ES256)
		pub := priv.PublicKey().(*ecdsa.PublicKey)
		key, err := ecdsa.GenerateKey(pub.Curve, rand.Reader)
		benchSigner(b, key, err, digest[:], crypto.SHA256, func(sig []byte) bool {
			return ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig)
		})
	})
	b.Run("EdDSA", func(b *testing.B) {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		benchSigner(b, key, err, input, crypto.Hash(0), func(sig []byte) bool { return ed25519.Verify(pub, input, sig) })
	})
	b.Run("RS256", func(b *testing.B) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		benchSigner(b, key, err, digest[:], crypto.SHA256, func(sig []byte) bool {
			return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], sig) == nil
		})
	})
}

func benchSigner(b *testing.B, key crypto.Signer, err error, message []byte, opts crypto.SignerOpts, verify func([]byte) bool) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	sig, err := key.Sign(rand.Reader, message, opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sign", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := key.Sign(rand.Reader, message, opts); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !verify(sig) {
				b.Fatal("signature does not verify")
			}
		}
	})
}

func BenchmarkVerifyInto(b *testing.B) {
	k := newKey(b, jwt.HS256)
	token := signPayload(b, k, "at+jwt", benchPayload)
	v, err := jwt.NewVerifier(jwt.Config{
		Keys: newKeySet(b, k), Issuer: "https://id.example.com",
		Audience: []string{"https://api.example.com"}, Types: []string{"at+jwt"},
	})
	if err != nil {
		b.Fatal(err)
	}
	var c jwt.Claims
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := v.VerifyInto(ctx, token, &c); err != nil {
			b.Fatal(err)
		}
	}
}
