package jwt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/jwt"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, alg := range allAlgorithms {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			k := newKey(t, alg)
			for _, typ := range []string{"at+jwt", "JWT", "", "refresh+jwt", `odd"typ`} {
				token, err := jwt.Sign(k, typ, map[string]any{"iss": issuer, "sub": "user1", "aud": audience, "exp": now.Unix() + 60})
				if err != nil {
					t.Fatal(err)
				}
				v := newVerifier(t, newKeySet(t, k), func(c *jwt.Config) {
					if c.Types = []string{typ}; typ == "" {
						c.Types, c.InsecureAnyType = nil, true
					}
				})
				claims, err := v.Verify(t.Context(), token)
				if err != nil {
					t.Fatalf("typ %q: %v", typ, err)
				}
				if claims.Type() != strings.ToLower(typ) || claims.KeyID() != k.ID() || claims.Algorithm() != alg || claims.Subject() != "user1" {
					t.Errorf("got typ %q kid %q alg %q sub %q", claims.Type(), claims.KeyID(), claims.Algorithm(), claims.Subject())
				}
			}
		})
	}
}

// TestVerifyClaims checks each rule on its own, by hand-made tokens.
// ASVS 9.2.1, 9.2.2, 9.2.3, secure-defaults 4b, checklist 89, 116, 119, 120, 124
func TestVerifyClaims(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string {
		return fmt.Sprintf("%.3f", float64(now.Add(d).UnixMilli())/1000)
	}
	required := func(exp string) string { return fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":%s}`, issuer, audience, exp) }
	tests := []struct {
		name    string
		header  string // default goodHeader
		payload string
		change  func(*jwt.Config)
		want    error
	}{
		{name: "good", payload: claimsWith()},

		{name: "no exp", payload: fmt.Sprintf(`{"iss":%q,"aud":%q}`, issuer, audience), want: jwt.ErrNoExpiry},
		{name: "no exp, waived", payload: fmt.Sprintf(`{"iss":%q,"aud":%q}`, issuer, audience), change: func(c *jwt.Config) { c.InsecureNoExpiry = true }},
		{name: "expired, waived", payload: required(at(-time.Second)), change: func(c *jwt.Config) { c.InsecureNoExpiry = true }, want: jwt.ErrExpired},
		{name: "a millisecond to live", payload: required(at(time.Millisecond))},
		{name: "expires now", payload: required(at(0)), want: jwt.ErrExpired},
		{name: "expired", payload: required(at(-time.Second)), want: jwt.ErrExpired},
		{name: "expired within the leeway", payload: required(at(-9999 * time.Millisecond)), change: leeway(10 * time.Second)},
		{name: "expired by the leeway", payload: required(at(-10 * time.Second)), change: leeway(10 * time.Second), want: jwt.ErrExpired},
		{name: "exp with exponent", payload: required("1e10")},
		{name: "exp 0", payload: required("0"), want: jwt.ErrExpired},
		{name: "exp as a string", payload: required(`"4102444800"`), want: jwt.ErrMalformed},
		{name: "exp negative", payload: required("-1"), want: jwt.ErrMalformed},
		{name: "exp null", payload: required("null"), want: jwt.ErrMalformed},
		{name: "exp true", payload: required("true"), want: jwt.ErrMalformed},
		{name: "exp NaN", payload: required("NaN"), want: jwt.ErrMalformed},
		{name: "exp infinite", payload: required("1e400"), want: jwt.ErrMalformed},
		{name: "exp in milliseconds", payload: required("1795262400000"), want: jwt.ErrMalformed},
		{name: "exp in the year 10000", payload: required("253402300800"), want: jwt.ErrMalformed},
		{name: "exp of 400 digits", payload: required(strings.Repeat("9", 400)), want: jwt.ErrMalformed},
		{name: "exp at the end of 9999", payload: required("253402300799.999")},
		{name: "exp twice", payload: claimsWith(`"exp":4102444800`), want: jwt.ErrMalformed},
		{name: "exp twice, escaped", payload: claimsWith(`"\u0065xp":4102444800`), want: jwt.ErrMalformed},

		{name: "nbf now", payload: claimsWith(`"nbf":` + at(0))},
		{name: "nbf ahead", payload: claimsWith(`"nbf":` + at(time.Millisecond)), want: jwt.ErrNotYetValid},
		{name: "nbf ahead by the leeway", payload: claimsWith(`"nbf":` + at(10*time.Second)), change: leeway(10 * time.Second)},
		{name: "nbf as a string", payload: claimsWith(`"nbf":"1"`), want: jwt.ErrMalformed},
		{name: "iat a minute ahead", payload: claimsWith(`"iat":` + at(time.Minute))},
		{name: "iat further ahead", payload: claimsWith(`"iat":` + at(time.Minute+time.Millisecond)), want: jwt.ErrNotYetValid},
		{name: "iat as a string", payload: claimsWith(`"iat":"1"`), want: jwt.ErrMalformed},

		{name: "other issuer", payload: fmt.Sprintf(`{"iss":"https://id.example.com/","aud":%q,"exp":4102444800}`, audience), want: jwt.ErrIssuer},
		{name: "no issuer", payload: fmt.Sprintf(`{"aud":%q,"exp":4102444800}`, audience), want: jwt.ErrIssuer},
		{name: "issuer in a list", payload: fmt.Sprintf(`{"iss":[%q],"aud":%q,"exp":4102444800}`, issuer, audience), want: jwt.ErrMalformed},
		{name: "any issuer", payload: fmt.Sprintf(`{"aud":%q,"exp":4102444800}`, audience), change: func(c *jwt.Config) { c.Issuer, c.InsecureAnyIssuer = "", true }},

		{name: "one audience of a list", payload: fmt.Sprintf(`{"iss":%q,"aud":["x",%q],"exp":4102444800}`, issuer, audience)},
		{name: "escaped audience", payload: fmt.Sprintf(`{"iss":%q,"aud":"https:\/\/api.example.com","exp":4102444800}`, issuer)},
		{name: "escaped audience in a list", payload: fmt.Sprintf(`{"iss":%q,"aud":["https:\/\/api.example.com"],"exp":4102444800}`, issuer)},
		{name: "other audience", payload: fmt.Sprintf(`{"iss":%q,"aud":["x","y"],"exp":4102444800}`, issuer), want: jwt.ErrAudience},
		{name: "no audience", payload: fmt.Sprintf(`{"iss":%q,"exp":4102444800}`, issuer), want: jwt.ErrAudience},
		{name: "empty audience", payload: fmt.Sprintf(`{"iss":%q,"aud":[],"exp":4102444800}`, issuer), want: jwt.ErrAudience},
		{name: "audience with a number", payload: fmt.Sprintf(`{"iss":%q,"aud":[%q,1],"exp":4102444800}`, issuer, audience), want: jwt.ErrMalformed},
		{name: "audience in a nested list", payload: fmt.Sprintf(`{"iss":%q,"aud":[[%q]],"exp":4102444800}`, issuer, audience), want: jwt.ErrMalformed},
		{name: "audience as an object", payload: fmt.Sprintf(`{"iss":%q,"aud":{%q:1},"exp":4102444800}`, issuer, audience), want: jwt.ErrMalformed},
		{name: "any audience", payload: fmt.Sprintf(`{"iss":%q,"exp":4102444800}`, issuer), change: func(c *jwt.Config) { c.Audience, c.InsecureAnyAudience = nil, true }},

		{name: "sub as a number", payload: fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":4102444800,"sub":1}`, issuer, audience), want: jwt.ErrMalformed},
		{name: "jti as a number", payload: claimsWith(`"jti":1`), want: jwt.ErrMalformed},
		{name: "jti null", payload: claimsWith(`"jti":null`), want: jwt.ErrMalformed},
		{name: "claims in a list", payload: `[` + claimsWith() + `]`, want: jwt.ErrMalformed},
		{name: "claims twice", payload: claimsWith() + claimsWith(), want: jwt.ErrMalformed},
		{name: "no claims", payload: ``, want: jwt.ErrMalformed},
		{name: "null", payload: `null`, want: jwt.ErrMalformed},
		{name: "not UTF-8", payload: claimsWith("\"x\":\"\xff\""), want: jwt.ErrMalformed},
		{name: "byte order mark", payload: "\ufeff" + claimsWith(), want: jwt.ErrMalformed},
		{name: "duplicate deep inside", payload: claimsWith(`"x":[{"a":1,"b":2,"a":3}]`), want: jwt.ErrMalformed},

		{name: "typ in capitals", header: `{"alg":"HS256","kid":"k1","typ":"AT+JWT"}`, payload: claimsWith()},
		{name: "typ in full", header: `{"alg":"HS256","kid":"k1","typ":"application/at+jwt"}`, payload: claimsWith()},
		{name: "typ with two slashes", header: `{"alg":"HS256","kid":"k1","typ":"application/at+jwt/x"}`, payload: claimsWith(), want: jwt.ErrType},
		{name: "other typ", header: `{"alg":"HS256","kid":"k1","typ":"JWT"}`, payload: claimsWith(), want: jwt.ErrType},
		{name: "typ with a Kelvin sign", header: `{"alg":"HS256","kid":"k1","typ":"\u212a"}`, payload: claimsWith(), change: func(c *jwt.Config) { c.Types = []string{"k"} }, want: jwt.ErrType},
		{name: "no typ", header: `{"alg":"HS256","kid":"k1"}`, payload: claimsWith(), want: jwt.ErrType},
		{name: "typ as a number", header: `{"alg":"HS256","kid":"k1","typ":1}`, payload: claimsWith(), want: jwt.ErrMalformed},
		{name: "any typ", header: `{"alg":"HS256","kid":"k1"}`, payload: claimsWith(), change: func(c *jwt.Config) { c.Types, c.InsecureAnyType = nil, true }},
		{name: "types in full and in capitals", payload: claimsWith(), change: func(c *jwt.Config) { c.Types = []string{"JWT", "Application/AT+jwt"} }},

		{name: "header with spaces", header: ` { "typ" : "at+jwt" , "kid" : "k1" , "alg" : "HS256" } `, payload: claimsWith()},
		{name: "header with escapes", header: `{"\u0061lg":"HS\u003256","kid":"k1","typ":"at+jwt"}`, payload: claimsWith()},
		{name: "no kid", header: `{"alg":"HS256","typ":"at+jwt"}`, payload: claimsWith()},
		{name: "unknown kid", header: `{"alg":"HS256","kid":"../k1","typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrUnknownKey},
		{name: "empty kid", header: `{"alg":"HS256","kid":"","typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrUnknownKey},
		{name: "kid null", header: `{"alg":"HS256","kid":null,"typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrMalformed},
		{name: "no alg", header: `{"kid":"k1","typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrMalformed},
		{name: "alg in a list", header: `{"alg":["HS256"],"kid":"k1","typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrMalformed},
		{name: "alg twice", header: `{"alg":"HS256","alg":"HS256","kid":"k1","typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrMalformed},
		{name: "alg twice, escaped", header: `{"alg":"HS256","al\u0067":"none","kid":"k1","typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrMalformed},
		{name: "other alg", header: `{"alg":"HS512","kid":"k1","typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrAlgorithm},
		{name: "other alg, no kid", header: `{"alg":"HS512","typ":"at+jwt"}`, payload: claimsWith(), want: jwt.ErrAlgorithm},
		{name: "header in a list", header: `[` + goodHeader + `]`, payload: claimsWith(), want: jwt.ErrMalformed},
		{name: "header with a tail", header: goodHeader + `x`, payload: claimsWith(), want: jwt.ErrMalformed},
	}
	keys := newKeySet(t, secretKey(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.header == "" {
				tt.header = goodHeader
			}
			token := forge(tt.header, tt.payload)
			claims, err := newVerifier(t, keys, tt.change).Verify(t.Context(), token)
			if !errors.Is(err, tt.want) || (claims == nil) != (err != nil) { // checklist 122
				t.Errorf("got claims %v, error %v, want %v", claims, err, tt.want)
			}
		})
	}
}

func leeway(d time.Duration) func(*jwt.Config) {
	return func(c *jwt.Config) { c.Leeway = d }
}

// TestVerifyForm hands over what is no token at all.
// secure-defaults 4b, 14c, checklist 113, 123
func TestVerifyForm(t *testing.T) {
	t.Parallel()
	good := forge(goodHeader, claimsWith())
	head, rest, _ := strings.Cut(good, ".")
	body, sig, _ := strings.Cut(rest, ".")
	tests := []struct {
		name, token string
		want        error
	}{
		{"empty", "", jwt.ErrMalformed},
		{"no dot", head, jwt.ErrMalformed},
		{"one dot", head + "." + body, jwt.ErrMalformed},
		{"three dots", good + ".", jwt.ErrMalformed},
		{"three dots, first part empty", "." + good, jwt.ErrMalformed},
		{"five parts", "a.b.c.d.e", jwt.ErrMalformed},
		{"two dots", "..", jwt.ErrMalformed},
		{"no header", "." + body + "." + sig, jwt.ErrMalformed},
		{"no payload", head + ".." + sig, jwt.ErrSignature},
		{"no signature", head + "." + body + ".", jwt.ErrSignature},
		{"signature cut", good[:len(good)-4], jwt.ErrSignature},
		{"signature longer", good + "AAAA", jwt.ErrSignature},
		{"signature of another", head + "." + body + "." + b64(strings.Repeat("x", 32)), jwt.ErrSignature},
		{"payload of another", head + "." + b64("{}") + "." + sig, jwt.ErrSignature},
		{"expired payload of another", head + "." + b64(`{"exp":1}`) + "." + sig, jwt.ErrSignature},
		{"JSON serialization", `{"protected":"` + head + `","payload":"` + body + `","signature":"` + sig + `"}`, jwt.ErrMalformed},
		{"with its scheme", "Bearer " + good, jwt.ErrMalformed},
		{"header too large", b64(`{"alg":"HS256","kid":"k1","x":"`+strings.Repeat("x", 4096)+`"}`) + "." + body + "." + sig, jwt.ErrTooLarge},
		{"too large", forge(goodHeader, claimsWith(`"x":"`+strings.Repeat("x", 16<<10)+`"`)), jwt.ErrTooLarge},
	}
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			claims, err := v.Verify(t.Context(), tt.token)
			if !errors.Is(err, tt.want) || claims != nil {
				t.Errorf("got claims %v, error %v, want %v", claims, err, tt.want)
			}
			if tt.token != "" && err != nil && strings.Contains(err.Error(), tt.token) {
				t.Errorf("error holds the token: %v", err)
			}
		})
	}
	short := newVerifier(t, newKeySet(t, secretKey(t)), func(c *jwt.Config) { c.MaxSize = len(good) - 1 })
	if _, err := short.Verify(t.Context(), good); !errors.Is(err, jwt.ErrTooLarge) {
		t.Errorf("got %v, want %v", err, jwt.ErrTooLarge)
	}
	exact := newVerifier(t, newKeySet(t, secretKey(t)), func(c *jwt.Config) { c.MaxSize = len(good) })
	if _, err := exact.Verify(t.Context(), good); err != nil {
		t.Error(err)
	}
}

// TestTamperedIsNotExpired changes every bit of an expired token: it is never called expired again.
// ASVS 9.1.1
func TestTamperedIsNotExpired(t *testing.T) {
	t.Parallel()
	good := forge(goodHeader, fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":1}`, issuer, audience))
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	if _, err := v.Verify(t.Context(), good); !errors.Is(err, jwt.ErrExpired) {
		t.Fatalf("got %v, want %v", err, jwt.ErrExpired)
	}
	for i := range len(good) * 8 {
		token := []byte(good)
		token[i/8] ^= 1 << (i % 8)
		if claims, err := v.Verify(t.Context(), string(token)); err == nil || claims != nil || errors.Is(err, jwt.ErrExpired) {
			t.Errorf("bit %d: got claims %v, error %v", i, claims, err)
		}
	}
}

// secure-defaults 4a, checklist 111
func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	good := jwt.Config{Keys: newKeySet(t, secretKey(t)), Issuer: issuer, Audience: []string{audience}, Types: []string{"at+jwt"}}
	tests := []struct {
		name   string
		change func(*jwt.Config)
		want   string // in the error; "" for none
	}{
		{"nothing wrong", func(*jwt.Config) {}, ""},
		{"no keys", func(c *jwt.Config) { c.Keys = nil }, "Keys"},
		{"nil key set", func(c *jwt.Config) { c.Keys = (*jwt.KeySet)(nil) }, "Keys"},
		{"no issuer", func(c *jwt.Config) { c.Issuer = "" }, "Issuer"},
		{"issuer and any", func(c *jwt.Config) { c.InsecureAnyIssuer = true }, "Issuer"},
		{"no audience", func(c *jwt.Config) { c.Audience = nil }, "Audience"},
		{"empty audience", func(c *jwt.Config) { c.Audience = []string{""} }, "Audience"},
		{"audience and any", func(c *jwt.Config) { c.InsecureAnyAudience = true }, "Audience"},
		{"no types", func(c *jwt.Config) { c.Types = nil }, "Types"},
		{"empty type", func(c *jwt.Config) { c.Types = []string{""} }, "Types"},
		{"types and any", func(c *jwt.Config) { c.InsecureAnyType = true }, "Types"},
		{"leeway negative", leeway(-1), "Leeway"},
		{"leeway of a minute", leeway(time.Minute), ""},
		{"leeway over a minute", leeway(time.Minute + 1), "Leeway"},
		{"size negative", func(c *jwt.Config) { c.MaxSize = -1 }, "MaxSize"},
		{"size over 1 MiB", func(c *jwt.Config) { c.MaxSize = 1<<20 + 1 }, "MaxSize"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := good
			tt.change(&c)
			v, err := jwt.NewVerifier(c)
			if (err == nil) != (tt.want == "") || (v == nil) != (err != nil) {
				t.Fatalf("got verifier %v, error %v, want %q", v, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
	if _, err := jwt.NewVerifier(jwt.Config{}); strings.Count(err.Error(), "missing") != 4 {
		t.Errorf("got %v, want all four faults", err)
	}
}

// TestVerifierKeepsItsConfig: slices changed after construction change nothing.
func TestVerifierKeepsItsConfig(t *testing.T) {
	t.Parallel()
	audiences, types := []string{audience}, []string{"at+jwt"}
	v := newVerifier(t, newKeySet(t, secretKey(t)), func(c *jwt.Config) { c.Audience, c.Types = audiences, types })
	audiences[0], types[0] = "x", "x"
	if _, err := v.Verify(t.Context(), forge(goodHeader, claimsWith())); err != nil {
		t.Error(err)
	}
}

func TestVerifyCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := newVerifier(t, newKeySet(t, secretKey(t)), nil)
	if claims, err := v.Verify(ctx, forge(goodHeader, claimsWith())); !errors.Is(err, context.Canceled) || claims != nil {
		t.Errorf("got claims %v, error %v, want %v", claims, err, context.Canceled)
	}
}

// TestNoKeysYet: what has no form is said to have none also while there are no keys, so that nobody
// has keys fetched by it.
func TestNoKeysYet(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, &rotating{}, nil)
	for token, want := range map[string]error{
		"abc": jwt.ErrMalformed, "a.b.c": jwt.ErrMalformed, "..": jwt.ErrMalformed,
		forge(`{"alg":"none"}`, claimsWith()): jwt.ErrAlgorithm, forge(goodHeader, claimsWith()): jwt.ErrUnknownKey,
	} {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", token, err, want)
		}
	}
}

// rotating hands out one set after the other.
type rotating struct{ set *jwt.KeySet }

func (r *rotating) KeySet() *jwt.KeySet { return r.set }

func TestRotation(t *testing.T) {
	t.Parallel()
	first, second := newKey(t, jwt.ES256), newKey(t, jwt.ES256)
	keys := &rotating{newKeySet(t, first.Public())}
	v := newVerifier(t, keys, nil)
	old, fresh := signPayload(t, first, "at+jwt", claimsWith()), signPayload(t, second, "at+jwt", claimsWith())
	steps := []struct {
		set             *jwt.KeySet
		oldErr, freshEr error
	}{
		{newKeySet(t, first.Public()), nil, jwt.ErrUnknownKey},
		{newKeySet(t, first.Public(), second.Public()), nil, nil},
		{newKeySet(t, second.Public()), jwt.ErrUnknownKey, nil},
		{newKeySet(t), jwt.ErrUnknownKey, jwt.ErrUnknownKey},
		{nil, jwt.ErrUnknownKey, jwt.ErrUnknownKey},
	}
	for i, step := range steps {
		keys.set = step.set
		if _, err := v.Verify(t.Context(), old); !errors.Is(err, step.oldErr) {
			t.Errorf("step %d: old: got %v, want %v", i, err, step.oldErr)
		}
		if _, err := v.Verify(t.Context(), fresh); !errors.Is(err, step.freshEr) {
			t.Errorf("step %d: fresh: got %v, want %v", i, err, step.freshEr)
		}
	}
}
