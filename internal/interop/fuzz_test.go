package interop_test

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	josejson "github.com/go-jose/go-jose/v4/json"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	golangjwt "github.com/golang-jwt/jwt/v5"

	"github.com/sandi-auth/sandi/jwt"
)

// FuzzAgree signs any header and payload: whatever is accepted here is accepted by go-jose and by
// golang-jwt, at their strictest, and has the same claims there.
func FuzzAgree(f *testing.F) {
	for _, payload := range []string{
		claims, `{}`, ` { "exp" : 1795262461.5 } `, `{"exp":4102444800,"EXP":1,"Aud":"x"}`, `{"exp":1e10,"nbf":1.5e3,"iat":0.0}`,
		`{"exp":1795262400.000000001,"x":[1e999,-0,1E-400,0.1e1]}`, `{"exp":253402300799.999999999}`, `{"iat":1795262460}`,
		`{"aud":[],"sub":"\u0000\ud83d\ude00\/"}`, `{"\u0065xp":4102444800}`, `{"":{"":[{"":0}]},"exp":1795262401}`,
		`{"exp":1,"exp":2}`, `{"a":{"b":1,"\u0062":2}}`, `{"x":"` + "\xff" + `"}`, `{"x":"\ud800"}`, `{"exp":"1"}`, `{}{}`, `[]`, `null`,
	} {
		f.Add(goodHeader, payload)
	}
	for _, header := range []string{
		`{"alg":"HS256"}`, `{"alg":"HS256","x":1e999}`, `{"alg":"HS256","jwk":{},"x5c":1,"nonce":[]}`, ` {"\u0061lg":"HS256","typ":"\u0061"} `,
		`{"alg":"HS256","ALG":"none","Kid":1}`, `{"alg":"HS256","crit":["x"],"x":1}`, `{"alg":"HS256","b64":false}`, `{"alg":"HS256","alg":"none"}`,
		`{"alg":"none"}`, `{"alg":"HS256","kid":""}`, `{"alg":"HS256","kid":null,"typ":null,"cty":"JWT","zip":"DEF","enc":{}}`,
	} {
		f.Add(header, claims)
	}
	v := lenientVerifier(secretKey())
	f.Fuzz(func(t *testing.T, header, payload string) {
		agree(t, v, []byte(secret), header, payload, forge(header, payload))
	})
}

// FuzzAgreeSpelling signs a header and payload as they are spelt, and respells the signature: it
// keeps so many of its characters and goes on with tail.
func FuzzAgreeSpelling(f *testing.F) {
	good := forge(goodHeader, claims)
	at := strings.LastIndexByte(good, '.')
	input, signature := good[:at], good[at+1:]
	f.Add(input, uint8(255), "")
	f.Add(input, uint8(255), "=")
	f.Add(input, uint8(255), ".x")
	f.Add(input, uint8(0), "")
	f.Add(input, uint8(10), "\n"+signature[10:])
	f.Add(input, uint8(42), respelt(signature)[42:])
	f.Add(respelt(input), uint8(255), "")
	f.Add(input[:8]+"\r\n"+input[8:], uint8(255), "")
	f.Add(" "+input, uint8(255), " ")
	f.Add(input+"==", uint8(255), "")
	f.Add(input[:strings.IndexByte(input, '.')], uint8(255), "")
	v := lenientVerifier(secretKey())
	f.Fuzz(func(t *testing.T, input string, keep uint8, tail string) {
		token := sealed(input, []byte(secret))
		signature := token[len(input)+1:]
		token = input + "." + signature[:min(int(keep), len(signature))] + tail
		header, payload, _ := strings.Cut(input, ".")
		agree(t, v, []byte(secret), decoded(header), decoded(payload), token)
	})
}

