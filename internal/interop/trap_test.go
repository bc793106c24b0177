package interop_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

// trap is a token that must be refused, and which judges accept it all the same: in the versions
// of go.mod and of test/npm, so that a newer one that refuses it shows here.
type trap struct {
	name   string
	key    document // k1 where there is none
	token  string
	want   error  // what it is here
	inGo   string // the judges of goJudges that accept it
	inNode string // the npm packages that accept it
}

// Those that often agree.
const (
	golang    = "golang-jwt golang-jwt/map golang-jwt/strict"
	everybody = golang + " go-jose jwx jwx/set"
	npm       = "jose jsonwebtoken"
)

// TestTraps: what other libraries let through is refused here, and it is true that they do.
// ASVS 9.1.1, 9.1.2, secure-defaults 2a, 2b, 3d, 4b, checklist 111, 112, 113, 114, 115, 116, 119, 120, 121, 122, 124
func TestTraps(t *testing.T) {
	t.Parallel()
	for _, tt := range traps() {
		k, err := jwt.ParseKey(tt.key.jwk)
		if err == nil {
			var claims *jwt.Claims
			if claims, err = newVerifier(k).Verify(t.Context(), tt.token); claims != nil && err != nil {
				t.Errorf("%s: got claims and %v", tt.name, err)
			}
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	askJudges(t, goJudges(), func(tt trap) string { return tt.inGo })
}

// TestTrapsInNode asks the npm packages the same.
func TestTrapsInNode(t *testing.T) {
	t.Parallel()
	askJudges(t, judgesOf(npmPeers(t)), func(tt trap) string { return tt.inNode })
}

// askJudges checks who accepts each trap; -v prints it as rows of a table.
func askJudges(t *testing.T, judges []judge, want func(trap) string) {
	t.Helper()
	good := forge(goodHeader, claimsWith())
	for _, j := range judges {
		if err := j.verify(octDocument("HS256", secret), good); err != nil {
			t.Errorf("%s refuses what it should not: %v", j.name, err)
		}
	}
	for _, tt := range traps() {
		var accept []string
		row := "| " + tt.name
		for _, j := range judges {
			cell := "refuses"
			if j.verify(tt.key, tt.token) == nil {
				accept, cell = append(accept, j.name), "accepts"
			}
			row += " | " + cell
		}
		t.Log(row + " |")
		if got := strings.Join(accept, " "); got != want(tt) {
			t.Errorf("%s: accepted by %q, want %q", tt.name, got, want(tt))
		}
	}
}

func traps() []trap {
	list := append(spellingTraps(), contentTraps()...)
	for i := range list {
		list[i].key = octDocument("HS256", secret)
	}
	return append(list, keyTraps()...)
}

// spellingTraps are a good token, spelt otherwise: whoever accepts one has many spellings of one
// token, which a list of revoked ones or a cache does not see.
func spellingTraps() []trap {
	good := ""
	for i := 0; !strings.ContainsAny(good[strings.LastIndexByte(good, '.')+1:], "-_") || len(strings.Split(good, ".")[1])%4 == 0; i++ {
		good = forge(goodHeader, claimsWith(fmt.Sprintf(`"jti":"%d"`, i)))
	}
	part := strings.Split(good, ".")
	spelt := func(header, payload, signature string) string { return header + "." + payload + "." + signature }
	broken := func(s string) string { return s[:8] + "\n" + s[8:] }
	return []trap{
		{
			name: "line break inside the signature", token: spelt(part[0], part[1], broken(part[2])), want: jwt.ErrSignature,
			inGo: everybody, inNode: "jose",
		},
		{
			name: "line break inside the payload", token: spelt(part[0], broken(part[1]), part[2]), want: jwt.ErrSignature,
			inGo: "go-jose jwx/set",
		},
		{
			name: "line break inside the header", token: spelt(broken(part[0]), part[1], part[2]), want: jwt.ErrMalformed,
			inGo: "go-jose jwx/set",
		},
		{
			name: "unused bits set at the end of the signature", token: spelt(part[0], part[1], respelt(part[2])), want: jwt.ErrMalformed,
			inGo: "golang-jwt golang-jwt/map go-jose jwx jwx/set", inNode: "jose",
		},
		{
			name: "unused bits set at the end of the payload", token: spelt(part[0], respelt(part[1]), part[2]), want: jwt.ErrSignature,
			inGo: "go-jose jwx/set",
		},
		{name: "padding after the signature", token: good + "=", want: jwt.ErrSignature, inGo: "jwx jwx/set", inNode: "jose"},
		{
			name: "signature in the alphabet of plain base64", want: jwt.ErrMalformed,
			token: spelt(part[0], part[1], strings.NewReplacer("-", "+", "_", "/").Replace(part[2])), inGo: "jwx jwx/set",
		},
		{name: "white space around the token", token: " " + good + "\n", want: jwt.ErrMalformed, inGo: "jwx/set"},
	}
}

// respelt is s with its last character replaced by the next one, which differs in unused bits only.
func respelt(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + alphabet[last+1:last+2]
}

// contentTraps are genuinely signed, and say what a token must not, or say it twice.
func contentTraps() []trap {
	header := func(members string) string {
		return forge(`{"alg":"HS256","kid":"k1","typ":"at+jwt"`+members+`}`, claimsWith())
	}
	dated := func(members string) string {
		return forge(goodHeader, fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"user1"%s}`, issuer, audience, members))
	}
	expired := fmt.Sprintf(`,"exp":%d`, now.Unix()-3600)
	const later = `,"exp":4102444800`
	return []trap{
		{name: "expired, and EXP later", token: dated(expired + `,"EXP":4102444800`), want: jwt.ErrExpired, inGo: "golang-jwt golang-jwt/strict"},
		{
			name: "for another audience, and AUD for this one", want: jwt.ErrAudience, inGo: "golang-jwt golang-jwt/strict",
			token: forge(goodHeader, strings.Replace(claimsWith(`"AUD":"`+audience+`"`), audience, "https://x.example.com", 1)),
		},
		{name: "exp twice, expired and later", token: dated(expired + later), want: jwt.ErrMalformed, inGo: golang + " jwx jwx/set", inNode: npm},
		{name: "typ twice in the header", token: header(`,"typ":"JWT"`), want: jwt.ErrMalformed, inGo: golang + " jwx jwx/set", inNode: npm},
		{
			name: "crit with an unknown extension", token: header(`,"crit":["x"],"x":1`), want: jwt.ErrCritical,
			inGo: golang + " jwx/set", inNode: "jsonwebtoken",
		},
		{name: "crit that is empty", token: header(`,"crit":[]`), want: jwt.ErrCritical, inGo: golang + " go-jose jwx/set", inNode: "jsonwebtoken"},
		// RFC 7797 section 6 wants crit beside it; to a library without that RFC it is any unknown header.
		{name: "b64 false without crit", token: header(`,"b64":false`), want: jwt.ErrCritical, inGo: golang, inNode: npm},
		{
			name: "typ of another kind of token", want: jwt.ErrType, inGo: everybody, inNode: npm,
			token: forge(`{"alg":"HS256","kid":"k1","typ":"refresh+jwt"}`, claimsWith()),
		},
		{name: "no exp", token: dated(""), want: jwt.ErrNoExpiry, inGo: "golang-jwt golang-jwt/map go-jose jwx jwx/set", inNode: npm},
		{name: "exp null", token: dated(`,"exp":null`), want: jwt.ErrMalformed, inGo: "golang-jwt go-jose"},
		{name: "exp 0", token: dated(`,"exp":0`), want: jwt.ErrExpired, inGo: "golang-jwt/map"},
		{name: "exp in a string", token: dated(`,"exp":"4102444800"`), want: jwt.ErrMalformed, inGo: "golang-jwt golang-jwt/strict jwx jwx/set"},
		{name: "exp in RFC 3339", token: dated(`,"exp":"2100-01-01T00:00:00Z"`), want: jwt.ErrMalformed, inGo: "jwx jwx/set"},
		{name: "nbf beyond 64 bits", token: dated(later + `,"nbf":1e20`), want: jwt.ErrMalformed, inGo: golang},
		{name: "iat in the year 2100", token: dated(later + `,"iat":4102444800`), want: jwt.ErrNotYetValid, inGo: "golang-jwt golang-jwt/map", inNode: npm},
		{name: "sub a list", token: dated(later + `,"sub":["a"]`), want: jwt.ErrMalformed, inGo: "golang-jwt/map", inNode: npm},
		{name: "text that is not UTF-8", token: dated(later + `,"name":"` + "\xff" + `"`), want: jwt.ErrMalformed, inGo: everybody, inNode: "jsonwebtoken"},
		{name: "half a surrogate pair", token: dated(later + `,"name":"\ud800"`), want: jwt.ErrMalformed, inGo: everybody, inNode: npm},
		{name: "a second JSON value after the claims", token: forge(goodHeader, claimsWith()+`{}`), want: jwt.ErrMalformed, inGo: "jwx jwx/set"},
		{name: "alg none", token: b64(`{"alg":"none","typ":"at+jwt"}`) + "." + b64(claimsWith()) + ".", want: jwt.ErrAlgorithm},
	}
}

// keyTraps have a genuine signature by a key, or with parameters, that must not be used.
func keyTraps() []trap {
	key, weak := must(rsa2048()), must(rsa1024())
	short := octDocument("HS256", "secret")
	rs256 := rsaDocument("RS256", &key.PublicKey, "")
	ps256 := rsaDocument("PS256", &key.PublicKey, "")
	const lax = golang + " go-jose"
	return []trap{
		{
			name: "HMAC secret of 6 bytes", key: short, token: sealed(b64(goodHeader)+"."+b64(claimsWith()), short.secret), want: jwt.ErrWeakKey,
			inGo: golang + " jwx jwx/set", inNode: npm,
		},
		{
			name: "RSA key of 1024 bits", key: rsaDocument("RS256", &weak.PublicKey, ""), token: signedRSA("RS256", weak, -1), want: jwt.ErrWeakKey,
			inGo: lax, inNode: "jsonwebtoken",
		},
		{name: "PS256 with 20 bytes of salt", key: ps256, token: signedRSA("PS256", key, 20), want: jwt.ErrSignature, inGo: lax},
		{name: "PS256 with 222 bytes of salt", key: ps256, token: signedRSA("PS256", key, 222), want: jwt.ErrSignature, inGo: lax},
		{
			// golang-jwt and jsonwebtoken read PEM, which says nothing of a use.
			name: "JWK with use enc", key: rsaDocument("RS256", &key.PublicKey, `,"use":"enc"`), token: signedRSA("RS256", key, -1), want: jwt.ErrKey,
			inGo: lax + " jwx", inNode: npm,
		},
		{name: "HS256 with the public key as its secret", key: rs256, token: sealed(b64(goodHeader)+"."+b64(claimsWith()), rs256.pem), want: jwt.ErrAlgorithm},
	}
}

// signedRSA is a token of any RSA key's, with so many bytes of PSS salt; -1 stands for PKCS #1.
func signedRSA(alg string, key *rsa.PrivateKey, salt int) string {
	input := b64(strings.Replace(goodHeader, "HS256", alg, 1)) + "." + b64(claimsWith())
	digest := sha256.Sum256([]byte(input))
	var opts crypto.SignerOpts = crypto.SHA256
	if salt >= 0 {
		opts = &rsa.PSSOptions{SaltLength: salt, Hash: crypto.SHA256}
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(must(key.Sign(rand.Reader, digest[:], opts)))
}
