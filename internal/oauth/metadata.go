package oauth

import (
	"net/http"
	"slices"

	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// Metadata is what clients discover (RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3): exactly what works.
type Metadata struct {
	Issuer                   string `json:"issuer"`
	AuthorizationEndpoint    string `json:"authorization_endpoint"`
	TokenEndpoint            string `json:"token_endpoint"`
	JWKSURI                  string `json:"jwks_uri"`
	UserInfoEndpoint         string `json:"userinfo_endpoint,omitempty"`     // wants the scope openid
	RegistrationEndpoint     string `json:"registration_endpoint,omitempty"` // RFC 7591, where it is open
	RevocationEndpoint       string `json:"revocation_endpoint"`
	IntrospectionEndpoint    string `json:"introspection_endpoint"`
	PushedEndpoint           string `json:"pushed_authorization_request_endpoint"` // RFC 9126 section 5
	DeviceEndpoint           string `json:"device_authorization_endpoint"`         // RFC 8628 section 4
	EndSessionEndpoint       string `json:"end_session_endpoint"`
	BackchannelLogout        bool   `json:"backchannel_logout_supported"`
	BackchannelLogoutSession bool   `json:"backchannel_logout_session_supported"`
	IssuerInAnswer           bool   `json:"authorization_response_iss_parameter_supported"` // RFC 9207 section 3
	RequirePushed            bool   `json:"require_pushed_authorization_requests"`
	RequestParameter         bool   `json:"request_parameter_supported"`     // RFC 9101
	RequestURIParameter      bool   `json:"request_uri_parameter_supported"` // true where left out: a URI of the client's own is never fetched
	ClaimsParameter          bool   `json:"claims_parameter_supported"`
	CertificateBound         bool   `json:"tls_client_certificate_bound_access_tokens,omitempty"` // RFC 8705 section 3.3

	Scopes             []string        `json:"scopes_supported"`
	Claims             []string        `json:"claims_supported,omitempty"`
	ResponseTypes      []string        `json:"response_types_supported"`
	ResponseModes      []string        `json:"response_modes_supported"`
	GrantTypes         []string        `json:"grant_types_supported"`
	ChallengeMethods   []string        `json:"code_challenge_methods_supported"`
	SubjectTypes       []string        `json:"subject_types_supported"`
	ACRValues          []string        `json:"acr_values_supported"`
	Prompts            []string        `json:"prompt_values_supported"`
	AuthMethods        []string        `json:"token_endpoint_auth_methods_supported"`
	AuthAlgorithms     []jwt.Algorithm `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevocationMethods  []string        `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAlgs     []jwt.Algorithm `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectMethods  []string        `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectAuthAlgs []jwt.Algorithm `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	IntrospectAlgs     []jwt.Algorithm `json:"introspection_signing_alg_values_supported,omitempty"` // RFC 9701 section 7
	IDTokenAlgs        []jwt.Algorithm `json:"id_token_signing_alg_values_supported,omitempty"`
	RequestObjectAlgs  []jwt.Algorithm `json:"request_object_signing_alg_values_supported"`
	DPoPAlgs           []jwt.Algorithm `json:"dpop_signing_alg_values_supported"` // RFC 9449 section 5.1
}

// asymmetric are the algorithms that what clients sign may have: never one that needs a secret here too.
func asymmetric() []jwt.Algorithm {
	return []jwt.Algorithm{
		jwt.ES256, jwt.ES384, jwt.ES512, jwt.EdDSA, jwt.PS256, jwt.PS384, jwt.PS512, jwt.RS256, jwt.RS384, jwt.RS512,
	}
}

// withoutOpenID leaves out what clients would have to verify and cannot: what this server signs, logout tokens too.
func (m *Metadata) withoutOpenID() {
	m.UserInfoEndpoint, m.IDTokenAlgs, m.IntrospectAlgs = "", nil, nil
	m.BackchannelLogout, m.BackchannelLogoutSession = false, false
	m.Claims = nil
}

// Metadata says what works. The password and implicit grants are never in it, whatever single clients may do (secure-defaults 7).
func (e *Endpoint) Metadata() Metadata {
	at := func(path string) string { return e.Issuer + path }
	own := []jwt.Algorithm{e.Minter.Algorithm()}
	m := Metadata{
		Issuer: e.Issuer, AuthorizationEndpoint: at(authorizePath), TokenEndpoint: at("/oauth/token"), JWKSURI: at("/.well-known/jwks.json"),
		UserInfoEndpoint: at(userInfoPath), RevocationEndpoint: at("/oauth/revoke"), IntrospectionEndpoint: at("/oauth/introspect"),
		PushedEndpoint: at(pushPath), DeviceEndpoint: at("/oauth/device_authorization"), EndSessionEndpoint: at(logoutPath),
		BackchannelLogout: true, BackchannelLogoutSession: true, IssuerInAnswer: true, RequirePushed: e.RequirePushed,
		RequestParameter: true, ClaimsParameter: true, CertificateBound: e.MutualTLS,
		Claims:        []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "preferred_username", "roles"},
		ResponseTypes: []string{responseCode}, ResponseModes: []string{"query"}, ChallengeMethods: []string{"S256"}, SubjectTypes: []string{"public"},
		GrantTypes: []string{GrantCode, GrantRefresh, GrantClientCredentials, GrantDevice, GrantExchange, GrantJWTBearer},
		ACRValues:  []string{ACRPassword, ACRFactors}, Prompts: []string{"none", "login", "consent", "select_account"},
		IDTokenAlgs: own, IntrospectAlgs: own, RequestObjectAlgs: asymmetric(), DPoPAlgs: e.Proofs.Algorithms(),
		AuthAlgorithms: asymmetric(), RevocationAlgs: asymmetric(), IntrospectAuthAlgs: asymmetric(),
		IntrospectMethods: []string{AuthBasic, AuthPost, AuthPrivateKeyJWT},
	}
	if e.MutualTLS {
		m.IntrospectMethods = append(m.IntrospectMethods, AuthTLS)
	}
	if e.Policy.Symmetric {
		m.withoutOpenID()
	}
	m.AuthMethods = append(slices.Clone(m.IntrospectMethods), AuthNone)
	m.RevocationMethods = m.AuthMethods
	if len(e.Registration) > 0 {
		m.RegistrationEndpoint = at("/oauth/register")
	}
	for _, all := range [][]Scope{e.Policy.builtIn(), e.Policy.Scopes} {
		for _, s := range all {
			if !slices.Contains(m.Scopes, s.Name) {
				m.Scopes = append(m.Scopes, s.Name)
			}
		}
	}
	return m
}

// metadata serves both documents, which are one (RFC 8414 section 5). An issuer has no path, so that where each stands is plain.
func (e *Endpoint) metadata(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=300")
	if w.Header().Get("Access-Control-Allow-Origin") == "" {
		w.Header().Set("Access-Control-Allow-Origin", "*") // public by nature, and no cookie rides along
	}
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	return web.JSON(w, http.StatusOK, e.Metadata())
}