// FuzzAgreeES256 puts any bytes where an ES256 signature belongs.
func FuzzAgreeES256(f *testing.F) {
	key := newKey(jwt.ES256)
	header := `{"alg":"ES256"}`
	signed := must(jwt.SignPayload(key, "at+jwt", []byte(claims)))
	part := strings.Split(signed, ".")
	signature := []byte(decoded(part[2]))
	r, s := signature[:32], signature[32:]
	n := key.PublicKey().(*ecdsa.PublicKey).Params().N
	f.Add(signature)
	f.Add(append(r[:32:32], new(big.Int).Sub(n, new(big.Int).SetBytes(s)).FillBytes(make([]byte, 32))...)) // as good a signature
	f.Add(append([]byte{0}, signature...))
	f.Add(append(s[:32:32], r...))
	f.Add(make([]byte, 64))
	f.Add(append(n.Bytes(), n.Bytes()...))
	v := lenientVerifier(key)
	f.Fuzz(func(t *testing.T, signature []byte) {
		token := part[0] + "." + part[1] + "." + base64.RawURLEncoding.EncodeToString(signature)
		agree(t, v, key.PublicKey(), header, claims, token)
	})
}

// decoded is what s encodes; "" where that is nothing, and no verifier accepts it.
func decoded(s string) string {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}

// lenientVerifier asks for nothing that the content of a token can waive.
func lenientVerifier(k *jwt.Key) *jwt.Verifier {
	return must(jwt.NewVerifier(jwt.Config{
		Keys: must(jwt.NewKeySet(k)), Now: clock,
		InsecureAnyIssuer: true, InsecureAnyAudience: true, InsecureAnyType: true, InsecureNoExpiry: true,
	}))
}

// agree checks that both peers accept a token that v accepts, and read payload in it.
func agree(t *testing.T, v *jwt.Verifier, peerKey any, header, payload, token string) {
	t.Helper()
	ours, err := v.Verify(t.Context(), token)
	if err != nil {
		return
	}
	want := parsed(t, payload)
	if got := parsed(t, string(must(json.Marshal(ours)))); !reflect.DeepEqual(got, want) {
		t.Fatalf("got claims %v, want %v", got, want)
	}
	agreeGolangJWT(t, ours, peerKey, header, want, token)
	agreeGoJose(t, ours, peerKey, header, want, token)
}

func agreeGolangJWT(t *testing.T, ours *jwt.Claims, key any, header string, want map[string]any, token string) {
	t.Helper()
	claims := golangjwt.MapClaims{}
	_, err := golangjwt.ParseWithClaims(token, claims, func(*golangjwt.Token) (any, error) { return key, nil },
		golangjwt.WithJSONNumber(), golangjwt.WithStrictDecoding(), golangjwt.WithTimeFunc(clock),
		golangjwt.WithValidMethods([]string{string(ours.Algorithm())}))
	switch {
	case err == nil:
	case hugeNumber(parsed(t, header)): // it reads every number of a header into a float64
		return
	case ours.ExpiresAt().Truncate(time.Second).Equal(now): // it cuts off the fraction of exp, and the rest is now
		return
	default:
		t.Fatalf("golang-jwt refuses it: %v", err)
	}
	if !reflect.DeepEqual(map[string]any(claims), want) {
		t.Errorf("golang-jwt: got claims %v, want %v", claims, want)
	}
	exp, errExp := claims.GetExpirationTime()
	nbf, errNbf := claims.GetNotBefore()
	iat, errIat := claims.GetIssuedAt()
	aud, errAud := claims.GetAudience()
	for _, err := range []error{errExp, errNbf, errIat, errAud} {
		if err != nil {
			t.Errorf("golang-jwt: %v", err)
		}
	}
	sameDate(t, "exp", ours.ExpiresAt(), exp != nil, func() time.Time { return exp.Time }, want)
	sameDate(t, "nbf", ours.NotBefore(), nbf != nil, func() time.Time { return nbf.Time }, want)
	sameDate(t, "iat", ours.IssuedAt(), iat != nil, func() time.Time { return iat.Time }, want)
	sameText(t, "aud", fmt.Sprintf("%q", []string(aud)), fmt.Sprintf("%q", ours.Audience()))
}

