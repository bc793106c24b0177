package client

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is an answer that was no token. It is found with errors.As in what
// Source.Token and the transports return.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is the stable reason, member error of the answer (RFC 6749 section 5.2):
	// "invalid_grant" means that nothing but a new sign-in helps. Empty where there was none.
	Code string
	// Message is the server's sentence, msg or error_description, for a log.
	Message string
	// RetryAfter is how long the server asks to wait, 0 where it does not.
	RetryAfter time.Duration
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("status %d", e.Status)
	for _, part := range []string{e.Code, e.Message} {
		if part != "" {
			s += ": " + part
		}
	}
	return s
}

// ErrClosed is the answer of a Source after Close.
var ErrClosed = errors.New("client: source is closed")

// grantRefused says that a sign-in may help: an OAuth server says invalid_grant, one with
// Flask-JWT-Extended's routes 401 or, of a token that its key did not sign, 422. invalid_client is
// about who asks, not about the grant (RFC 6749 section 5.2).
func grantRefused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Code == "invalid_grant" || (e.Status == 401 || e.Status == 422) && e.Code != "invalid_client")
}

// grantOver says that the server will never again take what was sent. A proxy in front of it that
// answers 401 knows nothing of that.
func grantOver(err error) bool {
	e, ok := errors.AsType[*Error](err)
	own := ok && (strings.HasPrefix(e.Code, "token_") || e.Code == "" && e.Message != "")
	return own && grantRefused(err) || ok && e.Code == "invalid_grant"
}

// answerLost says that the request may have been carried out though no answer says so.
func answerLost(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return err != nil && (!ok || e.Status >= 500)
}

// refused says that the server answered, and will answer the same for now.
func refused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status >= 400 && e.Status < 500
}

// retryAfter is how long the server asks to wait, 0 where it does not.
func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// printable bounds what of a server's text gets into our errors, and so into logs.
func printable(s string, limit int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}
