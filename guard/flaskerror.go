package guard

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sandi-auth/sandi/jwt"
)

// FlaskErrors answers as Flask-JWT-Extended 4.x does: its statuses, and a JSON object with its
// English sentence. Its Write is an ErrorWriter, the one of FlaskCompat; with a Config of another
// kind, where a sentence depends on where the token was looked for, it is that of the header.
type FlaskErrors struct {
	// Key is the name under which the sentence stands (JWT_ERROR_MESSAGE_KEY), default "msg".
	Key string
}

// Write writes a refusal. What that library has no answer for keeps its own status and sentence.
func (f FlaskErrors) Write(w http.ResponseWriter, _ *http.Request, e *Error) {
	status, text := e.flaskAnswer()
	if c, ok := errors.AsType[*flaskCause](e.Cause); ok {
		text = c.text
	} else if c, ok := errors.AsType[absentClaim](e.Cause); ok {
		text = "Missing claim: " + string(c)
	}
	e.answer(w, status, map[string]string{cmp.Or(f.Key, "msg"): text})
}

// flaskAnswer is the status of a reason, and the sentence where no cause has a better one.
func (e *Error) flaskAnswer() (status int, text string) {
	switch e.Reason {
	case TokenMissing:
		return http.StatusUnauthorized, "Missing Authorization Header"
	case TokenExpired:
		return http.StatusUnauthorized, "Token has expired"
	case TokenRevoked:
		return http.StatusUnauthorized, "Token has been revoked"
	case TokenNotFresh:
		return http.StatusUnauthorized, "Fresh token required"
	case TokenWrongType:
		return http.StatusUnprocessableEntity, "Only non-refresh tokens are allowed"
	case TokenInvalid, TokenNotYetValid:
		return http.StatusUnprocessableEntity, e.Message("en")
	case InvalidRequest:
		if e.Status() == http.StatusBadRequest {
			return http.StatusUnprocessableEntity, e.Message("en")
		}
	case CSRFFailed:
		if !errors.Is(e.Cause, errOrigin) {
			return http.StatusUnauthorized, "CSRF double submit tokens do not match"
		}
	case Forbidden: // of a claim check; roles and scopes do not exist there
		if e.Cause != errRole && len(e.Scope) == 0 {
			return http.StatusBadRequest, "User claims verification failed"
		}
	}
	return e.Status(), e.Message("en")
}

// flaskCause is a cause with the sentence that Flask-JWT-Extended has for it.
type flaskCause struct {
	text string
	err  error // nil where there is nothing more to say
}

// Error implements error.
func (c *flaskCause) Error() string {
	if c.err == nil {
		return c.text
	}
	return c.err.Error()
}

// Unwrap gives errors.Is the cause.
func (c *flaskCause) Unwrap() error { return c.err }

// absentClaim is a claim that a token must have and has not.
type absentClaim string

// Error implements error.
func (c absentClaim) Error() string { return "claim " + string(c) + " is missing" }

// Unwrap says what kind of fault that is.
func (c absentClaim) Unwrap() error { return jwt.ErrClaimMissing }

// inFlask gives the refusal of a token the sentence that Flask-JWT-Extended has for it, in a guard
// of FlaskCompat. Claims are put into words only where the key has signed them.
func (g *Guard) inFlask(p *policy, token string, e *Error) *Error {
	if !p.flask {
		return e
	}
	switch e.Reason {
	case TokenInvalid:
		if text := g.flaskInvalid(token, e.Cause); text != "" {
			e.Cause = &flaskCause{text, e.Cause}
		}
	case TokenNotYetValid:
		claim := "nbf"
		if readFlaskClaims(token).IssuedAt > float64(g.cfg.Now().Add(g.cfg.Leeway).Unix()) {
			claim = "iat"
		}
		e.Cause = &flaskCause{"The token is not yet valid (" + claim + ")", e.Cause}
	case TokenWrongType:
		if text := p.flaskWrongType(token, e); text != "" {
			e.Cause = &flaskCause{text, e.Cause}
		}
	case CSRFFailed:
		if readFlaskClaims(token).CSRF == nil && !errors.Is(e.Cause, errOrigin) {
			return refuse(TokenInvalid, absentClaim("csrf"))
		}
	}
	return e
}

// flaskWrongType is the sentence for a token of another kind, "" for that of flaskAnswer.
func (p *policy) flaskWrongType(token string, e *Error) string {
	kind, want := string(readFlaskClaims(token).Type), `"access"`
	if p.refresh {
		want = `"refresh"`
	}
	switch {
	case kind == want && errors.Is(e.Cause, jwt.ErrType): // that library takes any typ
		return e.Message("en")
	case p.refresh:
		return "Only refresh tokens are allowed"
	case kind == "":
		return "Missing claim: type"
	}
	return ""
}

// flaskInvalid is PyJWT's sentence for a token that jwt does not verify, "" where it has none. What
// it says of header and payload in the words of Python's parsers is told as a bad signature.
func (g *Guard) flaskInvalid(token string, cause error) string {
	parts := strings.SplitN(token, ".", 4)
	if len(parts) < 3 {
		return "Not enough segments"
	}
	for i, name := range [...]string{"header", "payload", "crypto"} {
		if len(parts[i])%4 == 1 { // no byte has so few characters
			return "Invalid " + name + " padding"
		}
	}
	switch {
	case errors.Is(cause, jwt.ErrSignature), errors.Is(cause, jwt.ErrUnknownKey):
		return "Signature verification failed"
	case errors.Is(cause, jwt.ErrAlgorithm):
		return "The specified alg value is not allowed"
	case errors.Is(cause, jwt.ErrIssuer):
		return orAbsent("Invalid issuer", "iss", readFlaskClaims(token).Issuer)
	case errors.Is(cause, jwt.ErrAudience):
		return orAbsent("Invalid audience", "aud", readFlaskClaims(token).Audience)
	case errors.Is(cause, jwt.ErrNoExpiry):
		return orAbsent("", "exp", nil)
	case errors.Is(cause, jwt.ErrCritical):
		return "Unsupported critical extension"
	case errors.Is(cause, jwt.ErrMalformed):
		var c flaskClaims
		if _, payload, err := jwt.VerifySignature(g.cfg.Keys, token); err == nil { // else it was refused before that
			_ = json.Unmarshal(payload, &c)
		}
		if c.Subject != nil && c.Subject[0] != '"' { // these two in PyJWT 2.10 and later
			return "Subject must be a string"
		}
		if c.ID != nil && c.ID[0] != '"' {
			return "JWT ID must be a string"
		}
		return "Signature verification failed"
	}
	return ""
}

func orAbsent(text, name string, claim json.RawMessage) string {
	if claim == nil {
		return `Token is missing the "` + name + `" claim`
	}
	return text
}

// flaskClaims are the claims whose absence or form is put into words.
type flaskClaims struct {
	Issuer     json.RawMessage `json:"iss"`
	Subject    json.RawMessage `json:"sub"`
	Audience   json.RawMessage `json:"aud"`
	ID         json.RawMessage `json:"jti"`
	IssuedAt   float64         `json:"iat"`
	Type, CSRF json.RawMessage
}

// readFlaskClaims reads a token that was refused after its signature was verified, for the wording
// of that refusal alone; what cannot be read counts as absent.
func readFlaskClaims(token string) (c flaskClaims) {
	if _, payload, err := jwt.DecodeUnverified(token); err == nil {
		_ = json.Unmarshal(payload, &c) // a claim of another type is not put into words
	}
	return c
}
