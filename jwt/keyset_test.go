package jwt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

func TestKeySet(t *testing.T) {
	t.Parallel()
	a, b := newKey(t, jwt.ES256), newKey(t, jwt.EdDSA)
	s := newKeySet(t, a, b)
	if s.KeySet() != s || s.Len() != 2 || len(s.All()) != 2 || len(s.Ignored()) != 0 {
		t.Errorf("got %v", s)
	}
	if k, ok := s.Key(b.ID()); !ok || k != b {
		t.Errorf("got %v, %v", k, ok)
	}
	for _, kid := range []string{"", "x", "\xffES256", "\xffHS256"} {
		if k, ok := s.Key(kid); ok || k != nil {
			t.Errorf("kid %q: got %v, %v", kid, k, ok)
		}
	}
	s.All()[0] = nil
	if s.All()[0] != a {
		t.Error("All is not a copy")
	}
}

func TestNewKeySetRefuses(t *testing.T) {
	t.Parallel()
	nameless := func(alg jwt.Algorithm) *jwt.Key {
		k, err := jwt.NewKey(alg, "", []byte(strings.Repeat(string(alg), 16)))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k1 := secretKey(t)
	sameKid, err := jwt.NewKey(jwt.EdDSA, "k1", newKey(t, jwt.EdDSA).PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		keys []*jwt.Key
		want error
	}{
		{"none", nil, nil},
		{"nil", []*jwt.Key{nil}, jwt.ErrKey},
		{"twice", []*jwt.Key{k1, k1}, jwt.ErrKey},
		{"one kid, two algorithms", []*jwt.Key{k1, sameKid}, jwt.ErrKey},
		{"two without kid", []*jwt.Key{nameless(jwt.HS256), nameless(jwt.HS256)}, jwt.ErrKey},
		{"two without kid, two algorithms", []*jwt.Key{nameless(jwt.HS256), nameless(jwt.HS512)}, nil},
		{"secret and public key", []*jwt.Key{k1, newKey(t, jwt.ES256)}, nil},
	}
	for _, tt := range tests {
		if s, err := jwt.NewKeySet(tt.keys...); !errors.Is(err, tt.want) || (s == nil) != (err != nil) {
			t.Errorf("%s: got %v, %v, want %v", tt.name, s, err, tt.want)
		}
	}
}

// TestChoose says which key a token gets, by its kid and by what is in the set.
// checklist 111
func TestChoose(t *testing.T) {
	t.Parallel()
	named, other := newKey(t, jwt.ES256), newKey(t, jwt.ES256)
	k1 := secretKey(t)
	nameless, err := jwt.NewKey(jwt.HS256, "", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	k2 := newKey(t, jwt.HS256)
	strange, err := jwt.NewKey(jwt.HS256, "", []byte(secret+"!"))
	if err != nil {
		t.Fatal(err)
	}
	withKid := forge(`{"alg":"HS256","kid":"k1"}`, `{}`)
	tests := []struct {
		name  string
		token string
		set   []*jwt.Key
		want  error
	}{
		{"kid, its key", withKid, []*jwt.Key{named, k1}, nil},
		{"kid, not in the set", withKid, []*jwt.Key{named}, jwt.ErrUnknownKey},
		{"kid, the only key has none", withKid, []*jwt.Key{nameless}, jwt.ErrUnknownKey},
		{"kid, empty set", withKid, nil, jwt.ErrUnknownKey},
		{"no kid, key without", forge(`{"alg":"HS256"}`, `{}`), []*jwt.Key{nameless}, nil},
		{"no kid, key with", forge(`{"alg":"HS256"}`, `{}`), []*jwt.Key{k1}, nil},
		{"no kid, one key of that alg", forge(`{"alg":"HS256"}`, `{}`), []*jwt.Key{named, k1, other}, nil},
		{"no kid, two keys with", forge(`{"alg":"HS256"}`, `{}`), []*jwt.Key{k1, k2}, jwt.ErrUnknownKey},
		{"no kid, typ, two keys with", forge(`{"alg":"HS256","typ":"JWT"}`, `{}`), []*jwt.Key{k1, k2}, jwt.ErrUnknownKey},
		{"no kid, one of two keys without", forge(`{"alg":"HS256"}`, `{}`), []*jwt.Key{k2, nameless}, nil},
		{"no kid, typ, one of two keys without", forge(`{"typ":"JWT","alg":"HS256"}`, `{}`), []*jwt.Key{nameless, k2}, nil},
		{"no kid, signed by the one with", forge(`{"alg":"HS256"}`, `{}`), []*jwt.Key{k1, strange}, jwt.ErrSignature},
		{"no kid, no key of that alg", forge(`{"alg":"HS256"}`, `{}`), []*jwt.Key{named}, jwt.ErrAlgorithm},
		{"no kid, empty set", forge(`{"alg":"HS256"}`, `{}`), nil, jwt.ErrUnknownKey},
		{"kid of a key of another alg", forge(fmt.Sprintf(`{"alg":"HS256","kid":%q}`, named.ID()), `{}`), []*jwt.Key{named, k1}, jwt.ErrAlgorithm},
	}
	for _, tt := range tests {
		if _, _, err := jwt.VerifySignature(newKeySet(t, tt.set...), tt.token); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// secure-defaults 18d
func TestKeySetMarshal(t *testing.T) {
	t.Parallel()
	var keys []*jwt.Key
	for i, alg := range allAlgorithms {
		m := members(t, newKey(t, alg))
		m["kid"] = fmt.Sprint("key ", i) // RSA keys here share a thumbprint
		jwk, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		k, err := jwt.ParseKey(jwk)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	data, err := json.Marshal(newKeySet(t, keys...))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Keys []map[string]string }
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Keys) != len(allAlgorithms)-3 {
		t.Errorf("got %d keys, want all but the secrets: %s", len(doc.Keys), data)
	}
	for _, jwk := range doc.Keys {
		for _, private := range []string{"k", "d", "p", "q", "dp", "dq", "qi"} {
			if _, ok := jwk[private]; ok {
				t.Errorf("%s key has %q", jwk["alg"], private)
			}
		}
		if jwk["use"] != "sig" || jwk["kid"] == "" || jwk["alg"] == "" || jwk["kty"] == "" {
			t.Errorf("got %v", jwk)
		}
	}
	again, err := jwt.ParseKeySet(data)
	if err != nil || again.Len() != len(doc.Keys) || len(again.Ignored()) > 0 {
		t.Errorf("read again: got %v, %v", again, err)
	}
	if data, err := json.Marshal(newKeySet(t, secretKey(t))); err != nil || string(data) != `{"keys":[]}` {
		t.Errorf("got %s, %v", data, err)
	}
}

func TestParseKeySet(t *testing.T) {
	t.Parallel()
	marshal := func(k *jwt.Key) string {
		data, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	es := marshal(newKey(t, jwt.ES256))
	ed := marshal(newKey(t, jwt.EdDSA))
	const hmac = `{"kty":"oct","alg":"HS256","kid":"h","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`
	edit := func(jwk, from, to string) string {
		if !strings.Contains(jwk, from) {
			t.Fatalf("no %s in %s", from, jwk)
		}
		return strings.Replace(jwk, from, to, 1)
	}
	kid := func(jwk, kid string) string {
		from, rest, _ := strings.Cut(jwk, `"kid":"`)
		_, rest, _ = strings.Cut(rest, `"`)
		return from + `"kid":"` + kid + `"` + rest
	}
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	tests := []struct {
		name    string
		doc     string
		keys    int
		ignored int
		want    error
	}{
		{"two", set(es, ed), 2, 0, nil},
		{"white space and more members", " {\"x\":1,\n\"keys\" : [ " + es + " ] } ", 1, 0, nil},
		{"empty", set(), 0, 0, nil},
		{"secrets alone", set(hmac), 1, 0, nil},
		{"secret and public key", set(hmac, es), 0, 0, jwt.ErrKey},
		{"unknown kty", set(es, `{"kty":"AKP","alg":"ML-DSA-44","kid":"pq","pub":"AA"}`), 1, 1, nil},
		{"unknown curve", set(es, `{"kty":"OKP","crv":"Ed448","x":"AA"}`, `{"kty":"EC","crv":"secp256k1","alg":"ES256K","x":"AA","y":"AA"}`), 1, 2, nil},
		{"for encryption", set(edit(es, `"use":"sig"`, `"use":"enc"`), ed), 1, 1, nil},
		{"of one kid, one for encryption", set(edit(es, `"use":"sig"`, `"use":"enc"`), es), 1, 1, nil},
		{"not on the curve", set(edit(es, `"x":"`, `"x":"AAAA`), ed), 1, 1, nil},
		{"RSA without alg", set(edit(edit(marshal(newKey(t, jwt.RS256)), `"alg":"RS256",`, ``), `"use":"sig",`, ``), ed), 1, 1, nil},
		{"of one kid", set(kid(es, "a"), kid(ed, "a")), 0, 0, jwt.ErrKey},
		{"of one kid, one unusable", set(kid(es, "a"), `{"kty":"AKP","kid":"a"}`), 0, 0, jwt.ErrKey},
		{"too many", set(strings.Repeat(`{},`, 256) + `{}`), 0, 0, jwt.ErrKey},
		{"duplicate name in a key", set(edit(es, `{`, `{"kid":"a",`)), 0, 0, jwt.ErrKey},
		{"duplicate keys", `{"keys":[],"keys":[]}`, 0, 0, jwt.ErrKey},
		{"no keys", `{}`, 0, 0, jwt.ErrKey},
		{"a key", es, 0, 0, jwt.ErrKey},
		{"null", `{"keys":null}`, 0, 0, jwt.ErrKey},
		{"an object", `{"keys":{}}`, 0, 0, jwt.ErrKey},
		{"a string in it", `{"keys":["x"]}`, 0, 0, jwt.ErrKey},
		{"a list", `[` + es + `]`, 0, 0, jwt.ErrKey},
		{"nothing", ``, 0, 0, jwt.ErrKey},
		{"over 1 MiB", `{"keys":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`, 0, 0, jwt.ErrKey},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := jwt.ParseKeySet([]byte(tt.doc))
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err == nil && (s.Len() != tt.keys || len(s.Ignored()) != tt.ignored) {
				t.Errorf("got %v, ignored %v", s, s.Ignored())
			}
		})
	}
}

// TestParseKeySetFor: the caller's algorithm is for the RSA keys that name none, and for no other.
func TestParseKeySetFor(t *testing.T) {
	t.Parallel()
	var entries []string
	for _, alg := range []jwt.Algorithm{jwt.RS256, jwt.PS256, jwt.ES256} {
		k, err := jwt.NewKey(alg, string(alg), newKey(t, alg).PublicKey())
		if err != nil {
			t.Fatal(err)
		}
		jwk, err := k.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		entry := string(jwk)
		if alg == jwt.RS256 {
			entry = strings.Replace(entry, `"alg":"RS256",`, "", 1)
		}
		entries = append(entries, entry)
	}
	doc := []byte(`{"keys":[` + strings.Join(entries, ",") + `]}`)
	for _, tt := range []struct {
		alg, want jwt.Algorithm
		keys      int
	}{{"", "", 2}, {jwt.RS256, jwt.RS256, 3}, {jwt.RS512, jwt.RS512, 3}, {jwt.ES256, "", 2}, {"none", "", 2}} {
		set, err := jwt.ParseKeySetFor(tt.alg, doc)
		if err != nil || set.Len() != tt.keys || len(set.Ignored()) != 3-tt.keys {
			t.Errorf("%q: got %v, ignored %v, %v", tt.alg, set, set.Ignored(), err)
			continue
		}
		if k, ok := set.Key("RS256"); ok != (tt.want != "") || ok && k.Algorithm() != tt.want {
			t.Errorf("%q: got %v", tt.alg, k)
		}
	}
}
