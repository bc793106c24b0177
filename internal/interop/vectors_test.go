package interop_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/sandi-auth/sandi/jwt"
)

// vectors reads a file of test vectors, which stand beside the project and not in it.
func vectors(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", name))
	if os.IsNotExist(err) {
		missing(t, "the folder of test vectors")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// example is a published JWS. The compact ones are tested beside package jwt; here are those in
// other forms, and what else is printed with them.
type example struct {
	ID, Expect, Token string
	Key               json.RawMessage // or a list of them, one a signature
	Detached          string          `json:"detached_payload_b64u"`
	JKT, ATH          string
	AccessToken       string `json:"access_token"`
}

func examples(t *testing.T) (list []example) {
	t.Helper()
	file := struct{ Cases *[]example }{&list}
	if err := json.Unmarshal(vectors(t, "rfc/jws_examples.json"), &file); err != nil {
		t.Fatal(err)
	}
	return list
}

// compact brings each signature of an example into compact form, beside its key. Where nothing of
// the header is signed (RFC 7520 section 4.7, and one of section 4.8) there is none.
func (e example) compact(t *testing.T) (tokens []string, keys []json.RawMessage) {
	t.Helper()
	type signed struct{ Protected, Signature string }
	var jws struct {
		Payload string
		signed
		Signatures []signed
	}
	keys = []json.RawMessage{e.Key}
	if part := strings.Split(e.Token, "."); len(part) == 3 {
		jws.signed = signed{part[0], part[2]}
	} else if err := json.Unmarshal([]byte(e.Token), &jws); err != nil {
		t.Fatal(err)
	}
	if jws.Payload == "" {
		jws.Payload = e.Detached
	}
	if jws.Signatures == nil {
		jws.Signatures = []signed{jws.signed}
	}
	if e.Key[0] == '[' {
		if err := json.Unmarshal(e.Key, &keys); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range jws.Signatures {
		tokens = append(tokens, "")
		if s.Protected != "" {
			tokens[len(tokens)-1] = s.Protected + "." + jws.Payload + "." + s.Signature
		}
	}
	return tokens, keys
}

// TestRFCForms: the signatures of RFC 7515 and 7520 in JSON and with detached content are good ones
// here and in go-jose, once they stand in a compact token.
// checklist 113
func TestRFCForms(t *testing.T) {
	t.Parallel()
	var total, without int
	var detached string
	for _, e := range examples(t) {
		if !strings.HasPrefix(e.Expect, "valid-json") && !strings.HasPrefix(e.Expect, "valid-detached") {
			continue
		}
		if e.Detached == "" { // RFC 7520 prints it once for the three forms of section 4.5
			e.Detached = detached
		}
		detached = e.Detached
		tokens, keys := e.compact(t)
		for i, token := range tokens {
			total++
			if token == "" {
				without++
				continue
			}
			sameVerdict(t, e, token, keys[min(i, len(keys)-1)])
		}
	}
	if total != 22 || without != 3 {
		t.Errorf("got %d signatures, %d without a compact form", total, without)
	}
}

func sameVerdict(t *testing.T, e example, token string, jwk json.RawMessage) {
	t.Helper()
	var header struct{ Alg jwt.Algorithm }
	if err := json.Unmarshal([]byte(decoded(token[:strings.IndexByte(token, '.')])), &header); err != nil {
		t.Fatal(err)
	}
	k, err := jwt.ParseKeyFor(header.Alg, jwk)
	if err != nil {
		t.Fatalf("%s: %v", e.ID, err)
	}
	_, ours, err := jwt.VerifySignature(must(jwt.NewKeySet(k)), token)
	if err != nil {
		t.Errorf("%s: %v", e.ID, err)
	}
	var key jose.JSONWebKey
	if err := key.UnmarshalJSON(jwk); err != nil {
		t.Fatal(err)
	}
	if !key.IsPublic() && header.Alg[0] != 'H' {
		key = key.Public()
	}
	theirs, err := must(jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(header.Alg)})).Verify(key.Key)
	if err != nil || string(theirs) != string(ours) {
		t.Errorf("%s: got payload %q, go-jose has %q, %v", e.ID, ours, theirs, err)
	}
}

// TestDPoPExamples: the proofs of RFC 9449 verify with the key that they bring, whose thumbprint
// (section 6.1) is the one printed, and name the access token as section 4.2 says.
func TestDPoPExamples(t *testing.T) {
	t.Parallel()
	proofs, hashes := 0, 0
	for _, e := range examples(t) {
		if !strings.HasPrefix(e.ID, "rfc9449") || e.Expect != "valid" {
			continue
		}
		proofs++
		header, payload, err := jwt.DecodeUnverified(e.Token)
		if err != nil {
			t.Fatalf("%s: %v", e.ID, err)
		}
		var brought struct {
			JWK json.RawMessage
			ATH string
		}
		if err := errors.Join(json.Unmarshal(header, &brought), json.Unmarshal(payload, &brought)); err != nil {
			t.Fatal(err)
		}
		k, err := jwt.ParseKey(brought.JWK)
		if err != nil {
			t.Fatalf("%s: %v", e.ID, err)
		}
		if h, _, err := jwt.VerifySignature(must(jwt.NewKeySet(k)), e.Token); err != nil || h.Type != "dpop+jwt" || k.Thumbprint() != e.JKT {
			t.Errorf("%s: got typ %q, thumbprint %s, want %s: %v", e.ID, h.Type, k.Thumbprint(), e.JKT, err)
		}
		if e.AccessToken != "" {
			hashes++
			sum := sha256.Sum256([]byte(e.AccessToken))
			if got := base64.RawURLEncoding.EncodeToString(sum[:]); got != e.ATH || got != brought.ATH {
				t.Errorf("%s: got ath %s, want %s and %s", e.ID, got, e.ATH, brought.ATH)
			}
		}
	}
	if proofs < 2 || hashes < 1 {
		t.Errorf("got %d proofs, %d with an access token", proofs, hashes)
	}
}

// TestPeerThumbprints: the printed thumbprints are what the other libraries compute too.
func TestPeerThumbprints(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Ref        string
		JWK        json.RawMessage
		Thumbprint string `json:"sha256_b64u"`
	}
	if err := json.Unmarshal(vectors(t, "rfc/thumbprints.json"), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for name, thumbprint := range map[string]func([]byte) string{"go-jose": goJoseThumbprint, "jwx": jwxThumbprint} {
			if got := thumbprint(c.JWK); got != c.Thumbprint {
				t.Errorf("%s: %s has %s, want %s", c.Ref, name, got, c.Thumbprint)
			}
		}
	}
}

