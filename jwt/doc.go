// Package jwt signs and verifies JSON Web Tokens (RFC 7519) as compact JWS (RFC 7515), strictly
// and with the standard library only.
//
// # Keys
//
// A [Key] is bound to one [Algorithm] when it is made, by [NewKey], [GenerateKey], [ParseKey] (a
// JWK) or [ParsePEM], and is checked there: too short, off its curve or contradicting itself, it
// does not come into being. A [KeySet] holds several, and [ParseKeySet] reads them from a JWK Set.
// Their MarshalJSON writes public halves only, and a Key prints as its name; private halves leave
// through [Key.PrivateJWK] and [Key.PrivatePEM] alone. A private key may also be a crypto.Signer,
// so that it never leaves its KMS.
//
// # Signing
//
//	token, err := jwt.Sign(key, "at+jwt", claims)
//
// Claims are anything that encoding/json turns into an object; nothing is added to them.
//
// # Verifying
//
//	v, err := jwt.NewVerifier(jwt.Config{
//		Keys:     keys,
//		Issuer:   "https://id.example.com",
//		Audience: []string{"https://api.example.com"},
//		Types:    []string{"at+jwt"},
//	})
//	claims, err := v.Verify(ctx, token)
//
// All four are required, exp is too, and what loosens any of it begins with Insecure. On error the
// claims are nil and the error is one of the Err values, which errors.Is tells apart:
//
//	1 size            ErrTooLarge
//	2 form, header    ErrMalformed, ErrTooLarge, ErrCritical
//	3 key             ErrUnknownKey, ErrAlgorithm
//	4 signature       ErrSignature
//	5 typ             ErrType
//	6 claims          ErrMalformed
//	7 iss, aud        ErrIssuer, ErrAudience
//	8 exp, nbf, iat   ErrNoExpiry, ErrExpired, ErrNotYetValid
//
// The checks run in that order, so a token that was tampered with is never called expired. A
// Verifier takes its keys from a [Keys] once for each token; a set that rotates hands out a new
// *KeySet when it changes. [VerifySignature] and [DecodeUnverified] stop earlier, and say so.
//
// A [Cache] before a Verifier verifies each signature once and checks everything else on each use.
// [Verifier.VerifyInto] reuses the memory of claims.
//
// # What is refused
//
// One token has one spelling: base64url without padding, line breaks or stray bits in its last
// character, and exactly two dots. Headers and claims are JSON objects in UTF-8, without duplicate
// names at any level, lone surrogates, or more than 32 levels. Claim names are compared exactly.
// crit is refused unless Config.Critical says it is understood, b64 always. Keys in a header (jku,
// jwk, x5u, x5c) are never followed. The algorithm is the key's, whatever the header says: "none"
// does not exist. A signature has exactly its algorithm's length, PSS salts are as long as the hash,
// dates are numbers between 1970 and 9999. RSA keys have 2048 to 8192 bits, HMAC keys at least the
// bytes of their hash.
//
// # Which key
//
// A token with a kid is verified with the key of that kid, or refused. A token without one is
// verified with the one key of the set that has its algorithm, kid or not; where several have it,
// with the one of them that has no kid itself (an HMAC key alone can be without), or it is refused,
// since trying keys in turn would let the number of keys decide the cost.
package jwt
