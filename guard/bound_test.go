package guard_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sandi-auth/sandi/guard"
)

func withDPoP(tb testing.TB, edit func(*guard.ProofsConfig)) func(*guard.Config) {
	return func(c *guard.Config) { c.DPoP = newProofs(tb, edit) }
}

const (
	protected = audience + "/protected"
	bothAlgs  = `algs="ES256 EdDSA PS256 RS256"`
)

// dpop is a request with a token under that scheme, and its proofs.
func dpop(token string, proofs ...string) *http.Request {
	r := proven(http.MethodGet, "/protected", proofs...)
	r.Header.Set("Authorization", "DPoP "+token)
	return r
}

// RFC 9449 section 7: each way in which token, scheme and proof do not belong together.
// checklist 136, 141, 145, 148, 149
func TestDPoP(t *testing.T) {
	t.Parallel()
	s, p, other := newSigner(t), newProver(t), newProver(t)
	bound, plain := s.access(p.bound(nil)), s.access(nil)
	proof := func(token string) string { return p.proof("GET", protected, token, nil) }
	cnf := func(v any) string { return s.access(map[string]any{"cnf": v}) }
	bearer := func(r *http.Request, token string) *http.Request {
		return withHeader(r, "Authorization", "Bearer "+token)
	}
	tests := map[string]struct {
		r      *http.Request
		reason guard.Reason
		code   string
	}{
		"good":                       {dpop(bound, proof(bound)), "", ""},
		"scheme in capitals":         {withHeader(dpop(bound, proof(bound)), "Authorization", "DPOP "+bound), "", ""},
		"unbound as Bearer":          {bearer(proven("GET", "/protected"), plain), "", ""},
		"unbound with a proof":       {bearer(proven("GET", "/protected", proof(plain)), plain), "", ""},
		"nothing":                    {proven("GET", "/protected"), guard.TokenMissing, ""},
		"bound as Bearer":            {bearer(proven("GET", "/protected"), bound), guard.TokenInvalid, "invalid_token"},
		"bound as Bearer, proof":     {bearer(proven("GET", "/protected", proof(bound)), bound), guard.TokenInvalid, "invalid_token"},
		"unbound as DPoP":            {dpop(plain, proof(plain)), guard.TokenInvalid, "invalid_token"},
		"no proof":                   {dpop(bound), guard.ProofInvalid, "invalid_dpop_proof"},
		"two proofs":                 {dpop(bound, proof(bound), proof(bound)), guard.ProofInvalid, "invalid_dpop_proof"},
		"malformed proof":            {dpop(bound, "x"), guard.ProofInvalid, "invalid_dpop_proof"},
		"proof of another token":     {dpop(bound, proof(plain)), guard.ProofInvalid, "invalid_dpop_proof"},
		"proof without ath":          {dpop(bound, proof("")), guard.ProofInvalid, "invalid_dpop_proof"},
		"proof for another URL":      {dpop(bound, p.proof("GET", protected+"/x", bound, nil)), guard.ProofInvalid, "invalid_dpop_proof"},
		"proof for the host it says": {dpop(bound, p.proof("GET", "https://example.com/protected", bound, nil)), guard.ProofInvalid, "invalid_dpop_proof"},
		"proof by another key":       {dpop(bound, other.proof("GET", protected, bound, nil)), guard.TokenInvalid, "invalid_token"},
		"expired":                    {dpop(s.access(p.bound(map[string]any{"exp": clock().Unix()})), "x"), guard.TokenExpired, "invalid_token"},
		"bound in an unknown way":    {dpop(cnf(map[string]any{"jkt": p.jkt, "kid": "x"}), "x"), guard.TokenInvalid, "invalid_token"},
		"bound to nothing":           {dpop(cnf(map[string]any{}), "x"), guard.TokenInvalid, "invalid_token"},
		"bound in capitals":          {dpop(cnf(map[string]any{"JKT": p.jkt}), "x"), guard.TokenInvalid, "invalid_token"},
		"cnf is a string":            {dpop(cnf(p.jkt), "x"), guard.TokenInvalid, "invalid_token"},
		"cnf is null":                {bearer(proven("GET", "/protected"), s.sign("at+jwt", map[string]any{"cnf": (*int)(nil)})), guard.TokenInvalid, "invalid_token"},
		"jkt is a number":            {dpop(cnf(map[string]any{"jkt": 1}), "x"), guard.TokenInvalid, "invalid_token"},
		"bound to a certificate":     {dpop(cnf(map[string]any{"x5t#S256": "x"}), "x"), guard.TokenInvalid, "invalid_token"},
		"two spaces of tokens":       {withHeader(dpop(bound, proof(bound)), "Authorization", "DPoP "+bound+" "+bound), guard.InvalidRequest, "invalid_request"},
	}
	h := s.guard(withDPoP(t, nil)).Require()(greet)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := serve(t, h, tt.r)
			if tt.reason == "" {
				if a.Status != http.StatusOK || a.Body != "hello user1" || a.Header.Get("DPoP-Nonce") != "" {
					t.Errorf("got %d %q, want it let in", a.Status, a.Body)
				}
				return
			}
			status := http.StatusUnauthorized
			if tt.reason == guard.InvalidRequest {
				status = http.StatusBadRequest
			}
			if a.Status != status || a.Reason != string(tt.reason) {
				t.Errorf("got %d %s, want %d %s", a.Status, a.Reason, status, tt.reason)
			}
			dpopFirst := strings.HasPrefix(strings.ToUpper(tt.r.Header.Get("Authorization")), "DPOP ") && tt.reason != guard.InvalidRequest
			if strings.HasPrefix(a.Challenge, "DPoP ") != dpopFirst || !strings.Contains(a.Challenge, bothAlgs) ||
				!strings.Contains(a.Challenge, `Bearer realm="api"`) || strings.Contains(a.Challenge, "error=") != (tt.code != "") ||
				tt.code != "" && !strings.Contains(a.Challenge, `error="`+tt.code+`"`) {
				t.Errorf("challenge %q", a.Challenge)
			}
		})
	}
}