// TestVectorFiles: every file of Wycheproof's is used or has its reason here. Of the other folder,
// protocol_vectors.json is not about tokens: PKCE, HOTP, TOTP, WebSocket, OpenID Connect.
func TestVectorFiles(t *testing.T) {
	t.Parallel()
	vectors(t, "wycheproof/json_web_key_test.json") // skips where there are none
	files := must(filepath.Glob(filepath.Join("..", "..", "..", "shared", "vectors", "wycheproof", "*.json")))
	used := map[string]bool{}
	for _, source := range append(must(filepath.Glob(filepath.Join("..", "..", "jwt", "*_test.go"))), "vectors_test.go") {
		text := string(must(os.ReadFile(source)))
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), "_test.json")
			used[file] = used[file] || strings.Contains(text, `"`+name+`"`) || strings.Contains(text, filepath.Base(file))
		}
	}
	for _, file := range files {
		name := filepath.Base(file)
		_, excused := notApplicable[name]
		for _, alg := range []string{"256", "384", "512"} { // one test, which puts the name together
			excused = excused || name == "hmac_sha"+alg+"_test.json"
		}
		if !used[file] && !excused {
			t.Errorf("no test uses %s", name)
		}
	}
}

// notApplicable are the files that no test of tokens uses, and why: Sandi signs and verifies, it
// has no JWE (RFC 7516), and so none of the primitives that RFC 7518 has for JWE alone.
var notApplicable = map[string]string{
	"aes_gcm_test.json":            "content encryption and key wrapping of JWE (RFC 7518 sections 4.7 and 5.3)",
	"aes_kwp_test.json":            "key wrapping with padding, which RFC 7518 does not have at all",
	"aes_wrap_test.json":           "key wrapping of JWE (RFC 7518 section 4.4)",
	"hkdf_sha256_test.json":        "derives keys; no JWS algorithm does, and RFC 7518 uses Concat KDF",
	"pbkdf2_hmacsha256_test.json":  "password-based key wrapping of JWE (RFC 7518 section 4.8)",
	"x25519_jwk_test.json":         "key agreement of JWE (RFC 8037 section 3.2); its keys are refused, see TestKeyAgreementKeys",
	"xchacha20_poly1305_test.json": "no registered JOSE algorithm",
}

// TestKeyAgreementKeys: a key for ECDH does not sign.
func TestKeyAgreementKeys(t *testing.T) {
	t.Parallel()
	var file struct {
		TestGroups []struct {
			Tests []struct{ Public, Private json.RawMessage }
		}
	}
	if err := json.Unmarshal(vectors(t, "wycheproof/x25519_jwk_test.json"), &file); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range file.TestGroups {
		for _, c := range g.Tests {
			for _, jwk := range []json.RawMessage{c.Public, c.Private} {
				n++
				if k, err := jwt.ParseKey(jwk); err == nil && strings.Contains(string(jwk), "OKP") {
					t.Errorf("got %v of %s", k, jwk)
				}
			}
		}
	}
	if n == 0 {
		t.Error("got no keys")
	}
}
