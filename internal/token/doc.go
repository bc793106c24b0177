// Package token is the one place that signs: access tokens (RFC 9068), minted
// from a session or a client.
package token