// checklist 140: a proof counts once, and the token that comes with the next one is still remembered.
func TestDPoPReplay(t *testing.T) {
	t.Parallel()
	s, p := newSigner(t), newProver(t)
	h := s.guard(withDPoP(t, nil)).Require()(greet)
	token := s.access(p.bound(nil))
	once := p.proof("GET", protected, token, nil)
	for i, want := range []int{200, 401, 401} {
		if a := serve(t, h, dpop(token, once)); a.Status != want {
			t.Errorf("use %d of one proof: %d, want %d", i+1, a.Status, want)
		}
	}
	for range 3 {
		if a := serve(t, h, dpop(token, p.proof("GET", protected, token, nil))); a.Status != http.StatusOK {
			t.Errorf("another proof: %d %s", a.Status, a.Reason)
		}
	}
	away := s.guard(withDPoP(t, func(c *guard.ProofsConfig) {
		c.Replay = spendFunc(func(string, time.Time) (bool, error) { return false, guard.ErrReplayFull })
	})).Require()(greet)
	if a := serve(t, away, dpop(token, p.proof("GET", protected, token, nil))); a.Status != http.StatusServiceUnavailable || a.Challenge != "" {
		t.Errorf("with a memory that is full: %d %s %q", a.Status, a.Reason, a.Challenge)
	}
}

// checklist 146: the nonce comes with the refusal and with every answer, once, also to scripts of other origins.
func TestDPoPNonce(t *testing.T) {
	t.Parallel()
	s, p := newSigner(t), newProver(t)
	h := s.guard(withDPoP(t, func(c *guard.ProofsConfig) { c.NonceKey, c.RequireNonce = make([]byte, 32), true })).Require()(greet)
	token := s.access(p.bound(nil))
	a := serve(t, h, dpop(token, p.proof("GET", protected, token, nil)))
	nonces := a.Header.Values("DPoP-Nonce")
	if a.Status != http.StatusUnauthorized || a.Reason != "use_dpop_nonce" || len(nonces) != 1 ||
		!strings.HasPrefix(a.Challenge, `DPoP realm="api", `+bothAlgs+`, error="use_dpop_nonce"`) {
		t.Fatalf("got %d %s %q, nonces %q", a.Status, a.Reason, a.Challenge, nonces)
	}
	if got := a.Header.Get("Access-Control-Expose-Headers"); got != "DPoP-Nonce" {
		t.Errorf("exposed: %q", got)
	}
	a = serve(t, h, dpop(token, p.proof("GET", protected, token, map[string]any{"nonce": nonces[0]})))
	if a.Status != http.StatusOK || len(a.Header.Values("DPoP-Nonce")) != 1 {
		t.Errorf("with the nonce: %d %s, nonces %q", a.Status, a.Reason, a.Header.Values("DPoP-Nonce"))
	}
	if a = serve(t, h, get(s.access(nil))); a.Status != http.StatusOK || a.Header.Get("DPoP-Nonce") != "" {
		t.Errorf("Bearer: %d %s", a.Status, a.Reason)
	}
}

