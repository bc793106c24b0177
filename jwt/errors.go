package jwt

import (
	"errors"
	"fmt"
)

// What can be wrong with a token, one error a reason; test for them with errors.Is. Errors that
// wrap them add a fact about the form, never a byte of the token or of a key.
var (
	// ErrMalformed: not a compact JWS whose header and claims are strict JSON, or a registered
	// claim of the wrong type (RFC 7515 section 5.2, RFC 7519 section 7.2).
	ErrMalformed = errors.New("jwt: malformed token")
	// ErrTooLarge: the token is longer than Config.MaxSize, or its header than 4 KiB.
	ErrTooLarge = errors.New("jwt: token is too large")
	// ErrCritical: crit names an extension that is not understood, or crit itself is ill-formed
	// (RFC 7515 section 4.1.11), or b64 is there at all (RFC 7797 section 7).
	ErrCritical = errors.New("jwt: crit names an extension that is not understood")
	// ErrUnknownKey: the key set has no key for the token's kid, or none it can choose without one.
	ErrUnknownKey = errors.New("jwt: no key for this token")
	// ErrAlgorithm: alg is not the key's one algorithm, or none that exists here (RFC 8725 section 3.1).
	ErrAlgorithm = errors.New("jwt: algorithm is not the key's")
	// ErrSignature: the signature does not verify.
	ErrSignature = errors.New("jwt: signature does not verify")
	// ErrType: the header's typ is not one of Config.Types (RFC 8725 section 3.11).
	ErrType = errors.New("jwt: typ is not accepted")
	// ErrIssuer: iss is missing or not Config.Issuer.
	ErrIssuer = errors.New("jwt: issuer is not accepted")
	// ErrAudience: aud is missing or has nothing in common with Config.Audience.
	ErrAudience = errors.New("jwt: audience is not accepted")
	// ErrNoExpiry: the token has no exp.
	ErrNoExpiry = errors.New("jwt: token has no exp")
	// ErrExpired: exp has come.
	ErrExpired = errors.New("jwt: token has expired")
	// ErrNotYetValid: nbf has not come, or iat lies more than a minute ahead.
	ErrNotYetValid = errors.New("jwt: token is not valid yet")
	// ErrClaimMissing is what Claims.Decode returns for a claim that the token does not have.
	ErrClaimMissing = errors.New("jwt: no such claim")
)

// What can be wrong with a key.
var (
	// ErrWeakKey: too short, or known to be breakable (RFC 7518 sections 3.2 and 3.3).
	ErrWeakKey = errors.New("jwt: key is too weak")
	// ErrKey: the key cannot be read, contradicts itself, or cannot do what is asked of it.
	ErrKey = errors.New("jwt: key is unusable")
)

// because wraps a sentinel with a fact. The fact is always a constant or a number: nothing that
// came out of a token or a key may reach a log through an error.
func because(sentinel error, fact string, args ...any) error {
	return fmt.Errorf("%w: %s", sentinel, fmt.Sprintf(fact, args...))
}
