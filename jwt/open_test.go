package jwt_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	k := secretKey(t)
	tests := []struct {
		name   string
		key    *jwt.Key
		typ    string
		claims any
		want   error // nil for any error
	}{
		{"no key", nil, "", struct{}{}, jwt.ErrKey},
		{"not an object", k, "", []int{1}, jwt.ErrMalformed},
		{"nothing", k, "", nil, jwt.ErrMalformed},
		{"not JSON", k, "", math.NaN(), nil},
		{"typ not UTF-8", k, "\xff", struct{}{}, jwt.ErrMalformed},
	}
	for _, tt := range tests {
		token, err := jwt.Sign(tt.key, tt.typ, tt.claims)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || token != "" {
			t.Errorf("%s: got %q, %v, want %v", tt.name, token, err, tt.want)
		}
	}
	for _, payload := range []string{"", "{", `{"a":1,"a":2}`, "{} ", "{}\n{}", "{\"a\":\"\xff\"}"} {
		_, err := jwt.SignPayload(k, "", []byte(payload))
		if want := payload != "{} "; errors.Is(err, jwt.ErrMalformed) != want {
			t.Errorf("%q: got %v", payload, err)
		}
	}
}

// TestSignBytes: HS256 tokens are the bytes that the RFCs prescribe, made by hand here.
func TestSignBytes(t *testing.T) {
	t.Parallel()
	k := secretKey(t)
	for typ, header := range map[string]string{
		"at+jwt": goodHeader,
		"JWT":    `{"alg":"HS256","kid":"k1","typ":"JWT"}`,
		"":       `{"alg":"HS256","kid":"k1"}`,
		"x\"\n":  `{"alg":"HS256","kid":"k1","typ":"x\"\u000a"}`,
	} {
		if got, want := signPayload(t, k, typ, claimsWith()), forge(header, claimsWith()); got != want {
			t.Errorf("typ %q: got %s, want %s", typ, got, want)
		}
	}
	nameless, err := jwt.NewKey(jwt.HS256, "", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := signPayload(t, nameless, "JWT", `{}`), forge(`{"alg":"HS256","typ":"JWT"}`, `{}`); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestVerifySignature(t *testing.T) {
	t.Parallel()
	keys := newKeySet(t, secretKey(t))
	for _, payload := range []string{"", "x", "{}", "\xff", strings.Repeat("x", 9000)} {
		header, got, err := jwt.VerifySignature(keys, forge(`{"alg":"HS256","kid":"k1","typ":"Application/X+JWT"}`, payload))
		if err != nil || string(got) != payload || header != (jwt.Header{Algorithm: jwt.HS256, Type: "x+jwt", KeyID: "k1"}) {
			t.Errorf("%.10q: got %v, %.10q, %v", payload, header, got, err)
		}
	}
	header, payload, err := jwt.VerifySignature(keys, forge(`{"alg":"HS256","crit":["x"],"x":1}`, `{}`))
	if !errors.Is(err, jwt.ErrCritical) || header != (jwt.Header{}) || payload != nil {
		t.Errorf("got %v, %q, %v", header, payload, err)
	}
}

func TestDecodeUnverified(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, token string
		want        error
	}{
		{"good", forge(goodHeader, claimsWith()), nil},
		{"without a signature", b64(`{"alg":"none"}`) + "." + b64(`{"exp":"never"}`) + ".", nil},
		{"two parts", "a.b", jwt.ErrMalformed},
		{"header not base64url", "=." + b64(`{}`) + ".", jwt.ErrMalformed},
		{"header not an object", b64(`[]`) + "." + b64(`{}`) + ".", jwt.ErrMalformed},
		{"header too large", b64(`{"x":"`+strings.Repeat("x", 4096)+`"}`) + "." + b64(`{}`) + ".", jwt.ErrTooLarge},
		{"payload not base64url", b64(goodHeader) + ".=.", jwt.ErrMalformed},
		{"payload not an object", b64(goodHeader) + "." + b64(`x`) + ".", jwt.ErrMalformed},
		{"signature not base64url", b64(goodHeader) + "." + b64(`{}`) + ".=", jwt.ErrMalformed},
		{"too large", strings.Repeat("x", 16<<10+1), jwt.ErrTooLarge},
	}
	for _, tt := range tests {
		header, payload, err := jwt.DecodeUnverified(tt.token)
		if !errors.Is(err, tt.want) || (header == nil) != (err != nil) || (payload == nil) != (err != nil) {
			t.Errorf("%s: got %s, %s, %v, want %v", tt.name, header, payload, err, tt.want)
		}
	}
}
