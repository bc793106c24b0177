package oauth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/jwt"
)

// keyClient is a client of private_key_jwt with these keys.
func keyClient(t *testing.T, keys ...*jwt.Key) Client {
	t.Helper()
	set, err := jwt.NewKeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return Client{ID: "robot", AuthMethod: AuthPrivateKeyJWT, KeySet: string(text)}
}

func keyOf(t *testing.T, alg jwt.Algorithm) *jwt.Key {
	t.Helper()
	k, err := jwt.GenerateKey(alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// checklist 14, 41, 152, 153
func TestAssertions(t *testing.T) {
	t.Parallel()
	own, second, other := keyOf(t, jwt.ES256), keyOf(t, jwt.ES256), keyOf(t, jwt.ES256)
	hmac, err := jwt.NewKey(jwt.HS256, own.ID(), []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	legacy := keyClient(t, own)
	legacy.ID, legacy.InsecureTokenURLAudience = "legacy", true
	d := newDoor(t, keyClient(t, own, second), legacy)
	n := 0
	claims := func(changes map[string]any) map[string]any {
		n++
		c := map[string]any{"iss": "robot", "sub": "robot", "aud": testIssuer, "exp": d.now.Add(time.Minute).Unix(), "iat": d.now.Unix(), "jti": strconv.Itoa(n)}
		for name, v := range changes {
			if c[name] = v; v == nil {
				delete(c, name)
			}
		}
		return c
	}
	for _, tt := range []struct {
		name    string
		key     *jwt.Key
		typ     string
		changes map[string]any
		ok      bool
	}{
		{"good", own, "JWT", nil, true},
		{"of the other key", second, "JWT", nil, true},
		{"typed", own, "client-authentication+jwt", nil, true},
		{"without typ", own, "", nil, true},
		{"not before now", own, "", map[string]any{"nbf": d.now.Unix()}, true},
		{"a clock that is ahead", own, "", map[string]any{"nbf": d.now.Unix() + 5, "iat": d.now.Unix() + 5}, true},
		{"an hour", own, "", map[string]any{"exp": d.now.Unix() + 3600}, true},
		{"two hours", own, "", map[string]any{"exp": d.now.Unix() + 7200}, false},
		{"expired", own, "", map[string]any{"exp": d.now.Unix() - 60}, false},
		{"for ever", own, "", map[string]any{"exp": nil}, false},
		{"of a key that is not the client's", other, "", nil, false},
		{"by a secret under the key's name", hmac, "", nil, false},
		{"an access token", own, "at+jwt", nil, false},
		{"a DPoP proof", own, "dpop+jwt", nil, false},
		{"another issuer", own, "", map[string]any{"iss": "legacy"}, false},
		{"another subject", own, "", map[string]any{"sub": "legacy"}, false},
		{"for another server", own, "", map[string]any{"aud": "https://other.example"}, false},
		{"for two servers", own, "", map[string]any{"aud": []string{testIssuer, "https://other.example"}}, false},
		{"in a list", own, "", map[string]any{"aud": []string{testIssuer}}, false},
		{"for the token endpoint", own, "", map[string]any{"aud": testIssuer + "/oauth/token"}, false},
		{"for the issuer with a slash", own, "", map[string]any{"aud": testIssuer + "/"}, false},
		{"for nobody", own, "", map[string]any{"aud": nil}, false},
		{"without jti", own, "", map[string]any{"jti": nil}, false},
		{"jti too long", own, "", map[string]any{"jti": strings.Repeat("j", 257)}, false},
		{"for the token endpoint, by an old library", own, "", map[string]any{"iss": "legacy", "sub": "legacy", "aud": testIssuer + "/oauth/token"}, true},
	} {
		token, err := jwt.Sign(tt.key, tt.typ, claims(tt.changes))
		if err != nil {
			t.Fatal(err)
		}
		f := url.Values{"client_assertion": {token}, "client_assertion_type": {assertionType}}
		c, err := d.shows(f, nil)
		if (err == nil) != tt.ok || err != nil && code(err) != "invalid_client" {
			t.Errorf("%s: client %q, error %v, want ok %v", tt.name, c.ID, err, tt.ok)
		}
		if _, err := d.shows(f, nil); err == nil {
			t.Errorf("%s: counts twice", tt.name)
		}
		if tt.ok { // failures would slow down the next ones
			continue
		}
		d.suspects = suspects{}
		d.Limits = cluster.NewMemory(func() time.Time { return d.now })
	}
	token, err := jwt.Sign(own, "", claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.shows(url.Values{"client_id": {"legacy"}, "client_assertion": {token}, "client_assertion_type": {assertionType}}, nil); code(err) != "invalid_client" {
		t.Errorf("an assertion of another client than client_id: %v", err)
	}
}

// Libraries leave kid out: each of the client's keys is tried.
func TestAssertionWithoutKeyID(t *testing.T) {
	t.Parallel()
	var secrets []*ecdsa.PrivateKey
	var keys []*jwt.Key
	for range 3 {
		secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		k, err := jwt.NewKey(jwt.ES256, "", secret)
		if err != nil {
			t.Fatal(err)
		}
		secrets, keys = append(secrets, secret), append(keys, k)
	}
	d := newDoor(t, keyClient(t, append(keys[:2:2], keyOf(t, jwt.EdDSA))...))
	for i, secret := range secrets {
		encode := base64.RawURLEncoding.EncodeToString
		token := encode([]byte(`{"alg":"ES256"}`)) + "." +
			encode(fmt.Appendf(nil, `{"iss":"robot","sub":"robot","aud":%q,"exp":%d,"jti":"%d"}`, testIssuer, d.now.Unix()+60, i))
		hash := sha256.Sum256([]byte(token))
		r, s, err := ecdsa.Sign(rand.Reader, secret, hash[:])
		if err != nil {
			t.Fatal(err)
		}
		token += "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
		_, err = d.shows(url.Values{"client_assertion": {token}, "client_assertion_type": {assertionType}}, nil)
		if want := i < 2; (err == nil) != want {
			t.Errorf("key %d: %v, want ok %v", i, err, want)
		}
	}
}

// replayDown answers nothing.
type replayDown struct{}

func (replayDown) Spend(context.Context, string, time.Time) (bool, error) {
	return false, errors.New("store is away")
}

func TestAssertionInAnOutage(t *testing.T) {
	t.Parallel()
	k := keyOf(t, jwt.ES256)
	d := newDoor(t, keyClient(t, k))
	d.Replay = replayDown{}
	token, err := jwt.Sign(k, "", map[string]any{"iss": "robot", "sub": "robot", "aud": testIssuer, "exp": d.now.Unix() + 60, "jti": "1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.shows(url.Values{"client_assertion": {token}, "client_assertion_type": {assertionType}}, nil); !errors.Is(err, problem.Unavailable) {
		t.Errorf("error %v, want 503: fail closed, and blame nobody", err)
	}
}

func FuzzClientAssertion(f *testing.F) {
	key, err := jwt.GenerateKey(jwt.ES256)
	if err != nil {
		f.Fatal(err)
	}
	token, err := jwt.Sign(key, "JWT", map[string]any{"iss": "robot", "sub": "robot", "aud": testIssuer, "exp": 1_800_000_060, "jti": "1"})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{token, strings.ToUpper(token), token + ".", "..", "e30.e30.", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		set, err := jwt.NewKeySet(keyOf(t, jwt.ES256))
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		d := newDoor(t, Client{ID: "robot", AuthMethod: AuthPrivateKeyJWT, KeySet: string(text)})
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		_, err = d.authenticate(r, form{"client_assertion": {token}, "client_assertion_type": {assertionType}})
		if !slices.Contains([]string{"invalid_client", "invalid_request"}, code(err)) {
			t.Errorf("%q: %v", token, err)
		}
	})
}
