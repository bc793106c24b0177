package guard

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// Reason says why a request was refused, in a form that programs can rely on.
// It is an error, so that errors.Is(err, guard.TokenExpired) answers for any
// *Error of that reason.
type Reason string

// The reasons; doc.go has the table of their answers.
const (
	TokenMissing     Reason = "token_missing"           // there is no credential where one is looked for
	TokenInvalid     Reason = "token_invalid"           // not genuine, or of another issuer or audience
	TokenExpired     Reason = "token_expired"           // genuine, and its exp has come
	TokenNotYetValid Reason = "token_not_yet_valid"     // genuine, and its nbf or iat lies ahead
	TokenRevoked     Reason = "token_revoked"           // by Config.Revocations
	TokenWrongType   Reason = "token_wrong_type"        // genuine, and for another purpose
	TokenNotFresh    Reason = "token_not_fresh"         // Fresh asks for a sign-in
	StepUp           Reason = "step_up_required"        // ACR asks for a stronger sign-in
	ProofInvalid     Reason = "invalid_dpop_proof"      // Config.DPoP finds the proof bad, or none
	ProofNonce       Reason = "use_dpop_nonce"          // the proof needs the nonce that comes with the answer
	CSRFFailed       Reason = "csrf_failed"             // a cookie without the CSRF value, or of another origin
	Forbidden        Reason = "forbidden"               // a good token that may not do this
	InvalidRequest   Reason = "invalid_request"         // several credentials, or one that cannot be read
	Unavailable      Reason = "temporarily_unavailable" // it cannot be said now: keys or revocations are not there
)

// Error implements error.
func (r Reason) Error() string { return string(r) }

// Error is a refusal. A claim check may return one to choose the answer.
type Error struct {
	// Reason decides the answer. One that this package does not know is
	// answered like Forbidden, under its own name.
	Reason Reason
	// Cause is for logs; clients never see it. It holds no token.
	Cause error
	// Scope is what the route asks for, sent with Forbidden.
	Scope []string
	// MaxAge is how long ago the sign-in may be, sent with TokenNotFresh and StepUp
	// when above 0, in whole seconds.
	MaxAge time.Duration
	// ACRValues are the authentication contexts that ACR asks for, one of them, sent
	// with TokenNotFresh and StepUp as acr_values (RFC 9470 section 3).
	ACRValues []string
	// Nonce is sent with ProofNonce as DPoP-Nonce (RFC 9449 section 9).
	Nonce string
	// RetryAfter is sent with Unavailable, in whole seconds; default 5 s.
	RetryAfter time.Duration
	// Realm is the guard's, set by it.
	Realm string

	policy *policy // of the route that refused; for Hint
	hint   string  // of what only the request could tell
	dpop   bool    // the scheme of the request
}

func refuse(reason Reason, cause error) *Error { return &Error{Reason: reason, Cause: cause} }

// by says which route refused.
func (e *Error) by(p *policy) { e.Realm, e.policy = p.guard.cfg.Realm, p }

// Error implements error; it is for logs.
func (e *Error) Error() string {
	if e.Cause == nil {
		return "guard: " + string(e.Reason)
	}
	return "guard: " + string(e.Reason) + ": " + e.Cause.Error()
}

// Unwrap gives errors.Is both the reason and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Cause}
}

// PanicError is the Cause of a refusal where a function that the program gave panicked. Clients
// see forbidden for a claim check and temporarily_unavailable for any other; an ErrorWriter can log
// this.
type PanicError struct {
	Value any    // what it panicked with; it may hold anything, and is not for clients
	Stack []byte // of the goroutine, as debug.Stack writes it
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recovered, deferred, makes an error of a panic, so that a fault in a hook refuses the request and
// is answered like every other refusal.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

var errNilError = errors.New("claim check returned a nil *Error as an error")

// asForbidden hides what a claim check returned, unless it is an answer. That is
// copied: the check may return the same one to every request.
func asForbidden(err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return refuse(Forbidden, err)
	}
	if e == nil {
		return refuse(Forbidden, errNilError)
	}
	c := *e
	c.Reason = cmp.Or(c.Reason, Forbidden)
	return &c
}