// A Guard that checks no proofs takes no bound token, nor one that came without a request; one that does says whose URL it is.
func TestWithoutProofs(t *testing.T) {
	t.Parallel()
	s, p := newSigner(t), newProver(t)
	token := s.access(p.bound(nil))
	a := serve(t, s.guard().Require()(greet), dpop(token, p.proof("GET", protected, token, nil)))
	if a.Status != http.StatusUnauthorized || a.Reason != "token_invalid" || strings.Contains(a.Challenge, "DPoP") {
		t.Errorf("without Config.DPoP: %d %s %q", a.Status, a.Reason, a.Challenge)
	}
	if _, err := s.guard(withDPoP(t, nil)).CheckToken(t.Context(), token); err == nil {
		t.Error("CheckToken took a bound token")
	}
	c := s.config()
	withDPoP(t, func(c *guard.ProofsConfig) { c.PublicURL = "" })(&c)
	_, err := guard.New(c)
	saying(t, err, "ProofsConfig.PublicURL")
	flask := guard.FlaskCompat(c.Keys)
	withDPoP(t, nil)(&flask)
	_, err = guard.New(flask)
	saying(t, err, "FlaskCompat")
}

// newCertificate makes a client certificate that nobody signed, and its thumbprint.
func newCertificate(tb testing.TB) (tls.Certificate, string) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, base64.RawURLEncoding.EncodeToString(sum[:])
}

// checklist 154: over TLS, a certificate-bound token counts from who shows that very certificate (RFC 8705 section 3).
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	s, p := newSigner(t), newProver(t)
	mine, x5t := newCertificate(t)
	other, _ := newCertificate(t)
	token := s.access(map[string]any{"cnf": map[string]any{"x5t#S256": x5t}})
	both := s.access(map[string]any{"cnf": map[string]any{"x5t#S256": x5t, "jkt": p.jkt}})
	on := s.guard(withDPoP(t, nil), func(c *guard.Config) { c.MutualTLS = true })
	mux := http.NewServeMux()
	mux.Handle("/protected", on.Require()(greet))
	mux.Handle("/off", s.guard().Require()(greet))
	srv := httptest.NewUnstartedServer(mux)
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	tests := map[string]struct {
		path, scheme, token string
		certificates        []tls.Certificate
		ok                  bool
	}{
		"good":                         {"/protected", "Bearer", token, []tls.Certificate{mine}, true},
		"unbound, no certificate":      {"/protected", "Bearer", s.access(nil), nil, true},
		"unbound, certificate":         {"/protected", "Bearer", s.access(nil), []tls.Certificate{mine}, true},
		"bound in two ways":            {"/protected", "DPoP", both, []tls.Certificate{mine}, true},
		"in two ways, one certificate": {"/protected", "Bearer", both, []tls.Certificate{mine}, false},
		"in two ways, one proof":       {"/protected", "DPoP", both, nil, false},
		"no certificate":               {"/protected", "Bearer", token, nil, false},
		"another certificate":          {"/protected", "Bearer", token, []tls.Certificate{other}, false},
		"as DPoP":                      {"/protected", "DPoP", token, []tls.Certificate{mine}, false},
		"not switched on":              {"/off", "Bearer", token, []tls.Certificate{mine}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := srv.Client().Transport.(*http.Transport).Clone()
			transport.TLSClientConfig.Certificates = tt.certificates
			defer transport.CloseIdleConnections()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+tt.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", tt.scheme+" "+tt.token)
			r.Header.Set("DPoP", p.proof("GET", protected, tt.token, nil))
			res, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || (res.StatusCode == http.StatusOK) != tt.ok ||
				!tt.ok && (res.StatusCode != http.StatusUnauthorized || !strings.Contains(res.Header.Get("WWW-Authenticate"), `error="invalid_token"`)) {
				t.Errorf("got %d %q %q, %v; want ok %v", res.StatusCode, body, res.Header.Get("WWW-Authenticate"), err, tt.ok)
			}
		})
	}
}
