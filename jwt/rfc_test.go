package jwt_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/sandi-auth/sandi/jwt"
)

// TestRFCExamples takes the examples of RFC 7515, 7519, 7520, 7797, 8037 and 9449. All that is not
// a compact JWS with its payload inside is refused, as is alg "none".
// checklist 112, 113, 115
func TestRFCExamples(t *testing.T) {
	t.Parallel()
	var file struct {
		Cases []struct {
			ID      string
			Alg     jwt.Algorithm
			Key     json.RawMessage
			Token   string
			Expect  string
			Payload string
		}
	}
	if err := json.Unmarshal(vectors(t, "rfc/jws_examples.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			keys := newKeySet(t, secretKey(t)) // for "none", which has none
			if c.Alg != "none" && c.Key[0] == '{' {
				k, err := jwt.ParseKeyFor(c.Alg, c.Key)
				if err != nil {
					t.Fatalf("parse key: %v", err)
				}
				keys = newKeySet(t, k)
			}
			_, payload, err := jwt.VerifySignature(keys, c.Token)
			switch c.Expect {
			case "valid", "invalid-dpop": // the latter are genuine, and wrong in what they say
				if err != nil {
					t.Fatalf("got %v, want a valid signature", err)
				}
				if c.Payload != "" && string(payload) != c.Payload {
					t.Errorf("got payload %q, want %q", payload, c.Payload)
				}
			default:
				if err == nil {
					t.Errorf("was accepted, though %s", c.Expect)
				}
			}
		})
	}
}

// TestThumbprints takes the thumbprints that RFC 7638, 8037 and 9449 print.
// checklist 110
func TestThumbprints(t *testing.T) {
	t.Parallel()
	var cases []struct {
		Ref        string
		JWK        map[string]string
		Thumbprint string `json:"sha256_b64u"`
	}
	if err := json.Unmarshal(vectors(t, "rfc/thumbprints.json"), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		delete(c.JWK, "use") // one of them is for encryption, which a thumbprint does not cover
		jwk, err := json.Marshal(c.JWK)
		if err != nil {
			t.Fatal(err)
		}
		k, err := jwt.ParseKey(jwk)
		if err != nil {
			t.Fatalf("%s: %v", c.Ref, err)
		}
		if k.Thumbprint() != c.Thumbprint {
			t.Errorf("%s: got %s, want %s", c.Ref, k.Thumbprint(), c.Thumbprint)
		}
		if want := c.JWK["kid"]; want == "" && k.ID() != c.Thumbprint || want != "" && k.ID() != want {
			t.Errorf("%s: got kid %q", c.Ref, k.ID())
		}
	}
}

// RFC 7517 A.1's key is for encryption: it must not verify.
func TestEncryptionKey(t *testing.T) {
	t.Parallel()
	const jwk = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",` +
		`"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"}`
	if _, err := jwt.ParseKey([]byte(jwk)); !errors.Is(err, jwt.ErrKey) {
		t.Errorf("got %v, want %v", err, jwt.ErrKey)
	}
}