// Status is the HTTP status of the refusal.
func (e *Error) Status() int {
	switch e.Reason {
	case TokenMissing, TokenInvalid, TokenExpired, TokenNotYetValid, TokenRevoked, TokenWrongType, TokenNotFresh,
		StepUp, ProofInvalid, ProofNonce:
		return http.StatusUnauthorized
	case InvalidRequest:
		if _, ok := errors.AsType[*http.MaxBytesError](e.Cause); ok {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	case Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusForbidden
}

// Challenge is the value for WWW-Authenticate by RFC 6750 section 3, RFC 9449
// section 7.1 and RFC 9470 section 3, empty where a challenge would not help. A
// guard with Config.DPoP names both schemes, that of the request first.
func (e *Error) Challenge() string {
	if e.Reason == CSRFFailed || e.Reason == Unavailable {
		return ""
	}
	bearer, why := "Bearer realm="+quoted(e.Realm), e.parameters()
	if e.policy == nil || e.policy.guard.cfg.DPoP == nil {
		return bearer + why
	}
	dpop := "DPoP realm=" + quoted(e.Realm) + ", algs=" + quoted(e.policy.guard.cfg.DPoP.algs)
	if e.dpop {
		return dpop + why + ", " + bearer
	}
	return bearer + why + ", " + dpop
}

// parameters are what a challenge says of the refusal: nothing when nothing was sent (RFC 6750 section 3.1).
func (e *Error) parameters() string {
	var b strings.Builder
	switch e.Reason {
	case TokenMissing:
		return ""
	case InvalidRequest:
		b.WriteString(`, error="invalid_request"`)
	case TokenNotFresh, StepUp:
		b.WriteString(`, error="insufficient_user_authentication"`)
	case ProofInvalid, ProofNonce:
		b.WriteString(", error=" + quoted(string(e.Reason)))
	case TokenInvalid, TokenExpired, TokenNotYetValid, TokenRevoked, TokenWrongType:
		b.WriteString(`, error="invalid_token"`)
	default:
		b.WriteString(`, error="insufficient_scope"`)
	}
	b.WriteString(", error_description=" + quoted(e.Message("en")))
	if len(e.Scope) > 0 {
		b.WriteString(", scope=" + quoted(strings.Join(e.Scope, " ")))
	}
	if len(e.ACRValues) > 0 {
		b.WriteString(", acr_values=" + quoted(strings.Join(e.ACRValues, " ")))
	}
	if e.MaxAge > 0 {
		b.WriteString(`, max_age="` + seconds(e.MaxAge) + `"`)
	}
	return b.String()
}

// seconds rounds up, so that the client never comes too early.
func seconds(d time.Duration) string {
	s := int64(d / time.Second)
	if d%time.Second > 0 {
		s++
	}
	return strconv.FormatInt(s, 10)
}

// quoted is a quoted-string (RFC 9110 section 5.6.4) without the bytes that RFC
// 6750 section 3 forbids in it.
func quoted(s string) string {
	return `"` + strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, s) + `"`
}

// ErrorWriter writes a refusal. It must write a status; WriteError is one, and
// what a special one can fall back on. It is the last to speak: nothing answers for one that panics,
// and the connection is closed.
type ErrorWriter func(w http.ResponseWriter, r *http.Request, e *Error)

// ErrorWriters has a writer of its own for some reasons; its Write is an
// ErrorWriter that leaves the others to WriteError.
type ErrorWriters map[Reason]ErrorWriter

// Write calls the writer of the reason.
func (m ErrorWriters) Write(w http.ResponseWriter, r *http.Request, e *Error) {
	if write := m[e.Reason]; write != nil {
		write(w, r, e)
		return
	}
	WriteError(w, r, e)
}

// WriteError answers with the status, the challenge and {"error", "msg"}, the
// sentence in the caller's language. It shows nothing of the request.
func WriteError(w http.ResponseWriter, r *http.Request, e *Error) {
	lang := Language(r)
	w.Header().Set("Content-Language", lang)
	w.Header().Add("Vary", "Accept-Language")
	e.answer(w, e.Status(), struct {
		Error Reason `json:"error"`
		Msg   string `json:"msg"`
	}{e.Reason, e.Message(lang)})
}

// answer writes the challenge, the headers that every refusal has, and the body.
func (e *Error) answer(w http.ResponseWriter, status int, body any) {
	h := w.Header()
	if c := e.Challenge(); c != "" {
		h.Set("WWW-Authenticate", c)
	}
	if e.Nonce != "" {
		setNonce(h, e.Nonce)
	}
	if e.Reason == Unavailable {
		h.Set("Retry-After", seconds(cmp.Or(max(e.RetryAfter, 0), 5*time.Second)))
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The client may be gone: there is nobody left to tell.
	_ = json.NewEncoder(w).Encode(body)
}