func agreeGoJose(t *testing.T, ours *jwt.Claims, key any, header string, want map[string]any, token string) {
	t.Helper()
	var raw json.RawMessage
	var claims josejwt.Claims
	parse := func() error {
		theirs, err := josejwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(ours.Algorithm())})
		if err != nil {
			return err
		}
		if err := theirs.Claims(key, &raw, &claims); err != nil {
			return err
		}
		return claims.Validate(josejwt.Expected{Time: clock()})
	}
	switch err := parse(); {
	case err == nil:
	case hugeNumber(parsed(t, header)): // it reads every number of a header into a float64
		return
	case hasAny(parsed(t, header), "jwk", "x5c", "nonce"): // it reads what is never followed here (RFC 8725 section 3.10)
		return
	default:
		t.Fatalf("go-jose refuses it: %v", err)
	}
	var members map[string]any
	d := josejson.NewDecoder(strings.NewReader(string(raw)))
	d.SetNumberType(josejson.UnmarshalJSONNumber)
	if err := d.Decode(&members); err != nil {
		t.Fatalf("go-jose: %v", err)
	}
	if got := plainNumbers(members); !reflect.DeepEqual(got, any(want)) {
		t.Errorf("go-jose: got claims %v, want %v", got, want)
	}
	sameDate(t, "exp", ours.ExpiresAt(), claims.Expiry != nil, claims.Expiry.Time, want)
	sameDate(t, "nbf", ours.NotBefore(), claims.NotBefore != nil, claims.NotBefore.Time, want)
	sameDate(t, "iat", ours.IssuedAt(), claims.IssuedAt != nil, claims.IssuedAt.Time, want)
	sameText(t, "iss", claims.Issuer, ours.Issuer())
	sameText(t, "sub", claims.Subject, ours.Subject())
	sameText(t, "jti", claims.ID, ours.ID())
	sameText(t, "aud", fmt.Sprintf("%q", []string(claims.Audience)), fmt.Sprintf("%q", ours.Audience()))
}

func sameText(t *testing.T, name, theirs, ours string) {
	t.Helper()
	if theirs != ours {
		t.Errorf("%s: got %q here and %q there", name, ours, theirs)
	}
}

// sameDate compares a NumericDate with what a peer has of it: the whole seconds of a float64.
// Here it is exact to the nanosecond, unless it has an exponent.
func sameDate(t *testing.T, name string, ours time.Time, there bool, theirs func() time.Time, claims map[string]any) {
	t.Helper()
	n, ok := claims[name].(json.Number)
	if ok != there || ok == ours.IsZero() {
		t.Errorf("%s: got %v here, %v there, want %v", name, ours, there, claims[name])
		return
	}
	if !ok {
		return
	}
	float := must(n.Float64())
	if theirs().Unix() != int64(float) {
		t.Errorf("%s: got %v there, want %s", name, theirs(), n)
	}
	exact, _, err := big.ParseFloat(string(n), 10, 256, big.ToZero)
	if err != nil {
		t.Fatal(err)
	}
	got := new(big.Float).SetPrec(256).SetInt64(ours.Unix())
	got.Add(got, new(big.Float).Quo(big.NewFloat(float64(ours.Nanosecond())), big.NewFloat(1e9)))
	off, _ := got.Sub(got, exact).Float64()
	limit := 2e-9
	if strings.ContainsAny(string(n), "eE") {
		limit += float * 0x1p-52
	}
	if math.Abs(off) > limit {
		t.Errorf("%s: got %v, want %s", name, ours, n)
	}
}

// hugeNumber says whether v holds a number beyond a float64: valid JSON, which RFC 8259 section 6
// lets a reader refuse.
func hugeNumber(v any) bool {
	switch v := v.(type) {
	case json.Number:
		_, err := strconv.ParseFloat(string(v), 64)
		return err != nil
	case []any:
		for _, e := range v {
			if hugeNumber(e) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if hugeNumber(e) {
				return true
			}
		}
	}
	return false
}

func hasAny(members map[string]any, names ...string) bool {
	for _, name := range names {
		if _, ok := members[name]; ok {
			return true
		}
	}
	return false
}

// plainNumbers is v with the numbers of go-jose's own JSON package as those of encoding/json.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case josejson.Number:
		return json.Number(v)
	case []any:
		for i, e := range v {
			v[i] = plainNumbers(e)
		}
	case map[string]any:
		for name, e := range v {
			v[name] = plainNumbers(e)
		}
	}
	return v
}
