// Package problem is the error type that crosses Sandi's layers: what kind of
// failure it is, what the caller may be told, and the cause that only the log
// sees.
package problem

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Kind is the class of a failure. It is itself an error, so that
// errors.Is(err, problem.NotFound) answers for any wrapped *Error of that kind.
type Kind int

// The kinds, each with the HTTP status that every surface gives it.
const (
	Internal         Kind = iota // 500: a fault of ours; the cause is logged, never shown
	Invalid                      // 400: the request is wrong and must be changed
	Unauthenticated              // 401: who is calling is not known
	Forbidden                    // 403: the caller is known and may not
	NotFound                     // 404
	MethodNotAllowed             // 405
	Conflict                     // 409: the state does not allow it
	TooLarge                     // 413
	UnsupportedMedia             // 415
	TooMany                      // 429: throttled; RetryAfter says for how long
	Unavailable                  // 503: not now; RetryAfter says for how long
	Misdirected                  // 421: the Host is not one this server answers for
)

var kinds = [...]struct {
	name   string
	status int
}{
	Internal:         {"internal", http.StatusInternalServerError},
	Invalid:          {"invalid", http.StatusBadRequest},
	Unauthenticated:  {"unauthenticated", http.StatusUnauthorized},
	Forbidden:        {"forbidden", http.StatusForbidden},
	NotFound:         {"not found", http.StatusNotFound},
	MethodNotAllowed: {"method not allowed", http.StatusMethodNotAllowed},
	Conflict:         {"conflict", http.StatusConflict},
	TooLarge:         {"too large", http.StatusRequestEntityTooLarge},
	UnsupportedMedia: {"unsupported media type", http.StatusUnsupportedMediaType},
	TooMany:          {"too many requests", http.StatusTooManyRequests},
	Unavailable:      {"unavailable", http.StatusServiceUnavailable},
	Misdirected:      {"misdirected", http.StatusMisdirectedRequest},
}

// Error implements error.
func (k Kind) Error() string {
	if k < 0 || int(k) >= len(kinds) {
		return "kind " + strconv.Itoa(int(k))
	}
	return kinds[k].name
}

// Status is the HTTP status of the kind.
func (k Kind) Status() int {
	if k < 0 || int(k) >= len(kinds) {
		return http.StatusInternalServerError
	}
	return kinds[k].status
}

// Error is a failure that a caller may be told about.
type Error struct {
	Kind Kind
	// Code is the stable machine-readable reason ("invalid_credentials"), by
	// RFC 6749 where that names one.
	Code string
	// Sentence names the message in the catalogue (internal/web) that tells a
	// person what was wrong and what to do; empty means Code.
	Sentence string
	// Description says to a developer, in English and ASCII, what was wrong and what to do: the error_description of the
	// protocol endpoints (RFC 6749 section 5.2). It is shown, so it holds nothing secret.
	Description string
	// Params fill the sentence. They are shown, so they hold nothing secret.
	Params map[string]string
	// Field is the request field at fault, empty where there is none.
	Field string
	// RetryAfter is sent as a Retry-After header when positive.
	RetryAfter time.Duration
	// Cause is logged and never shown.
	Cause error
}

// New makes an Error of a kind with a code.
func New(kind Kind, code string) *Error { return &Error{Kind: kind, Code: code} }

// Wrap makes an Error of a kind with a code and the cause that the log will show.
func Wrap(kind Kind, code string, cause error) *Error {
	return &Error{Kind: kind, Code: code, Cause: cause}
}

// InvalidField is a 400 invalid_request that names the field at fault.
// sentence names the message, which may use {{.field}}.
func InvalidField(field, sentence string) *Error {
	return &Error{
		Kind: Invalid, Code: "invalid_request", Sentence: sentence, Field: field,
		Params: map[string]string{"field": field},
	}
}

// Error implements error; it is for logs.
func (e *Error) Error() string {
	s := e.Code
	if e.Description != "" {
		s += ": " + e.Description
	}
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", s, e.Cause)
	}
	return s
}

// Unwrap gives errors.Is both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// From finds the *Error in err. One that holds none is Internal, with err as its cause, so that nothing unforeseen is
// ever shown to a caller; but a request that was given up, by its client or for its deadline, is no fault of ours and
// Unavailable.
func From(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: Unavailable, Code: "temporarily_unavailable", RetryAfter: time.Second, Cause: err}
	}
	return Wrap(Internal, "server_error", err)
}
