package realtime

import (
	"cmp"
	"errors"
	"time"

	"github.com/sandi-auth/sandi/guard"
	"github.com/sandi-auth/sandi/internal/socket"
)

// Error is what a client did wrong, in a form that its program can rely on.
type Error struct {
	Code string `json:"code"`           // forbidden, no_channel, too_many, too_large, invalid, too_fast, bad_request, token_..., temporarily_unavailable
	Msg  string `json:"msg"`            // a sentence in English
	Path string `json:"path,omitempty"` // JSON Pointer of what fails the channel's schema
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Msg }

// End is why a connection ends: code and reason of its close frame.
type End struct {
	Code   int
	Reason string
	Why    string // a stable word for audit and metrics: invalid, expired, forbidden, revoked, slow, flood, many, idle, kicked, going_away, closed
	// RetryAfter is when the client should come back, where it should.
	RetryAfter time.Duration
}

// Error implements error.
func (e *End) Error() string { return e.Reason }

// The ends that tokens have; the texts are what clients see. See docs/guides/sockets.md.
var (
	EndInvalid   = End{Code: socket.Invalid, Reason: "Unauthorized: Invalid Token", Why: "invalid"}
	EndExpired   = End{Code: socket.Expired, Reason: "Unauthorized: Token Expired", Why: "expired"}
	EndForbidden = End{Code: socket.Forbidden, Reason: "Forbidden", Why: "forbidden"}
	EndKicked    = End{Code: socket.Forbidden, Reason: "Forbidden: Closed By An Administrator", Why: "kicked"}
	EndRevoked   = End{Code: socket.Revoked, Reason: "Unauthorized: Token Revoked", Why: "revoked"}
	EndSlow      = End{Code: socket.TooMuch, Reason: "Too Slow", Why: "slow"}
	EndFlood     = End{Code: socket.TooMuch, Reason: "Too Many Messages", Why: "flood"}
	EndMany      = End{Code: socket.TooMuch, Reason: "Too Many Connections", Why: "many"}
	EndSilent    = End{Code: socket.TooMuch, Reason: "Too Slow: No Token", Why: "idle"}
	EndAway      = End{Code: socket.GoingAway, Reason: "Going Away", Why: "going_away"}
)

// defaultRetry is when to come back after what the guard could not say.
const defaultRetry = 5 * time.Second

// EndOf is the End for a refusal of the guard; an *End is itself, and what is neither counts as an invalid token.
func EndOf(err error) End {
	if e, ok := errors.AsType[*End](err); ok {
		return *e
	}
	e, ok := errors.AsType[*guard.Error](err)
	if !ok {
		return EndInvalid
	}
	switch e.Reason {
	case guard.TokenExpired:
		return EndExpired
	case guard.TokenRevoked:
		return EndRevoked
	case guard.Forbidden, guard.TokenNotFresh, guard.StepUp, guard.CSRFFailed:
		return EndForbidden
	case guard.Unavailable:
		end := EndAway
		end.RetryAfter = cmp.Or(max(e.RetryAfter, 0), defaultRetry)
		return end
	}
	return EndInvalid
}

// refusedBy is a refusal of the guard as a client's program sees it.
func refusedBy(err error) *Error {
	if e, ok := errors.AsType[*guard.Error](err); ok {
		return &Error{Code: string(e.Reason), Msg: e.Message("en")}
	}
	return &Error{Code: string(guard.TokenInvalid), Msg: "the token does not count"}
}
