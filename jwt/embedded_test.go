package jwt_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

var proofAlgorithms = []jwt.Algorithm{jwt.ES256, jwt.EdDSA}

// prover makes ES256 tokens with any header at all.
type prover struct {
	tb  testing.TB
	key *ecdsa.PrivateKey
	jwk map[string]any
}

func newProver(tb testing.TB) prover {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := jwt.NewKey(jwt.ES256, "", key)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := json.Marshal(k.Public())
	if err != nil {
		tb.Fatal(err)
	}
	p := prover{tb: tb, key: key}
	if err := json.Unmarshal(text, &p.jwk); err != nil {
		tb.Fatal(err)
	}
	return p
}

// header is one that passes, with changes; a nil value removes a member.
func (p prover) header(changes map[string]any) string {
	p.tb.Helper()
	h := map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": p.jwk}
	maps.Copy(h, changes)
	maps.DeleteFunc(h, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(h)
	if err != nil {
		p.tb.Fatal(err)
	}
	return string(text)
}

func (p prover) sign(header, payload string) string {
	p.tb.Helper()
	input := b64(header) + "." + b64(payload)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		p.tb.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// with is the jwk with more members.
func (p prover) with(members map[string]any) map[string]any {
	jwk := maps.Clone(p.jwk)
	maps.Copy(jwk, members)
	return jwk
}

// A key in the header counts where it is asked for, and a private or symmetric one never.
// checklist 117, 137
func TestVerifyEmbedded(t *testing.T) {
	t.Parallel()
	p, other := newProver(t), newProver(t)
	const payload = `{"jti":"a","iat":1}`
	good := p.sign(p.header(nil), payload)
	half, err := p.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		token string
		want  error
	}{
		"good":                    {good, nil},
		"typ with application/":   {p.sign(p.header(map[string]any{"typ": "Application/DPoP+JWT"}), payload), nil},
		"kid is ignored":          {p.sign(p.header(map[string]any{"kid": "x", "jku": "https://evil.example", "x5c": []string{"x"}}), payload), nil},
		"key that may verify":     {p.sign(p.header(map[string]any{"jwk": p.with(map[string]any{"key_ops": []string{"verify"}, "ext": true})}), payload), nil},
		"another typ":             {p.sign(p.header(map[string]any{"typ": "JWT"}), payload), jwt.ErrType},
		"no typ":                  {p.sign(p.header(map[string]any{"typ": nil}), payload), jwt.ErrType},
		"none":                    {p.sign(p.header(map[string]any{"alg": "none"}), payload), jwt.ErrAlgorithm},
		"no alg":                  {p.sign(p.header(map[string]any{"alg": nil}), payload), jwt.ErrMalformed},
		"HMAC":                    {p.sign(p.header(map[string]any{"alg": "HS256", "jwk": map[string]any{"kty": "oct", "k": b64(secret)}}), payload), jwt.ErrAlgorithm},
		"algorithm not listed":    {p.sign(p.header(map[string]any{"alg": "ES384"}), payload), jwt.ErrAlgorithm},
		"no jwk":                  {p.sign(p.header(map[string]any{"jwk": nil}), payload), jwt.ErrKey},
		"jwk is a string":         {p.sign(p.header(map[string]any{"jwk": "x"}), payload), jwt.ErrKey},
		"jwk is null":             {strings.Replace(good, b64(p.header(nil)), b64(`{"typ":"dpop+jwt","alg":"ES256","jwk":null}`), 1), jwt.ErrKey},
		"jwk of another alg":      {p.sign(p.header(map[string]any{"jwk": p.with(map[string]any{"alg": "ES384"})}), payload), jwt.ErrAlgorithm},
		"jwk to encrypt":          {p.sign(p.header(map[string]any{"jwk": p.with(map[string]any{"use": "enc"})}), payload), jwt.ErrKey},
		"jwk off its curve":       {p.sign(p.header(map[string]any{"jwk": p.with(map[string]any{"x": b64(strings.Repeat("x", 32))})}), payload), jwt.ErrKey},
		"private":                 {p.sign(p.header(map[string]any{"jwk": p.with(map[string]any{"d": b64(string(half))})}), payload), jwt.ErrKey},
		"private by a null":       {p.sign(p.header(map[string]any{"jwk": p.with(map[string]any{"d": nil})}), payload), jwt.ErrKey},
		"secret beside it":        {p.sign(p.header(map[string]any{"jwk": p.with(map[string]any{"k": "AA"})}), payload), jwt.ErrKey},
		"another's key":           {p.sign(p.header(map[string]any{"jwk": other.jwk}), payload), jwt.ErrSignature},
		"crit":                    {p.sign(p.header(map[string]any{"crit": []string{"x"}, "x": 1}), payload), jwt.ErrCritical},
		"two jwk":                 {p.sign(strings.Replace(p.header(nil), "{", `{"jwk":{},`, 1), payload), jwt.ErrMalformed},
		"claims of a wrong type":  {p.sign(p.header(nil), `{"iat":"1"}`), jwt.ErrMalformed},
		"claims are a list":       {p.sign(p.header(nil), `[]`), jwt.ErrMalformed},
		"two in one":              {good + "," + good, jwt.ErrMalformed},
		"four parts":              {good + ".", jwt.ErrMalformed},
		"nothing":                 {"", jwt.ErrMalformed},
		"larger than all":         {p.sign(p.header(nil), `{"pad":"`+strings.Repeat("x", 16<<10)+`"}`), jwt.ErrTooLarge},
		"header larger than all":  {p.sign(p.header(map[string]any{"pad": strings.Repeat("x", 5<<10)}), payload), jwt.ErrTooLarge},
		"signature is cut":        {good[:len(good)-4], jwt.ErrSignature},
		"signature is not base64": {good[:len(good)-1] + "=", jwt.ErrMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, c, err := jwt.VerifyEmbedded(tt.token, "dpop+jwt", proofAlgorithms)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || (err == nil) != (k != nil && c != nil) {
				t.Fatalf("got %v, %v, %v; want %v", k, c, err, tt.want)
			}
			if err == nil && (k.CanSign() || k.Thumbprint() == "" || c.ID() != "a" || c.Type() != "dpop+jwt") {
				t.Errorf("got %v with %v of type %s", k, c, c.Type())
			}
		})
	}
}

