package oauth

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sandi-auth/sandi/internal/problem"
	"github.com/sandi-auth/sandi/internal/web"
	"github.com/sandi-auth/sandi/jwt"
)

// clientMetadata is what a client says of itself (RFC 7591 section 2, OpenID Connect Registration 1.0 section 2). What is not here is ignored,
// so that no Insecure option, role, resource or exemption from consent can be had by registering.
type clientMetadata struct {
	ID     string `json:"client_id,omitempty"`     // RFC 7592 section 2.2
	Secret string `json:"client_secret,omitempty"` // of the client as it is; it may be repeated and not chosen

	RedirectURIs           []string        `json:"redirect_uris,omitempty"`
	AuthMethod             string          `json:"token_endpoint_auth_method,omitempty"`
	GrantTypes             []string        `json:"grant_types,omitempty"`
	ResponseTypes          []string        `json:"response_types,omitempty"`
	ApplicationType        string          `json:"application_type,omitempty"`
	Name                   string          `json:"client_name,omitempty"`
	Scope                  string          `json:"scope,omitempty"`
	JWKS                   json.RawMessage `json:"jwks,omitempty"`
	JWKSURI                string          `json:"jwks_uri,omitempty"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI   string          `json:"backchannel_logout_uri,omitempty"`
	TLSSubject             string          `json:"tls_client_auth_subject_dn,omitempty"`
	TLSName                string          `json:"tls_client_auth_san_dns,omitempty"`
	DPoPBound              bool            `json:"dpop_bound_access_tokens,omitempty"`
	TLSBound               bool            `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	RequirePushed          bool            `json:"require_pushed_authorization_requests,omitempty"`
	RequireSignedRequest   bool            `json:"require_signed_request_object,omitempty"`
	SubjectType            string          `json:"subject_type,omitempty"`
	IDTokenAlgorithm       jwt.Algorithm   `json:"id_token_signed_response_alg,omitempty"`
}

// registeredClient is the answer (RFC 7591 section 3.2.1, RFC 7592 section 3).
type registeredClient struct {
	clientMetadata
	IssuedAt         int64  `json:"client_id_issued_at"`
	SecretExpiresAt  *int64 `json:"client_secret_expires_at,omitempty"` // 0 is never; only beside client_secret
	ManagementToken  string `json:"registration_access_token"`
	ManagementClient string `json:"registration_client_uri"`
}

// decodeMetadata reads the JSON of a registration.
func decodeMetadata(w http.ResponseWriter, r *http.Request, m *clientMetadata) error {
	err := web.Decode(w, r, m)
	if p, ok := errors.AsType[*problem.Error](err); ok && errors.Is(err, problem.Invalid) {
		p.Code, p.Description = "invalid_client_metadata", "the body is not a JSON object of client metadata"
		if p.Field != "" {
			p.Description = "wrong type of " + p.Field
		}
	}
	return err
}

// apply makes c what m says, and a secret where it needs one and has none. The errors are invalid_redirect_uri and invalid_client_metadata
// (RFC 7591 section 3.2.2).
func (e *Endpoint) apply(m clientMetadata, c *Client) (plain string, err error) {
	if err := e.unsupported(m); err != nil {
		return "", err
	}
	c.AuthMethod, c.GrantTypes = m.AuthMethod, m.GrantTypes
	if c.AuthMethod == "" {
		c.AuthMethod = AuthBasic // section 2
	}
	if len(c.GrantTypes) == 0 {
		c.GrantTypes = []string{GrantCode}
	}
	c.Name, c.Native = m.Name, m.ApplicationType == "native"
	c.RedirectURIs, c.PostLogoutRedirectURIs, c.BackchannelLogoutURI = m.RedirectURIs, m.PostLogoutRedirectURIs, m.BackchannelLogoutURI
	c.KeySet, c.TLSSubject, c.TLSName = string(m.JWKS), m.TLSSubject, m.TLSName
	c.DPoPBound, c.TLSBound, c.RequirePushed, c.RequireSignedRequest = m.DPoPBound, m.TLSBound, m.RequirePushed, m.RequireSignedRequest
	if c.Scopes = (form{"scope": {m.Scope}}).list("scope"); len(c.Scopes) == 0 {
		c.Scopes = []string{ScopeOpenID, ScopeProfile}
		if c.MayUse(GrantRefresh) {
			c.Scopes = append(c.Scopes, ScopeOfflineAccess)
		}
	}
	switch secret := c.AuthMethod == AuthBasic || c.AuthMethod == AuthPost; {
	case !secret:
		c.Secrets = nil
	case len(c.Secrets) == 0:
		c.Secrets = make([]Secret, 1)
		plain, c.Secrets[0] = NewSecret(e.Now(), time.Time{})
	}
	return plain, metadataFault(Validate(*c, e.Policy))
}

