package client

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Secret is a token or a password. It prints as [redacted]; Reveal is for what
// sends or stores it. In an unexported field of another struct fmt cannot call
// its methods: do not print such a struct.
type Secret string

const redacted = "[redacted]"

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// Format implements fmt.Formatter: no verb prints the secret.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Token is an access token and what goes with it.
type Token struct {
	// Access is the access token, which the API is sent (RFC 6749 section 1.4).
	Access Secret
	// Refresh is the refresh token that is good for the next one, empty where there is none.
	Refresh Secret
	// ExpiresAt is when Access dies by this machine's clock. Zero: not known (RFC
	// 6749 section 5.1 lets a server leave it out); such a token is used until a
	// server calls it expired.
	ExpiresAt time.Time
}
