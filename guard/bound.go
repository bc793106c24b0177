package guard

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
)

// Tokens that are bound to a key (RFC 7800): whoever holds one must prove to have that key as well.

var (
	errBound            = errors.New("token is bound to a key and is not a bearer token")
	errNotBound         = errors.New("token is not bound to a key")
	errScheme           = errors.New("token was sent under another scheme than its binding asks for")
	errNoProof          = errors.New("no DPoP proof")
	errOtherKey         = errors.New("token is bound to another key than the proof's")
	errNoCertificate    = errors.New("token is bound to a certificate and none was shown")
	errOtherCertificate = errors.New("token is bound to another certificate")
	errAnyHost          = errors.New("Config.DPoP needs ProofsConfig.PublicURL: it says which URLs proofs are made for here")
	errFlaskDPoP        = errors.New("FlaskCompat and Config.DPoP exclude one another")
)

// checkProofs finds fault with proofs that could not be checked.
func (c *Config) checkProofs() error {
	switch {
	case c.DPoP == nil:
		return nil
	case c.flask:
		return errFlaskDPoP
	case c.DPoP.base == nil && !c.DPoP.cfg.InsecureAnyHost:
		return errAnyHost
	}
	return nil
}

// BoundAs asks that the token is bound to the very key that proved is bound to, DPoP key or certificate or both, or like it to none. It is for
// a connection that was opened with proved, and with the proof of its key, and is now given a newer token by CheckToken, which else
// refuses every bound one: whoever stole that has no such connection. proved is a token that a Guard let in.
func BoundAs(proved *Token) Requirement {
	return Requirement{func(_ *Guard, p *policy) error {
		if proved == nil || proved.guard == nil {
			return errors.New("BoundAs needs a token that a Guard has verified")
		}
		p.proved = proved
		return nil
	}}
}

// boundAs compares what two tokens are bound to. A binding that is not known here is like no other.
func (t *Token) boundAs(proved *Token) bool {
	known := !t.bound || t.jkt != "" || t.x5t != ""
	return known && t.bound == proved.bound && t.jkt == proved.jkt && t.x5t == proved.x5t
}

// readConfirmation reads cnf. A member that is not known here, which says how to prove the key in another way, or one that
// is no thumbprint, leaves the token bound to what cannot be proved.
func (t *Token) readConfirmation() {
	if t.bound = t.Has("cnf"); !t.bound {
		return
	}
	var cnf map[string]any // not a struct, which would also take "JKT"
	if t.Decode("cnf", &cnf) != nil {
		return
	}
	jkt, _ := cnf["jkt"].(string)
	x5t, _ := cnf["x5t#S256"].(string)
	known := 0
	for _, s := range []string{jkt, x5t} {
		if s != "" {
			known++
		}
	}
	if known == len(cnf) {
		t.jkt, t.x5t = jkt, x5t
	}
}

// checkBound says whether the request comes from who has the key of t, and nobody calls a token bound that is not.
func (g *Guard) checkBound(r *http.Request, cred credential, t *Token) *Error {
	switch {
	case !t.bound:
		return refuse(TokenInvalid, errNotBound)
	case t.jkt == "" && t.x5t == "", t.jkt != "" && g.cfg.DPoP == nil, t.x5t != "" && !g.cfg.MutualTLS:
		return refuse(TokenInvalid, errBound)
	case cred.dpop != (t.jkt != ""): // RFC 9449 section 7.2
		return refuse(TokenInvalid, errScheme)
	}
	if t.x5t != "" {
		if err := t.checkCertificate(r); err != nil {
			return refuse(TokenInvalid, err)
		}
	}
	if t.jkt == "" {
		return nil
	}
	jkt, err := g.cfg.DPoP.Check(r.Context(), r, "", cred.token)
	switch {
	case errors.Is(err, ErrProofNonce):
		return &Error{Reason: ProofNonce, Cause: err, Nonce: g.cfg.DPoP.Nonce()}
	case errors.Is(err, ErrProof):
		return refuse(ProofInvalid, err)
	case err != nil: // fail closed
		return refuse(Unavailable, err)
	case jkt == "":
		return refuse(ProofInvalid, errNoProof)
	case jkt != t.jkt:
		return refuse(TokenInvalid, errOtherKey)
	}
	return nil
}

// checkCertificate compares the certificate whose key the TLS handshake proved (RFC 8705 section 3). Who issued it does
// not matter: the token names it.
func (t *Token) checkCertificate(r *http.Request) error {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return errNoCertificate
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	if base64.RawURLEncoding.EncodeToString(sum[:]) != t.x5t {
		return errOtherCertificate
	}
	return nil
}

// setNonce hands a nonce out, also to scripts of other origins that may read the answer (RFC 9449 section 8).
func setNonce(h http.Header, nonce string) {
	h.Set("DPoP-Nonce", nonce)
	h.Add("Access-Control-Expose-Headers", "DPoP-Nonce")
}
