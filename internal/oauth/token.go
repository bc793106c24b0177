package oauth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/audit"
	"github.com/sandi-auth/sandi/internal/cluster"
	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// tokenPath is where the token endpoint is, below the issuer.
const tokenPath = "/oauth/token"

// generous is the rate of one network at the endpoints that clients authenticate at: a gateway with thousands of clients behind it
// stays below, a loop that went wild does not. Guessing is slowed by authenticate.
var generous = cluster.Rate{Burst: 20_000, Every: 100 * time.Microsecond}

// tokenRequest is one request of the token endpoint, as far as its phases have come.
type tokenRequest struct {
	*http.Request
	form   form
	client Client // authenticated, or public
	from   audit.From
	// jkt is the thumbprint of the DPoP key that was proven (RFC 9449), "" where no proof was sent; x5t that of the certificate
	// that the client's tokens are bound to (RFC 8705 section 3). At most one of them is set.
	jkt, x5t string
}

// sessionJKT is what a session of the client is bound to: public clients' refresh tokens to the DPoP key or to the certificate, confidential
// ones' to client authentication alone (RFC 9449 section 5, RFC 8705 section 7.1).
func (q *tokenRequest) sessionJKT() string {
	if q.client.Public() {
		return cmp.Or(q.jkt, q.x5t)
	}
	return ""
}

// grant is one grant type at the token endpoint, made anew for each request: it fills in what is its own, the endpoint does what
// is common to all (method, size, rate, client authentication, DPoP, which clients may use it, minting and the answer).
type grant interface {
	// parse takes the grant's own parameters out of q.form (phase 4), and asks nobody.
	parse(q *tokenRequest) error
	// permit judges scope, resources and whatever else this grant depends on (phase 5). It uses nothing up.
	permit(ctx context.Context, q *tokenRequest) error
	// redeem makes the grant's one state change (phase 6) and says what is to be issued.
	redeem(ctx context.Context, q *tokenRequest) (issuance, error)
}

// grantOf is the grant that the request names. Those that RFC 9700 forbids exist for no client but the one that has the switch.
func (e *Endpoint) grantOf(q *tokenRequest) (grant, error) {
	switch name := q.form.get("grant_type"); {
	case name == "":
		return nil, refuse("invalid_request", "grant_type is missing")
	case name == GrantCode:
		return &grantCode{Endpoint: e}, nil
	case name == GrantRefresh:
		return &grantRefresh{Endpoint: e}, nil
	case name == GrantClientCredentials:
		return &grantClientCredentials{Endpoint: e}, nil
	case name == GrantDevice:
		return &grantDevice{Endpoint: e}, nil
	case name == GrantExchange:
		return &grantExchange{Endpoint: e}, nil
	case name == GrantJWTBearer:
		return &grantJWTBearer{Endpoint: e}, nil
	case name == GrantPassword && q.client.InsecurePasswordGrant:
		return &grantPassword{Endpoint: e}, nil
	}
	return nil, refuse("unsupported_grant_type", "this server has no such grant_type for this client")
}

// token is POST /oauth/token (RFC 6749 section 3.2).
func (e *Endpoint) token(w http.ResponseWriter, r *http.Request) error {
	f, err := parseBody(w, r) // 1
	if err != nil {
		return err
	}
	if err := e.admit(r); err != nil { // 2
		return err
	}
	q := &tokenRequest{Request: r, form: f, from: from(r)}
	if q.client, err = e.authenticate(r, f); err != nil { // 3
		return err
	}
	g, err := e.grantOf(q) // 4
	if err != nil {
		return err
	}
	if err := g.parse(q); err != nil {
		return err
	}
	if err := q.mayUse(f.get("grant_type")); err != nil { // 5
		return err
	}
	if err := e.spare(q, g); err != nil {
		return err
	}
	i, err := e.redeem(w, q, g)
	if err != nil {
		return e.refuseAgain(q, err)
	}
	a, err := e.issue(r, i) // 7
	if err != nil {
		return err
	}
	e.metrics.minted.WithLabelValues(f.get("grant_type")).Inc() // grantOf knows it: one of a few
	return e.hand(w, a)
}