// What is asked for decides, and what cannot be asked for panics.
func TestVerifyEmbeddedPanics(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(){
		"no typ":        func() { _, _, _ = jwt.VerifyEmbedded("", "", proofAlgorithms) },
		"no algorithms": func() { _, _, _ = jwt.VerifyEmbedded("", "dpop+jwt", nil) },
		"HMAC":          func() { _, _, _ = jwt.VerifyEmbedded("", "dpop+jwt", []jwt.Algorithm{jwt.ES256, jwt.HS256}) },
		"unknown":       func() { _, _, _ = jwt.VerifyEmbedded("", "dpop+jwt", []jwt.Algorithm{"none"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			call()
		})
	}
}

// FuzzEmbedded: whatever is accepted was signed with the key that it brings.
func FuzzEmbedded(f *testing.F) {
	p := newProver(f)
	f.Add(p.header(nil), `{"jti":"a"}`)
	f.Add(p.header(map[string]any{"alg": "EdDSA"}), `{}`)
	f.Add(`{"typ":"dpop+jwt","alg":"HS256","jwk":{"kty":"oct","k":"AA"}}`, `{}`)
	f.Add(`{"typ":"dpop+jwt","alg":"RS256","jwk":{"kty":"RSA","n":"AQ","e":"AQAB","d":"AQ"}}`, `{}`)
	mine, _, err := jwt.VerifyEmbedded(p.sign(p.header(nil), `{}`), "dpop+jwt", proofAlgorithms)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		p := prover{tb: t, key: p.key}
		k, c, err := jwt.VerifyEmbedded(p.sign(header, payload), "dpop+jwt", proofAlgorithms)
		if (err == nil) != (k != nil && c != nil) {
			t.Fatalf("got %v, %v, %v", k, c, err)
		}
		if err == nil && (k.Thumbprint() != mine.Thumbprint() || k.CanSign()) {
			t.Errorf("header %q: a token that %v signed passes for one of %v", header, mine, k)
		}
	})
}
