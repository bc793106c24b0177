package oauth

import (
	"encoding/json"
	"time"

	"github.com/sandi-auth/sandi/internal/session"
)

// Request is an authorization request that was found valid (RFC 6749 section 4.1.1). Its JSON is how the store
// keeps one that waits for its user, or that a client pushed (RFC 9126).
type Request struct {
	ClientID     string   `json:"client_id"`
	RedirectURI  string   `json:"redirect_uri"`
	RedirectSent bool     `json:"redirect_sent,omitempty"` // redirect_uri stood in the request: it is to be repeated
	ResponseType string   `json:"response_type"`
	Scope        []string `json:"scope,omitempty"`
	State        string   `json:"state,omitempty"`
	Nonce        string   `json:"nonce,omitempty"`
	Challenge    string   `json:"code_challenge,omitempty"` // S256
	JKT          string   `json:"dpop_jkt,omitempty"`       // RFC 9449 section 10
	Resources    []string `json:"resource,omitempty"`       // those of the client's that were asked for, or its default: never empty
	Prompt       []string `json:"prompt,omitempty"`
	MaxAge       *int64   `json:"max_age,omitempty"`       // seconds
	ACR          []string `json:"acr_values,omitempty"`    // those that there are here
	EssentialACR bool     `json:"acr_essential,omitempty"` // one of them is a condition (OpenID Connect Core section 5.5.1.1)
	LoginHint    string   `json:"login_hint,omitempty"`
	// Subject is the user that id_token_hint, or a value for sub in claims, names: nobody else will do.
	Subject string `json:"sub,omitempty"`
	// Claims is the claims parameter (OpenID Connect Core section 5.5), checked; nil for none.
	Claims json.RawMessage `json:"claims,omitempty"`
	// Pushed is the request_uri that it came by: spent when the user decides (RFC 9126 section 7.3).
	Pushed string `json:"request_uri,omitempty"`
	// Browser is the SHA-256 of the value in the cookie of the browser that began it: nobody else may go on with it.
	Browser []byte `json:"browser,omitempty"`
	// SignIn is the one made within this request: it satisfies prompt=login and max_age. Zero while there was none.
	SignIn session.ID `json:"sign_in,omitzero"`

	ExpiresAt time.Time `json:"expires_at"`
}

// Code is what an authorization code stands for. Its JSON is how the store keeps it, under the SHA-256 of the code.
type Code struct {
	ClientID     string          `json:"client_id"`
	RedirectURI  string          `json:"redirect_uri"`
	RedirectSent bool            `json:"redirect_sent,omitempty"`
	Challenge    string          `json:"code_challenge,omitempty"`
	JKT          string          `json:"dpop_jkt,omitempty"`
	Nonce        string          `json:"nonce,omitempty"`
	Scope        []string        `json:"scope,omitempty"`
	Resources    []string        `json:"resource,omitempty"` // what was granted; never empty
	Claims       json.RawMessage `json:"claims,omitempty"`
	// SignIn is the session that the user signed in by, which the grant is made from.
	SignIn            session.ID `json:"sign_in"`
	Subject           string     `json:"sub"`
	CredentialVersion int64      `json:"credential_version"`
	AuthTime          time.Time  `json:"auth_time"`
	AMR               []string   `json:"amr,omitempty"`
	ACR               string     `json:"acr,omitempty"`
	ExpiresAt         time.Time  `json:"expires_at"`
}

// Device is a device authorization (RFC 8628).
type Device struct {
	UserCode  string   `json:"user_code"` // eight letters, without punctuation; the store keeps its hash
	ClientID  string   `json:"client_id"`
	Scope     []string `json:"scope,omitempty"`
	Resources []string `json:"resource,omitempty"` // what is granted; never empty
	JKT       string   `json:"dpop_jkt,omitempty"`
	// State is DevicePending, DeviceApproved, DeviceDenied or DeviceSpent.
	State string `json:"-"`
	// What follows is known once the user approved.
	Subject           string        `json:"sub,omitempty"`
	CredentialVersion int64         `json:"credential_version,omitempty"`
	AuthTime          time.Time     `json:"auth_time,omitzero"`
	AMR               []string      `json:"amr,omitempty"`
	ACR               string        `json:"acr,omitempty"`
	Interval          time.Duration `json:"-"` // between polls; grows by 5 s with each slow_down
	PolledAt          time.Time     `json:"-"`
	ExpiresAt         time.Time     `json:"expires_at"`
}

// The states of a Device.
const (
	DevicePending  = "pending"
	DeviceApproved = "approved"
	DeviceDenied   = "denied"
	DeviceSpent    = "spent"
)

// Consent is what a user allowed a client, until they take it back.
type Consent struct {
	Subject   string
	ClientID  string
	Scope     []string // sorted
	Resources []string // sorted
	Refused   []string // scopes that were asked for and not allowed; they are not kept, but what was allowed before is without them
	GrantedAt time.Time
}

// Grant is what a refresh of a client's session needs again beside the session's own columns; session.Session.Details holds its JSON.
type Grant struct {
	Claims json.RawMessage `json:"claims,omitempty"`
	Nonce  string          `json:"-"` // of the code alone: a refreshed ID token has none (OpenID Connect Core section 12.2)
}

// Logout is a logout token that is still to be delivered (OpenID Connect Back-Channel Logout 1.0): a client's grant
// ended because its sign-in did.
type Logout struct {
	ID       int64
	ClientID string
	Subject  string
	SignIn   session.ID // sid of the ID tokens
	Tries    int
	EndedAt  time.Time
}