// redeem is the rest of phase 5, and phase 6.
func (e *Endpoint) redeem(w http.ResponseWriter, q *tokenRequest, g grant) (issuance, error) {
	if err := e.bind(w, q); err != nil {
		return issuance{}, err
	}
	if err := g.permit(q.Context(), q); err != nil {
		return issuance{}, err
	}
	return g.redeem(q.Context(), q) // 6
}

// admit is phase 2.
func (e *Endpoint) admit(r *http.Request) error {
	if wait := e.Limits.Take(r.Context(), "oauth of "+cluster.Network(web.Address(r.Context())), generous); wait > 0 {
		return &problem.Error{Kind: problem.TooMany, Code: "temporarily_unavailable", RetryAfter: wait, Description: "too many requests from this network: wait as Retry-After says"}
	}
	return nil
}

// confidential are the grants that need a client which can keep a secret (RFC 6749 section 4.4).
var confidential = []string{GrantClientCredentials, GrantExchange, GrantJWTBearer}

func (q *tokenRequest) mayUse(name string) error {
	if !q.client.MayUse(name) {
		return refuse("unauthorized_client", "the client is not registered for this grant_type")
	}
	if q.client.Public() && slices.Contains(confidential, name) {
		return refuse("unauthorized_client", "a public client has no secret, which this grant_type needs")
	}
	return nil
}

// bind finds what the client binds its tokens to, and refuses a client that has to bind them and does not.
func (e *Endpoint) bind(w http.ResponseWriter, q *tokenRequest) (err error) {
	if q.jkt, err = e.proofKey(w, q.Request, tokenPath); err != nil {
		return err
	}
	if q.client.TLSBound {
		q.x5t = certificate(q.Request)
	}
	switch c := q.client; {
	case c.DPoPBound && q.jkt == "":
		return refuse("invalid_dpop_proof", "the client is registered for DPoP-bound tokens: send a DPoP proof (RFC 9449 section 5.2)")
	case c.FAPI && q.jkt != "" && !isFAPI(proofAlgorithm(q.Request)):
		return refuse("invalid_dpop_proof", "a FAPI client makes its DPoP proofs with PS256, ES256 or EdDSA (FAPI 2.0 section 5.4.1)")
	case c.TLSBound && q.x5t == "":
		return refuse("invalid_request", "the client is registered for certificate-bound tokens: connect with its certificate (RFC 8705 section 3)")
	case c.TLSBound && q.jkt != "":
		return refuse("invalid_request", "the client is registered for certificate-bound tokens: send no DPoP proof")
	}
	return nil
}

// proofKey checks the DPoP proof of r for the endpoint of this path, and says by which key it was made: "" where there is none. Where
// a nonce is asked for, w carries one (RFC 9449 section 8).
func (e *Endpoint) proofKey(w http.ResponseWriter, r *http.Request, path string) (jkt string, err error) {
	jkt, err = e.Proofs.Check(r.Context(), r, e.Issuer+path, "")
	switch {
	case errors.Is(err, guard.ErrProofNonce):
		w.Header().Set("DPoP-Nonce", e.Proofs.Nonce())
		return "", withCause(refuse("use_dpop_nonce", "make the proof again with the nonce of the header DPoP-Nonce"), err)
	case errors.Is(err, guard.ErrProof):
		return "", withCause(refuse("invalid_dpop_proof", "the DPoP proof does not fit: "+strings.TrimPrefix(err.Error(), "guard: ")), err)
	case err != nil:
		return "", problem.Wrap(problem.Unavailable, "temporarily_unavailable", err)
	}
	if jkt != "" {
		if nonce := e.Proofs.Nonce(); nonce != "" {
			w.Header().Set("DPoP-Nonce", nonce) // for the next one (section 8.2)
		}
	}
	return jkt, nil
}

// proofAlgorithm is alg of the DPoP proof of r, which proofKey verified.
func proofAlgorithm(r *http.Request) jwt.Algorithm {
	header, _, err := jwt.DecodeUnverified(r.Header.Get("DPoP"))
	var h struct {
		Algorithm jwt.Algorithm `json:"alg"`
	}
	if err != nil || web.Unmarshal(header, &h) != nil {
		return ""
	}
	return h.Algorithm
}

func withCause(p *problem.Error, cause error) error {
	p.Cause = cause
	return p
}
