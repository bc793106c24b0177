package jwt_test

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

// decodeJSON is what encoding/json makes of an object. Its names stay as they are in a map, and
// its numbers as they are spelt: 1e999 is valid JSON, though no float64.
func decodeJSON(tb testing.TB, text string) (members map[string]any) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&members); err != nil || !json.Valid([]byte(text)) {
		tb.Fatalf("encoding/json refuses %q: %v", text, err)
	}
	return members
}

// FuzzToken: what is accepted has one spelling, is what the standard library decodes, and verifies
// under no other key.
func FuzzToken(f *testing.F) {
	good := forge(goodHeader, claimsWith(`"roles":["a"]`))
	f.Add(good)
	f.Add(forge(`{"alg":"HS256"}`, claimsWith()))
	f.Add(forge(`{"alg":"none"}`, claimsWith()))
	f.Add(good + "\n")
	f.Add(good[:len(good)-1] + "B")
	f.Add("..")
	f.Add(".")
	f.Add("a.b.c.d.e")
	v := newVerifier(f, newKeySet(f, secretKey(f)), nil)
	other, err := jwt.NewKey(jwt.HS256, "k1", []byte(strings.Repeat("other", 8)))
	if err != nil {
		f.Fatal(err)
	}
	others := newKeySet(f, other)
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := v.Verify(t.Context(), token)
		if (err == nil) != (claims != nil) {
			t.Fatalf("got claims %v and error %v", claims, err)
		}
		header, payload, decodeErr := jwt.DecodeUnverified(token)
		if err == nil && decodeErr != nil {
			t.Fatalf("verified, but cannot be decoded: %v", decodeErr)
		}
		if decodeErr == nil {
			respelt := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
			if !strings.HasPrefix(token, respelt) || !json.Valid(header) || !json.Valid(payload) {
				t.Fatalf("decodes to %s and %s, which spell %s", header, payload, respelt)
			}
		}
		if _, _, err := jwt.VerifySignature(others, token); err == nil {
			t.Fatal("verifies under another key")
		}
	})
}