// unsupported refuses what would otherwise be ignored although the client counts on it.
func (e *Endpoint) unsupported(m clientMetadata) error {
	refused := func(description string) error { return refuse("invalid_client_metadata", description) }
	for _, g := range m.GrantTypes {
		if g != GrantCode && g != GrantRefresh && g != GrantDevice {
			return refused("grant_types may be authorization_code, refresh_token and " + GrantDevice + ": others are for the operator to allow")
		}
	}
	code := len(m.GrantTypes) == 0 || slices.Contains(m.GrantTypes, GrantCode)
	switch {
	case len(m.ResponseTypes) > 0 && (!code || !slices.Equal(m.ResponseTypes, []string{responseCode})):
		return refused("response_types may be code alone, with the grant type authorization_code")
	case m.ApplicationType != "" && m.ApplicationType != "web" && m.ApplicationType != "native":
		return refused("application_type is neither web nor native")
	case m.JWKSURI != "":
		return refused("jwks_uri is not supported: send the keys as jwks")
	case m.SubjectType != "" && m.SubjectType != "public":
		return refused("subject_type is not supported: public")
	case m.IDTokenAlgorithm != "" && m.IDTokenAlgorithm != e.Minter.Algorithm():
		return refused("id_token_signed_response_alg is not supported: " + string(e.Minter.Algorithm()))
	case !e.MutualTLS && (m.AuthMethod == AuthTLS || m.TLSBound):
		return refused("this server asks for no certificates")
	}
	return nil
}

// metadataFault is what Validate found, in the words of RFC 7591.
func metadataFault(err error) error {
	faults := Faults(err)
	if len(faults) == 0 {
		return err
	}
	code, words := "invalid_client_metadata", []string{}
	for _, f := range faults {
		if f.Field == "redirect_uris" {
			code = "invalid_redirect_uri"
		}
		words = append(words, f.Field+" "+f.Message)
	}
	return refuse(code, strings.Join(words, "; "))
}

// registered is a client as it is told of itself. A secret is told once: plain is "" later.
func (e *Endpoint) registered(c Client, plain, token string) registeredClient {
	a := registeredClient{
		clientMetadata: clientMetadata{
			ID: c.ID, Secret: plain, RedirectURIs: c.RedirectURIs, AuthMethod: c.AuthMethod, GrantTypes: c.GrantTypes, ApplicationType: "web", Name: c.Name,
			Scope: strings.Join(c.Scopes, " "), JWKS: json.RawMessage(c.KeySet), PostLogoutRedirectURIs: c.PostLogoutRedirectURIs,
			BackchannelLogoutURI: c.BackchannelLogoutURI, TLSSubject: c.TLSSubject, TLSName: c.TLSName, DPoPBound: c.DPoPBound, TLSBound: c.TLSBound,
			RequirePushed: c.RequirePushed, RequireSignedRequest: c.RequireSignedRequest, SubjectType: "public", IDTokenAlgorithm: e.Minter.Algorithm(),
		},
		IssuedAt: c.CreatedAt.Unix(), ManagementToken: token, ManagementClient: e.Issuer + registerPath + "/" + c.ID,
	}
	if c.Native {
		a.ApplicationType = "native"
	}
	if c.MayUse(GrantCode) {
		a.ResponseTypes = []string{responseCode}
	}
	if plain != "" {
		a.SecretExpiresAt = new(int64)
	}
	return a
}
