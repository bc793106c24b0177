package guard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/jwt"
)

// prover is a client's DPoP key.
type prover struct {
	tb  testing.TB
	key *ecdsa.PrivateKey
	jwk json.RawMessage
	jkt string
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
	jwk, err := json.Marshal(k.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return prover{tb, key, jwk, k.Thumbprint()}
}

// bound are claims of a token that is bound to the key.
func (p prover) bound(changes map[string]any) map[string]any {
	c := map[string]any{"cnf": map[string]any{"jkt": p.jkt}}
	maps.Copy(c, changes)
	return c
}

var proofs atomic.Int64

// proof is one that passes, with changes; a nil value removes a claim.
func (p prover) proof(method, url, token string, changes map[string]any) string {
	p.tb.Helper()
	c := map[string]any{"jti": fmt.Sprint("proof ", proofs.Add(1)), "htm": method, "htu": url, "iat": clock().Unix()}
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		c["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return p.sign(map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": p.jwk}, c)
}

func (p prover) sign(header, claims any) string {
	p.tb.Helper()
	head, err := json.Marshal(header)
	if err != nil {
		p.tb.Fatal(err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		p.tb.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		p.tb.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func newProofs(tb testing.TB, edit func(*guard.ProofsConfig)) *guard.Proofs {
	tb.Helper()
	c := guard.ProofsConfig{PublicURL: audience, Now: clock}
	if edit != nil {
		edit(&c)
	}
	p, err := guard.NewProofs(c)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// proven is a request with these proofs.
func proven(method, target string, proofs ...string) *http.Request {
	r := httptest.NewRequest(method, target, http.NoBody)
	for _, proof := range proofs {
		r.Header.Add("DPoP", proof)
	}
	return r
}

// TestProofExamples takes the examples of RFC 9449 sections 4.1 and 7.1, and what must not be made of them.
// checklist 136, 138, 139, 140, 141, 146
func TestProofExamples(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "shared", "vectors", "rfc", "jws_examples.json"))
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("test vectors, which stand beside the project, are not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			ID, Token, Expect, Htm, Htu, JKT string
			Now                              int64
			AccessToken                      string `json:"access_token"`
			ExpectedJKT                      string `json:"expected_jkt"`
			NonceRequired                    bool   `json:"nonce_required"`
			Replay                           bool
			Headers                          int
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range file.Cases {
		if c.Htm == "" {
			continue
		}
		n++
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			p := newProofs(t, func(pc *guard.ProofsConfig) {
				pc.MaxAge, pc.MaxAhead = 5*time.Minute, time.Minute
				pc.Now = func() time.Time { return time.Unix(c.Now, 0) }
				if pc.RequireNonce = c.NonceRequired; pc.RequireNonce {
					pc.NonceKey = make([]byte, 32)
				}
			})
			r := proven(c.Htm, "/", c.Token)
			for i := 1; i < c.Headers; i++ {
				r.Header.Add("DPoP", c.Token)
			}
			jkt, err := p.Check(t.Context(), r, c.Htu, c.AccessToken)
			if c.Replay && err == nil {
				jkt, err = p.Check(t.Context(), r, c.Htu, c.AccessToken)
			}
			switch {
			case c.ExpectedJKT != "":
				if err != nil || jkt == c.ExpectedJKT {
					t.Errorf("got %q, %v; want another key than the token's", jkt, err)
				}
			case c.Expect == "valid":
				if err != nil || jkt != c.JKT {
					t.Errorf("got %q, %v; want %q", jkt, err, c.JKT)
				}
			case err == nil || !errors.Is(err, guard.ErrProof) && !c.NonceRequired || c.NonceRequired && !errors.Is(err, guard.ErrProofNonce):
				t.Errorf("got %v, want it refused", err)
			}
		})
	}
	if n < 10 {
		t.Errorf("%d examples, want 10 or more", n)
	}
}
