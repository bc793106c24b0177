package oauth

import (
	"slices"
	"time"
)

// Client authentication methods (RFC 7591 section 2, RFC 8705 section 2).
const (
	AuthNone          = "none"
	AuthBasic         = "client_secret_basic"
	AuthPost          = "client_secret_post"
	AuthPrivateKeyJWT = "private_key_jwt"
	AuthTLS           = "tls_client_auth"
)

// Grant types, as the parameter grant_type and the metadata spell them.
const (
	GrantCode              = "authorization_code"
	GrantRefresh           = "refresh_token"
	GrantClientCredentials = "client_credentials"
	GrantDevice            = "urn:ietf:params:oauth:grant-type:device_code"
	GrantExchange          = "urn:ietf:params:oauth:grant-type:token-exchange"
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	GrantPassword          = "password" // only with InsecurePasswordGrant
	GrantImplicit          = "implicit" // only with InsecureImplicitGrant; no grant_type of the token endpoint
)

// Where a client was registered.
const (
	FromConfig       = "config"
	FromCommand      = "command"
	FromRegistration = "registration"
)

// Client is an OAuth client: a program, never a user. Its JSON is how the store keeps it.
type Client struct {
	ID     string `json:"client_id"`
	Name   string `json:"client_name,omitempty"` // shown on the consent page
	Origin string `json:"origin"`                // FromConfig, FromCommand or FromRegistration
	// AuthMethod is the only one that the client may authenticate by; AuthNone makes it public.
	AuthMethod string   `json:"token_endpoint_auth_method"`
	Secrets    []Secret `json:"secrets,omitempty"` // at most two, so that one can be replaced
	KeySet     string   `json:"jwks,omitempty"`    // public keys (RFC 7517) of AuthPrivateKeyJWT and of signed requests
	TLSSubject string   `json:"tls_client_auth_subject_dn,omitempty"`
	TLSName    string   `json:"tls_client_auth_san_dns,omitempty"`

	GrantTypes   []string `json:"grant_types"`
	RedirectURIs []string `json:"redirect_uris,omitempty"`
	// Native lets the port of a loopback redirect URI differ (RFC 8252 section 7.3).
	Native                 bool     `json:"native,omitempty"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI   string   `json:"backchannel_logout_uri,omitempty"`

	// Scopes are those that it may ask for.
	Scopes []string `json:"scopes,omitempty"`
	// Resources are those that it may ask tokens for (RFC 8707); the first is what a request that names none
	// gets. Empty: the audience of the server's own tokens.
	Resources []string `json:"resources,omitempty"`
	// Roles are the claim roles of the tokens that it gets for itself (client_credentials).
	Roles []string `json:"roles,omitempty"`
	// Serves are the resources that it is the server of: it may introspect tokens whose aud holds one.
	Serves []string `json:"serves,omitempty"`

	// Lifetimes of access tokens, unused sessions and sessions; 0 is the server's. Never above the ceilings.
	Access   time.Duration `json:"access,omitempty"`
	Idle     time.Duration `json:"idle,omitempty"`
	Absolute time.Duration `json:"absolute,omitempty"`
	// KeepRefresh answers a refresh with the same refresh token (FAPI 2.0 section 5.3.2.1-9): only where that is bound by
	// client authentication or to a DPoP key, or with InsecureNoRotation.
	KeepRefresh bool `json:"keep_refresh,omitempty"`

	SkipConsent          bool `json:"skip_consent,omitempty"` // the owner's own application
	DPoPBound            bool `json:"dpop_bound_access_tokens,omitempty"`
	TLSBound             bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	RequirePushed        bool `json:"require_pushed_authorization_requests,omitempty"`
	RequireSignedRequest bool `json:"require_signed_request_object,omitempty"`
	// FAPI is the FAPI 2.0 Security Profile: confidential, sender-constrained, pushed requests.
	FAPI bool `json:"fapi,omitempty"`
	// MayImpersonate lets a token exchange without actor token be answered for users whose token has no may_act
	// (RFC 8693 section 4.4); else may_act has to name the client.
	MayImpersonate bool `json:"may_impersonate,omitempty"`
	// Actor is the client that may act for users by the tokens that this one gets for them, without one of its own: their claim may_act
	// names it, and then nobody else may (RFC 8693 section 4.4). "" names none.
	Actor string `json:"actor,omitempty"`
	// SignedIntrospection makes RFC 9701's JWT the answer also where Accept does not ask for it.
	SignedIntrospection bool `json:"signed_introspection,omitempty"`

	InsecurePasswordGrant    bool `json:"insecure_password_grant,omitempty"`
	InsecureImplicitGrant    bool `json:"insecure_implicit_grant,omitempty"`
	InsecureNoRotation       bool `json:"insecure_no_rotation,omitempty"`
	InsecureTokenURLAudience bool `json:"insecure_token_url_audience,omitempty"` // assertions whose aud is the token endpoint

	// RegistrationToken is the SHA-256 of the registration access token (RFC 7592); empty for none.
	RegistrationToken []byte    `json:"registration_token,omitempty"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
	// Version grows with each change; the store writes over the one it was read with and no other.
	Version int64 `json:"-"`
}

// Secret is one client secret, of which only the hash is kept: 256 random bits need no slow one.
type Secret struct {
	Hash      [32]byte  `json:"hash"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
}

// Public says that the client has no way to authenticate.
func (c Client) Public() bool { return c.AuthMethod == AuthNone }

// MayUse says whether the grant type is among the client's.
func (c Client) MayUse(grant string) bool { return slices.Contains(c.GrantTypes, grant) }