// FuzzHeader signs any header: what is accepted has alg, typ and kid as encoding/json reads them.
func FuzzHeader(f *testing.F) {
	f.Add(goodHeader)
	f.Add(`{"alg":"HS256","typ":"application/AT+JWT","x":[1,{"y":null}]}`)
	f.Add(`{"alg":"HS256","crit":["x"],"x":1}`)
	f.Add(`{"\u0061lg":"HS256"}`)
	f.Add(`{"alg":"HS256","ALG":"none"}`)
	f.Add(`{"alg":"HS256","alg":"none"}`)
	f.Add(`{"alg":"HS256","b64":false}`)
	keys := newKeySet(f, secretKey(f))
	f.Fuzz(func(t *testing.T, header string) {
		got, _, err := jwt.VerifySignature(keys, forge(header, `{}`))
		if err != nil {
			return
		}
		want := decodeJSON(t, header)
		typ, _ := want["typ"].(string)
		kid, _ := want["kid"].(string)
		if want["alg"] != string(got.Algorithm) || kid != got.KeyID || !strings.HasSuffix(asciiLower(typ), got.Type) {
			t.Fatalf("got %+v, want %v", got, want)
		}
		if _, ok := want["crit"]; ok {
			t.Fatal("crit was accepted")
		}
	})
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// FuzzClaims signs any claims: what is accepted means the same to encoding/json.
func FuzzClaims(f *testing.F) {
	f.Add(claimsWith())
	f.Add(claimsWith(`"nbf":1.5`, `"iat":1e9`, `"jti":"\ud83d\ude00"`, `"x":{"y":[1,2,{"z":null}]}`))
	f.Add(`{"iss":"a","aud":["b","c"],"exp":253402300799.999}`)
	f.Add(`{"exp":1,"EXP":2}`)
	f.Add(`{"exp":1,"exp":2}`)
	f.Add(`{"sub":"\u0000"}`)
	v := newVerifier(f, newKeySet(f, secretKey(f)), func(c *jwt.Config) {
		c.Issuer, c.Audience, c.Types = "", nil, nil
		c.InsecureAnyIssuer, c.InsecureAnyAudience, c.InsecureAnyType, c.InsecureNoExpiry = true, true, true, true
	})
	f.Fuzz(func(t *testing.T, payload string) {
		claims, err := v.Verify(t.Context(), forge(goodHeader, payload))
		if err != nil {
			return
		}
		want := decodeJSON(t, payload)
		if out, err := json.Marshal(claims); err != nil || !reflect.DeepEqual(decodeJSON(t, string(out)), want) {
			t.Fatalf("marshals as %s, %v", out, err)
		}
		text := map[string]string{"iss": claims.Issuer(), "sub": claims.Subject(), "jti": claims.ID()}
		for name, got := range text {
			if s, ok := want[name].(string); got != s || ok != claims.Has(name) || claims.String(name) != s {
				t.Errorf("%s: got %q, want %q", name, got, want[name])
			}
		}
		date := map[string]time.Time{"exp": claims.ExpiresAt(), "nbf": claims.NotBefore(), "iat": claims.IssuedAt()}
		for name, got := range date {
			n, ok := want[name].(json.Number)
			if f, _ := n.Float64(); ok && math.Abs(f-float64(got.UnixMicro())/1e6) > 2e-6+f*1e-15 || ok == got.IsZero() {
				t.Errorf("%s: got %v, want %v", name, got, want[name])
			}
		}
		if got := claims.Audience(); !slices.Equal(got, audienceOf(want["aud"])) {
			t.Errorf("aud: got %q, want %v", got, want["aud"])
		}
		for name := range want {
			var got json.RawMessage
			if err := claims.Decode(name, &got); err != nil || !claims.Has(name) {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

func audienceOf(aud any) (list []string) {
	switch aud := aud.(type) {
	case string:
		list = []string{aud}
	case []any:
		for _, s := range aud {
			list = append(list, s.(string))
		}
	}
	return list
}

// FuzzKey: a key that is read can be written and read again, and does what it says.
func FuzzKey(f *testing.F) {
	for _, alg := range allAlgorithms {
		k := newKey(f, alg)
		private, err := k.PrivateJWK()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(private)
		if public, err := json.Marshal(k); err == nil {
			f.Add(public)
		}
	}
	f.Add([]byte(`{"kty":"RSA","alg":"RS256","n":"AQAB","e":"AQAB","d":"AQ","p":"AQ","q":"AQ","dp":"AQ","dq":"AQ","qi":"AQ"}`))
	f.Add([]byte(`{"kty":"oct","k":"AAAA","key_ops":["sign"],"use":"sig"}`))
	f.Fuzz(func(t *testing.T, jwk []byte) {
		for _, alg := range []jwt.Algorithm{"", jwt.HS256, jwt.PS256} {
			k, err := jwt.ParseKeyFor(alg, jwk)
			if (err == nil) != (k != nil) {
				t.Fatalf("got %v and %v", k, err)
			}
			if err == nil {
				checkKey(t, k)
			}
		}
	})
}

// checkKey signs with k, where it can, and takes it through its formats.
func checkKey(t *testing.T, k *jwt.Key) {
	t.Helper()
	if k.CanSign() {
		token := signPayload(t, k, "JWT", `{}`)
		if _, _, err := jwt.VerifySignature(newKeySet(t, k), token); err != nil && k.PublicKey() != nil {
			t.Fatalf("%v does not verify its own token: %v", k, err)
		}
		private, err := k.PrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := jwt.ParseKey(private); err != nil || again.ID() != k.ID() || again.Thumbprint() != k.Thumbprint() {
			t.Fatalf("written and read again: got %v, %v, want %v", again, err, k)
		}
	}
	if k.PublicKey() == nil {
		return
	}
	text, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := jwt.ParsePEM(k.Algorithm(), k.ID(), text); err != nil || again.Thumbprint() != k.Thumbprint() {
		t.Fatalf("written and read again: got %v, %v, want %v", again, err, k)
	}
}

// FuzzKeySet: a set that is read publishes public keys, and reads what it publishes.
func FuzzKeySet(f *testing.F) {
	var keys []*jwt.Key
	for _, alg := range []jwt.Algorithm{jwt.ES256, jwt.EdDSA, jwt.RS256} {
		keys = append(keys, newKey(f, alg).Public())
	}
	set, err := json.Marshal(newKeySet(f, keys...))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(set)
	f.Add([]byte(`{"keys":[{"kty":"oct","alg":"HS256","kid":"h","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"AKP"},{}]}`))
	f.Add([]byte(`{"keys":[]}`))
	f.Fuzz(func(t *testing.T, jwks []byte) {
		s, err := jwt.ParseKeySet(jwks)
		if err != nil {
			return
		}
		published, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := jwt.ParseKeySet(published)
		if err != nil || len(again.Ignored()) > 0 {
			t.Fatalf("published %s and got %v, %v", published, err, again.Ignored())
		}
		for _, k := range again.All() {
			if original, ok := s.Key(k.ID()); !ok || k.CanSign() || k.Thumbprint() != original.Thumbprint() {
				t.Fatalf("published %v, which is not %v", k, original)
			}
		}
	})
}

// FuzzPEM: a key that is read can be written and read again.
func FuzzPEM(f *testing.F) {
	for _, alg := range allAlgorithms[3:] {
		k := newKey(f, alg)
		private, err := k.PrivatePEM()
		if err != nil {
			f.Fatal(err)
		}
		public, err := k.PEM()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(private)
		f.Add(public)
	}
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, alg := range []jwt.Algorithm{"", jwt.RS256, jwt.HS256} {
			k, err := jwt.ParsePEM(alg, "", text)
			if (err == nil) != (k != nil) {
				t.Fatalf("got %v and %v", k, err)
			}
			if err == nil {
				checkKey(t, k)
			}
		}
	})
}
